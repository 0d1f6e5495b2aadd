"""Walk through a process's pages under one or more cache policies, each for real, and say what it cost."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from app.arguments import positive
from app.cli import add_policy_options
from app.output import Output
from pagemap.cache import PagemapCache
from pagemap.errors import UsageError
from pagemap.events import RING
from pagemap.literal import literal_events
from pagemap.live import LiveProcess
from pagemap.mapsfile import MapsFile, RecordedSpace
from pagemap.policies import DEFAULT_POLICY, POLICIES, make_policy
from pagemap.process import find_process
from pagemap.recording import load
from pagemap.vma import PAGE_SIZE
from pagemap.walks import ROWS, WALKS, walk
from widgets.numbers import count, duration, percent, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pagemap.policies import Policy
    from pagemap.recording import Recording
    from pagemap.source import Source

EPILOG: Final = f"""\
policies: {", ".join(POLICIES)}
walks: dump, every page once in order; down, 2,000 lines down; up, the same lines upwards; page-down, 500 pages;
       jumps, 500 jumps to anywhere, the same at every run. All but dump scroll a viewport, in which a row is looked
       up when it becomes visible, as in the explorer.
fields: policy, walk, lookups, hits, misses, fills, preads, bytes_read, entries_read, entries_used, evictions,
        largest_window (entries), seconds; then settings, rates and the reasons of misses
A FILE with the text of some /proc/PID/maps is counted on without reading anything.
--literal gives, instead, each step of the published 2014 patch, and names each of its defects where it shows.
examples: pagelens cache 1234 --policy all --walk down
          pagelens cache saved.maps --policy seed --literal | grep DEFECT
          pagelens cache --replay scroll.jsonl --policy all
          pagelens cache 1234 --policy seed --walk page-down --events --json"""

_COLUMNS: Final = (
    *("policy", "walk", "lookups", "hits", "misses", "rate", "preads"),
    *("entries read", "used", "evictions", "largest", "time"),
)
_WIDTHS: Final = (15, 9, 11, 11, 11, 6, 11, 13, 6, 9, 9, 8)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument(
        "target", nargs="?", metavar="PID|NAME|FILE", help="the process, or a file of VMAs (the text of some maps)"
    )
    add_policy_options(parser, several=True)
    parser.add_argument("--walk", choices=WALKS, default="dump", help="how to go through it (default dump)")
    parser.add_argument("--rows", type=positive, default=ROWS, metavar="N", help=f"viewport rows (default {ROWS})")
    parser.add_argument("--steps", type=positive, metavar="N", help="scroll steps (default: the walk's own)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="make the lookups of a recorded scroll instead")
    parser.add_argument(
        "--literal", action="store_true", help="with --policy seed: the 2014 patch's own steps and defects"
    )
    parser.add_argument("--events", action="store_true", help="first, what the cache did, as JSON Lines")
    parser.add_argument("--json", action="store_true", help="one JSON object a policy")


def run(args: argparse.Namespace) -> int:
    """Make the walk under each policy."""
    policies = list(_policies(args))
    recording = load(args.replay) if args.replay is not None else None
    source = _source(args, recording)
    output = Output(as_json=args.json)
    try:
        if args.literal:
            return _literal(args, policies, source, output)
        if not args.json and not args.events:
            output.text(_row(_COLUMNS))
        for policy in policies:
            _measure(args, policy, source, recording, output)
        unsized = [policy.name for policy in policies if policy.window_size is None]
        if args.window_size is not None and unsized and not args.json and not args.events:
            output.text(f"--window-size does not apply to {', '.join(unsized)}: their windows follow from the VMAs")
    finally:
        source.close()
    return 0


def _source(args: argparse.Namespace, recording: Recording | None) -> Source:
    """What is walked through: a process, a file of VMAs, or the VMAs of the recording."""
    if args.target is not None:
        path = Path(args.target)
        is_file = not args.target.isdigit() and path.is_file()
        return MapsFile(path) if is_file else LiveProcess(find_process(args.target))
    if recording is None:
        raise UsageError("nothing to walk through", "", "name a process, a file of VMAs, or --replay a recorded scroll")
    return RecordedSpace(recording)


def _measure(
    args: argparse.Namespace, policy: Policy, source: Source, recording: Recording | None, output: Output
) -> None:
    cache = PagemapCache(source, source.maps(), policy)
    name = args.walk if recording is None else "replay"
    began = perf_counter()
    seen = 0
    steps = walk(cache, args.walk, rows=args.rows, steps=args.steps) if recording is None else recording.replay(cache)
    for _ in steps:
        if args.events and cache.events.total - seen > RING // 2:
            seen = _drain(output, cache, seen, last=False)
    seconds = perf_counter() - began
    if args.events:
        _drain(output, cache, seen, last=True)
    _summary(output, cache, name, seconds)
    cache.close()


def _literal(args: argparse.Namespace, policies: list[Policy], source: Source, output: Output) -> int:
    """The published patch, step by step."""
    if [policy.name for policy in policies] != ["seed"] or args.replay is not None:
        raise UsageError("--literal shows the 2014 patch", "", "use it with --policy seed, and without --replay")
    pages = None if args.window_size is None else args.window_size // PAGE_SIZE
    events = literal_events(source.maps(), source.address_limit, args.walk, args.rows, args.steps, buffer_pages=pages)
    for event in events:
        if args.json:
            output.object(event.as_json())
            continue
        place = "" if event.address is None else f"{event.address:#014x} "
        sign = f"DEFECT {event.number} {event.name}" if event.number else event.kind
        output.text(f"{place}{sign}: {event.text}")
    return 0


def _policies(args: argparse.Namespace) -> Iterator[Policy]:
    """The policies asked for; with `all`, settings apply to those that have them."""
    names = [name for part in args.policy or [DEFAULT_POLICY] for name in part.split(",")]
    for name in names:
        if name != "all":
            yield make_policy(name, args.window_size, args.windows)
            continue
        for each in POLICIES:
            sized = POLICIES[each].default_window_size is not None
            yield make_policy(each, args.window_size if sized else None, args.windows)


def _drain(output: Output, cache: PagemapCache, seen: int, *, last: bool) -> int:
    """Write the events after number `seen`; the newest waits, unless it is the last, since a hit run may still grow."""
    events = cache.events.since(seen)
    if not last:
        events = events[:-1]
    for event in events:
        output.object({"policy": cache.policy.name, **event.as_json()})
    return events[-1].seq if events else seen


def _summary(output: Output, cache: PagemapCache, walk_name: str, seconds: float) -> None:
    policy, counters = cache.policy, cache.counters
    if output.as_json:
        output.object(as_json(policy, counters.as_json(), walk_name, seconds))
        return
    output.text(
        _row(
            (
                *(policy.name, walk_name, count(counters.lookups), count(counters.hits), count(counters.misses)),
                *(percent(counters.hit_rate), count(counters.preads), count(counters.entries_read)),
                *(percent(counters.efficiency), count(counters.evictions)),
                *(size(counters.largest_window * 8), duration(seconds)),
            )
        )
    )


def _row(cells: tuple[str, ...]) -> str:
    pairs = zip(cells, _WIDTHS, strict=True)
    return " ".join(
        f"{cell:<{wide}}" if at < 2 else f"{cell:>{wide}}" for at, (cell, wide) in enumerate(pairs)
    ).rstrip()


def as_json(policy: Policy, counters: dict[str, Any], walk_name: str, seconds: float) -> dict[str, Any]:
    """The fields of `pagelens cache --json`, the contract's first."""
    first = (
        *("lookups", "hits", "misses", "fills", "preads", "bytes_read"),
        *("entries_read", "entries_used", "evictions", "largest_window"),
    )
    rest = {name: value for name, value in counters.items() if name not in first}
    return {
        "policy": policy.name,
        "walk": walk_name,
        **{name: counters[name] for name in first},
        "seconds": seconds,
        "window_size": policy.window_size,
        "windows": policy.windows,
        **rest,
    }
