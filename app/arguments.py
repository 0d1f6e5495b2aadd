"""What people type on the command line, turned into what is meant."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Final

from pagemap.errors import BadRangeError, UsageError
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pagemap.state import PageState

_SIZE: Final = re.compile(r"(\d+)([kmgt]?)(?:i?b)?\Z", re.IGNORECASE)
_UNITS: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_TOP: Final = 1 << 64


def size(text: str) -> int:
    """Bytes, from `2097152`, `2048K` or `2M`.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    match = _SIZE.match(text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write bytes, or 64K, 2M, 1G")
    return int(match[1]) << _UNITS[match[2].lower()]


def address_range(text: str) -> tuple[int, int]:
    """Whole pages, from `START-END` in hexadecimal (with or without 0x) or `START+SIZE`.

    The start is rounded down to a page and the end up.

    Raises:
        BadRangeError: Malformed, empty, or reversed.
    """
    expected = "expected START-END in hexadecimal, as 7f0000000000-7f0000010000, or START+SIZE, as 7f0000000000+64K"
    head, sign, tail = text.partition("+") if "+" in text else text.partition("-")
    try:
        start = int(head, 16)
        end = start + size(tail) if sign == "+" else int(tail, 16)
    except (ValueError, argparse.ArgumentTypeError):
        raise BadRangeError(f"malformed range: {text!r}", expected) from None
    if not 0 <= start <= _TOP or not 0 <= end <= _TOP:
        raise BadRangeError(f"malformed range: {text!r}", "addresses have 64 bits")
    if start == end:
        raise BadRangeError(f"empty range: {text!r}", "START and END are the same", "END is the first address after it")
    if start > end:
        raise BadRangeError(f"reversed range: {text!r}", "END is below START")
    return start // PAGE_SIZE * PAGE_SIZE, -(-end // PAGE_SIZE) * PAGE_SIZE


def state_test(text: str) -> Callable[[int, PageState], bool]:
    """A test on an entry and its state, from names joined by commas: any of them fits.

    Raises:
        UsageError: A name is none.
    """
    from pagemap.state import ENTRY_TESTS, STATES

    states, tests = set(), []
    for name in text.split(","):
        if name in STATES:
            states.add(STATES[name])
        elif name in ENTRY_TESTS:
            tests.append(ENTRY_TESTS[name])
        else:
            known = ", ".join([*ENTRY_TESTS, *STATES])
            raise UsageError(f"no such page state: {name!r}", "", f"the states are {known}")
    return lambda word, state: state in states or any(test(word) for test in tests)
