"""The process list."""

import pytest

from pagemap.process import ProcessInfo
from tests.explorer.synthetic import processes
from tests.widgets.host import hosted
from widgets.process_list import SORT_COLUMNS, ProcessList

ALL = list(processes())


async def lines(width: int) -> list[str]:
    listed = ProcessList()
    async with hosted(listed, (width, 12)) as host:
        listed.set_processes(ALL)
        await host.settle()
        return [host.lines[0], *host.rows]


async def test_a_row() -> None:
    heading, *rows = await lines(60)
    assert heading.split() == ["PID", "User", "Name", "RSS▼", "Swap"]
    assert rows[0].split() == ["1", "root", "init", "11.7M", "-"]
    assert rows[2].split() == ["1234", "ada", "example", "8.2M", "128.0K"]


async def test_one_that_cannot_be_read_says_why_instead() -> None:
    _, *rows = await lines(60)
    assert rows[1].split() == ["2", "root", "kthreadd", "kernel", "thread"]
    assert rows[3].split() == ["77", "alonzo", "lambda", "permission", "denied"]
    assert rows[5].split() == ["4444", "ada", "gone", "zombie"]


async def test_names_are_made_safe() -> None:
    rows = await lines(60)
    assert r"[/] \x1b[31mred" in rows[5]


@pytest.mark.parametrize("width", [12, 20, 28, 44, 46, 60, 132])
async def test_fits_any_width(width: int) -> None:
    heading, *rows = await lines(width)
    assert len(heading) <= width
    assert all(len(row) < width for row in rows)
    assert [row.split()[0] for row in rows if row] == [str(info.pid) for info in ALL]


async def test_the_one_that_is_looked_at_and_those_that_cannot_be_are_told_apart() -> None:
    listed = ProcessList()
    async with hosted(listed, (60, 12)) as host:
        listed.set_processes(ALL)
        listed.current = 1234
        listed.move_cursor(4)
        await host.settle()
        styles = [{str(segment.style) for segment in host.segments(n) if segment.text.strip()} for n in (1, 2, 3)]
        assert styles[0].isdisjoint(styles[1])
        assert styles[0].isdisjoint(styles[2])


async def test_the_cursor_follows_its_process() -> None:
    listed = ProcessList()
    async with hosted(listed, (60, 12)) as host:
        listed.set_processes(ALL)
        listed.move_cursor(2)
        listed.set_processes(ALL[::-1])
        await host.settle()
        info = listed.process_at(listed.cursor)
        assert info is not None
        assert info.pid == 1234
        listed.set_processes([])
        await host.settle()
        assert host.rows[0] == " no process matches"
        assert listed.process_at(listed.cursor) is None


async def test_headings_sort() -> None:
    listed = ProcessList()
    async with hosted(listed, (60, 12)) as host:
        listed.set_processes(ALL)
        for column in SORT_COLUMNS:
            await host.click(host.lines[0].lower().index(column), 0)
            (message,) = host.take(ProcessList.SortBy)
            assert isinstance(message, ProcessList.SortBy)
            assert message.column == column


async def test_what_is_unknown_is_a_dash() -> None:
    listed = ProcessList()
    async with hosted(listed, (60, 12)) as host:
        listed.set_processes([ProcessInfo(5, 1, "x", "y", "", None, None, readable=True, reason="")])
        await host.settle()
        assert host.rows[0].split() == ["5", "x", "y", "-", "-"]
