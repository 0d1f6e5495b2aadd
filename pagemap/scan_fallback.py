"""The same ranges as PAGEMAP_SCAN's, from the entries: for kernels before Linux 6.7.

It costs what reading every entry of every VMA costs, so it goes in portions of 256 KiB, can be cancelled, and reports
progress. No Python runs per page: the bytes that hold the flags are sliced out, translated through a table of 256, and
cut into runs by a regular expression.
"""

from __future__ import annotations

import re
import sys
from array import array
from typing import TYPE_CHECKING, Final

from pagemap import entry as e
from pagemap.errors import TargetGoneError
from pagemap.scan import Category, Match, ScanRequest
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pagemap.source import EntryReader
    from pagemap.state import Visibility
    from pagemap.vma import AddressSpace

_PORTION: Final = 1 << 15
"""Entries of one read: 256 KiB, a millisecond where all are present."""
_NOTHING: Final = bytes(_PORTION * e.ENTRY_BYTES)
_TOP: Final = slice(7 if sys.byteorder == "little" else 0, None, e.ENTRY_BYTES)
_SECOND: Final = slice(6 if sys.byteorder == "little" else 1, None, e.ENTRY_BYTES)
_SHIFT: Final = 1
"""A page's categories fit a byte without WPALLOWED, bit 0, which no entry tells."""
_NO_MATCH: Final = 0xFF
_ANONYMOUS: Final = ("anon", "heap", "stack")


def categories(sight: Visibility) -> Category:
    """The categories that entries tell: HUGE, WRITTEN and WPALLOWED never, PFNZERO only with PFNs."""
    told = Category.FILE | Category.PRESENT | Category.SWAPPED | Category.GUARD
    if sight.zero_pfn is not None:
        told |= Category.PFNZERO
    return told | Category.SOFT_DIRTY if sight.soft_dirty else told


def scan_entries(
    reader: EntryReader, space: AddressSpace, request: ScanRequest, sight: Visibility
) -> Iterator[array[int]]:
    """The regions that match, from entries; see `scan.Scannable.scan`.

    Args:
        reader: Reads the entries.
        space: The VMAs; gaps between them are not read.
        request: Its range lies below the address limit, its categories are among `categories`.
        sight: What of the entries this user can see.
    """
    table = _table(request.match, request.returning)
    skips_absent = table[0] == _NO_MATCH
    left = request.max_pages
    for index in range(space.first_ending_after(request.start), len(space)):
        start, end = (max(request.start, space.starts[index]), min(request.end, space.ends[index]))
        if start >= end:
            break
        anonymous: bool | None = None
        for address in range(start, end, _PORTION * PAGE_SIZE):
            request.check(address)
            entries = reader.read(address, min(end, address + _PORTION * PAGE_SIZE)).entries
            if not entries:
                raise TargetGoneError("the target's address space is gone", "pagemap gave 0 bytes")
            data = entries.tobytes()
            # Where nothing is, which is nearly everywhere in a huge reserve, one comparison is all the work.
            if skips_absent and data == _NOTHING[: len(data)]:
                continue
            if anonymous is None:
                anonymous = space.vma(index).kind in _ANONYMOUS
            found = _regions(address, _categories(data, sight, anonymous).translate(table))
            if request.max_pages:
                found, left = _first_pages(found, left)
            if found:
                yield found
            if request.max_pages and left <= 0:
                return


def _table(match: Match, returning: Category) -> bytes:
    """For each byte of categories what to return of it, or `_NO_MATCH`."""
    table = bytearray([_NO_MATCH]) * 256
    told, inverted = int(returning) >> _SHIFT, int(match.inverted) >> _SHIFT
    mask, any_of = int(match.mask) >> _SHIFT, int(match.any_of) >> _SHIFT
    for byte in range(256):
        seen = byte ^ inverted
        if seen & mask == mask and (not any_of or seen & any_of):
            table[byte] = byte & told
    return bytes(table)


def _flags_table() -> bytes:
    """The categories that the entry's top byte (bits 56-63) tells."""
    bits = ((e.PRESENT, Category.PRESENT), (e.SWAP, Category.SWAPPED), (e.FILE, Category.FILE))
    table = bytearray(256)
    for byte in range(256):
        word = byte << 56
        table[byte] = sum(int(category) for bit, category in (*bits, (e.GUARD, Category.GUARD)) if word & bit) >> _SHIFT
    return bytes(table)


_FLAGS: Final = _flags_table()
_DIRTY: Final = bytes(int(Category.SOFT_DIRTY) >> _SHIFT if byte & 0x80 else 0 for byte in range(256))
_ZERO_BYTE: Final = int(Category.PRESENT | Category.PFNZERO) >> _SHIFT
_HUGE_ZERO: Final = bytes(
    _ZERO_BYTE if byte == int(Category.PRESENT | Category.FILE) >> _SHIFT else byte for byte in range(256)
)
"""The huge zero page: its entries have bit 61 like a file's, also in anonymous memory, where no file can be."""
_ZERO_OR_NOT: Final = bytes([int(Category.PRESENT) >> _SHIFT, _ZERO_BYTE]).ljust(256)
_MAYBE_ZERO: Final = re.compile(rb"[\x80\x82]+")
"""Top bytes of present entries that are neither exclusive nor a file's; with bit 57, write-protected."""


def _categories(data: bytes, sight: Visibility, anonymous: bool) -> bytes:
    """One byte a page: its categories without WPALLOWED."""
    top = data[_TOP]
    told = top.translate(_FLAGS)
    if anonymous:
        told = told.translate(_HUGE_ZERO)
    if sight.zero_pfn is not None:
        told = _mark_zeroes(told, top, memoryview(data).cast("Q"), sight.zero_pfn)
    if sight.soft_dirty:
        dirty = data[_SECOND].translate(_DIRTY)
        # One OR over the whole portion as two long numbers.
        told = (int.from_bytes(told, "big") | int.from_bytes(dirty, "big")).to_bytes(len(told), "big")
    return told


def _mark_zeroes(told: bytes, top: bytes, words: memoryview, zero_pfn: int) -> bytes:
    zero_words = {
        e.PRESENT | zero_pfn | dirty | protected for dirty in (0, e.SOFT_DIRTY) for protected in (0, e.UFFD_WP)
    }
    parts, done = [], 0
    for run in _MAYBE_ZERO.finditer(top):
        begin, stop = run.span()
        is_zero = bytes(map(zero_words.__contains__, words[begin:stop]))
        parts += [told[done:begin], is_zero.translate(_ZERO_OR_NOT)]
        done = stop
    return b"".join([*parts, told[done:]])


def _regions(address: int, told: bytes) -> array[int]:
    """Runs of equal bytes other than `_NO_MATCH` as start, end, categories."""
    found = array("Q")
    values = set(told) - {_NO_MATCH}
    if values:
        runs = re.compile(b"|".join(re.escape(bytes([value])) + b"+" for value in sorted(values)))
        for run in runs.finditer(told):
            begin, stop = run.span()
            categories_of = told[begin] << _SHIFT
            found.extend((address + begin * PAGE_SIZE, address + stop * PAGE_SIZE, categories_of))
    return found


def _first_pages(found: array[int], left: int) -> tuple[array[int], int]:
    """The regions up to `left` pages, and how many are left then."""
    for i in range(0, len(found), 3):
        pages = (found[i + 1] - found[i]) // PAGE_SIZE
        if pages >= left:
            found[i + 1] = found[i] + left * PAGE_SIZE
            return found[: i + 3], 0
        left -= pages
    return found, left
