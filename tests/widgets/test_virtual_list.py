"""The list of any length: position, cursor, keys, mouse, scrollbar; only the visible rows exist."""

import pytest
from rich.segment import Segment

from tests.widgets.host import Host, hosted
from widgets.virtual_list import VirtualList


class Numbers(VirtualList):
    """Row n says n; keeps what was asked of it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.drawn: list[int] = []
        self.seen: list[tuple[int, int]] = []
        self.clicked: list[int] = []

    def on_mount(self) -> None:
        self.focus()
        self.set_rows(self.count)

    def header_segments(self, width: int) -> list[Segment]:
        return [Segment("heading")]

    def row_segments(self, number: int, width: int) -> list[Segment]:
        self.drawn.append(number)
        return [Segment(f"row {number}")]

    def viewport_changed(self, top: int, height: int) -> None:
        self.seen.append((top, height))

    def header_clicked(self, x: int, width: int) -> None:
        self.clicked.append(x)


def shown(host: Host) -> list[int]:
    return [int(row.split()[1]) for row in host.rows if row]


HUGE = (1 << 47) // 4096


@pytest.mark.parametrize("count", [0, 1, 8, 9, 10, 1000, HUGE])
async def test_keys_at_any_length(count: int) -> None:
    numbers = Numbers(count)
    async with hosted(numbers) as host:
        height = numbers.page_height
        assert height == 9
        last = max(0, count - height)
        assert shown(host) == list(range(min(count, height)))
        assert numbers.cursor == (0 if count else -1)
        await host.press("end")
        assert (numbers.top, numbers.cursor) == (last, count - 1)
        assert shown(host) == list(range(last, count))
        await host.press("home")
        assert (numbers.top, numbers.cursor) == (0, 0 if count else -1)
        await host.press("pagedown")
        assert numbers.top == min(height, last)
        await host.press("pageup", "pageup", "up", "k")
        assert (numbers.top, numbers.cursor) == (0, 0 if count else -1)
        await host.press("down", "j")
        assert numbers.cursor == min(2, count - 1)
        assert len(numbers.drawn) < 200, "rows that are not visible are not asked for"


async def test_the_viewport_is_told_once_for_each_change_and_before_painting() -> None:
    numbers = Numbers(100)
    async with hosted(numbers) as host:
        assert numbers.seen == [(0, 9)]
        for _ in range(3):
            numbers.refresh()
            await host.settle()
        assert numbers.seen == [(0, 9)]
        await host.press("down")
        assert numbers.seen == [(0, 9)], "the cursor moves, the rows do not"
        await host.press("pagedown")
        await host.press("end")
        assert numbers.seen == [(0, 9), (9, 9), (91, 9)]
        await host.pilot.resize_terminal(80, 5)
        await host.settle()
        assert numbers.seen[-1][1] == 4
        assert numbers.cursor in range(numbers.top, numbers.top + 4), "the cursor stays visible"


async def test_set_rows_keeps_the_place_as_far_as_it_can() -> None:
    numbers = Numbers(100)
    async with hosted(numbers):
        numbers.move_cursor(50)
        numbers.set_rows(200)
        assert numbers.cursor == 50
        numbers.set_rows(20)
        assert (numbers.cursor, numbers.top) == (19, 11)
        numbers.set_rows(0)
        assert (numbers.cursor, numbers.top) == (-1, 0)
        numbers.set_rows(100, top=30, cursor=33)
        assert (numbers.cursor, numbers.top) == (33, 30)
        before = len(numbers.seen)
        numbers.set_rows(100)
        assert len(numbers.seen) == before
        numbers.set_rows(100, reload=True)
        assert len(numbers.seen) == before + 1


async def test_moving_the_cursor_scrolls_as_little_as_needed() -> None:
    numbers = Numbers(100)
    async with hosted(numbers):
        numbers.move_cursor(9)
        assert numbers.top == 1
        numbers.move_cursor(4)
        assert numbers.top == 1
        numbers.move_cursor(0)
        assert numbers.top == 0
        numbers.move_cursor(50, center=True)
        assert numbers.top == 46
        numbers.move_cursor(52, center=True)
        assert numbers.top == 46, "what is visible already does not move"
        numbers.jump(70)
        assert (numbers.top, numbers.cursor) == (70, 70)
        numbers.jump(99)
        assert (numbers.top, numbers.cursor) == (91, 99)
        numbers.move_cursor(10_000)
        assert numbers.cursor == 99
        numbers.move_cursor(-5)
        assert numbers.cursor == 0
        numbers.scroll_to_row(40)
        assert (numbers.top, numbers.cursor) == (40, 40)
        numbers.scroll_to_row(20)
        assert (numbers.top, numbers.cursor) == (20, 28)


async def test_messages() -> None:
    numbers = Numbers(100)
    async with hosted(numbers) as host:
        await host.press("down")
        (moved,) = host.take(VirtualList.CursorMoved)
        assert isinstance(moved, VirtualList.CursorMoved)
        assert (moved.row, moved.control) == (1, numbers)
        await host.press("up", "up")
        assert len(host.take(VirtualList.CursorMoved)) == 1, "at the end it does not move"
        await host.press("pagedown")
        assert host.take(VirtualList.Scrolled)
        await host.press("enter")
        (selected,) = host.take(VirtualList.Selected)
        assert isinstance(selected, VirtualList.Selected)
        assert selected.row == 9
        await host.click(5, 3)
        (selected,) = host.take(VirtualList.Selected)
        assert isinstance(selected, VirtualList.Selected)
        assert selected.row == numbers.top + 2 == numbers.cursor


async def test_a_click_below_the_rows_or_on_the_heading_chooses_nothing() -> None:
    numbers = Numbers(3)
    async with hosted(numbers) as host:
        await host.click(5, 7)
        assert host.take(VirtualList.Selected) == []
        await host.click(7, 0)
        assert numbers.clicked == [7]
        assert host.take(VirtualList.Selected) == []


class TestScrollbar:
    """The last column."""

    @staticmethod
    def bar(host: Host) -> str:
        return "".join(line[79] if len(line) > 79 else " " for line in host.lines[1:])

    async def test_is_drawn_in_proportion(self) -> None:
        numbers = Numbers(18)
        async with hosted(numbers) as host:
            assert self.bar(host) == "████│││││"
            await host.press("end")
            assert self.bar(host) == "│││││████"
            numbers.set_rows(HUGE)
            await host.settle()
            assert self.bar(host).count("█") == 1
            await host.press("end")
            assert self.bar(host) == "││││││││█"
            numbers.set_rows(9)
            await host.settle()
            assert self.bar(host) == " " * 9

    @pytest.mark.parametrize("count", [10, 1000, HUGE])
    async def test_drags_exactly_to_the_ends(self, count: int) -> None:
        numbers = Numbers(count)
        async with hosted(numbers) as host:
            await host.pilot.mouse_down(numbers, offset=(79, 9))
            await host.settle()
            assert numbers.top == count - 9
            await host.pilot.hover(numbers, offset=(20, 5))
            await host.settle()
            assert numbers.top == (count - 9) * 4 // 8
            await host.pilot.hover(numbers, offset=(20, 1))
            await host.pilot.mouse_up(numbers, offset=(20, 1))
            await host.settle()
            assert numbers.top == 0
            await host.pilot.hover(numbers, offset=(20, 8))
            await host.settle()
            assert numbers.top == 0, "let go"
            assert host.take(VirtualList.Selected) == []


async def test_while_hidden_no_key_moves_it() -> None:
    numbers = Numbers(100)
    async with hosted(numbers) as host:
        await host.pilot.resize_terminal(80, 1)
        await host.settle()
        await host.press("pagedown", "end", "down", "enter")
        assert host.take(VirtualList.Selected) == []
        await host.pilot.resize_terminal(80, 10)
        await host.settle()
        assert (numbers.top, numbers.cursor) == (0, 0)


async def test_empty_says_so() -> None:
    numbers = Numbers(0)
    numbers.empty_text = "nothing here"
    async with hosted(numbers) as host:
        assert host.rows[0] == " nothing here"


async def test_focus_is_seen() -> None:
    numbers = Numbers(3)
    async with hosted(numbers) as host:
        focused = [str(s.style) for s in host.segments(0)]
        cursor = [str(s.style) for s in host.segments(1)]
        host.screen.set_focus(None)
        await host.settle()
        assert [str(s.style) for s in host.segments(1)] != cursor or [str(s.style) for s in host.segments(0)] != focused
