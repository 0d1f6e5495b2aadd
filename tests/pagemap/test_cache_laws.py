"""The laws of the cache: for every policy, any VMAs, any lookups, whatever happens in between."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from pagemap.cache import PagemapCache
from pagemap.counters import REASONS
from pagemap.counting import CountingReader
from pagemap.policies import BLOCK, make_policy
from pagemap.store import WindowStore
from pagemap.window import Window
from tests.kit.kernel import PAGE
from tests.pagemap.machine import ALL_POLICIES, Machine, check_laws, check_windows
from tests.pagemap.synthetic import Layout, Range, cut_in_two, layouts

SIZES = st.sampled_from([None, PAGE, 4 * PAGE, BLOCK, 4 * BLOCK])
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


@ALL_POLICIES
@given(
    layout=layouts(),
    wished=st.lists(st.tuples(PARTS, st.integers(1, 700)), max_size=4),
    windows=st.sampled_from([None, 3]),
    mapped=st.booleans(),
)
def test_a_range_counts_what_its_pages_one_by_one_do(
    name: str, layout: Layout, wished: list[tuple[float, int]], windows: int | None, mapped: bool
) -> None:
    together, apart = (Machine(name, layout, windows=windows).cache for _ in range(2))
    for part, count in wished:
        first = layout.pages[int(part * len(layout.pages))]
        last = min(first + count * PAGE, layout.limit)
        if mapped:
            assert sum(pages for _, pages in together.lookup_mapped(first, last)) == together.space.mapped_pages(
                first, last
            )
        for low, high in together.space.mapped_ranges(first, last):
            for _ in () if mapped else together.lookup_range(low, high):
                pass
            for address in range(low, high, PAGE):
                apart.lookup(address)
    same = ["lookups", "hits", *REASONS, "fills", "entries_used", "evictions", "largest_window", "scans"]
    if not together.policy.regions:
        # Of regions the entries of a range are read at once, those of single pages one by one.
        same += ["preads", "entries_read"]
    assert [getattr(together.counters, n) for n in same] == [getattr(apart.counters, n) for n in same]
    assert [(w.start, w.end) for w in together.windows] == [(w.start, w.end) for w in apart.windows]


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


@given(ranges=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), max_size=25), data=st.data())
def test_the_store_finds_what_a_search_of_all_windows_finds(ranges: list[Range], data: DataObject) -> None:
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
        if data.draw(st.booleans()) and held:
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
