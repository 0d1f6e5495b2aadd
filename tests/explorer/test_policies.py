"""The policy screen, and the cache's keys: each policy with counters of its own, flushed and reset by hand."""

import re

import pytest

from app.screens.explorer import ExplorerScreen
from app.screens.policy import PolicyScreen
from pagemap.policies import POLICIES, make_policy
from tests.explorer.driving import Driver, explore, text
from tests.explorer.expected import BLOCK, Explored
from tests.explorer.synthetic import Synthetic
from tests.kit.kernel import PAGE
from tests.kit.syscalls import PagemapReads
from tests.kit.targets import Target
from widgets.choice_list import ChoiceList


async def choose(driver: Driver, name: str, *keys: str) -> None:
    """Open the policy screen, go to a policy, press keys there, and take it."""
    await driver.press("p")
    assert driver.shows(PolicyScreen)
    choices = driver.app.screen.query_one(ChoiceList)
    rows = [strip.text.strip() for strip in choices.render_lines(choices.size.region)[1:]]
    at = next(i for i, row in enumerate(rows) if re.match(rf"{name}\b", row)) + choices.top
    await driver.press(*["down" if at > choices.cursor else "up"] * abs(at - choices.cursor), *keys, "enter")
    assert driver.shows(ExplorerScreen)


def pages_of(driver: Driver) -> int:
    return sum(row.mark != "▾" for row in driver.rows)


async def test_the_screen_lists_every_policy_and_begins_on_the_one_in_use() -> None:
    async with explore(Synthetic(), size=(132, 60), policy="vma") as driver:
        await driver.press("p")
        shown = text(driver.app.screen.query_one(ChoiceList))
        for name in POLICIES:
            policy = make_policy(name)
            assert re.search(rf"^ {re.escape(name)}\b", shown, re.MULTILINE), name
            assert policy.summary.split()[0] in shown
        await driver.press("enter")
        assert driver.session.cache.policy.name == "vma"
        await driver.press("p", "down", "escape")
        assert driver.session.cache.policy.name == "vma", "called off"


async def test_each_policy_has_counters_of_its_own(target: Target) -> None:
    area = target.do("written", pages=2 * BLOCK // PAGE)
    async with explore(target.pid, size=(80, 60)) as driver:
        await driver.go_to(area.page(100))
        blocks = driver.counted
        with PagemapReads() as reads:
            await choose(driver, "page")
            pages = pages_of(driver)
            assert reads.calls == pages, "each row costs a pread, and moving to it none before"
        assert "Cache  page" in driver.panel
        assert (driver.counted.lookups, driver.counted.misses, driver.counted.preads) == (pages, pages, pages)
        assert {row.mark for row in driver.rows} <= {"●", "▾"}
        await driver.press("down")
        with PagemapReads() as reads:
            await choose(driver, "blocks")
            assert reads.calls == 0, "its windows were kept"
        assert driver.counted.lookups == blocks.lookups + pages
        assert driver.counted.misses == blocks.misses
        with PagemapReads() as reads:
            await choose(driver, "vma")
            assert reads.calls == len({row.address for row in driver.rows if row.mark == "●"}) == driver.counted.misses


async def test_window_size_and_number(target: Target) -> None:
    area = target.do("written", pages=4 * BLOCK // PAGE)
    async with explore(target.pid) as driver:
        await choose(driver, "blocks", "minus", "minus", "less_than_sign")
        assert driver.session.cache.policy.key == ("blocks", BLOCK // 4, 32)
        assert "32 windows × 512.0K" in driver.panel
        await driver.go_to(area.page(600))
        window = driver.session.cache.window_at(area.page(600))
        assert window is not None
        assert window.end - window.start == BLOCK // 4
        assert window.start % (BLOCK // 4) == 0
        await choose(driver, "blocks", "plus", "greater_than_sign")
        assert driver.session.cache.policy.key == ("blocks", BLOCK // 2, 64)
        for key in ("right", "left", "equals_sign", "left", "full_stop", "comma"):
            await driver.press("p", key, "enter")
        assert driver.session.cache.policy.key == ("blocks", BLOCK // 2, 64)


async def test_settings_have_bounds() -> None:
    async with explore(Synthetic(), size=(80, 60)) as driver:
        await choose(driver, "blocks", *["minus"] * 11, *["less_than_sign"] * 8)
        assert driver.session.cache.policy.key == ("blocks", PAGE, 1)
        assert driver.counted.lookups == driver.counted.misses == pages_of(driver)
        await choose(driver, "page", "plus", "minus")
        assert driver.session.cache.policy.window_size is None


async def test_one_window_is_evicted_and_missed_again(target: Target) -> None:
    area = target.do("written", pages=4 * BLOCK // PAGE)
    async with explore(target.pid, policy="seed") as driver:
        await driver.go_to(area.page(8))
        await driver.press("home", "end")
        assert "1 held" in driver.panel
        await driver.go_to(area.page(8))
        assert re.search(r"misses \d+ \(.*evicted \d", driver.panel), driver.panel


async def test_flush(target: Target) -> None:
    area = target.do("written", pages=1024)
    explored = Explored(target.pid)
    async with explore(target.pid) as driver:
        explored.show(0, driver.pages.page_height)
        await driver.go_to(area.page(100))
        before, words = driver.counted, [row.word for row in driver.rows]
        await driver.press("c")
        assert driver.session.cache.windows == []
        assert "0 held" in driver.panel
        assert driver.counted == before, "the counters stay"
        assert [row.word for row in driver.rows] == words, "so does the view"
        assert {row.gutter for row in driver.rows} == {""}
        await driver.press("pagedown")
        assert driver.counted.misses == before.misses + 1
        assert "invalidated 1" in driver.panel


async def test_reset(target: Target) -> None:
    area = target.do("written", pages=1024)
    async with explore(target.pid) as driver:
        await driver.go_to(area.page(100))
        held = [(w.start, w.end) for w in driver.session.cache.windows]
        await driver.press("r")
        counted = driver.counted
        assert (counted.lookups, counted.hits, counted.misses, counted.preads) == (0, 0, 0, 0)
        assert [(w.start, w.end) for w in driver.session.cache.windows] == held, "the windows stay"
        await driver.press("pagedown")
        assert driver.counted.misses == 0
        assert driver.counted.hits == driver.pages.page_height


@pytest.mark.parametrize("name", list(POLICIES))
async def test_every_policy_shows_the_same_pages(target: Target, name: str) -> None:
    area = target.do("written", pages=1100)
    explored = Explored(target.pid)
    async with explore(target.pid, policy=name) as driver:
        for place in (0, explored.row_of(area.page(505)), explored.row_count - 8):
            driver.pages.scroll_to_row(place)
            await driver.settle()
            explored.show(driver.pages.top, driver.pages.page_height)
            told = [(row.address, row.state, row.word) for row in driver.rows]
            assert told == [(row.address, row.state, row.word) for row in explored.rows()]
            assert driver.counted.lookups == driver.counted.hits + driver.counted.misses
            assert driver.counted.lookups == explored.counted.lookups
            for window in driver.session.cache.windows:
                shown = {row.address: row.gutter for row in driver.rows if row.mark != "▾"}
                if window.start in shown and window is driver.session.cache.window_at(window.start):
                    assert shown[window.start] in ("┏━", "╺━")
