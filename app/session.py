"""`Session`: the one target under the lens, its caches and its visible rows. It knows nothing of the terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pagemap.cache import PagemapCache
from pagemap.policies import DEFAULT_POLICY, Policy, make_policy
from pagemap.recording import Recorder
from pagemap.shadows import Shadows
from pagemap.viewport import Viewport

if TYPE_CHECKING:
    from collections.abc import Callable

    from pagemap.errors import PagelensError
    from pagemap.recording import Recording
    from pagemap.source import Source
    from pagemap.vma import AddressSpace

PolicyKey = tuple[str, int | None, int]


class Session:
    """Looking at one target.

    Each policy, with its settings, keeps a cache of its own; switching back finds counters and windows as they were.

    Args:
        source: The target; the session closes it.
        policy: The policy to begin with.
        interval: Seconds between live refreshes.
        paused: Whether the live refresh begins paused.
        clock: Seconds, monotonic; tests inject one.

    Attributes:
        paused: Whether the live refresh is paused.
        ended: What became of the target, empty while it lives. The last view stays.
    """

    def __init__(
        self,
        source: Source,
        policy: Policy | None = None,
        *,
        interval: float = 1.0,
        paused: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source: Final = source
        self._clock = clock
        self._interval = interval
        self.paused = paused
        self.ended = ""
        self._caches: dict[PolicyKey, PagemapCache] = {}
        self._space = source.maps()
        self.began: Final = clock()
        self.cache = self._cache_for(policy or make_policy(DEFAULT_POLICY))
        self.viewport: Final = Viewport(self.cache)
        self.shadows: Final = Shadows(self._space, source.address_limit, clock, age_limit=self._age_limit)
        self._recorder: Final = Recorder()

    @property
    def space(self) -> AddressSpace:
        """The VMAs as of the last look."""
        return self._space

    @property
    def interval(self) -> float:
        """Seconds between live refreshes."""
        return self._interval

    def set_live(self, *, paused: bool, interval: float | None = None) -> None:
        """Pause or go on, and set the interval: live, windows older than two intervals expire; paused, none does."""
        self.paused = paused
        self._interval = interval or self._interval
        self._apply_age_limit()

    def _apply_age_limit(self) -> None:
        for cache in self._caches.values():
            cache.age_limit = self._age_limit
        self.shadows.set_age_limit(self._age_limit)

    @property
    def _age_limit(self) -> float | None:
        # Of a target that is gone nothing can be read anew: what is held stays, and its age is shown.
        return None if self.paused or self.ended else 2 * self._interval

    def _cache_for(self, policy: Policy) -> PagemapCache:
        cache = self._caches.get(policy.key)
        if cache is None:
            cache = PagemapCache(
                self.source, self._space, policy, age_limit=self._age_limit, clock=self._clock, timer=self._clock
            )
            self._caches[policy.key] = cache
        return cache

    def show(self, top: int, height: int) -> None:
        """Make these rows the visible ones; new ones are looked up."""
        self.viewport.show(top, height)
        self._note_lookups()

    def set_policy(self, policy: Policy) -> None:
        """Go on with another policy: the visible rows are looked up in its cache."""
        self.cache = self._cache_for(policy)
        self.viewport.switch(self.cache)
        self._note_lookups()

    def flush(self) -> None:
        """Drop all windows of the cache in use."""
        self.cache.flush()
        self.shadows.flush()

    def reset(self) -> None:
        """Set the counters of the cache in use and of the shadows to zero, and begin a new recording."""
        self.cache.reset()
        self.shadows.reset()
        self._recorder.clear()

    def recording(self) -> Recording:
        """The lookups made since the last reset, to be saved or replayed."""
        return self._recorder.recording(self.source.identity.name, self._space, self.source.address_limit)

    def read_maps(self) -> AddressSpace:
        """The VMAs now. Slow for many VMAs, and fit for a thread: it changes nothing here.

        Raises:
            PagelensError: The target is gone, or cannot be read any more.
        """
        return self.source.maps()

    def take_space(self, space: AddressSpace) -> bool:
        """Follow the target to the maps just read; whether they had changed."""
        if space is self._space:
            return False
        self._space = space
        changed: list[tuple[int, int]] = []
        for cache in self._caches.values():
            ranges = cache.set_space(space)
            if cache is self.cache:
                changed = ranges
        self.shadows.set_space(space)
        self.viewport.move_to(space, changed)
        self._note_lookups()
        return True

    def refresh(self) -> None:
        """Read the visible pages again."""
        if not self.ended:
            self.viewport.refresh()
            self.shadows.refresh(self.viewport.refreshed)
            self._note_error()

    def _note_lookups(self) -> None:
        if self.viewport.looked_up:
            self.shadows.look_up(self.viewport.looked_up)
            self._recorder.add(self.viewport.looked_up)
        self._note_error()

    def _note_error(self) -> None:
        if self.viewport.error is not None and not self.ended:
            self.end(self.viewport.error)

    def end(self, error: PagelensError) -> None:
        """Note that the target is gone: the last view and all windows are kept, nothing expires any more."""
        self.ended = self.source.condition() or str(error)
        self._apply_age_limit()

    def close(self) -> None:
        """Let go of the target."""
        for cache in self._caches.values():
            cache.close()
        self.source.close()
