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

_SIZE: Final = re.compile(r"([0-9]{1,20})([kmgt]?)(?:i?b)?\Z", re.IGNORECASE)
# Not by int() alone, which takes signs, blanks, underscores and the digits of every script.
_RANGE: Final = re.compile(r"((?:0x)?[0-9a-f]+)(?:-((?:0x)?[0-9a-f]+)|\+(\w+))\Z", re.IGNORECASE)
_UNITS: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_TOP: Final = 1 << 64
_DIGITS: Final = 18

RANGE_HELP: Final = "only these addresses, hexadecimal, rounded out to pages; also START+SIZE, as +64K (default all)"


def size(text: str) -> int:
    """Bytes, from `2097152`, `2048K` or `2M`.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    match = _SIZE.match(text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write bytes, or 64K, 2M, 1G")
    return int(match[1]) << _UNITS[match[2].lower()]


def positive(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def address_range(text: str) -> tuple[int, int]:
    """Whole pages, from `START-END` in hexadecimal (with or without 0x) or `START+SIZE`.

    The start is rounded down to a page and the end up.

    Raises:
        BadRangeError: Malformed, empty, or reversed.
    """
    expected = "expected START-END in hexadecimal, as 7f0000000000-7f0000010000, or START+SIZE, as 7f0000000000+64K"
    match = _RANGE.match(text)
    try:
        if match is None:
            raise ValueError
        start = int(match[1], 16)
        end = int(match[2], 16) if match[2] else start + size(match[3])
    except (ValueError, argparse.ArgumentTypeError):
        raise BadRangeError(f"malformed range: {text!r}", expected) from None
    if start > _TOP or end > _TOP:
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
