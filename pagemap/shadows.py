"""Shadows: what the same lookups would have cost under every other policy. Arithmetic alone: a shadow never reads."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.policies import POLICIES, make_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pagemap.counters import Counters
    from pagemap.vma import AddressSpace

Range = tuple[int, int]
"""First address and first address after it, in bytes."""

_BACKLOG = 1_000
"""Steps noted before they are worked out unasked."""


class Shadows:
    """One cache for each policy over a reader that only counts, fed with what happens to a real cache.

    What happens is noted at once and worked out when the counters are asked for, so that a key press pays nothing.

    Args:
        space: The VMAs.
        limit: First address that pagemap does not cover.
        clock: Seconds, monotonic: the real cache's.
        age_limit: Seconds after which windows expire, or None.
        names: The policies; all, unless told otherwise.
    """

    def __init__(
        self,
        space: AddressSpace,
        limit: int,
        clock: Callable[[], float],
        *,
        age_limit: float | None = None,
        names: Sequence[str] = tuple(POLICIES),
    ) -> None:
        self._clock: Final = clock
        self._now = clock()
        self._pending: Final[deque[tuple[float, Callable[[PagemapCache], object]]]] = deque()
        reader = CountingReader(limit)
        self._caches: Final = {
            name: PagemapCache(
                reader, space, make_policy(name), age_limit=age_limit, clock=lambda: self._now, timer=lambda: 0.0
            )
            for name in names
        }

    def look_up(self, ranges: Sequence[Range]) -> None:
        """The real cache has looked up the pages of these ranges."""
        self._note(lambda cache: _look_up(cache, ranges))

    def refresh(self, ranges: Sequence[Range]) -> None:
        """The real cache has re-read these ranges."""
        self._note(lambda cache: cache.refresh(ranges))

    def set_space(self, space: AddressSpace) -> None:
        """The target's maps have changed."""
        self._note(lambda cache: cache.set_space(space))

    def set_age_limit(self, limit: float | None) -> None:
        """Windows expire after another time now."""

        def apply(cache: PagemapCache) -> None:
            cache.age_limit = limit

        self._note(apply)

    def flush(self) -> None:
        """The real cache was flushed."""
        self._note(PagemapCache.flush)

    def reset(self) -> None:
        """The real cache's counters were set to zero."""
        self._note(PagemapCache.reset)

    def counters(self) -> dict[str, Counters]:
        """What each policy would have cost since the last reset."""
        while self._pending:
            self._now, happened = self._pending.popleft()
            for cache in self._caches.values():
                happened(cache)
        return {name: cache.counters for name, cache in self._caches.items()}

    def _note(self, happened: Callable[[PagemapCache], object]) -> None:
        self._pending.append((self._clock(), happened))
        if len(self._pending) >= _BACKLOG:
            # Nobody has asked for a long time: what is noted must not grow for ever.
            self.counters()


def _look_up(cache: PagemapCache, ranges: Sequence[Range]) -> None:
    for start, end in ranges:
        for _ in cache.lookup_range(start, end):
            pass
