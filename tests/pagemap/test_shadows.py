"""A shadow counts exactly what its policy counts when it runs for real."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.cache import PagemapCache
from pagemap.counters import Counters
from pagemap.policies import POLICIES, make_policy
from pagemap.shadows import Shadows
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import FakeClock, Layout, Pagemap, Range, Synthetic, layouts

PARTS = st.floats(0, 1, exclude_max=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("look_up"), PARTS, st.integers(1, 600)),
        st.tuples(st.just("refresh"), PARTS, st.integers(1, 60)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("reset")),
        st.tuples(st.just("set_age_limit"), st.sampled_from([None, 2.0])),
        st.tuples(st.just("drop_vma"), PARTS),
        st.tuples(st.just("wait"), st.integers(1, 3)),
        st.tuples(st.just("counters")),
    ),
    max_size=25,
)


class Session:
    """What the explorer does: a real cache for each policy, and shadows that are told the same."""

    def __init__(self, layout: Layout) -> None:
        self.clock = FakeClock()
        self.layout = layout
        space = layout.space
        self.shadows = Shadows(space, layout.limit, self.clock)
        self.caches = {}
        for name in POLICIES:
            source = Synthetic(space, Pagemap(layout.limit))
            self.caches[name] = PagemapCache(source, space, make_policy(name), clock=self.clock, timer=lambda: 0.0)

    def _ranges(self, part: float, count: int) -> list[Range]:
        pages = self.layout.pages
        if not pages:
            return []
        first = pages[int(part * len(pages))]
        return [*self.layout.space.mapped_ranges(first, min(first + count * PAGE, self.layout.limit))]

    def look_up(self, part: float, count: int) -> None:
        ranges = self._ranges(part, count)
        for cache in self.caches.values():
            for start, end in ranges:
                for _ in cache.lookup_range(start, end):
                    pass
        self.shadows.look_up(ranges)

    def refresh(self, part: float, count: int) -> None:
        ranges = self._ranges(part, count)
        for cache in self.caches.values():
            cache.refresh(ranges)
        self.shadows.refresh(ranges)

    def flush(self) -> None:
        for cache in self.caches.values():
            cache.flush()
        self.shadows.flush()

    def reset(self) -> None:
        for cache in self.caches.values():
            cache.reset()
        self.shadows.reset()

    def set_age_limit(self, limit: float | None) -> None:
        for cache in self.caches.values():
            cache.age_limit = limit
        self.shadows.set_age_limit(limit)

    def drop_vma(self, part: float) -> None:
        ranges = list(self.layout.ranges)
        if ranges:
            del ranges[int(part * len(ranges))]
        self.layout = replace(self.layout, ranges=tuple(ranges))
        space = self.layout.space
        for cache in self.caches.values():
            cache.set_space(space)
        self.shadows.set_space(space)

    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    def counters(self) -> None:
        for name, shadow in self.shadows.counters().items():
            assert shadow == self.caches[name].counters, name


@given(layout=layouts(), steps=STEPS)
def test_a_shadow_counts_what_its_policy_counts(layout: Layout, steps: list[tuple[Any, ...]]) -> None:
    session = Session(layout)
    for what, *arguments in steps:
        getattr(session, what)(*arguments)
    session.counters()


def test_a_shadow_reads_nothing_and_waits_until_it_is_asked() -> None:
    space = AddressSpace.from_ranges([(PAGE, 3 * PAGE)])
    clock = FakeClock()
    shadows = Shadows(space, 1 << 40, clock, age_limit=1.0, names=["page", "blocks"])
    shadows.look_up([(PAGE, 3 * PAGE)])
    # The time at which something happened counts, not the time at which it is worked out.
    clock.now = 5.0
    shadows.look_up([(PAGE, 3 * PAGE)])
    clock.now = 100.0
    counters = shadows.counters()
    assert list(counters) == ["page", "blocks"]
    assert counters["page"].preads == counters["page"].misses == 4
    assert (counters["blocks"].cold, counters["blocks"].expired, counters["blocks"].hits) == (1, 1, 2)
    assert shadows.counters()["blocks"].lookups == 4, "what was worked out is not worked out again"


def resident() -> int:
    """Our own resident bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.parametrize("name", POLICIES)
def test_a_shadow_of_a_huge_vma_takes_little_memory(name: str) -> None:
    space = AddressSpace.from_ranges([(0, 16 << 40)])
    shadows = Shadows(space, 1 << 47, FakeClock(), names=[name])
    before = resident()
    for i in range(16):
        ranges = [(i << 40, (i << 40) + 50 * PAGE)]
        shadows.look_up(ranges)
        shadows.refresh(ranges)
    assert shadows.counters()[name].lookups == 16 * 50
    # A window of 32 GiB has 64 MiB of entries, which a shadow does not have: a byte a page at most, or two.
    assert resident() - before < 48 << 20
    shadows.reset()
    assert shadows.counters()[name] == Counters()
