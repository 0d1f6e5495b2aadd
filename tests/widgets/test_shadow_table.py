"""The shadow table: bars in eighths of a cell, one row a policy, at any width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.widgets.host import hosted
from widgets.shadow_table import Cost, ShadowTable, bar_of

EIGHTHS = " ▏▎▍▌▋▊▉"

COSTS = (
    Cost("blocks", True, 12, 12, 6_144, 0.975),
    Cost("criu", False, 3, 24, 1_536, 0.5),
    Cost("none", False, 1_000, 1_000, 1_000, 0.0),
    Cost("idle", False, 0, 0, 0, None),
)


@pytest.mark.parametrize(
    ("value", "most", "width", "bar"),
    [
        (0, 0, 4, "    "),
        (0, 10, 4, "    "),
        (10, 10, 4, "████"),
        (5, 10, 4, "██  "),
        (1, 8, 1, "▏"),
        (3, 8, 1, "▍"),
        (7, 8, 1, "▉"),
        (9, 16, 2, "█▏"),
        # What is not nothing is seen.
        (1, 1_000_000, 4, "▏   "),
        (1, 1 << 80, 1, "▏"),
        (3, 3, 0, ""),
        (0, 3, 0, ""),
    ],
)
def test_bar_of(value: int, most: int, width: int, bar: str) -> None:
    assert bar_of(value, most, width) == bar


def length(bar: str) -> int:
    """Its length in eighths, with only its last character partly filled."""
    drawn = bar.rstrip()
    full = drawn.rstrip(EIGHTHS)
    assert full == "█" * len(full)
    assert len(drawn) - len(full) <= 1
    return 8 * len(full) + sum(EIGHTHS.index(char) for char in drawn[len(full) :])


@given(st.integers(0, 1 << 70), st.integers(1, 1 << 70), st.integers(1, 200))
def test_a_bar_is_in_proportion(value: int, most: int, width: int) -> None:
    value = min(value, most)
    bar = bar_of(value, most, width)
    assert len(bar) == width
    exact = value * width * 8 // most
    assert length(bar) == (max(1, exact) if value else 0)


@given(st.lists(st.integers(0, 1 << 40), min_size=2, max_size=2).map(sorted), st.integers(1, 100))
def test_a_larger_value_has_no_shorter_bar(values: list[int], width: int) -> None:
    low, high = values
    assert length(bar_of(low, high, width)) <= length(bar_of(high, high, width))


async def test_a_row_a_policy() -> None:
    table = ShadowTable()
    async with hosted(table, (112, 8)) as host:
        table.show(COSTS, "walk: down")
        await host.settle()
        heading, *rows = host.lines
        assert heading.split() == ["policy", "hit", "rate", "fills", "preads", "entries", "walk:", "down"]
        assert [row[:1] for row in rows[:4]] == ["▸", " ", " ", " "]
        assert rows[0][1:].split()[:4] == ["blocks", "97.5%", "12", "12"]
        assert rows[3].split() == ["idle", "-", "0", "0", "0"], "no lookups is no rate, and nothing has no bar"
        # The longest bar of each column fills it, and only that one.
        assert ["█" * 24 in row[43:67] for row in rows[:4]] == [False, False, True, False]
        assert ["█" * 24 in row[80:104] for row in rows[:4]] == [True, False, False, False]
        assert rows[4:] == ["", "", ""]


async def test_numbers_stand_under_their_headings() -> None:
    table = ShadowTable()
    async with hosted(table, (112, 6)) as host:
        table.show(COSTS)
        await host.settle()
        heading, first, *_ = host.lines
        for name, number in (("rate", "97.5%"), ("preads", "12"), ("entries", "6,144")):
            end = heading.index(name) + len(name)
            assert first[:end].endswith(number)


@pytest.mark.parametrize("width", [1, 20, 71, 72, 80, 81, 133, 250])
async def test_fits(width: int) -> None:
    table = ShadowTable()
    async with hosted(table, (width, 6)) as host:
        table.show((*COSTS, Cost("huge", False, 1 << 50, 1 << 50, 1 << 60, 1.0)))
        await host.settle()
        assert all(len(line) <= width for line in host.lines)


async def test_without_costs_there_is_a_heading() -> None:
    table = ShadowTable()
    async with hosted(table, (80, 4)) as host:
        assert [bool(line) for line in host.lines] == [True, False, False, False]


async def test_the_title_stays_until_there_is_another() -> None:
    table = ShadowTable()
    async with hosted(table, (120, 4)) as host:
        table.show(COSTS, "walk: random")
        table.show(COSTS[:1])
        await host.settle()
        assert host.lines[0].endswith("walk: random")
        assert host.lines[2] == ""
