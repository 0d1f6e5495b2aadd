"""The process list: read in the background, filtered, sorted, opened."""

import os
from collections.abc import Iterator

import pytest

from pagemap.process import ProcessInfo, list_processes
from tests.explorer import synthetic
from tests.explorer.driving import Driver, explore, text
from tests.explorer.synthetic import Synthetic
from tests.kit.kernel import kernel_thread
from tests.kit.system import missing
from tests.kit.targets import Target

BY = {
    "pid": ["1", "2", "77", "1234", "4321", "4444"],
    "user": ["1234", "4321", "4444", "77", "1", "2"],
    "name": ["4321", "1234", "4444", "1", "2", "77"],
    "rss": ["1", "1234", "77", "4321", "2", "4444"],
    "swap": ["1234", "1", "2", "77", "4321", "4444"],
}


async def test_the_list_is_read_and_shown() -> None:
    async with explore(None, processes=synthetic.processes) as driver:
        assert driver.processes.has_focus
        assert driver.names == BY["rss"]
        assert driver.status.startswith("pagelens: choose a process and press enter")
        assert "no process chosen" in text(driver.pages)


async def test_until_it_is_read_it_says_so() -> None:
    async with explore(None) as driver:
        driver.processes.empty_text = "reading the process list…"
        driver.processes.refresh()
        assert "reading the process list" in text(driver.processes)


async def test_every_order() -> None:
    async with explore(None, processes=synthetic.processes) as driver:
        assert "RSS▼" in text(driver.processes)
        await driver.press("s")
        assert driver.names == BY["swap"]
        for column in ("pid", "user", "name"):
            await driver.press("s")
            assert driver.names == BY[column], column
            await driver.press("S")
            assert driver.names[::-1] == sorted_back(BY[column], column), column
            await driver.press("S")


def sorted_back(names: list[str], column: str) -> list[str]:
    """The order turned round: equal ones keep theirs, as a stable sort does."""
    if column != "user":
        return names
    return ["4444", "4321", "1234", "77", "2", "1"]


async def test_clicking_a_heading_sorts() -> None:
    async with explore(None, size=(132, 40), processes=synthetic.processes) as driver:
        for column in ("PID", "Name", "Swap", "RSS", "User"):
            heading = text(driver.processes).splitlines()[0]
            await driver.pilot.click(driver.processes, offset=(heading.index(column), 0))
            await driver.settle()
            heading = text(driver.processes).splitlines()[0]
            assert f"{column}▲" in heading or f"{column}▼" in heading
            assert driver.names == BY[column.lower()]
        await driver.pilot.click(driver.processes, offset=(heading.index("User"), 0))
        await driver.settle()
        assert "User▼" in text(driver.processes)


@pytest.mark.parametrize(
    ("wanted", "pids"),
    [
        ("ada", ["1234", "4321", "4444"]),
        ("ADA exam", ["1234"]),
        ("--all", ["1234"]),
        ("calculus", ["77"]),
        ("[/]", ["4321"]),
        ("44", ["4444"]),
        ("nosuch", []),
    ],
)
async def test_filter(wanted: str, pids: list[str]) -> None:
    async with explore(None, processes=synthetic.processes) as driver:
        await driver.ask("slash", wanted)
        assert driver.processes.has_focus
        if pids:
            assert driver.names == pids
        else:
            assert "no process matches" in text(driver.processes)
        await driver.press("escape")
        assert driver.names == BY["rss"]


async def test_one_that_cannot_be_read_says_why() -> None:
    async with explore(None, size=(132, 40), processes=synthetic.processes) as driver:
        assert "permission denied" in text(driver.processes)
        await driver.press("down", "down")
        assert driver.message == "77 lambda: permission denied: it belongs to alonzo"
        await driver.press("down")
        assert driver.message == ""
        await driver.press("down")
        assert "kernel thread: it has no user memory" in driver.message


async def test_the_cursor_stays_on_its_process() -> None:
    order = [list(synthetic.processes())]

    def changing() -> Iterator[ProcessInfo]:
        yield from order[0]

    async with explore(None, processes=changing) as driver:
        await driver.press("down", "down", "down")
        assert chosen(driver) == 4321
        order[0] = [info for info in order[0] if info.pid != 1234]
        driver.app.explorer.query_one("#processes").reload()  # type: ignore[attr-defined]  # the pane's own
        await driver.settle()
        assert driver.names == ["1", "77", "4321", "2", "4444"]
        assert chosen(driver) == 4321


def chosen(driver: Driver) -> int:
    info = driver.processes.process_at(driver.processes.cursor)
    assert info is not None
    return info.pid


class TestOpening:
    """Real processes, from the real list."""

    async def test_enter_opens_the_process(self, target: Target) -> None:
        async with explore(None, processes=list_processes) as driver:
            await driver.ask("slash", f"{target.pid} target_main")
            await driver.press("enter")
            assert driver.session.source.identity.pid == target.pid
            assert driver.pages.has_focus
            assert f"{target.pid} " in driver.status
            assert driver.counted.lookups > 0
            assert driver.processes.current == target.pid

    async def test_a_click_opens_another_and_closes_the_first(self, target: Target) -> None:
        source = Synthetic()
        async with explore(source, size=(132, 40), processes=list_processes) as driver:
            driver.processes.focus()
            await driver.ask("slash", f"{target.pid} target_main")
            await driver.pilot.click(driver.processes, offset=(4, 1))
            await driver.settle()
            assert driver.session.source.identity.pid == target.pid
            assert source.closed
            assert driver.vma_rows[0].split()[0] != "555555554000-555555558000"

    async def test_what_has_no_memory_is_refused_by_name(self, target: Target) -> None:
        zombie = target.do("zombie").pid
        thread = kernel_thread()
        if thread is None:
            missing("no kernel thread is visible here")
        async with explore(Synthetic(), processes=list_processes) as driver:
            before = driver.rows
            for pid, why in ((zombie, "zombie: it has exited"), (thread, "kernel thread: it has no user memory")):
                driver.app.explorer.open_process(pid)
                await driver.settle()
                assert why in driver.message
                assert str(pid) in driver.message
            assert driver.rows == before, "the last view is kept"

    async def test_one_that_has_ended_since_the_list_was_read(self, target: Target) -> None:
        child = target.do("fork").pid
        async with explore(None, processes=list_processes) as driver:
            await driver.ask("slash", str(child))
            target.do("release", pid=child)
            await driver.press("enter")
            assert f"no such process: {child}" in driver.message

    async def test_hostile_names(self) -> None:
        name = b"[/]\x1b[31m\xff\n"
        with Target.spawn(args=[b"[@click=app.quit]", b"\x1b]0;t\x07", b"\xff\xfe"]) as target:
            target.do("set_name", name=name)
            target.do("memfd", name="[/b]\x1b[2J\n")
            async with explore(None, size=(132, 40), processes=list_processes) as driver:
                await driver.ask("slash", str(target.pid))
                assert r"[/]\x1b[31m" in text(driver.processes)
                await driver.press("enter")
                assert r"[/]\x1b[31m\xff\x0a" in driver.status
                await driver.ask("g", "memfd:[/b]")
                assert driver.message == ""
                assert r"[/b]\x1b[2J\012" in text(driver.vmas)
                assert r"[/b]\x1b[2J\012" in text(driver.pages)
                everything = driver.app.export_screenshot()
                assert "\x1b" not in everything

    async def test_this_very_process(self) -> None:
        async with explore(os.getpid()) as driver:
            await driver.press("pagedown", "end")
            await driver.tick()
            assert driver.message == ""
