"""Walks: each looks up what it says, the same under every policy."""

from collections.abc import Sequence

import pytest

from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.errors import ReadFailedError, TargetGoneError, UsageError
from pagemap.policies import POLICIES
from pagemap.recording import Recording
from pagemap.vma import AddressSpace
from pagemap.walks import JUMPS, LINES, WALKS, walk
from tests.kit.kernel import PAGE
from tests.kit.targets import Target
from tests.pagemap.synthetic import VSYSCALL, Pagemap, Range, Synthetic

LIMIT = 1 << 47
SMALL = [(PAGE * 1000 * i, PAGE * (1000 * i + 1 + i % 4)) for i in range(1, 3001)]
EMPTY: list[Range] = []


def cache_of(ranges: Sequence[Range], policy: str = "page") -> PagemapCache:
    return PagemapCache(CountingReader(LIMIT), AddressSpace.from_ranges(ranges), policy)


def parts(cache: PagemapCache, name: str, **options: int) -> list[float]:
    done = list(walk(cache, name, **options))
    assert done == sorted(done)
    assert all(0 < part <= 1 for part in done)
    return done


@pytest.mark.parametrize("policy", POLICIES)
def test_a_dump_looks_up_every_page_once(policy: str) -> None:
    cache = cache_of([*SMALL, VSYSCALL], policy)
    parts(cache, "dump")
    assert cache.counters.lookups == cache.counters.entries_used == sum(e - s for s, e in SMALL) // PAGE


def test_a_dump_of_all_that_can_be_read_ends_at_one() -> None:
    assert parts(cache_of(SMALL, "blocks"), "dump")[-1] == 1.0


@pytest.mark.parametrize(("name", "steps"), [("down", LINES), ("up", LINES), ("page-down", JUMPS), ("jumps", JUMPS)])
def test_a_walk_has_as_many_steps_as_it_says(name: str, steps: int) -> None:
    # A jump is a step; the others begin somewhere and make their steps from there.
    start = 0 if name == "jumps" else 1
    # One VMA of 16 TiB: a walk costs what it shows.
    done = parts(cache_of([(0, 16 << 40)], "blocks"), name)
    assert len(done) == steps + start
    assert done[-1] == 1.0
    assert len(parts(cache_of([(0, 16 << 40)]), name, steps=7)) == 7 + start


def test_down_and_up_see_the_same_rows_and_each_line_once() -> None:
    space = [(0, 16 << 40)]
    down, up = cache_of(space, "blocks"), cache_of(space, "blocks")
    parts(down, "down", rows=50)
    parts(up, "up", rows=50)
    # 50 rows, of which one is the header, and a new one with each step; going up the header comes last.
    assert down.counters.lookups == 49 + LINES
    assert up.counters.lookups == 50 + LINES - 1
    assert down.counters.fills == up.counters.fills == -(-(LINES + 49) // 512)


def test_pages_down_show_every_row_once() -> None:
    cache = cache_of(SMALL)
    parts(cache, "page-down", rows=50)
    assert cache.space.row_count < 50 * JUMPS
    assert cache.counters.lookups == cache.space.page_count
    short = cache_of([(0, 120 * PAGE)])
    assert len(parts(short, "page-down", rows=50)) == 3
    assert short.counters.lookups == 120


def test_jumps_are_the_same_for_every_policy_and_at_every_run() -> None:
    seen = {policy: cache_of(SMALL, policy) for policy in POLICIES}
    for cache in seen.values():
        parts(cache, "jumps", steps=100)
    assert len({cache.counters.lookups for cache in seen.values()}) == 1
    assert len({cache.counters.misses for cache in seen.values()}) > 1
    again = cache_of(SMALL)
    parts(again, "jumps", steps=100)
    assert again.counters.lookups == seen["page"].counters.lookups


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("ranges", [EMPTY, [(PAGE, 2 * PAGE)], [VSYSCALL]])
def test_a_walk_over_next_to_nothing_ends(name: str, ranges: list[Range]) -> None:
    cache = cache_of(ranges)
    parts(cache, name)
    assert cache.counters.misses == cache.counters.lookups - cache.counters.hits
    assert bool(cache.counters.lookups) == (ranges == [(PAGE, 2 * PAGE)])


def test_an_unknown_walk_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no such walk: sideways.*dump.*jumps"):
        next(walk(cache_of(SMALL), "sideways"))


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_over_a_target_that_was_gone_before_raises_and_does_not_end_with_nothing(name: str) -> None:
    with Target.spawn() as target, PagemapCache.open(target.pid) as cache:
        target.exit()
        with pytest.raises(TargetGoneError):
            list(walk(cache, name))
        assert cache.counters.lookups == 0
        # Nor does a recorded scroll.
        start = cache.space.starts[0]
        recording = Recording("", cache.space, LIMIT, [[(start, start + PAGE)]])
        with pytest.raises(TargetGoneError):
            list(recording.replay(cache))


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_over_a_target_that_ends_raises(name: str) -> None:
    space = AddressSpace.from_ranges(SMALL)
    pagemap = Pagemap(LIMIT)
    progress = walk(PagemapCache(Synthetic(space, pagemap), space, "page"), name)
    next(progress)
    pagemap.dead = True
    with pytest.raises(TargetGoneError):
        list(progress)
    pagemap = Pagemap(LIMIT)
    pagemap.failing = OSError(5, "Input/output error")
    with pytest.raises(ReadFailedError):
        list(walk(PagemapCache(Synthetic(space, pagemap), space, "page"), name))
