"""Running one walk under several policies, each for real over a cache of its own."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from pagemap.cache import PagemapCache
from pagemap.walks import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pagemap.counters import Counters
    from pagemap.policies import Policy
    from pagemap.recording import Recording
    from pagemap.source import EntryReader
    from pagemap.vma import AddressSpace


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a walk cost under one policy.

    Attributes:
        policy: The policy.
        counters: What its cache counted.
        seconds: How long the walk took.
    """

    policy: Policy
    counters: Counters
    seconds: float


def compare(
    reader: EntryReader,
    space: AddressSpace,
    policies: Sequence[Policy],
    what: str | Recording,
    *,
    rows: int,
    progress: Callable[[str, float], bool],
) -> Iterator[Outcome]:
    """Run a walk, or a recorded scroll, under each policy.

    Args:
        reader: Reads entries.
        space: The VMAs.
        policies: The policies, in order.
        what: Name of a walk, or a recording.
        rows: Rows of the viewport.
        progress: Told the policy's name and which part is done; True calls the comparison off.

    Yields:
        The outcome of each policy, as it is done.

    Raises:
        The errors of `walks.walk`.
    """
    for policy in policies:
        cache = PagemapCache(reader, space, policy)
        began = perf_counter()
        steps = walk(cache, what, rows=rows) if isinstance(what, str) else what.replay(cache)
        told = 0.0
        for done in steps:
            now = perf_counter()
            if now - told > 0.05:
                told = now
                if progress(policy.name, done):
                    return
        yield Outcome(policy, cache.counters, perf_counter() - began)
        cache.close()
