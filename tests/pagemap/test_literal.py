"""`seed --literal`: the published patch's steps and its eight defects, each on a layout where it must show."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.errors import NotMappedError, UsageError
from pagemap.literal import DEFECTS, KINDS, LiteralEvent, LiteralSeed, literal_events
from pagemap.vma import AddressSpace
from pagemap.walks import WALKS, walk
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import LIMIT, VSYSCALL, Layout, layouts

BASE = 0x7F0000000000
LOW = 0x7E0000000000
"""Where more than 1 TiB fits below the limit."""
TOP = 0x7FFFFFE00000
"""The last block of a 64-bit task, of which pages 0 to 510 are below the limit."""
GATE = b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"


def space(*vmas: tuple[int, int], base: int = BASE, gate: bool = False) -> AddressSpace:
    """VMAs by first page and first page after."""
    ranges = [(base + low * PAGE, base + high * PAGE) for low, high in vmas]
    return AddressSpace(AddressSpace.from_ranges(ranges).text + GATE * gate)


def told(seed: LiteralSeed, page: int, base: int = BASE) -> list[LiteralEvent]:
    return list(seed.lookup(base + page * PAGE))


def kinds(events: Iterable[LiteralEvent]) -> list[str]:
    return [event.name or event.kind for event in events]


def defect(events: Iterable[LiteralEvent], number: int) -> LiteralEvent:
    """The one event of a defect."""
    (found,) = [event for event in events if event.number == number]
    assert found.kind == "defect"
    assert found.name == DEFECTS[number - 1]
    return found


def numbers(events: Iterable[LiteralEvent]) -> set[int]:
    return {event.number for event in events if event.number is not None}


def test_a_miss_is_told_step_by_step_in_the_order_of_the_patch() -> None:
    # From the second VMA on: 2 pages, a gap of 1, 3 pages, a gap of 20 (21 > 6 and the candidate): the end moves back.
    seed = LiteralSeed(space((0, 1), (4, 6), (7, 10), (30, 31), (100, 700)), LIMIT)
    init = seed.init()
    assert (init.pages, init.size) == (600, 600 * PAGE)
    events = told(seed, 5)
    assert kinds(events) == ["lookup", "try", "step", "step", "step", "gap", "summary", "fill", "lookup", "hit"]
    assert [event.vma for event in events if event.vma] == [
        (BASE + low * PAGE, BASE + high * PAGE) for low, high in ((4, 6), (7, 10), (30, 31))
    ]
    attempt, gap, summary, fill = (
        next(e for e in events if e.kind == kind) for kind in ("try", "gap", "summary", "fill")
    )
    assert (attempt.start, attempt.end) == (BASE + 4 * PAGE, BASE + 604 * PAGE)
    assert (gap.gap, gap.end) == (21 * PAGE, BASE + 10 * PAGE)
    assert (summary.nr_vmas, summary.covered, summary.gap) == (2, 5 * PAGE, PAGE)
    assert fill.size == 6 * 8
    assert kinds(told(seed, 9)) == ["lookup", "hit"]
    assert not seed.failed


def test_events_are_ready_for_json_with_addresses_in_hexadecimal() -> None:
    layout = space((0, 4), (5, 9), (500, 900), (1000, 1001))
    events = list(literal_events(layout, LIMIT))
    for event in events:
        values = json.loads(json.dumps(event.as_json()))
        assert values["event"] == event.kind
        assert values["event"] in KINDS
        assert values["text"] == event.text
        for name in ("address", "start", "end", "vma_start", "vma_end"):
            assert name not in values or int(values[name], 16) % PAGE == 0
        if event.kind == "defect":
            assert values["name"] == DEFECTS[values["number"] - 1]
            assert "\n" not in values["text"]
    assert events[0].as_json() == {
        "event": "init",
        "pages": 512,
        "bytes": 2 << 20,
        "text": "a buffer of 512 entries covers 2 MiB",
    }


def test_the_buffer_is_the_longest_vmas_and_2_mib_at_least() -> None:
    assert LiteralSeed(space((0, 3)), LIMIT).pages == 512
    assert LiteralSeed(space((0, 3), (5, 805)), LIMIT).pages == 800
    assert LiteralSeed(AddressSpace(b""), LIMIT).pages == 512
    assert LiteralSeed(space((0, 3)), LIMIT, 7).pages == 7
    with pytest.raises(UsageError):
        LiteralSeed(space((0, 3)), LIMIT, 0)


# --- the eight defects --------------------------------------------------------------------------------------------


def test_1_the_walk_goes_on_through_the_list_head() -> None:
    seed = LiteralSeed(space((0, 1), (2, 3), (4, 5)), LIMIT)
    events = told(seed, 2)
    assert kinds(events) == ["lookup", "try", "step", "step", "head???"]
    assert not defect(events, 1).hidden
    assert seed.failed
    assert (seed.start, seed.end) == (0, 0)


def test_1_a_walk_from_the_first_vma_ends_properly() -> None:
    # There the node before is the real head.
    seed = LiteralSeed(space((0, 1), (2, 3), (4, 5)), LIMIT)
    events = told(seed, 0)
    assert numbers(events) == {3}
    assert not seed.failed


def test_1_vsyscall_hides_it() -> None:
    seed = LiteralSeed(space((0, 1), (2, 3), (4, 5), gate=True), LIMIT)
    events = told(seed, 2)
    hidden = defect(events, 1)
    assert hidden.hidden
    assert hidden.as_json()["hidden"] is True
    assert "[vsyscall]" in hidden.text
    assert events[-1].kind == "hit"
    # From the first VMA there is nothing to hide; nor where a VMA before stopped the walk.
    assert 1 not in numbers(told(LiteralSeed(space((0, 1), (2, 3), gate=True), LIMIT), 0))
    assert 1 not in numbers(told(LiteralSeed(space((0, 1), (2, 3), (600, 601), gate=True), LIMIT), 2))


def test_2_a_vma_straddles_the_end_and_a_later_hit_serves_it() -> None:
    seed = LiteralSeed(space((0, 100), (110, 510), (511, 600)), LIMIT)
    events = told(seed, 0)
    straddle = defect(events, 2)
    assert straddle.vma == (BASE + 511 * PAGE, BASE + 600 * PAGE)
    assert "the buffer lacks 88 pages at its end" in straddle.text
    # Served all the same, and told once.
    overrun = defect(told(seed, 511), 2)
    assert "has 1 page:" in overrun.text
    assert "88 pages from beyond" in overrun.text
    assert numbers(told(seed, 511)) == set()
    # The first page that the window does not have is a miss, though an earlier one of its VMA was a hit.
    assert "try" in kinds(told(seed, 512))


def test_2_a_run_of_hits_over_a_gap_reaches_the_straddler() -> None:
    events = list(literal_events(space((0, 100), (110, 510), (511, 600)), LIMIT))
    run = next(event for event in events if event.kind == "hit" and event.count != 1)
    assert run.count == 99 + 400 + 1
    assert len([event for event in events if event.number == 2]) == 2


def test_3_the_end_is_not_trimmed_where_the_list_ends_or_a_vma_does_not_fit() -> None:
    ends = defect(told(LiteralSeed(space((0, 10)), LIMIT), 0), 3)
    assert ends.count == 502
    assert "502 of 512 entries" in ends.text
    assert "the list ends" in ends.text
    # 10 pages, a gap of 8, and a VMA too long by some: of the 494 others it has those that are no waste.
    does_not_fit = defect(told(LiteralSeed(space((0, 10), (18, 1000)), LIMIT, 512), 0), 3)
    assert does_not_fit.count == 8
    assert "does not fit" in does_not_fit.text


def test_3_a_window_that_is_wholly_taken_or_moved_back_is_no_waste() -> None:
    assert numbers(told(LiteralSeed(space((0, 512)), LIMIT), 0)) == set()
    assert 3 not in numbers(told(LiteralSeed(space((0, 10), (100, 101)), LIMIT), 0))


def test_3_beside_one_vma_of_100_gib_each_small_miss_reads_200_mib() -> None:
    seed = LiteralSeed(space((0, 1), (512, 512 + (100 << 18))), LIMIT)
    events = told(seed, 0)
    # The huge VMA does not fit, by its distance: 511 pages of gap, and all but these pages of the VMA.
    assert next(event.size for event in events if event.kind == "fill") == 200 << 20
    assert defect(events, 3).count == 511


def test_4_a_window_beyond_the_address_limit_is_read_short_and_zapped() -> None:
    seed = LiteralSeed(space((0, 2), (500, 508), base=TOP, gate=True), LIMIT)
    events = told(seed, 500, TOP)
    short = defect(events, 4)
    assert events[-1] is short
    assert f"{11 * 8:,} of 4,096 bytes" in short.text
    assert (short.start, short.end) == (TOP + 500 * PAGE, TOP + 1012 * PAGE)
    assert seed.failed
    assert (seed.start, seed.end) == (0, 0)
    # Nothing is held, so it is the same again.
    assert kinds(told(seed, 500, TOP)) == kinds(events)


def test_4_one_read_gives_less_than_2_gib() -> None:
    pages = 1_094_712_560 // 4
    seed = LiteralSeed(space((0, pages), base=LOW), LIMIT)
    cut = defect(told(seed, 3, LOW), 4)
    assert f"{pages * 8:,} bytes at 2,147,479,552" in cut.text
    assert seed.failed
    assert not numbers(told(LiteralSeed(space((0, 0x7FFFF000 // 8), base=LOW), LIMIT), 3, LOW))


def test_4_vsyscall_itself_is_beyond_the_limit() -> None:
    seed = LiteralSeed(space((0, 1), gate=True), LIMIT)
    events = list(seed.lookup(VSYSCALL[0]))
    # The last VMA, and not the first: the walk would go through the head before it could read anything.
    assert numbers(events) == {1}
    alone = list(LiteralSeed(space(gate=True), LIMIT).lookup(VSYSCALL[0]))
    assert "gives 0 of 4,096 bytes" in defect(alone, 4).text


def test_5_and_6_a_vma_longer_than_the_buffer_asserts_and_else_would_recurse() -> None:
    # With the patch's own buffer it cannot happen: this one is given.
    seed = LiteralSeed(space((0, 100), (200, 201)), LIMIT, 64)
    inside = told(seed, 10)
    assert kinds(inside) == ["lookup", "try", "step", "summary", "assert"]
    assert "has 100 pages, the buffer 64" in defect(inside, 6).text
    assert seed.failed
    outside = told(seed, 64)
    assert kinds(outside) == ["lookup", "try", "step", "summary", "assert", "recursion"]
    assert f"{BASE + 64 * PAGE:#x} is outside the new window" in defect(outside, 5).text
    assert (seed.start, seed.end) == (0, 0)


def test_6_a_window_whose_end_wraps_around() -> None:
    seed = LiteralSeed(space((0, 1 << 20), gate=True), LIMIT)
    assert "wraps around" in defect(list(seed.lookup(VSYSCALL[0])), 6).text


def test_7_a_large_vma_pays_for_the_gap_before_it() -> None:
    # 1 page, a gap of 100, 200 pages: 100 are more than the 1 covered, but not more than 201.
    events = told(LiteralSeed(space((0, 1), (101, 301)), LIMIT), 0)
    paid = defect(events, 7)
    assert paid.vma == (BASE + 101 * PAGE, BASE + 301 * PAGE)
    assert "400 KiB of gaps are more than the 4 KiB covered so far" in paid.text
    assert "gap" not in kinds(events)
    # As much gap as was covered before is no difference.
    assert 7 not in numbers(told(LiteralSeed(space((0, 100), (200, 300)), LIMIT), 0))


def test_7_two_pages_three_pages_apart_get_no_caching() -> None:
    events = told(LiteralSeed(space((0, 1), (4, 5)), LIMIT), 0)
    assert "a gap of 12 KiB leaves this VMA alone" in defect(events, 7).text
    assert next(event.size for event in events if event.kind == "fill") == 8
    # One page closer they share a window; beyond 2 MiB nobody would expect them to.
    assert 7 not in numbers(told(LiteralSeed(space((0, 1), (2, 3)), LIMIT), 0))
    assert 7 not in numbers(told(LiteralSeed(space((0, 1), (520, 521), (530, 1200)), LIMIT), 0))


def test_8_scrolling_up_misses_on_every_vma() -> None:
    layout = space((0, 4), (5, 9), (10, 14), (15, 19))
    up = LiteralSeed(layout, LIMIT, 600)
    assert 8 not in numbers(told(up, 15))
    up.start, up.end = BASE + 10 * PAGE, BASE + 19 * PAGE
    below = defect(told(up, 7), 8)
    assert (below.start, below.address) == (BASE + 10 * PAGE, BASE + 7 * PAGE)
    # A jump further down the addresses is none, nor one upwards.
    up.start, up.end = BASE + 10 * PAGE, BASE + 14 * PAGE
    assert 8 not in numbers(told(up, 0))
    up.start, up.end = BASE, BASE + 4 * PAGE
    assert 8 not in numbers(told(up, 5))


# --- walks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_tells_of_the_lookups_that_the_walk_makes(name: str) -> None:
    # VMAs that end with their block, so that nothing fails on the way, and far below the limit.
    layout = space(*((512 * n, 512 * n + 512) for n in range(9)), gate=True)
    events = list(literal_events(layout, LIMIT, name, rows=20, steps=40))
    cache = PagemapCache(CountingReader(LIMIT), layout, "page")
    for _ in walk(cache, name, rows=20, steps=40):
        pass
    looked_up = sum(event.count or 0 for event in events if event.kind == "hit")
    assert looked_up == cache.counters.lookups > 0
    assert not any(event.number == 4 for event in events)
    fills = [event for event in events if event.kind == "fill"]
    if name == "dump":
        assert len(fills) == 9
        assert [event.count for event in events if event.kind == "hit"] == [1, 511] * 9


def test_scrolling_up_by_line_shows_forward_only_and_down_does_not() -> None:
    layout = space(*((20 * n, 20 * n + 15) for n in range(200)), gate=True)
    assert 8 in numbers(literal_events(layout, LIMIT, "up", rows=10, steps=100))
    assert 8 not in numbers(literal_events(layout, LIMIT, "down", rows=10, steps=100))


def test_a_walk_is_lazy() -> None:
    # 16 TiB at once would be 4 billion lookups; the first events come before any of them.
    events = literal_events(space((0, 1 << 32), base=1 << 40), LIMIT)
    assert [next(events).kind for _ in range(3)] == ["init", "lookup", "try"]


def test_a_failing_dump_goes_on_with_the_next_vma() -> None:
    # One VMA's entries are more than a read gives, and the buffer is as long: every lookup fails.
    pages = 1_094_712_560 // 4
    events = list(literal_events(space((0, 5), (600, 600 + pages), base=LOW, gate=True), LIMIT))
    assert kinds(events).count("no-clamp") == 2
    assert len(events) < 20


def test_an_unknown_walk_is_wrong_usage_and_an_address_in_no_vma_is_named() -> None:
    with pytest.raises(UsageError, match="the walks are dump"):
        next(literal_events(space((0, 1)), LIMIT, "sideways"))
    with pytest.raises(NotMappedError):
        told(LiteralSeed(space((0, 1)), LIMIT), 1)


def test_without_vmas_there_is_but_the_beginning() -> None:
    for name in WALKS:
        assert kinds(literal_events(AddressSpace(b""), LIMIT, name)) == ["init"]


@given(
    layout=layouts(),
    name=st.sampled_from(WALKS),
    pages=st.one_of(st.none(), st.integers(1, 2000)),
    rows=st.integers(1, 60),
)
def test_whatever_the_layout_it_ends_and_holds_only_what_could_be_read(
    layout: Layout, name: str, pages: int | None, rows: int
) -> None:
    failed = False
    for event in literal_events(layout.space, layout.limit, name, rows, 10, buffer_pages=pages):
        assert event.kind in KINDS
        assert event.text
        if event.kind == "hit":
            assert event.start is not None
            assert event.end is not None
            assert event.address is not None
            assert event.start <= event.address < event.end <= layout.limit
            assert not failed
        # After a defect that ends a lookup only another lookup (or the recursion it hid) comes.
        if failed:
            assert event.kind == "lookup" or event.number == 5
        failed = event.number in (4, 5, 6) or (event.number == 1 and not event.hidden)
