"""What each cache policy costs: preads and entries, which are exact, and processor time as a ratio to the default's."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks.table import Table
from benchmarks.targets import LAYOUTS, layout
from pagemap.cache import PagemapCache
from pagemap.live import LiveProcess
from pagemap.policies import DEFAULT_POLICY, POLICIES, make_policy
from pagemap.walks import JUMPS, LINES, WALKS, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pagemap.counters import Counters

BLOCK_ENTRIES: Final = 512
"""Entries that the default may read at once; a policy that never reads more is bounded."""
SCROLLS: Final = ("down", "up", "jumps")
"""The walks on which the default has to be the best of the bounded ones."""
_TOLERANCE: Final = 1.05
_STEPS: Final = {"down": LINES, "up": LINES, "page-down": JUMPS, "jumps": JUMPS}
_GREEDY: Final = ("seed", "criu", "criu-unclamped", "criu-unbatched", "scan", "vma")
"""On S4 each miss of these in the huge VMA reads millions of entries: a few steps say as much as all."""
_GREEDY_STEPS: Final = 5
_IN_SHORT: Final = (DEFAULT_POLICY, "page", "vma")


@dataclass(frozen=True)
class Cost:
    """One policy on one walk of one layout.

    Attributes:
        walk: One of `pagemap.walks.WALKS`.
        policy: One of `pagemap.policies.POLICIES`.
        counters: What it counted.
        seconds: Processor time of the whole walk, arithmetic and system calls.
        steps: Scroll steps made; None for a dump.
        cut: Whether these are fewer than the walk's own.
    """

    walk: str
    policy: str
    counters: Counters
    seconds: float
    steps: int | None
    cut: bool

    @property
    def bounded(self) -> bool:
        """Whether it never read more than a block at once, and does not read ahead."""
        return self.counters.largest_window <= BLOCK_ENTRIES and self.policy != "readahead"


def measure(walk_name: str, policy: str, source: LiveProcess, *, cut: bool = False, share: int = 1) -> Cost:
    """Make a walk under one policy, for real, with the cache and the preads of the explorer.

    Args:
        walk_name: One of `pagemap.walks.WALKS`.
        policy: One of `pagemap.policies.POLICIES`.
        source: The target.
        cut: Whether a few steps have to do.
        share: Divides the walk's own number of steps.
    """
    cache = PagemapCache(source, source.maps(), make_policy(policy))
    steps = _GREEDY_STEPS if cut else _STEPS.get(walk_name, 0) // share
    began = process_time()
    made = sum(1 for _ in walk(cache, walk_name, steps=steps))
    seconds = process_time() - began
    return Cost(walk_name, policy, cache.counters, seconds, made if walk_name in _STEPS else None, cut)


def measure_layout(name: str, *, scale: int = 1, share: int = 1) -> list[Cost]:
    """All policies on all walks of one layout.

    A dump of S4 is left out: it would read 26 million entries under every policy.

    Args:
        name: One of `benchmarks.targets.LAYOUTS`.
        scale: Divides the target's size.
        share: Divides the walks' steps.
    """
    costs = []
    with layout(name, scale=scale) as target:
        source = LiveProcess(target.pid)
        for walk_name in WALKS:
            if name == "S4" and walk_name == "dump":
                continue
            costs += [
                measure(walk_name, policy, source, cut=name == "S4" and policy in _GREEDY, share=share)
                for policy in POLICIES
            ]
        source.close()
    return costs


def check(costs: Sequence[Cost]) -> list[str]:
    """Where the default breaks its promises; empty if it keeps them.

    It never reads more than 512 entries at once, and on lines down, lines up and jumps needs the fewest preads, or
    within 5 % of them, of all that were bounded on that walk of that layout.
    """
    ours = {cost.walk: cost for cost in costs if cost.policy == DEFAULT_POLICY}
    faults = [
        f"{DEFAULT_POLICY} read {cost.counters.largest_window:,} entries at once on {name}"
        for name, cost in ours.items()
        if not cost.bounded
    ]
    for rival in costs:
        if rival.walk in SCROLLS and rival.bounded and not rival.cut:
            preads = ours[rival.walk].counters.preads
            if preads > _TOLERANCE * rival.counters.preads:
                needs = f"{DEFAULT_POLICY} needs {preads:,} preads, {rival.policy} {rival.counters.preads:,}"
                faults.append(f"{rival.walk}: {needs}")
    return faults


def tables(*, quick: bool) -> list[Table]:
    """The scroll steps in short, and one table a layout."""
    scale, share = (20, 10) if quick else (1, 1)
    costs = {name: measure_layout(name, scale=scale, share=share) for name in LAYOUTS}
    part = f", a {scale}th of" if quick else ""
    return [_in_short(costs, part), *(_layout_table(name, measured, part) for name, measured in costs.items())]


def _in_short(costs: dict[str, list[Cost]], part: str) -> Table:
    table = Table(
        f"A scroll step: the cache against none and against a VMA at a time{part and f' (targets{part} their size)'}",
        "`page` is no cache; `vma` reads the whole VMA of a page that is missing. Exact counts of the walks below, as "
        "ratios to the default, `blocks`, and a scroll step. Not on S4, whose VMA of 100 GiB `vma` would read whole.",
        ["target", "walk", "preads: page ÷ blocks", "vma ÷ blocks", "entries: page ÷ blocks", "vma ÷ blocks"]
        + [f"{policy}: {what} a step" for what in ("preads", "entries") for policy in _IN_SHORT],
    )
    for name, measured in costs.items():
        for walk_name in _STEPS if name != "S4" else ():
            trio = [next(c for c in measured if (c.walk, c.policy) == (walk_name, policy)) for policy in _IN_SHORT]
            preads = [cost.counters.preads / (cost.steps or 1) for cost in trio]
            entries = [cost.counters.entries_read / (cost.steps or 1) for cost in trio]
            quotients = [f"{each / counts[0]:,.2f}" for counts in (preads, entries) for each in counts[1:]]
            figures = [*(f"{each:.4f}" for each in preads), *(f"{each:,.2f}" for each in entries)]
            table.rows.append([name, walk_name, *quotients, *figures])
    return table


def _layout_table(name: str, costs: list[Cost], part: str) -> Table:
    faults = check(costs)
    table = Table(
        f"Cache policies on {name}{part}: {LAYOUTS[name]}",
        "The default's promises (never more than 512 entries at once; on lines down, lines up and jumps the fewest "
        f"preads, or within 5 %, of all that do the same): {'; '.join(faults) if faults else 'kept'}.",
        [
            *("walk", "policy", "preads ÷ blocks", "entries ÷ blocks", "CPU ÷ blocks", "preads", "preads a step"),
            *("entries read", "hit rate", "largest window"),
        ],
    )
    for cost in costs:
        base = next(each for each in costs if each.walk == cost.walk and each.policy == DEFAULT_POLICY)
        table.rows.append(_row(cost, base))
    return table


def _row(cost: Cost, base: Cost) -> list[str]:
    counters = cost.counters
    steps = cost.steps or 0
    return [
        f"{cost.walk}, {cost.steps} steps only" if cost.cut else cost.walk,
        cost.policy,
        _quotient(cost, counters.preads, base.counters.preads),
        _quotient(cost, counters.entries_read, base.counters.entries_read),
        _quotient(cost, cost.seconds, base.seconds),
        f"{counters.preads:,}",
        f"{counters.preads / steps:.4f}" if steps else "-",
        f"{counters.entries_read:,}",
        f"{counters.hit_rate or 0:.1%}",
        f"{counters.largest_window:,}",
    ]


def _quotient(cost: Cost, value: float, base: float) -> str:
    return "-" if cost.cut or not base else f"{value / base:,.2f}"
