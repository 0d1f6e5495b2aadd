"""The benchmarks, on a tiny target and by their counts alone, so that they cannot rot."""

import os
from dataclasses import replace

import pytest

from benchmarks.batch import SilentLog
from benchmarks.cache_cost import BLOCK_ENTRIES, Cost, check, measure_layout
from benchmarks.table import Table, quantile, ratio
from pagemap.cache import PagemapCache
from pagemap.policies import DEFAULT_POLICY, POLICIES
from pagemap.walks import WALKS


@pytest.fixture(scope="module")
def costs() -> list[Cost]:
    return measure_layout("S1", scale=50)


def test_every_policy_makes_every_walk(costs: list[Cost]) -> None:
    assert [(cost.walk, cost.policy) for cost in costs] == [(walk, policy) for walk in WALKS for policy in POLICIES]


def test_all_policies_are_asked_for_the_same_pages(costs: list[Cost]) -> None:
    for walk in WALKS:
        assert len({cost.counters.lookups for cost in costs if cost.walk == walk}) == 1, walk


def test_without_a_cache_every_lookup_is_a_pread_of_one_entry(costs: list[Cost]) -> None:
    for cost in costs:
        if cost.policy == "page":
            counters = cost.counters
            assert counters.preads == counters.entries_read == counters.misses
            if cost.walk != "jumps":  # those can come back to the page held
                assert counters.preads == counters.lookups, cost.walk


def test_the_default_keeps_its_promises(costs: list[Cost]) -> None:
    assert check(costs) == []


def test_a_broken_promise_is_seen(costs: list[Cost]) -> None:
    ours = next(cost for cost in costs if cost.policy == DEFAULT_POLICY and cost.walk == "down")
    others = [cost for cost in costs if cost is not ours]
    greedy = replace(ours, counters=replace(ours.counters, largest_window=BLOCK_ENTRIES + 1))
    assert check([greedy, *others]) == [f"{DEFAULT_POLICY} read 513 entries at once on down"]
    chatty = replace(ours, counters=replace(ours.counters, preads=100_000))
    assert any(fault.startswith("down: ") for fault in check([chatty, *others]))


def test_the_silent_log_leaves_the_answers_and_counts_alone() -> None:
    with PagemapCache.open(os.getpid()) as cache, PagemapCache.open(os.getpid()) as silent:
        silent.events = SilentLog()
        start = cache.space.starts[0]
        assert silent.space.starts[0] == start
        assert silent.lookup(start) == cache.lookup(start)
        assert silent.counters.lookups == cache.counters.lookups == 1
        assert len(cache.events) > 0
        assert len(silent.events) == 0


def test_a_table_is_markdown() -> None:
    table = Table("Title", "Note.", ["a", "b"], [["1", "2"]])
    assert str(table).splitlines() == ["## Title", "", "Note.", "", "| a | b |", "| --- | --- |", "| 1 | 2 |"]


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [quantile(values, part) for part in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert quantile([7.0], 0.99) == 7
    assert ratio([2.0], [4.0], 0.5) == "0.50"
    assert ratio([2.0], [], 0.5) == "-"
