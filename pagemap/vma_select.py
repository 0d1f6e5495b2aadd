"""Choosing among VMAs: by name, permissions and kind, and in which order. Fit for a thread."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Final

from pagemap.errors import UsageError
from pagemap.vma import KINDS, parse_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pagemap.vma import AddressSpace

SORTS: Final = ("address", "size", "perms", "kind", "name")
"""What VMAs can be sorted by."""
_PERMS: Final = re.compile(r"[rwxps.?-]{1,4}\Z")


def select(
    space: AddressSpace, text: str = "", sort: str = "address", *, descending: bool = False
) -> array[int] | None:
    """The indexes of the VMAs that a filter leaves, sorted; None stands for all of them by address.

    Args:
        space: The VMAs.
        text: Words that must all fit: `kind:heap`, `perms:rw` (a dot fits anything), else a part of the name or
            of the address range, upper and lower case alike.
        sort: One of `SORTS`.
        descending: Whether to turn the order round.

    Raises:
        UsageError: A word makes no sense.
    """
    tests = [_test(word) for word in text.split()]
    if not tests and sort == "address" and not descending:
        return None
    lines = space.text.split(b"\n")[: len(space)]
    chosen = [i for i, line in enumerate(lines) if all(test(line) for test in tests)]
    if sort == "size":
        chosen.sort(key=lambda i: space.ends[i] - space.starts[i])
    elif sort == "perms":
        chosen.sort(key=lambda i: lines[i].split(None, 2)[1])
    elif sort == "kind":
        chosen.sort(key=lambda i: parse_line(lines[i], i).kind)
    elif sort == "name":
        chosen.sort(key=lambda i: _name(lines[i]))
    if descending:
        chosen.reverse()
    return array("Q", chosen)


def _name(line: bytes) -> bytes:
    fields = line.split(None, 5)
    return fields[5] if len(fields) > 5 else b""


def _test(word: str) -> Callable[[bytes], bool]:
    head, colon, value = word.partition(":")
    if colon and head == "kind":
        kinds = [kind for kind in KINDS if kind.startswith(value)]
        if not kinds:
            raise UsageError(f"no such kind of VMA: {value}", "", f"the kinds are {', '.join(KINDS)}")
        return lambda line: parse_line(line, 0).kind in kinds
    if colon and head in ("perms", "perm"):
        return _perms_test(value)
    needle = re.compile(re.escape(word.encode("utf-8", "surrogateescape")), re.IGNORECASE)

    def by_name(line: bytes) -> bool:
        return bool(needle.search(_name(line)) or needle.search(line[: line.index(b" ")]))

    return by_name


def _perms_test(value: str) -> Callable[[bytes], bool]:
    """Four characters fit in place, a dot or question mark anything; fewer must all be among the permissions."""
    if not _PERMS.match(value):
        raise UsageError(f"no such permissions: {value}", "", "write them as r-xp, rw.. or rw")
    if len(value) == 4:
        shape = re.compile(value.replace("?", ".").encode())
        return lambda line: bool(shape.match(line.split(None, 2)[1]))
    letters = value.replace(".", "").replace("?", "").encode()
    return lambda line: all(letter in line.split(None, 2)[1] for letter in letters)
