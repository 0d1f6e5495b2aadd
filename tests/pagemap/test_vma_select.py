"""Choosing among VMAs."""

import pytest

from pagemap.errors import UsageError
from pagemap.vma import AddressSpace
from pagemap.vma_select import SORTS, select

MAPS = b"""\
555555554000-555555558000 r--p 00000000 08:01 1311 /usr/bin/Example
555555558000-55555555e000 r-xp 00004000 08:01 1311 /usr/bin/Example
555555560000-555555581000 rw-p 00000000 00:00 0 [heap]
7ffff6200000-7ffff6a00000 rw-p 00000000 00:00 0\x20
7ffff7a00000-7ffff7a28000 r--s 00000000 08:01 2718 /var/lib/an index (x) [red].db
7ffff7c00000-7ffff7c04000 rw-s 00000000 00:01 3141 /memfd:\xff\xfe (deleted)
7ffff7fc1000-7ffff7fc2000 rwxp 00000000 00:00 0 /tmp/rw-p
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
"""
SPACE = AddressSpace(MAPS)


def chosen(text: str = "", sort: str = "address", *, descending: bool = False) -> list[int]:
    indexes = select(SPACE, text, sort, descending=descending)
    return list(range(len(SPACE))) if indexes is None else list(indexes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("example", [0, 1]),
        ("EXAMPLE", [0, 1]),
        ("heap", [2]),
        ("example 8000-", [1]),
        ("7FFFF7", [4, 5, 6]),
        ("kind:heap", [2]),
        ("kind:file", [0, 1, 4, 6]),
        ("kind:s", [7]),
        ("kind:anon", [3]),
        # A name that looks like permissions is none, and permissions are no name.
        ("rw-p", [6]),
        ("perms:rw-p", [2, 3, 7]),
        ("perms:r..p", [0, 1, 2, 3, 6, 7]),
        ("perms:r??s", [4, 5]),
        ("perms:x", [1, 6]),
        ("perm:ws", [5]),
        ("perms:r.x", [1, 6]),
        ("perms:rw kind:stack", [7]),
        # Not regular expressions, not markup.
        ("(x)", [4]),
        ("[red]", [4]),
        ("ex.mple", []),
        ("\udcff\udcfe", [5]),
        ("nothing like it", []),
    ],
)
def test_a_filter_leaves_what_fits_all_its_words(text: str, expected: list[int]) -> None:
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("address", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("size", [6, 0, 5, 1, 2, 7, 4, 3]),
        ("perms", [0, 4, 1, 2, 3, 7, 5, 6]),
        ("kind", [3, 0, 1, 4, 6, 2, 5, 7]),
        ("name", [3, 5, 6, 0, 1, 4, 2, 7]),
    ],
)
def test_a_sort_keeps_equals_in_the_order_of_their_addresses(sort: str, expected: list[int]) -> None:
    assert sort in SORTS
    assert chosen(sort=sort) == expected
    assert chosen(sort=sort, descending=True) == expected[::-1]


def test_all_by_address_costs_nothing() -> None:
    assert select(SPACE) is None
    assert select(AddressSpace(b"")) is None
    assert list(select(AddressSpace(b""), "x") or ()) == []


@pytest.mark.parametrize("text", ["kind:purple", "perms:z", "perms:", "perms:rwxpp", "perms:r*"])
def test_a_word_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"no such (kind of VMA|permissions)"):
        select(SPACE, text)
