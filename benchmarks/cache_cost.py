"""What each cache policy costs: preads and entries, which are exact, and time as a ratio to the default's."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Final

from benchmarks.table import Table
from benchmarks.targets import LAYOUTS, layout
from pagemap.cache import PagemapCache
from pagemap.counters import Counters
from pagemap.live import LiveProcess
from pagemap.policies import DEFAULT_POLICY, POLICIES, make_policy
from pagemap.walks import WALKS, walk

BLOCK_ENTRIES: Final = 512
"""Entries that the default may read at once."""
_SCROLLS: Final = ("down", "up", "jumps")
_GREEDY: Final = ("seed", "criu", "criu-unclamped", "criu-unbatched", "scan", "vma")
"""On S4 each miss of these reads tens of millions of entries: a few steps say as much as 2,000."""
_GREEDY_STEPS: Final = 5


@dataclass(frozen=True)
class Cost:
    """One policy on one walk of one layout."""

    layout: str
    walk: str
    policy: str
    counters: Counters
    seconds: float
    steps: int | None
    """Scroll steps, where they were cut down."""


def measure(name: str, walk_name: str, policy: str, source: LiveProcess, steps: int | None) -> Cost:
    """Make a walk under one policy, for real."""
    cache = PagemapCache(source, source.maps(), make_policy(policy))
    began = perf_counter()
    for _ in walk(cache, walk_name, steps=steps):
        pass
    return Cost(name, walk_name, policy, cache.counters, perf_counter() - began, steps)


def measure_layout(name: str, *, scale: int = 1) -> list[Cost]:
    """All policies on all walks of one layout; a dump of S4 would read 26 million entries each, and is left out."""
    costs = []
    with layout(name, scale=scale) as target:
        source = LiveProcess(target.pid)
        for walk_name in WALKS:
            if name == "S4" and walk_name == "dump":
                continue
            for policy in POLICIES:
                steps = _GREEDY_STEPS if name == "S4" and policy in _GREEDY and walk_name != "dump" else None
                costs.append(measure(name, walk_name, policy, source, steps))
        source.close()
    return costs


def check(costs: list[Cost]) -> list[str]:
    """Where the default is not what it has to be.

    It must never read more than 512 entries at once, and for lines down, lines up and jumps need the fewest preads,
    or within 5 % of them, of all policies that never do and do not read ahead.
    """
    faults = []
    bounded = {c.policy for c in costs} - {
        c.policy for c in costs if c.counters.largest_window > BLOCK_ENTRIES or c.policy == "readahead"
    }
    if DEFAULT_POLICY not in bounded:
        faults.append(f"{DEFAULT_POLICY} read more than {BLOCK_ENTRIES} entries at once")
    for walk_name in _SCROLLS:
        preads = {c.policy: c.counters.preads for c in costs if c.walk == walk_name and c.policy in bounded}
        if preads and preads[DEFAULT_POLICY] > 1.05 * min(preads.values()):
            faults.append(
                f"{walk_name}: {DEFAULT_POLICY} needs {preads[DEFAULT_POLICY]} preads, the fewest are {preads}"
            )
    return faults


def tables(*, quick: bool) -> list[Table]:
    """One table a layout."""
    made = []
    for name, words in LAYOUTS.items():
        costs = measure_layout(name, scale=10 if quick else 1)
        note = "Preads, entries and hit rate are exact counts; time is the ratio of one run to the default's."
        table = Table(
            f"Cache policies on {name}: {words}",
            note,
            [
                "walk",
                "policy",
                "time / blocks",
                "preads",
                "preads a step",
                "entries read",
                "hit rate",
                "largest window",
            ],
        )
        for cost in costs:
            base = next(c.seconds for c in costs if c.walk == cost.walk and c.policy == DEFAULT_POLICY)
            table.rows.append(_row(cost, base))
        faults = check(costs)
        table.note += f" The default's promises: {'; '.join(faults) if faults else 'kept'}."
        made.append(table)
    return made


def _row(cost: Cost, base: float) -> list[str]:
    counters = cost.counters
    usual = {"down": 2_000, "up": 2_000, "page-down": 500, "jumps": 500}.get(cost.walk)
    steps = cost.steps or usual
    return [
        f"{cost.walk} ({cost.steps} steps)" if cost.steps else cost.walk,
        cost.policy,
        "-" if cost.steps else f"{cost.seconds / base:.2f}",
        f"{counters.preads:,}",
        "-" if steps is None else f"{counters.preads / steps:.3f}",
        f"{counters.entries_read:,}",
        f"{counters.hit_rate or 0:.1%}",
        f"{counters.largest_window:,}",
    ]
