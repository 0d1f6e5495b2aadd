"""The cache by hand: why lookups miss, which windows are held, what is counted and told."""

from typing import Any

import pytest

from pagemap.cache import WHOLE_REFRESH, PagemapCache
from pagemap.counters import Counters
from pagemap.errors import NotMappedError, NotWalkableError, PagelensError, ReadFailedError, TargetGoneError
from pagemap.events import RING
from pagemap.policies import BLOCK
from pagemap.regions import VECTOR
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE
from tests.pagemap.machine import ALL_POLICIES, A, B, C, Machine, check_laws, reasons, small
from tests.pagemap.synthetic import Layout, Synthetic, cut_in_two, entry

# --- Reasons of misses ------------------------------------------------------------------------------------------


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
