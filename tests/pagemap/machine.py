"""A cache over a synthetic address space, and the laws that it must keep after each step."""

from collections.abc import Sequence
from typing import Any

import pytest

from pagemap.cache import PagemapCache
from pagemap.counters import Counters
from pagemap.errors import ReadFailedError
from pagemap.policies import BUDGET, POLICIES, make_policy
from pagemap.regions import RegionWindow
from pagemap.window import Window
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import FakeClock, Layout, Pagemap, Range, Synthetic, entry

ALL_POLICIES = pytest.mark.parametrize("name", POLICIES)
A, B, C = 0x400000, 0x600000, 0x800000
"""Where the three VMAs of `small` begin."""


def check_laws(counters: Counters) -> None:
    """What holds always, in every view and output."""
    assert counters.lookups == counters.hits + counters.misses
    assert counters.misses == counters.fills + counters.failed_fills
    assert sum(counters.reasons().values()) == counters.misses
    assert counters.entries_used <= counters.entries_read
    assert counters.bytes_read == 8 * counters.entries_read


def check_windows(cache: PagemapCache) -> None:
    windows = cache.windows
    policy = cache.policy
    assert len(windows) <= policy.windows
    assert [w.start for w in windows] == sorted(w.start for w in windows)
    for window in windows:
        assert window.start % PAGE == window.end % PAGE == 0
        assert window.start < window.end <= cache.address_limit
        assert len(window.entries) == (window.end - window.start) // PAGE
        assert len(window.entries) * 8 <= BUDGET
        if policy.name in ("blocks", "readahead"):
            assert policy.window_size is not None
            most = policy.window_size * (16 if policy.name == "readahead" else 1)
            assert window.end - window.start <= most
        if policy.name == "blocks":
            assert policy.window_size is not None
            assert window.start // policy.window_size == (window.end - 1) // policy.window_size
            # Trimmed to the first and the last mapped page.
            assert cache.space.find(window.start) is not None
            assert cache.space.find(window.end - PAGE) is not None
        if policy.name == "page":
            assert window.end - window.start == PAGE


class Machine:
    """A cache over a synthetic address space whose memory changes every second, and what it must have counted."""

    def __init__(self, name: str, layout: Layout, **settings: Any) -> None:
        self.clock = FakeClock()
        self.pagemap = Pagemap(layout.limit, settings.pop("cut", None))
        self.source = Synthetic(layout.space, self.pagemap)
        self.layout = layout
        size = settings.pop("window_size", None)
        sized = POLICIES[name].default_window_size is not None
        policy = make_policy(name, size if sized else None, settings.pop("windows", None))
        self.cache = PagemapCache(self.source, layout.space, policy, clock=self.clock, timer=lambda: 0.0, **settings)
        self.before = 0
        """Calls that were made before the counters were reset."""
        self._fates: dict[int, str] = {}
        self._seen = 0

    @property
    def calls(self) -> int:
        return len(self.pagemap.calls)

    def run(self, step: tuple[Any, ...]) -> None:
        what, *arguments = step
        getattr(self, what)(*arguments)
        counters = self.cache.counters
        check_laws(counters)
        check_windows(self.cache)
        self.check_reasons()
        assert self.calls - self.before == counters.preads + counters.refresh_preads
        assert counters.scans == counters.fills + counters.failed_fills or not self.cache.policy.regions

    def check_reasons(self) -> None:
        """Each miss has the reason that follows from what became of the page's window last, as the events tell it."""
        fresh = self.cache.events.since(self._seen)
        for event in fresh:
            if event.kind == "miss":
                assert event.reason == self._fates.get(event.start, "cold")
            elif event.kind in ("evict", "invalidate"):
                fate = "expired" if "age" in event.reason else "evicted"
                fate = "invalidated" if event.kind == "invalidate" else fate
                self._fates |= dict.fromkeys(range(event.start, event.end, PAGE), fate)
        if fresh:
            assert fresh[0].seq == self._seen + 1, "the ring is long enough for one step"
            self._seen = fresh[-1].seq

    def held(self, page: int) -> Window | None:
        """A window that must serve the page."""
        cache = self.cache
        index = cache.space.find(page)
        assert index is not None
        start, end = cache.space.starts[index], min(cache.space.ends[index], cache.address_limit)
        for window in cache.windows:
            young = cache.age_limit is None or cache.age(window) <= cache.age_limit
            whole = not cache.policy.whole_vma or (window.start <= start and end <= window.end)
            if window.start <= page < window.end and young and whole:
                return window
        return None

    def lookup(self, part: float) -> None:
        pages = self.layout.pages
        if not pages:
            return
        page = pages[int(part * len(pages))]
        cache, counters = self.cache, self.cache.counters
        held, calls, hits, misses = self.held(page), self.calls, counters.hits, counters.misses
        limit, failing = cache.address_limit, self.pagemap.failing is not None
        try:
            word = cache.lookup(page + 5)
        except ReadFailedError:
            assert failing
            return
        window = next(w for w in cache.windows if w.start <= page < w.end and w.entry(page) == word)
        if not isinstance(window, RegionWindow):
            assert word == entry(page, int(window.filled_at))
        assert (counters.hits, counters.misses) == ((hits + 1, misses) if held else (hits, misses + 1))
        if cache.policy.regions:
            assert self.calls - calls <= 1 or self.pagemap.cut
        elif held is not None:
            assert self.calls == calls
        elif self.pagemap.cut is None:
            # What reaches beyond the limit needs a second read, which gives 0 bytes.
            beyond = cache.policy.name == "criu-unclamped" and window.end == limit
            assert self.calls - calls == 1 or (beyond and self.calls - calls == 2)
            # What is shown is what was read, to the byte.
            size, offset = self.pagemap.calls[calls]
            assert offset == window.start // PAGE * 8
            assert size == len(window.entries) * 8 or (beyond and size > len(window.entries) * 8)

    def look_over(self, part: float, count: int) -> None:
        pages = self.layout.pages
        first = pages[int(part * len(pages))] if pages else 0
        ranges = [*self.cache.space.mapped_ranges(first, min(first + count * PAGE, self.layout.limit))] if pages else []
        lookups, expected = self.cache.counters.lookups, 0
        for start, end in ranges:
            address = start
            try:
                for served in self.cache.lookup_range(start, end):
                    assert served.start == address < served.end <= end
                    assert len(served.entries) == (served.end - served.start) // PAGE
                    assert served.window.start <= served.start
                    assert served.end <= served.window.end
                    if not isinstance(served.window, RegionWindow):
                        salt = int(served.window.filled_at)
                        assert list(served.entries) == [entry(a, salt) for a in range(address, served.end, PAGE)]
                    expected += len(served.entries)
                    address = served.end
            except ReadFailedError:
                return
            assert address == end
        assert self.cache.counters.lookups - lookups == expected == sum(e - s for s, e in ranges) // PAGE

    def refresh(self, part: float, count: int) -> None:
        pages = self.layout.pages
        first = pages[int(part * len(pages))] if pages else 0
        ranges = [*self.cache.space.mapped_ranges(first, min(first + count * PAGE, self.layout.limit))] if pages else []
        lookups, misses = self.cache.counters.lookups, self.cache.counters.misses
        try:
            pieces = self.cache.refresh(ranges)
        except ReadFailedError:
            return
        got = {s + i * PAGE: word for s, words in pieces for i, word in enumerate(words)}
        assert got == {a: entry(a, self.pagemap.salt) for s, e in ranges for a in range(s, e, PAGE)}
        assert (self.cache.counters.lookups, self.cache.counters.misses) == (lookups, misses)

    def wait(self, seconds: int) -> None:
        self.clock.now += seconds
        self.pagemap.salt = int(self.clock.now)

    def flush(self) -> None:
        self.cache.flush()
        assert not self.cache.windows

    def reset(self) -> None:
        windows = len(self.cache.windows)
        self.cache.reset()
        self.before = self.calls
        assert len(self.cache.windows) == windows
        assert self.cache.counters == Counters()

    def limit_age(self, limit: float | None) -> None:
        self.cache.age_limit = limit

    def fail(self) -> None:
        self.pagemap.failing = OSError(5, "Input/output error")

    def remap(self, part: float, ranges: Sequence[Range]) -> None:
        """Change the maps: some VMA goes, and others come where there is room."""
        old = list(self.layout.ranges)
        index = int(part * len(old))
        low = old[index - 1][1] if index else 0
        high = min(old[index + 1][0] if index + 1 < len(old) else self.layout.limit, self.layout.limit)
        new = []
        for gap, pages in ranges:
            start = low + gap * PAGE
            end = start + pages * PAGE
            if end <= high:
                new.append((start, end))
                low = end
        self.layout = Layout((*old[:index], *new, *old[index + 1 :]), self.layout.limit)
        self.source.space = self.layout.space
        before = {w.number: w for w in self.cache.windows}
        changed = self.cache.set_space(self.source.space)
        differ = set(old) ^ set(self.layout.ranges)
        kept = {number for number, w in before.items() if not any(s < w.end and w.start < e for s, e in differ)}
        assert {w.number for w in self.cache.windows} == kept
        assert all(any(s <= low and high <= e for s, e in changed) for low, high in differ)


def small(name: str = "page", **settings: Any) -> Machine:
    """Three VMAs of four pages, each in a block of its own, two free blocks between."""
    return Machine(name, Layout(tuple((s, s + 4 * PAGE) for s in (A, B, C)), 1 << 32), **settings)


def reasons(machine: Machine) -> dict[str, int]:
    return {reason: count for reason, count in machine.cache.counters.reasons().items() if count}
