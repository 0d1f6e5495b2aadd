"""List a process's pages, read through the pagemap cache: entry, state, PFN or swap slot, flags."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final

from app.arguments import RANGE_HELP, address_range, state_test
from app.cli import add_policy_options
from app.navigation import neighbours
from app.output import Output
from app.page_format import PageFormat
from pagemap.cache import PagemapCache
from pagemap.errors import NotMappedError
from pagemap.live import LiveProcess
from pagemap.policies import DEFAULT_POLICY, make_policy
from pagemap.process import find_process
from pagemap.state import ENTRY_TESTS, STATES
from pagemap.vma import PAGE_SIZE
from widgets.numbers import count, percent

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pagemap.vma import AddressSpace

_NAMES: Final = fill(
    ", ".join([*ENTRY_TESTS, *STATES]),
    112,
    initial_indent="states: ",
    subsequent_indent=" " * 8,
    break_on_hyphens=False,
)
EPILOG: Final = f"""\
{_NAMES}
        The first five are single bits of the entry, the others name what the page is; a page fits if any of them does.
fields: address, entry (hexadecimal), state, present, swapped, pfn, swap_type, swap_offset, file, exclusive,
        soft_dirty, uffd_wp, guard; with --stats a last object: counters
present, swapped and the flags are the entry's bits; pfn, swap_type and swap_offset are null where the entry has none
or where the kernel hides it (that needs CAP_SYS_ADMIN); a page that pagemap does not cover has a null entry.
examples: pagelens pages 1234 --range 7f0000000000-7f0000100000
          pagelens pages 1234 --json --state swapped,guard
          pagelens pages 1234 --json --policy seed --stats | tail -1"""
_PIECE: Final = 4_096
"""Pages that are made into text at once: bounds the memory, whatever the window."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("target", metavar="PID|NAME", help="the process")
    parser.add_argument("--range", metavar="START-END", help=RANGE_HELP)
    parser.add_argument("--state", metavar="S", help="only pages in these states, by commas (default all)")
    add_policy_options(parser)
    parser.add_argument("--stats", action="store_true", help="last, what the cache counted")
    parser.add_argument("--json", action="store_true", help="one JSON object a page")


def run(args: argparse.Namespace) -> int:
    """List them."""
    low, high = address_range(args.range) if args.range is not None else (0, 1 << 64)
    wanted = state_test(args.state) if args.state is not None else None
    policy = make_policy(args.policy or DEFAULT_POLICY, args.window_size, args.windows)
    output = Output(as_json=args.json)
    source = LiveProcess(find_process(args.target))
    try:
        space = source.maps()
        if not space.mapped_pages(low, high):
            raise NotMappedError(f"no VMA in {low:#x}-{high:#x}", neighbours(space, low))
        cache = PagemapCache(source, space, policy)
        page_format = PageFormat(source.visibility, as_json=args.json, wanted=wanted)
        if not args.json:
            output.text(page_format.heading)
        for lines in _lines(cache, space, low, high, page_format):
            output.lines(lines)
        if args.stats:
            _stats(output, cache)
    finally:
        source.close()
    return 0


def _lines(
    cache: PagemapCache, space: AddressSpace, low: int, high: int, page_format: PageFormat
) -> Iterator[list[str]]:
    """The lines of all pages, in pieces."""
    limit = cache.address_limit
    for index in range(space.first_ending_after(low), space.first_starting_at(high)):
        start, end = max(low, space.starts[index]), min(high, space.ends[index])
        kind = space.vma(index).kind
        for served in cache.lookup_range(start, min(end, limit)):
            entries = served.entries
            for first in range(0, len(entries), _PIECE):
                yield page_format.pages(served.start + first * PAGE_SIZE, entries[first : first + _PIECE], kind)
        for first in range(max(start, limit), end, PAGE_SIZE * _PIECE):
            yield page_format.not_walkable(first, min(end, first + PAGE_SIZE * _PIECE))


def _stats(output: Output, cache: PagemapCache) -> None:
    policy, counters = cache.policy, cache.counters
    if output.as_json:
        settings = {"policy": policy.name, "window_size": policy.window_size, "windows": policy.windows}
        output.object({"counters": {**settings, **counters.as_json()}})
        return
    reasons = ", ".join(f"{name} {count(number)}" for name, number in counters.reasons().items() if number)
    output.text(
        f"policy {policy.name}: {count(counters.lookups)} lookups, {count(counters.hits)} hits, "
        f"{count(counters.misses)} misses ({reasons or 'none'}), hit rate {percent(counters.hit_rate)}",
        f"{count(counters.fills)} fills, {count(counters.preads)} preads, {count(counters.entries_read)} entries read, "
        f"{count(counters.entries_used)} used ({percent(counters.efficiency)}), {count(counters.evictions)} evictions",
    )
