"""The visible rows: each is looked up once, when it becomes visible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.cache import PagemapCache
from pagemap.policies import BLOCK, make_policy
from pagemap.viewport import PageRow, Viewport
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import LIMIT, VSYSCALL, FakeClock, Layout, Pagemap, Range, Synthetic, entry, layouts

A = 0x400000


class View:
    """A viewport over a synthetic address space."""

    def __init__(self, ranges: list[Range], policy: str = "blocks", limit: int = LIMIT) -> None:
        self.pagemap = Pagemap(limit)
        self.clock = FakeClock()
        space = AddressSpace.from_ranges(ranges)
        self.cache = PagemapCache(Synthetic(space, self.pagemap), space, policy, clock=self.clock)
        self.viewport = Viewport(self.cache)

    @property
    def calls(self) -> int:
        return len(self.pagemap.calls)

    @property
    def lookups(self) -> int:
        return self.cache.counters.lookups

    @property
    def failure(self) -> str:
        """What kind of error the last try ended with."""
        return "" if self.viewport.error is None else type(self.viewport.error).__name__

    @property
    def words(self) -> list[int | None]:
        return [row.word for row in self.viewport.rows]

    def remap(self, ranges: list[Range]) -> None:
        """The target's maps change, and the viewport follows."""
        space = AddressSpace.from_ranges(ranges)
        changed = self.cache.set_space(space)
        self.viewport.move_to(space, changed)


def pages(rows: list[PageRow]) -> set[int]:
    return {row.number for row in rows if not row.header}


@given(
    layout=layouts(),
    jumps=st.lists(st.one_of(st.integers(-3, 3), st.floats(0, 1)), max_size=20),
    height=st.integers(1, 60),
)
def test_a_row_is_looked_up_when_it_becomes_visible_and_not_before_it_has_left(
    layout: Layout, jumps: list[int | float], height: int
) -> None:
    view = View(list(layout.ranges), limit=layout.limit)
    space, viewport = view.cache.space, view.viewport
    last = max(0, space.row_count - height)
    top, visible = 0, set[int]()
    for jump in [0, *jumps]:
        top = int(jump * last) if isinstance(jump, float) else max(0, min(last, top + jump))
        lookups = view.lookups
        rows = viewport.show(top, height)
        assert viewport.error is None
        assert [(r.number, r.vma, r.address, r.header) for r in rows] == space.rows(top, height)
        fresh = [r for r in rows if not r.header and r.number not in visible and r.address < layout.limit]
        assert view.lookups - lookups == len(fresh)
        looked_up = {a for s, e in viewport.looked_up for a in range(s, e, PAGE)}
        assert looked_up == {r.address for r in fresh}
        for row in rows:
            if row.header:
                assert (row.word, row.lookup) == (None, "")
            elif row.address < layout.limit:
                assert row.word == entry(row.address)
                assert row.lookup == ("miss" if row.reason else "hit")
            else:
                assert (row.word, row.lookup, row.reason) == (None, "", "not walkable")
        visible = pages(rows)


def test_scrolling_within_a_window_reads_nothing() -> None:
    view = View([(A, A + BLOCK), (A + BLOCK, A + 2 * BLOCK)])
    view.viewport.show(0, 50)
    assert (view.calls, view.lookups) == (1, 49)
    for top in [*range(1, 400), *range(400, 0, -1), 200, 3]:
        view.viewport.show(top, 50)
    assert view.calls == 1
    # Rows 0 to 512 are the first VMA's: one step on, the second's first page comes into sight.
    view.viewport.show(513 - 50 + 1, 50)
    assert view.calls == 1
    view.viewport.show(513 - 50 + 2, 50)
    assert view.calls == 2


def test_painting_again_looks_nothing_up() -> None:
    view = View([(A, A + BLOCK)])
    rows = view.viewport.show(7, 30)
    lookups = view.lookups
    assert view.viewport.show(7, 30) == rows
    assert view.lookups == lookups
    assert view.viewport.looked_up == []


def test_a_taller_screen_looks_only_the_new_rows_up() -> None:
    view = View([(A, A + BLOCK)])
    view.viewport.show(0, 10)
    view.viewport.show(0, 30)
    assert view.lookups == 29
    assert view.viewport.looked_up == [(A + 9 * PAGE, A + 29 * PAGE)]


def test_the_row_that_missed_is_told_from_those_that_hit() -> None:
    view = View([(A, A + 10 * PAGE)])
    rows = view.viewport.show(0, 5)
    assert [(row.lookup, row.reason) for row in rows] == [("", ""), ("miss", "cold"), *[("hit", "")] * 3]


def test_what_pagemap_does_not_cover_says_so_and_the_rest_is_resolved() -> None:
    view = View([(A, A + PAGE), VSYSCALL], limit=1 << 40)
    rows = view.viewport.show(0, 10)
    assert [row.reason for row in rows] == ["", "cold", "", "not walkable"]
    assert not view.failure
    assert view.lookups == 1


def test_a_failure_leaves_rows_with_its_reason_and_a_retry_looks_only_these_up() -> None:
    view = View([(A, A + 3 * PAGE), (A + BLOCK, A + BLOCK + 2 * PAGE)])
    view.viewport.show(0, 4)
    view.pagemap.failing = OSError(5, "Input/output error")
    rows = view.viewport.show(0, 10)
    assert view.failure == "ReadFailedError"
    assert [row.word is None for row in rows] == [True, False, False, False, True, True, True]
    assert ["Input/output error" in row.reason for row in rows] == [False] * 5 + [True] * 2
    # Painting again does not try again: a screen that cannot be read costs one try.
    calls = view.calls
    view.viewport.show(0, 10)
    assert view.calls == calls
    lookups = view.lookups
    view.viewport.retry()
    assert not view.failure
    assert view.lookups - lookups == 2
    assert view.words[5:] == [entry(A + BLOCK), entry(A + BLOCK + PAGE)]
    assert [row.reason for row in view.viewport.rows][5:] == ["cold", ""]


def test_the_error_is_that_of_the_last_try() -> None:
    view = View([(A, A + 3 * BLOCK)])
    view.viewport.show(0, 20)
    view.pagemap.failing = OSError(5, "Input/output error")
    failures = []
    # Painting the same rows again tries nothing, so it leaves the error of the refresh before.
    for refresh, top in [(True, 0), (False, 0), (True, 0), (False, 600), (False, 1200)]:
        if top == 600:
            view.pagemap.failing = OSError(5, "Input/output error")
        if refresh:
            view.viewport.refresh()
        else:
            view.viewport.show(top, 20)
        failures.append(view.failure)
    assert failures == ["ReadFailedError", "ReadFailedError", "", "ReadFailedError", ""]


def test_a_target_that_is_gone_leaves_the_last_view() -> None:
    view = View([(A, A + 2 * BLOCK)])
    view.viewport.show(0, 20)
    words = view.words
    view.pagemap.dead = True
    view.viewport.refresh()
    assert view.failure == "TargetGoneError"
    assert view.words == words
    view.viewport.show(600, 20)
    assert view.failure == "TargetGoneError"
    assert all(row.reason for row in view.viewport.rows)


def test_another_cache_looks_the_visible_rows_up_anew() -> None:
    view = View([(A, A + BLOCK)])
    view.viewport.show(5, 20)
    space = view.cache.space
    page = PagemapCache(Synthetic(space), space, make_policy("page"))
    view.viewport.switch(page)
    assert (page.counters.lookups, page.counters.misses) == (20, 20)
    assert view.lookups == 20
    assert [row.lookup for row in view.viewport.rows] == ["miss"] * 20


# --- Refreshes --------------------------------------------------------------------------------------------------


def test_a_refresh_marks_the_rows_whose_entry_changed() -> None:
    view = View([(A, A + 30 * PAGE)])
    view.viewport.show(0, 11)
    lookups = view.lookups
    view.viewport.refresh()
    assert not any(row.changed for row in view.viewport.rows)
    view.pagemap.salt = 1
    view.viewport.refresh()
    rows = view.viewport.rows[1:]
    assert [row.word for row in rows] == [entry(row.address, 1) for row in rows]
    assert [row.changed for row in rows] == [entry(row.address) != entry(row.address, 1) for row in rows]
    assert any(row.changed for row in rows)
    view.viewport.refresh()
    assert not any(row.changed for row in view.viewport.rows), "the change was shown once"
    assert view.lookups == lookups
    assert view.cache.counters.refreshes == 3
    assert view.viewport.refreshed == [(A, A + 10 * PAGE)]


def test_a_refresh_of_nothing_reads_nothing() -> None:
    view = View([])
    view.viewport.show(0, 10)
    view.viewport.refresh()
    view.viewport.retry()
    assert (view.calls, view.viewport.rows, view.viewport.refreshed) == (0, [], [])


@given(layout=layouts(), top=st.floats(0, 1), policy=st.sampled_from(["page", "blocks", "seed", "criu", "scan", "vma"]))
def test_after_a_refresh_every_row_is_as_the_memory_is(layout: Layout, top: float, policy: str) -> None:
    view = View(list(layout.ranges), policy, layout.limit)
    rows = view.viewport.show(int(top * view.cache.space.row_count), 40)
    view.pagemap.salt = 3
    view.viewport.refresh()
    resolved = [row for row in rows if not row.header and row.address < layout.limit]
    assert [row.word for row in resolved] == [entry(row.address, 3) for row in resolved]


# --- Changes of the maps ----------------------------------------------------------------------------------------


def test_the_top_row_stays_on_its_address_when_vmas_come_and_go_above() -> None:
    here = (A + 10 * BLOCK, A + 11 * BLOCK)
    view = View([(A, A + 5 * PAGE), here])
    # Page 20 of the second VMA, after the first one's 6 rows and its own header.
    view.viewport.show(6 + 1 + 20, 10)
    address = view.viewport.rows[0].address
    assert address == here[0] + 20 * PAGE
    lookups, words = view.lookups, view.words
    view.remap([(A, A + 3 * PAGE), (A + BLOCK, A + BLOCK + 100 * PAGE), here])
    assert view.viewport.rows[0].address == address
    assert view.viewport.top == view.viewport.rows[0].number == 4 + 101 + 1 + 20
    assert view.words == words
    assert view.lookups == lookups, "rows of unchanged VMAs are not looked up again"
    assert [row.vma for row in view.viewport.rows] == [2] * 10


def test_a_header_at_the_top_stays_at_the_top() -> None:
    here = (A + 10 * BLOCK, A + 11 * BLOCK)
    view = View([(A, A + 5 * PAGE), here])
    view.viewport.show(6, 10)
    assert view.viewport.rows[0].header
    view.remap([(A, A + PAGE), here])
    assert view.viewport.rows[0].header
    assert view.viewport.rows[0].address == here[0]
    assert view.viewport.top == 2


def test_rows_of_a_changed_vma_are_looked_up_again() -> None:
    low, high = (A, A + 4 * PAGE), (A + BLOCK, A + BLOCK + 4 * PAGE)
    view = View([low, high])
    view.viewport.show(0, 12)
    assert view.lookups == 8
    view.remap([low, (high[0], high[1] + PAGE)])
    assert view.lookups == 8 + 5
    assert view.viewport.looked_up == [(high[0], high[1] + PAGE)]
    assert [row.reason for row in view.viewport.rows if row.lookup == "miss"] == ["cold", "invalidated"]


@pytest.mark.parametrize("top", [0, 3, 5, 8])
def test_when_the_vma_at_the_top_is_unmapped_the_view_goes_to_the_next(top: int) -> None:
    after = (A + BLOCK, A + BLOCK + 30 * PAGE)
    view = View([(A, A + 20 * PAGE), after])
    view.viewport.show(top, 10)
    view.remap([after])
    assert view.viewport.top == 0
    assert view.viewport.rows[0].header
    assert view.viewport.rows[0].address == after[0]


def test_when_the_list_becomes_shorter_than_the_screen_it_is_shown_from_the_top() -> None:
    view = View([(A, A + 100 * PAGE)])
    view.viewport.show(80, 20)
    view.remap([(A, A + 5 * PAGE)])
    assert (view.viewport.top, len(view.viewport.rows)) == (0, 6)
    view.remap([])
    assert (view.viewport.top, view.viewport.rows) == (0, [])
    view.remap([(A, A + 5 * PAGE)])
    assert view.words[1:] == [entry(A + i * PAGE) for i in range(5)]


@given(before=layouts(), after=layouts(least=0), top=st.floats(0, 1), height=st.integers(1, 60))
def test_after_any_change_the_rows_are_those_of_the_new_maps(
    before: Layout, after: Layout, top: float, height: int
) -> None:
    limit = max(before.limit, after.limit)
    view = View(list(before.ranges), limit=limit)
    rows = view.viewport.show(int(top * max(0, view.cache.space.row_count - height)), height)
    anchor = rows[0].address
    view.remap(list(after.ranges))
    space = view.cache.space
    shown = [(r.number, r.vma, r.address, r.header) for r in view.viewport.rows]
    assert shown == space.rows(view.viewport.top, height)
    assert len(shown) == min(height, space.row_count)
    for row in view.viewport.rows:
        if not row.header:
            assert row.word == (entry(row.address) if row.address < limit else None)
    if space.find(anchor) is not None and view.viewport.top < space.row_count - height:
        assert view.viewport.rows[0].address == anchor
