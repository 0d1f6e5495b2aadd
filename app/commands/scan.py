"""Count the pages of each VMA by category, where the cost is the populated pages' and not the VMAs' size."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from app.arguments import RANGE_HELP, address_range
from app.navigation import neighbours
from app.output import Output
from pagemap.errors import NotMappedError
from pagemap.live import LiveProcess
from pagemap.page_counts import PageCounts, Total, count_vmas
from pagemap.process import find_process
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pagemap.scan import Scannable
    from pagemap.vma import AddressSpace

EPILOG: Final = """\
fields: start, end (hexadecimal) and pages: present, swapped, zero, file, huge, guard; last one object: total, with the
        same fields and pages (how many the VMAs have in all)
present includes zero pages; swapped is every entry that is neither present nor empty, guard regions aside; a count
that this kernel or this user cannot tell is null, as are all counts of what pagemap does not cover ([vsyscall]).
Where the kernel has no PAGEMAP_SCAN (before Linux 6.7) every entry is read instead: the same counts, in more time.
examples: pagelens scan 1234 --range 7f0000000000-7f0000100000
          pagelens scan 1234 --json | jq 'select(.swapped > 0)'"""
_WIDTH: Final = 12
_PLACE: Final = 33


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("target", metavar="PID|NAME", help="the process")
    parser.add_argument("--range", metavar="START-END", help=RANGE_HELP)
    parser.add_argument("--json", action="store_true", help="one JSON object a VMA, and one for the total")


def run(args: argparse.Namespace) -> int:
    """Count them."""
    low, high = address_range(args.range) if args.range is not None else (0, 1 << 64)
    output = Output(as_json=args.json)
    source = LiveProcess(find_process(args.target))
    try:
        space = source.maps()
        if not space.mapped_pages(low, high):
            raise NotMappedError(f"no VMA in {low:#x}-{high:#x}", neighbours(space, low))
        if args.json:
            for line in json_lines(source, space, low, high):
                output.lines((line,))
        else:
            for line in text_lines(source, space, low, high):
                output.text(line)
    finally:
        source.close()
    return 0


def json_lines(source: Scannable, space: AddressSpace, start: int, end: int) -> Iterator[str]:
    """One object a VMA, then the total."""
    total, pages = Total(), 0
    for low, high, counts in count_vmas(source, space, start, end):
        yield f'{{"start": "{low:#x}", "end": "{high:#x}", {_members(counts)}}}'
        total.add(counts)
        pages += (high - low) // PAGE_SIZE
    yield json.dumps({"total": {**total.counts.as_json(), "pages": pages}})


@lru_cache(maxsize=4_096)
def _members(counts: PageCounts) -> str:
    # 65,530 VMAs have a few hundred different counts: the encoder sees each once.
    return json.dumps(counts.as_json())[1:-1]


def text_lines(source: Scannable, space: AddressSpace, start: int, end: int) -> Iterator[str]:
    """A table for people: a row a VMA, then the total."""
    yield "ADDRESSES".ljust(_PLACE) + "".join(f"{name.upper():>{_WIDTH}}" for name in PageCounts._fields) + "  NAME"
    total, pages, vmas = Total(), 0, 0
    index = space.first_ending_after(start)
    for low, high, counts in count_vmas(source, space, start, end):
        name = space.vma(index + vmas).path
        yield f"{low:016x}-{high:016x}{_cells(counts)}  {name}".rstrip()
        total.add(counts)
        pages += (high - low) // PAGE_SIZE
        vmas += 1
    yield f"{'total':{_PLACE}}{_cells(total.counts)}  of {pages:,} pages in {vmas:,} VMA{'s' * (vmas != 1)}"


@lru_cache(maxsize=4_096)
def _cells(counts: PageCounts) -> str:
    return "".join(f"{'-' if number is None else f'{number:,}':>{_WIDTH}}" for number in counts)
