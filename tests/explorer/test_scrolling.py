"""Scrolling the pages of real processes: rows, boundaries and counters against the kernel's answer; reads counted."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.style import Style

from pagemap.cache import PagemapCache
from pagemap.walks import walk
from tests.explorer.driving import Driver, explore
from tests.explorer.expected import BLOCK, Counted, Explored
from tests.kit.kernel import PAGE, process_state, raw_entries
from tests.kit.syscalls import PagemapReads
from tests.kit.targets import Area, Target

UNPREPARED = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def python() -> Iterator[int]:
    """The PID of a Python that nobody prepared: it waits for input."""
    with subprocess.Popen([sys.executable, "-c", UNPREPARED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        while process_state(process.pid) == "R":
            pass
        yield process.pid
        process.stdin.close()


@pytest.fixture
def area(target: Target) -> Area:
    """Written memory over at least two borders of 2 MiB blocks."""
    return target.do("written", pages=3 * BLOCK // PAGE)


def check(driver: Driver, explored: Explored) -> None:
    """Everything on the screen is as it must be."""
    assert driver.counted == explored.counted
    assert driver.rows == explored.rows()
    assert [(w.start, w.end) for w in driver.session.cache.windows] == explored.windows


@pytest.mark.parametrize("size", [(80, 24), (132, 40), (250, 70)])
async def test_three_pages_down_and_up_again(python: int, size: tuple[int, int]) -> None:
    explored = Explored(python)
    async with explore(python, size=size) as driver:
        height = driver.pages.page_height
        explored.show(0, height)
        check(driver, explored)
        for key in ("pagedown",) * 3 + ("pageup",) * 3:
            await driver.press(key)
            explored.scroll(height if key == "pagedown" else -height)
            check(driver, explored)


async def test_the_screen_counts_as_a_walk_does(python: int) -> None:
    async with explore(python) as driver:
        height = driver.pages.page_height
        await driver.press("pagedown", "pagedown", "pagedown")
        with PagemapCache.open(python) as cache:
            for _ in walk(cache, "page-down", rows=height, steps=3):
                pass
            c = cache.counters
        assert driver.counted == Counted(c.lookups, c.hits, c.misses, c.fills, c.preads, c.entries_read, c.entries_used)


async def test_to_the_ends_and_by_lines(python: int) -> None:
    explored = Explored(python)
    async with explore(python) as driver:
        height = driver.pages.page_height
        explored.show(0, height)
        await driver.press("end")
        explored.show(explored.row_count - height, height)
        check(driver, explored)
        assert driver.rows[-1].address >= 1 << 47, "the last is [vsyscall], which no pagemap covers"
        for key in ("k",) * (height + 3) + ("up",) * 3:
            await driver.press(key)
        explored.scroll(-7)
        check(driver, explored)
        await driver.press("home")
        explored.show(0, height)
        check(driver, explored)
        await driver.press(*["down"] * height, "j")
        explored.scroll(2)
        check(driver, explored)


async def test_wheel_and_scrollbar(python: int) -> None:
    explored = Explored(python)
    async with explore(python) as driver:
        height, width = driver.pages.page_height, driver.pages.size.width
        explored.show(0, height)
        await driver.wheel(driver.pages, 2)
        explored.scroll(3)
        explored.scroll(3)
        check(driver, explored)
        await driver.pilot.mouse_down(driver.pages, offset=(width - 1, height))
        await driver.pilot.mouse_up(driver.pages, offset=(width - 1, height))
        await driver.settle()
        explored.show(explored.row_count - height, height)
        check(driver, explored)
        await driver.wheel(driver.pages, -1)
        explored.scroll(-3)
        check(driver, explored)


async def test_within_a_window_nothing_is_read_and_crossing_costs_one_pread(target: Target, area: Area) -> None:
    border = (area.start // BLOCK + 2) * BLOCK
    with PagemapReads() as reads:
        async with explore(target.pid) as driver:
            height = driver.pages.page_height
            await driver.go_to(border - 2 * height * PAGE)
            reads.clear()
            await driver.press(*["down"] * (2 * height - 1))
            assert reads.reads == []
            await driver.press("pageup", "pagedown", "up", "k", "down", "j")
            assert reads.reads == []
            assert driver.rows[-1].address == border - PAGE
            assert driver.rows[-1].gutter == "┗━"
            before = driver.counted
            await driver.press("down")
            assert [(read.pid, read.offset) for read in reads.reads] == [(target.pid, border // PAGE * 8)]
            assert reads.bytes == min(BLOCK, area.end - border) // PAGE * 8
            assert (driver.rows[-1].gutter, driver.rows[-1].mark) == ("┏━", "●")
            assert driver.counted.preads == before.preads + 1
            reads.clear()
            await driver.press("pagedown", "pagedown", "pageup", "pageup", "pageup")
            assert reads.reads == []
            assert driver.rows[-1].mark == "·"


async def test_painting_again_looks_nothing_up(python: int) -> None:
    with PagemapReads() as reads:
        async with explore(python, paused=True) as driver:
            await driver.press("pagedown")
            before = driver.counted
            reads.clear()
            rows = driver.rows
            for _ in range(3):
                driver.pages.refresh()
                driver.app.refresh(layout=True)
                await driver.tick()
            await driver.press("tab", "tab", "question_mark", "escape", "t", "t")
            assert (driver.rows, driver.counted) == (rows, before)
            assert reads.reads == []


async def test_a_larger_terminal_looks_up_the_new_rows_only(python: int) -> None:
    explored = Explored(python)
    async with explore(python) as driver:
        explored.show(0, driver.pages.page_height)
        await driver.press("pagedown")
        explored.scroll(driver.pages.page_height)
        for size in ((100, 50), (80, 24), (100, 30)):
            await driver.pilot.resize_terminal(*size)
            await driver.settle()
            explored.show(driver.pages.top, driver.pages.page_height)
            check(driver, explored)


class TestRefresh:
    """The live refresh."""

    async def test_reads_the_visible_windows_again_and_marks_what_changed(self, target: Target) -> None:
        area = target.do("untouched", pages=64)
        async with explore(target.pid) as driver:
            # Not the row under the cursor, which has colours of its own.
            page = area.page(22)
            await driver.go_to(area.page(20))
            before = driver.counted
            assert driver.row(page).state == "absent"
            target.do("write", start=page, end=page + PAGE)
            assert driver.row(page).state == "absent", "nothing is read before the next refresh"
            await driver.tick()
            assert driver.row(page).state == "anonymous"
            assert driver.row(page).word == raw_entries(target.pid, page, page + PAGE)[0]
            assert self.marked(driver) == [f"{driver.row(page).word:#018x}"]
            assert driver.counted == before
            assert "refreshes 1 " in driver.panel
            await driver.tick()
            assert self.marked(driver) == []
            assert "refreshes 2 " in driver.panel

    @staticmethod
    def marked(driver: Driver) -> list[str]:
        """The texts that are drawn as changed."""
        changed: Style = driver.pages.component("page--changed")
        strips = driver.pages.render_lines(driver.pages.size.region)
        segments = [segment for strip in strips[1:] for segment in strip]
        return [s.text for s in segments if s.style is not None and s.style.color == changed.color and "0x" in s.text]

    async def test_costs_one_pread_a_visible_window(self, target: Target, area: Area) -> None:
        with PagemapReads() as reads:
            async with explore(target.pid) as driver:
                border = (area.start // BLOCK + 2) * BLOCK
                await driver.go_to(border)
                reads.clear()
                await driver.tick()
                visible = {row.address // BLOCK for row in driver.rows}
                # One read more tells whether the address space still lives, should that be asked.
                assert len([read for read in reads.reads if read.got > 8]) == len(visible) == 2

    async def test_paused_reads_nothing(self, target: Target) -> None:
        area = target.do("untouched", pages=64)
        async with explore(target.pid, paused=True) as driver:
            await driver.go_to(area.page(20))
            with PagemapReads() as reads:
                target.do("write", start=area.page(20), end=area.page(21))
                await driver.tick()
                assert driver.row(area.page(20)).state == "absent"
                assert reads.reads == []
                assert "paused" in driver.panel
                await driver.press("space")
                assert "live, every" in driver.panel
                await driver.tick()
                assert driver.row(area.page(20)).state == "anonymous"
                await driver.press("space")
                assert "paused" in driver.panel


class TestMapsChange:
    """The target maps and unmaps while it is looked at."""

    async def test_new_memory_below_keeps_the_view_and_drops_only_touched_windows(self, target: Target) -> None:
        area = target.do("written", pages=2 * BLOCK // PAGE)
        async with explore(target.pid) as driver:
            await driver.press("end", "pageup")
            await driver.go_to(area.page(300))
            before = {(w.start, w.end) for w in driver.session.cache.windows}
            rows, number = driver.rows, driver.pages.top
            old = {(vma.start, vma.end) for vma in Explored(target.pid).maps}
            fresh = target.do("written", pages=8)
            lookups = driver.counted.lookups
            await driver.tick()
            new = {(vma.start, vma.end) for vma in Explored(target.pid).maps}
            changed = old ^ new
            assert changed, "the maps are others now"
            kept = {(s, e) for s, e in before if not any(s < end and start < e for start, end in changed)}
            assert {(w.start, w.end) for w in driver.session.cache.windows} >= kept
            assert not (before - kept) & {(w.start, w.end) for w in driver.session.cache.windows}
            assert [row.address for row in driver.rows] == [row.address for row in rows]
            if not any(start <= area.page(300) < end for start, end in changed):
                assert driver.counted.lookups == lookups
            assert driver.pages.top != number or fresh.start > area.start
            await driver.go_to(fresh.start)
            assert driver.row(fresh.start).state == "anonymous"

    async def test_unmapped_under_the_cursor(self, target: Target) -> None:
        area = target.do("written", pages=64)
        async with explore(target.pid) as driver:
            await driver.go_to(area.page(32))
            target.do("munmap", start=area.page(16), end=area.page(48))
            await driver.tick()
            assert driver.message == ""
            assert driver.counted.lookups == driver.counted.hits + driver.counted.misses
            assert all(not area.page(16) <= row.address < area.page(48) for row in driver.rows)
            explored = Explored(target.pid)
            explored.show(driver.pages.top, driver.pages.page_height)
            # Gutter and marks depend on what was looked up before; what they are marks of must be right.
            told = [(row.address, row.state, row.frame, row.word) for row in driver.rows]
            assert told == [(row.address, row.state, row.frame, row.word) for row in explored.rows()]
            await driver.ask("g", f"{area.page(32):#x}")
            assert f"{area.page(32):#x} is in no VMA" in driver.message
