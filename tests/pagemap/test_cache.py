"""The laws of the cache: for every policy, any VMAs, any lookups, whatever happens in between."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.cache import WHOLE_REFRESH, PagemapCache
from pagemap.counters import Counters
from pagemap.counting import CountingReader
from pagemap.errors import NotMappedError, NotWalkableError, PagelensError, ReadFailedError, TargetGoneError
from pagemap.events import RING
from pagemap.policies import BLOCK, BUDGET, POLICIES, make_policy
from pagemap.regions import VECTOR, RegionWindow
from pagemap.store import WindowStore
from pagemap.vma import AddressSpace
from pagemap.window import Window
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import FakeClock, Layout, Pagemap, Range, Synthetic, cut_in_two, entry, layouts

ALL_POLICIES = pytest.mark.parametrize("name", POLICIES)
SIZES = st.sampled_from([None, PAGE, 4 * PAGE, BLOCK, 4 * BLOCK])


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
        self.failing = False

    @property
    def calls(self) -> int:
        return len(self.pagemap.calls)

    def run(self, step: tuple[Any, ...]) -> None:
        what, *arguments = step
        getattr(self, what)(*arguments)
        counters = self.cache.counters
        check_laws(counters)
        check_windows(self.cache)
        assert self.calls - self.before == counters.preads + counters.refresh_preads
        assert counters.scans == counters.fills + counters.failed_fills or not self.cache.policy.regions

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


PARTS = st.floats(0, 1, exclude_max=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("lookup"), PARTS),
        st.tuples(st.just("look_over"), PARTS, st.integers(1, 1200)),
        st.tuples(st.just("refresh"), PARTS, st.integers(1, 120)),
        st.tuples(st.just("wait"), st.integers(1, 3)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("reset")),
        st.tuples(st.just("limit_age"), st.sampled_from([None, 2.0])),
        st.tuples(st.just("fail")),
        st.tuples(st.just("remap"), PARTS, st.lists(st.tuples(st.integers(0, 3), st.integers(1, 600)), max_size=3)),
    ),
    min_size=3,
    max_size=30,
)


@ALL_POLICIES
@given(
    layout=layouts(),
    steps=STEPS,
    windows=st.sampled_from([None, 1, 2, 5]),
    window_size=SIZES,
    cut=st.sampled_from([None, cut_in_two]),
)
def test_whatever_happens_the_laws_hold(
    name: str, layout: Layout, steps: list[tuple[Any, ...]], windows: int | None, window_size: int | None, cut: Any
) -> None:
    machine = Machine(name, layout, windows=windows, window_size=window_size, cut=cut)
    for step in steps:
        machine.run(step)


HUGE = st.builds(
    lambda base, gap, pages, more: Layout(
        (
            (base * PAGE, (base + 3) * PAGE),
            ((base + 3 + gap) * PAGE, (base + 3 + gap + pages) * PAGE),
            *(((base + 4 + gap + pages + 2 * i) * PAGE, (base + 5 + gap + pages + 2 * i) * PAGE) for i in range(more)),
        ),
        (base + 100 + gap + pages + 2 * more) * PAGE,
    ),
    st.integers(0, 2000),
    st.integers(0, 2000),
    # 32 GiB, the budget of one window, and about it; 100 GiB; 16 TiB.
    st.sampled_from([(1 << 23) - 1, 1 << 23, (1 << 23) + 1, (3 << 23) + 5, 100 << 18, 16 << 28]),
    st.integers(0, 5),
)


@ALL_POLICIES
@given(layout=HUGE, lookups=st.lists(PARTS, min_size=1, max_size=8), windows=st.sampled_from([None, 3]))
def test_no_window_exceeds_the_budget_however_long_a_vma_is(
    name: str, layout: Layout, lookups: list[float], windows: int | None
) -> None:
    space = layout.space
    cache = PagemapCache(CountingReader(layout.limit), space, make_policy(name, windows=windows))
    for part in [0.0, *lookups]:
        vma = int(part * 1000) % len(space)
        start, end = space.starts[vma], space.ends[vma]
        for address in (start, end - PAGE, start + int(part * (end - start)) // PAGE * PAGE):
            cache.lookup(address)
            misses = cache.counters.misses
            cache.lookup(address)
            assert cache.counters.misses == misses, "what was just read is held"
            check_windows(cache)
    check_laws(cache.counters)


# --- Reasons of misses, by hand ---------------------------------------------------------------------------------

A, B, C = 0x400000, 0x600000, 0x800000


def small(name: str = "page", **settings: Any) -> Machine:
    """Three VMAs of four pages, each in a block of its own, two free blocks between."""
    return Machine(name, Layout(tuple((s, s + 4 * PAGE) for s in (A, B, C)), 1 << 32), **settings)


def reasons(machine: Machine) -> dict[str, int]:
    return {reason: count for reason, count in machine.cache.counters.reasons().items() if count}


def test_a_page_that_was_never_read_is_cold() -> None:
    machine = small("blocks")
    machine.cache.lookup(A)
    assert machine.cache.counters.cold == machine.cache.counters.lookups == 1
    # Neighbours in its window are hits, and never become cold.
    for page in range(1, 4):
        machine.cache.lookup(A + page * PAGE)
    assert reasons(machine) == {"cold": 1}
    assert machine.cache.counters.hits == 3
    assert machine.cache.last_miss is not None
    assert (machine.cache.last_miss.reason, machine.cache.last_miss.start) == ("cold", A)
    assert machine.calls == 1


def test_a_page_whose_window_gave_room_is_evicted() -> None:
    machine = small("blocks", windows=2)
    for address in (A, B, A, C):
        machine.cache.lookup(address)
    # B was used least recently.
    assert [w.start for w in machine.cache.windows] == [A, C]
    assert machine.cache.counters.evictions == 1
    machine.cache.lookup(B)
    assert reasons(machine) == {"cold": 3, "evicted": 1}
    machine.cache.lookup(B)
    machine.cache.lookup(C)
    assert machine.cache.counters.hits == 3


def test_a_page_whose_window_is_too_old_is_expired() -> None:
    machine = small("blocks", age_limit=2.0)
    machine.cache.lookup(A)
    machine.clock.now = 2.0
    machine.cache.lookup(A)
    assert machine.cache.counters.hits == 1, "at the limit it still serves"
    machine.clock.now = 2.5
    machine.cache.lookup(A + PAGE)
    assert reasons(machine) == {"cold": 1, "expired": 1}
    assert machine.cache.counters.evictions == 0, "that is not for want of room"
    machine.cache.lookup(A)
    assert machine.cache.counters.hits == 2
    machine.cache.age_limit = None
    machine.clock.now = 1e9
    machine.cache.lookup(A)
    assert machine.cache.counters.hits == 3


def test_a_page_whose_vma_changed_is_invalidated_and_no_other() -> None:
    machine = small("blocks")
    for address in (A, B, C):
        machine.cache.lookup(address)
    changed = machine.cache.set_space(
        AddressSpace.from_ranges([(A, A + 4 * PAGE), (B, B + 3 * PAGE), (C, C + 4 * PAGE)])
    )
    assert changed == [(B, B + 4 * PAGE)]
    assert [w.start for w in machine.cache.windows] == [A, C]
    for address in (A, B, C):
        machine.cache.lookup(address)
    assert reasons(machine) == {"cold": 3, "invalidated": 1}
    with pytest.raises(NotMappedError):
        machine.cache.lookup(B + 3 * PAGE)
    # Permissions are a change, too; the same maps again are none.
    assert machine.cache.set_space(AddressSpace.from_ranges([(A, A + PAGE)], "r--p")) != []
    assert machine.cache.windows == []
    assert machine.cache.set_space(AddressSpace.from_ranges([(A, A + PAGE)], "r--p")) == []


def test_a_vma_that_appears_in_a_hole_of_a_window_invalidates_it() -> None:
    machine = Machine("blocks", Layout(((A, A + PAGE), (A + 9 * PAGE, A + 10 * PAGE)), 1 << 32))
    machine.cache.lookup(A)
    assert machine.cache.windows[0].end == A + 10 * PAGE
    machine.cache.set_space(
        AddressSpace.from_ranges([(A, A + PAGE), (A + 4 * PAGE, A + 5 * PAGE), (A + 9 * PAGE, A + 10 * PAGE)])
    )
    assert machine.cache.windows == []
    machine.cache.lookup(A + 4 * PAGE)
    assert machine.cache.counters.invalidated == 1


def test_a_flush_by_hand_invalidates_everything() -> None:
    machine = small("blocks")
    for address in (A, B):
        machine.cache.lookup(address)
    machine.cache.flush()
    assert machine.cache.windows == []
    for address in (A, B, C):
        machine.cache.lookup(address)
    assert reasons(machine) == {"cold": 3, "invalidated": 2}
    assert machine.cache.counters.evictions == 0
    assert [e.kind for e in machine.cache.events].count("invalidate") == 2


def test_the_reason_is_the_last_one() -> None:
    machine = small("blocks", windows=1)
    for address in (A, B):
        machine.cache.lookup(address)
    machine.cache.lookup(A)
    machine.cache.flush()
    machine.cache.lookup(A)
    assert reasons(machine) == {"cold": 2, "evicted": 1, "invalidated": 1}


def test_a_reset_sets_the_counters_to_zero_and_keeps_the_windows() -> None:
    machine = small("blocks")
    machine.cache.lookup(A)
    machine.run(("reset",))
    machine.cache.lookup(A)
    counters = machine.cache.counters
    assert (counters.lookups, counters.hits, counters.entries_read, counters.entries_used) == (1, 1, 0, 0)
    assert counters.efficiency is None
    assert counters.hit_rate == 1.0
    machine.cache.lookup(B)
    assert (counters.entries_read, counters.entries_used) == (4, 1)


def test_after_a_reset_the_efficiency_of_regions_is_that_of_what_is_read_from_then_on() -> None:
    machine = small("scan")
    machine.cache.lookup(A)
    machine.run(("reset",))
    machine.cache.lookup(A)
    machine.cache.lookup(A + PAGE)
    counters = machine.cache.counters
    assert (counters.hits, counters.entries_read, counters.entries_used) == (2, 1, 1)


# --- Windows ----------------------------------------------------------------------------------------------------


def test_within_a_window_nothing_is_read_and_crossing_into_the_next_costs_one() -> None:
    machine = Machine("blocks", Layout(((A, A + 3 * BLOCK),), 1 << 32))
    calls = []
    for address in range(A, A + 3 * BLOCK, PAGE):
        machine.cache.lookup(address)
        calls.append(machine.calls)
    assert calls == [1] * 512 + [2] * 512 + [3] * 512
    for address in reversed(range(A, A + 3 * BLOCK, PAGE)):
        machine.cache.lookup(address)
    assert machine.calls == 3
    assert machine.cache.counters.efficiency == 1.0


def overlapping(windows: int = 4, **settings: Any) -> Machine:
    """The seed's window from the second VMA on, then one from the first on, which reaches into it."""
    low, high = A, A + BLOCK // 2
    layout = Layout(((low, low + 256 * PAGE), (high, high + 256 * PAGE), (high + BLOCK // 2, high + BLOCK)), 1 << 32)
    machine = Machine("seed", layout, windows=windows, **settings)
    machine.cache.lookup(high)
    machine.clock.now = machine.pagemap.salt = 1
    machine.cache.lookup(low)
    assert [(w.start, w.end) for w in machine.cache.windows] == [(low, low + BLOCK), (high, high + BLOCK)]
    return machine


def test_where_windows_overlap_any_young_enough_one_serves() -> None:
    machine = overlapping(age_limit=2.0)
    machine.clock.now = 2.5
    # The window that begins at the page is too old; the other is not.
    word = machine.cache.lookup(A + BLOCK // 2)
    assert word == entry(A + BLOCK // 2, 1)
    assert (machine.cache.counters.hits, machine.cache.counters.misses) == (1, 2)
    machine.cache.lookup(A + BLOCK)
    assert reasons(machine) == {"cold": 2, "expired": 1}


def test_overlapping_windows_are_all_invalidated_and_all_flushed() -> None:
    machine = overlapping()
    space = machine.cache.space
    machine.cache.set_space(AddressSpace.from_ranges([*zip(space.starts, space.ends, strict=True)][::2]))
    assert machine.cache.windows == []
    machine = overlapping()
    machine.cache.flush()
    assert machine.cache.windows == []


def test_a_window_that_a_new_one_holds_wholly_is_given_up() -> None:
    # The third VMA does not fit into the first one's window, so it gets one of its own; the second is in both.
    machine = Machine("criu", Layout(((A, A + PAGE), (A + 2 * PAGE, A + 3 * PAGE)), 1 << 32), windows=4)
    machine.cache.lookup(A + 2 * PAGE)
    machine.cache.lookup(A)
    assert [(w.start, w.end) for w in machine.cache.windows] == [(A, A + BLOCK)]
    assert machine.cache.counters.evictions == 1


@given(ranges=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=25), data=st.data())
def test_the_store_finds_what_a_search_of_all_windows_finds(ranges: list[Range], data: st.DataObject) -> None:
    store = WindowStore()
    held: list[Window] = []
    for number, (start, pages) in enumerate(ranges):
        window = Window(number, start * PAGE, memoryview(bytes(8 * pages)).cast("Q"), 0.0, "")
        store.insert(window)
        held.append(window)
        if data.draw(st.booleans()):
            gone = held[data.draw(st.integers(0, len(held) - 1))]
            held.remove(gone)
            store.remove(gone)
        if held and data.draw(st.booleans()):
            used = held.pop(data.draw(st.integers(0, len(held) - 1)))
            held.append(used)
            store.touch(used)
        assert len(store) == len(held)
        assert [w.start for w in store] == sorted(w.start for w in held)
        assert not held or store.oldest() is held[0]
        for address in range(0, 55 * PAGE, PAGE):
            having = {w for w in held if w.start <= address < w.end}
            found = store.at(address)
            assert (found in having) if having else (found is None)
            assert set(store.all_at(address)) == having
            following = [w.start for w in held if w.start > address]
            assert store.next_start(address) == (min(following) if following else None)
            over = {w for w in held if w.start < address + 3 * PAGE and address < w.end}
            assert set(store.overlapping(address, address + 3 * PAGE)) == over


# --- Refreshes --------------------------------------------------------------------------------------------------


def test_a_refresh_is_counted_apart_and_makes_a_window_young() -> None:
    machine = small("blocks", age_limit=2.0)
    machine.cache.lookup(A)
    machine.clock.now = machine.pagemap.salt = 2
    pieces = machine.cache.refresh([(A + PAGE, A + 3 * PAGE)])
    assert [(start, list(words)) for start, words in pieces] == [
        (A + PAGE, [entry(A + PAGE, 2), entry(A + 2 * PAGE, 2)])
    ]
    counters = machine.cache.counters
    assert (counters.lookups, counters.fills, counters.preads, counters.bytes_read) == (1, 1, 1, 32)
    assert (counters.refreshes, counters.refresh_preads, counters.refresh_bytes) == (1, 1, 32)
    assert machine.cache.age(machine.cache.windows[0]) == 0
    machine.clock.now = 4
    assert machine.cache.lookup(A + 3 * PAGE) == entry(A + 3 * PAGE, 2), "the whole window was read again"
    assert counters.hits == 1


def test_several_ranges_of_one_window_re_read_it_once() -> None:
    machine = small("blocks")
    machine.cache.lookup(A)
    machine.cache.refresh([(A, A + PAGE), (A + 2 * PAGE, A + 3 * PAGE)])
    assert machine.cache.counters.refreshes == 1
    assert machine.calls == 2


def test_of_a_large_window_a_refresh_re_reads_only_what_is_asked() -> None:
    pages = WHOLE_REFRESH + 1
    machine = Machine("vma", Layout(((A, A + pages * PAGE),), 1 << 32), age_limit=5.0)
    machine.cache.lookup(A)
    for salt in (1, 2):
        machine.clock.now = machine.pagemap.salt = salt
        machine.cache.refresh([(A + 7 * PAGE, A + 57 * PAGE)])
    counters = machine.cache.counters
    assert (counters.refreshes, counters.refresh_bytes) == (2, 2 * 50 * 8)
    window = machine.cache.windows[0]
    salts = [0] * 7 + [2] * 50 + [0] * (pages - 57)
    assert list(window.entries) == [entry(A + i * PAGE, salt) for i, salt in enumerate(salts)]
    assert machine.cache.age(window) == 2, "its other entries are as old as they were"
    # One page less, and it is re-read whole.
    machine = Machine("vma", Layout(((A, A + WHOLE_REFRESH * PAGE),), 1 << 32))
    machine.cache.lookup(A)
    machine.cache.refresh([(A + 7 * PAGE, A + 57 * PAGE)])
    assert machine.cache.counters.refresh_bytes == WHOLE_REFRESH * 8


def test_what_no_window_holds_is_re_read_without_making_one() -> None:
    machine = small("blocks")
    machine.cache.lookup(A)
    machine.cache.flush()
    machine.cache.refresh([(A, A + 4 * PAGE), (B, B + PAGE)])
    assert machine.cache.windows == []
    assert machine.cache.counters.refreshes == 2
    machine = small("page")
    machine.cache.lookup(A + PAGE)
    pieces = machine.cache.refresh([(A, A + 4 * PAGE)])
    assert [(start, len(words)) for start, words in pieces] == [(A, 1), (A + PAGE, 1), (A + 2 * PAGE, 2)]


# --- Failures ---------------------------------------------------------------------------------------------------


def test_a_refused_read_is_a_failed_fill_and_the_next_try_is_a_new_miss() -> None:
    machine = small("blocks")
    machine.run(("fail",))
    with pytest.raises(ReadFailedError, match="Input/output error"):
        machine.cache.lookup(A)
    counters = machine.cache.counters
    assert (counters.lookups, counters.misses, counters.failed_fills, counters.preads) == (1, 1, 1, 1)
    assert machine.cache.last_fill is None
    assert [e.kind for e in machine.cache.events] == ["miss", "error"]
    assert machine.cache.lookup(A) == entry(A)
    assert (counters.lookups, counters.misses, counters.fills, counters.preads) == (2, 2, 1, 2)
    check_laws(counters)


@ALL_POLICIES
def test_a_target_that_is_gone_is_an_error(name: str) -> None:
    machine = small(name)
    machine.cache.lookup(A)
    machine.pagemap.dead = True
    with pytest.raises(TargetGoneError):
        machine.cache.lookup(B)
    check_laws(machine.cache.counters)
    with pytest.raises(TargetGoneError):
        machine.cache.refresh([(A, A + PAGE)])
    # What is held is still there to be seen.
    assert machine.cache.windows


@ALL_POLICIES
def test_what_cannot_be_looked_up_counts_nothing(name: str) -> None:
    machine = Machine(name, Layout(((A, A + PAGE), (1 << 40, (1 << 40) + PAGE)), 1 << 30))
    with pytest.raises(NotMappedError):
        machine.cache.lookup(A + PAGE)
    with pytest.raises(NotMappedError):
        machine.cache.lookup(0)
    with pytest.raises(NotWalkableError, match="0x40000000"):
        machine.cache.lookup(1 << 40)
    assert machine.cache.counters == Counters()
    assert machine.calls == 0


@ALL_POLICIES
def test_without_any_vma_there_is_nothing_to_look_up(name: str) -> None:
    machine = Machine(name, Layout((), 1 << 30))
    with pytest.raises(PagelensError):
        machine.cache.lookup(A)
    assert list(machine.cache.lookup_range(A, A)) == []
    assert machine.cache.refresh([]) == []
    machine.cache.flush()


def test_a_short_read_is_an_event_and_gives_the_same_entries() -> None:
    machine = Machine("vma", Layout(((A, A + 600 * PAGE),), 1 << 32), cut=cut_in_two)
    assert machine.cache.lookup(A + 599 * PAGE) == entry(A + 599 * PAGE)
    assert [e.kind for e in machine.cache.events] == ["miss", "short-read", "fill"]
    # 4,800 bytes: 3,776 of 4,800, then the 1,024 left.
    assert machine.cache.counters.preads == machine.calls == 2


# --- PAGEMAP_SCAN -----------------------------------------------------------------------------------------------


def test_a_full_vector_ends_the_window_and_the_next_begins_there() -> None:
    pages = 3 * VECTOR
    layout = Layout(((A, A + pages * PAGE), (A + (pages + 1) * PAGE, A + (pages + 2) * PAGE)), 1 << 32)
    machine = Machine("scan", layout)
    populated = [a for a in range(A, A + pages * PAGE, PAGE) if entry(a)]
    assert len(populated) > 2 * VECTOR
    first, second = populated[VECTOR - 1] + PAGE, populated[2 * VECTOR - 1] + PAGE
    held = []
    for address in (A, A + PAGE, first - PAGE, first, A + PAGE, second, A + (pages - 1) * PAGE):
        assert machine.cache.lookup(address) == entry(address)
        held += [(w.start, w.end) for w in machine.cache.windows]
    end = A + pages * PAGE
    assert held == [(A, first)] * 3 + [(first, second), (A, first), (second, end), (second, end)]
    counters = machine.cache.counters
    check_laws(counters)
    assert (counters.misses, counters.hits) == (4, 3)
    assert counters.entries_read == counters.entries_used == 7


# --- Events -----------------------------------------------------------------------------------------------------


def test_events_say_what_happened() -> None:
    machine = Machine("blocks", Layout(((A + PAGE, A + 2 * PAGE), (A + 5 * PAGE, A + 8 * PAGE)), 1 << 32))
    for address in (A + PAGE, A + 5 * PAGE, A + 7 * PAGE):
        machine.cache.lookup(address)
    machine.cache.flush()
    events = list(machine.cache.events)
    assert [e.kind for e in events] == ["miss", "fill", "hit", "invalidate"]
    assert [e.seq for e in events] == [1, 2, 3, 4]
    fill, hits = events[1], events[2]
    assert (fill.start, fill.end, fill.vmas) == (A + PAGE, A + 8 * PAGE, 2)
    assert (fill.covered, fill.gap, fill.preads, fill.window) == (4 * PAGE, 3 * PAGE, 1, 1)
    assert (hits.count, hits.start, hits.end, hits.window) == (2, A + 5 * PAGE, A + 8 * PAGE, 1)
    assert events[0].as_json()["start"] == f"{A + PAGE:#x}"
    assert "gap" not in events[0].as_json()
    assert [e.seq for e in machine.cache.events.since(2)] == [3, 4]


def test_the_ring_of_events_is_bounded() -> None:
    machine = small("page")
    for _ in range(RING // 4 + 10):
        machine.cache.lookup(A)
        machine.cache.lookup(B)
    assert len(machine.cache.events) == RING
    assert machine.cache.events.total > RING
    machine.cache.events.clear()
    assert len(machine.cache.events) == 0


# --- Counters and their picture ---------------------------------------------------------------------------------


def test_times_of_fills_are_last_median_and_total() -> None:
    times = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    layout = Layout(tuple((s, s + PAGE) for s in (A, B, C)), 1 << 32)
    cache = PagemapCache(Synthetic(layout.space), layout.space, timer=lambda: next(times))
    assert cache.counters.as_json()["last_fill_seconds"] is None
    assert cache.counters.as_json()["median_fill_seconds"] is None
    for address in (A, B, C):
        cache.lookup(address)
    assert cache.counters.last_fill_seconds == cache.counters.median_fill_seconds == 2.0
    assert cache.counters.fill_seconds == 6.0
    picture = cache.counters.as_json()
    assert picture["median_fill_seconds"] == 2.0
    assert picture["hit_rate"] == 0.0
    assert picture["efficiency"] == 1.0
    assert not any(name.startswith("_") for name in picture)
