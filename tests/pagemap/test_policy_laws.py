"""What holds for every policy alike: whatever the layout, the addresses looked up, and how short the reads come."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.errors import NotMappedError, NotWalkableError, PagelensError, ReadFailedError, TargetGoneError
from pagemap.live import LiveProcess
from pagemap.policies import BUDGET, MAX_WINDOW, POLICIES, READAHEAD, Plan
from pagemap.reader import MAX_READ, PagemapReader
from pagemap.shadows import Shadows
from pagemap.vma import AddressSpace
from pagemap.walks import WALKS, walk
from tests.kit.kernel import PAGE
from tests.kit.targets import Target
from tests.pagemap.synthetic import LIMIT, VSYSCALL, Layout, Pagemap, Range, Synthetic, cut_in_two, entry, layouts

TOP = 0x7FFFFFE00000
LOW = 0x7E0000000000
HUGE = 1_094_712_560 // 4
BUDGET_PAGES = BUDGET // 8
every_policy = pytest.mark.parametrize("policy", POLICIES)

Lookups = list[tuple[int, int]]
"""Which page, by its number among all that there are, and how many from there on."""
lookups = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 60)), min_size=1, max_size=8)


def ranges(layout: Layout, wished: Lookups) -> Iterator[Range]:
    """The lookups as ranges, each in one VMA and below the limit."""
    pages = layout.pages
    space = layout.space
    for number, count in wished:
        start = pages[number % len(pages)]
        index = space.find(start)
        assert index is not None
        yield start, min(start + count * PAGE, space.ends[index], layout.limit)


def serve(cache: PagemapCache, start: int, end: int) -> None:
    """Look up a range and check every entry against the memory itself."""
    at = start
    for served in cache.lookup_range(start, end):
        assert served.start == at < served.end
        assert list(served.entries) == [entry(page) for page in range(served.start, served.end, PAGE)]
        at = served.end
    assert at == end


def check_counters(cache: PagemapCache) -> None:
    """What every view relies on."""
    counters = cache.counters
    assert counters.lookups == counters.hits + counters.misses
    assert counters.misses == counters.fills + counters.failed_fills
    assert counters.misses == counters.cold + counters.evicted + counters.expired + counters.invalidated
    assert counters.entries_used <= counters.entries_read or cache.policy.regions
    assert counters.bytes_read == 8 * counters.entries_read


def costs(cache: PagemapCache) -> dict[str, Any]:
    """All counters but the times."""
    return {name: value for name, value in cache.counters.as_json().items() if "seconds" not in name}


def watch(cache: PagemapCache, monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Check every plan that the cache is given."""
    plans: list[Plan] = []
    plan = cache.policy.plan

    def checked(space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        made = plan(space, address, limit, previous)
        assert made.start <= address < made.end
        assert made.start % PAGE == made.end % PAGE == 0
        assert made.end - made.start <= MAX_WINDOW
        assert made.end <= limit or cache.policy.name == "criu-unclamped"
        if cache.policy.name == "readahead":
            assert made.end - made.start <= READAHEAD * (2 << 20)
        plans.append(made)
        return made

    monkeypatch.setattr(cache.policy, "plan", checked)
    return plans


@every_policy
@given(layout=layouts(), wished=lookups)
def test_entries_are_the_memorys_and_counters_add_up(policy: str, layout: Layout, wished: Lookups) -> None:
    source = Synthetic(layout.space, Pagemap(layout.limit))
    cache = PagemapCache(source, layout.space, policy)
    shadow = PagemapCache(CountingReader(layout.limit), layout.space, policy)
    with pytest.MonkeyPatch.context() as patch:
        plans = watch(cache, patch)
        for start, end in ranges(layout, wished):
            serve(cache, start, end)
            for _ in shadow.lookup_range(start, end):
                pass
            assert len(cache.windows) <= cache.policy.windows
        assert len(plans) == cache.counters.fills
    check_counters(cache)
    assert costs(shadow) == costs(cache)
    # The limit is found without a read here: all that were made are those that are counted.
    assert cache.counters.preads == len(source.pagemap.calls)
    assert cache.counters.bytes_read == source.pagemap.given


@every_policy
@given(layout=layouts(), address=st.integers(0, (1 << 64) - 1))
def test_any_address_has_an_entry_or_a_named_error(policy: str, layout: Layout, address: int) -> None:
    cache = PagemapCache(Synthetic(layout.space, Pagemap(layout.limit)), layout.space, policy)
    near = [place + offset for low, high in layout.ranges for place in (low, high) for offset in (-1, 0, 1)]
    for place in (address, *near):
        mapped = any(low <= place < high for low, high in layout.ranges)
        if mapped and place < layout.limit:
            assert cache.lookup(place) == entry(place // PAGE * PAGE)
            continue
        with pytest.raises(NotWalkableError if mapped else NotMappedError):
            cache.lookup(place)
    check_counters(cache)


@every_policy
@given(layout=layouts(), wished=lookups)
def test_looking_up_over_vma_borders_counts_what_vma_by_vma_does(policy: str, layout: Layout, wished: Lookups) -> None:
    space = layout.space
    together = PagemapCache(Synthetic(space, Pagemap(layout.limit)), space, policy)
    apart = PagemapCache(Synthetic(space, Pagemap(layout.limit)), space, policy)
    # Some pages first, so that windows are held, then all that there are.
    for start, end in ranges(layout, wished):
        serve(together, start, end)
        serve(apart, start, end)
    pages = sum(count for _, count in together.lookup_mapped(0, layout.limit))
    for start, end in space.mapped_ranges(0, layout.limit):
        serve(apart, start, end)
    assert pages == len(layout.pages)
    assert costs(together) == costs(apart)


@every_policy
@given(layout=layouts(), name=st.sampled_from(WALKS), rows=st.integers(1, 70))
def test_shadows_count_what_the_policy_counts(policy: str, layout: Layout, name: str, rows: int) -> None:
    space = layout.space
    real = PagemapCache(Synthetic(space, Pagemap(layout.limit)), space, policy)
    shadow = PagemapCache(CountingReader(layout.limit), space, policy)
    for cache in (real, shadow):
        for _ in walk(cache, name, rows=rows, steps=20):
            pass
    check_counters(real)
    assert costs(shadow) == costs(real)


@every_policy
def test_shadow_counts_what_the_policy_counts_on_a_real_process(policy: str) -> None:
    with Target.spawn() as target:
        live = LiveProcess(target.pid)
        try:
            space = live.maps()
            for name in WALKS:
                real = PagemapCache(live, space, policy)
                shadow = PagemapCache(CountingReader(live.address_limit), space, policy)
                for cache in (real, shadow):
                    for _ in walk(cache, name, steps=100):
                        pass
                check_counters(real)
                assert costs(shadow) == costs(real)
        finally:
            live.close()


@given(layout=layouts(), wished=lookups)
def test_all_shadows_together_count_what_each_policy_counts(layout: Layout, wished: Lookups) -> None:
    space = layout.space
    shadows = Shadows(space, layout.limit, lambda: 0.0)
    asked = list(ranges(layout, wished))
    shadows.look_up(asked)
    for name, counters in shadows.counters().items():
        real = PagemapCache(Synthetic(space, Pagemap(layout.limit)), space, name, clock=lambda: 0.0)
        for start, end in asked:
            serve(real, start, end)
        assert (counters.lookups, counters.hits, counters.fills) == (
            *(real.counters.lookups, real.counters.hits, real.counters.fills),
        )
        assert (counters.preads, counters.entries_read) == (real.counters.preads, real.counters.entries_read)


# --- short reads --------------------------------------------------------------------------------------------------


@every_policy
@given(layout=layouts(), wished=lookups, sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=5))
def test_reads_cut_anyhow_give_the_same_entries_or_a_named_error(
    policy: str, layout: Layout, wished: Lookups, sizes: list[int]
) -> None:
    pagemap = Pagemap(layout.limit, lambda _, call: sizes[call % len(sizes)])
    cache = PagemapCache(Synthetic(layout.space, pagemap), layout.space, policy)
    for start, end in ranges(layout, wished):
        # `serve` has compared what came before the error.
        with suppress(ReadFailedError, TargetGoneError):
            serve(cache, start, end)
        check_counters(cache)


@every_policy
@given(layout=layouts(), wished=lookups)
def test_reads_cut_by_1024_above_2048_bytes_give_the_same_entries(policy: str, layout: Layout, wished: Lookups) -> None:
    whole = PagemapCache(Synthetic(layout.space, Pagemap(layout.limit)), layout.space, policy)
    cut = PagemapCache(Synthetic(layout.space, Pagemap(layout.limit, cut_in_two)), layout.space, policy)
    for start, end in ranges(layout, wished):
        serve(whole, start, end)
        serve(cut, start, end)
    names = ("lookups", "hits", "fills", "entries_read", "entries_used", "evictions")
    assert [costs(cut)[name] for name in names] == [costs(whole)[name] for name in names]
    assert cut.counters.preads >= whole.counters.preads


@every_policy
@pytest.mark.parametrize(("size", "error"), [(1, ReadFailedError), (7, ReadFailedError), (0, TargetGoneError)])
def test_reads_of_no_whole_entry_are_a_named_error(policy: str, size: int, error: type[PagelensError]) -> None:
    space = AddressSpace.from_ranges([(TOP, TOP + 64 * PAGE)])
    cache = PagemapCache(Synthetic(space, Pagemap(cut=lambda _, call: size)), space, policy)
    for _ in range(3):
        with pytest.raises(error):
            cache.lookup(TOP + PAGE)
        check_counters(cache)
    if not cache.policy.regions:
        assert cache.counters.failed_fills == 3
        assert not cache.windows


@every_policy
@pytest.mark.parametrize("always", [True, False], ids=["always", "once"])
def test_a_read_cut_at_every_offset_gives_the_same_entries_or_a_named_error(policy: str, always: bool) -> None:
    start, end = TOP, TOP + 64 * PAGE
    space = AddressSpace.from_ranges([(start, end)])
    expected = [entry(page) for page in range(start, end, PAGE)]

    def cutter(pagemap: Pagemap, place: int) -> Callable[[int, int], int]:
        def cut(size: int, call: int) -> int:
            offset = pagemap.calls[-1][1] - start // PAGE * 8
            return place - offset if offset < place < offset + size and (always or call == 1) else size

        return cut

    for place in range(1, len(expected) * 8):
        pagemap = Pagemap()
        pagemap.cut = cutter(pagemap, place)
        cache = PagemapCache(Synthetic(space, pagemap), space, policy)
        # Whole entries are kept and the read goes on behind them; less than one entry at a time cannot be.
        readable = place % 8 == 0 or (not always and place > 8)
        try:
            got = [word for served in cache.lookup_range(start, end) for word in served.entries]
        except ReadFailedError:
            assert not readable
        else:
            assert readable
            assert got == expected
        check_counters(cache)


# --- regions ------------------------------------------------------------------------------------------------------


def test_entries_behind_the_end_of_a_read_are_known_no_more() -> None:
    space = AddressSpace.from_ranges([(TOP, TOP + 4 * PAGE)])
    source = Synthetic(space)
    cache = PagemapCache(source, space, "scan")
    cache.lookup(TOP + 3 * PAGE)
    source.pagemap.dead = True
    with pytest.raises(TargetGoneError):
        list(cache.lookup_range(TOP, TOP + 4 * PAGE))
    check_counters(cache)


# --- what has no window -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
def test_empty_list_has_no_window_and_ends_every_walk(policy: str) -> None:
    cache = PagemapCache(CountingReader(LIMIT), AddressSpace(b""), policy)
    with pytest.raises(NotMappedError):
        cache.lookup(TOP)
    for name in WALKS:
        assert len(list(walk(cache, name, steps=10))) <= 10
    assert cache.counters.lookups == cache.counters.misses == cache.counters.preads == 0
    assert not cache.windows


@pytest.mark.parametrize("policy", POLICIES)
def test_vsyscall_itself_is_not_walkable_and_counts_nothing(policy: str) -> None:
    space = AddressSpace.from_ranges([(TOP, TOP + PAGE), VSYSCALL])
    cache = PagemapCache(CountingReader(LIMIT), space, policy)
    with pytest.raises(NotWalkableError):
        cache.lookup(VSYSCALL[0])
    assert cache.counters.lookups == 0


# --- reads beyond 2 GiB -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", sorted({*POLICIES} - {"page", "blocks", "readahead"}))
def test_dump_of_a_vma_beyond_two_gib_of_entries_stays_in_the_budget(policy: str) -> None:
    assert HUGE * 8 > 0x7FFFF000  # one read could not give it
    space = AddressSpace.from_ranges([(LOW + 5 * PAGE, LOW + (5 + HUGE) * PAGE)])
    cache = PagemapCache(CountingReader(LIMIT), space, policy)
    for _ in walk(cache, "dump"):
        assert all(len(window.entries) * 8 <= BUDGET for window in cache.windows)
    counters = cache.counters
    assert counters.lookups == HUGE
    # 273,678,140 / 8,388,608 is 32.6; the seed's second window begins at its block's start, a few pages early.
    assert counters.fills == 33
    assert counters.preads == 33
    assert counters.largest_window == BUDGET_PAGES


def test_request_beyond_two_gib_is_split_into_reads_that_the_kernel_takes() -> None:
    asked = []

    def pread(fd: int, size: int, offset: int) -> bytes:
        asked.append((size, offset))
        # Zeroes that nobody looks at cost no memory; the second read finds the end.
        return b"" if len(asked) == 2 else bytes(size)

    first = LOW // PAGE * 8
    reading = PagemapReader(-1, pread).read(LOW, LOW + HUGE * PAGE)
    assert MAX_READ == 0x7FFFF000
    assert asked == [(0x7FFFF000, first), (HUGE * 8 - 0x7FFFF000, first + 0x7FFFF000)]
    assert len(reading.entries) == 0x7FFFF000 // 8
    assert reading.preads == 2


def test_counting_reader_splits_the_same_request_alike() -> None:
    reading = CountingReader(LIMIT).read(LOW, LOW + HUGE * PAGE)
    assert (len(reading.entries), reading.preads, reading.short_reads) == (HUGE, 2, 0)
