"""The list of any length at its limits: astronomically many rows, one, none; exactly what is visible is asked for."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from textual import events

from tests.widgets.host import Host, hosted
from widgets.virtual_list import VirtualList

COUNT = 1 << 60
HEIGHT = 9


class Watched(VirtualList):
    """Keeps the order of what is asked of it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.asked: list[tuple[str, int]] = []
        self.clicked: list[tuple[int, int]] = []

    def on_mount(self) -> None:
        self.focus()
        self.set_rows(self.count)

    def header_segments(self, width: int) -> list[Segment]:
        return [Segment("heading")]

    def row_segments(self, number: int, width: int) -> list[Segment]:
        self.asked.append(("row", number))
        return [Segment(f"{number}")]

    def viewport_changed(self, top: int, height: int) -> None:
        self.asked.append(("viewport", top))

    def header_clicked(self, x: int, width: int) -> None:
        self.clicked.append((x, width))


async def wheel(host: Host, notches: int) -> None:
    kind = events.MouseScrollDown if notches > 0 else events.MouseScrollUp
    for _ in range(abs(notches)):
        host.widget.post_message(kind(host.widget, 5, 5, 0, notches, 0, False, False, False))
        await host.settle()


@pytest.mark.parametrize(
    ("keys", "top", "cursor"),
    [
        (["end"], COUNT - HEIGHT, COUNT - 1),
        (["ctrl+end"], COUNT - HEIGHT, COUNT - 1),
        (["end", "up"], COUNT - HEIGHT, COUNT - 2),
        (["end", "pageup"], COUNT - 2 * HEIGHT, COUNT - HEIGHT - 1),
        (["end", "ctrl+b", "ctrl+f"], COUNT - HEIGHT, COUNT - 1),
        (["end", "down", "pagedown"], COUNT - HEIGHT, COUNT - 1),
        (["end", "ctrl+home"], 0, 0),
        (["j", "j", "k"], 0, 1),
        (["pagedown", "pagedown"], 2 * HEIGHT, 2 * HEIGHT),
        (["down"] * HEIGHT, 1, HEIGHT),
    ],
)
async def test_keys_are_exact_among_2_to_the_60_rows(keys: list[str], top: int, cursor: int) -> None:
    listed = Watched(COUNT)
    async with hosted(listed) as host:
        await host.press(*keys)
        assert (listed.top, listed.cursor) == (top, cursor)
        assert [int(row) for row in host.rows] == list(range(top, top + HEIGHT))


@pytest.mark.parametrize("row", [0, 1, (1 << 53) + 1, (1 << 59) + 12_345, COUNT - 1])
async def test_jumps_are_exact(row: int) -> None:
    # Beyond 2**53 a float would round.
    listed = Watched(COUNT)
    async with hosted(listed) as host:
        listed.jump(row)
        await host.settle()
        assert (listed.top, listed.cursor) == (min(row, COUNT - HEIGHT), row)
        await host.press("down", "up")
        assert listed.cursor == (row if row < COUNT - 1 else row - 1)


async def test_the_wheel_turns_three_rows_a_notch() -> None:
    listed = Watched(COUNT)
    async with hosted(listed) as host:
        await wheel(host, 2)
        assert (listed.top, listed.cursor) == (6, 6)
        await wheel(host, -1)
        assert (listed.top, listed.cursor) == (3, 6)
        await wheel(host, -5)
        assert listed.top == 0
        listed.jump(COUNT - 1)
        await wheel(host, 3)
        assert (listed.top, listed.cursor) == (COUNT - HEIGHT, COUNT - 1)
        await wheel(host, -1)
        assert listed.top == COUNT - HEIGHT - 3


@pytest.mark.parametrize("line", range(1, HEIGHT + 1))
async def test_a_click_on_the_scrollbar_goes_exactly_there(line: int) -> None:
    listed = Watched(COUNT)
    async with hosted(listed) as host:
        await host.click(79, line)
        assert listed.top == (COUNT - HEIGHT) * (line - 1) // (HEIGHT - 1)
        assert listed.top <= listed.cursor < listed.top + HEIGHT
        assert host.take(VirtualList.Selected) == []
        await host.pilot.hover(listed, offset=(20, 3))
        await host.settle()
        assert listed.top == (COUNT - HEIGHT) * (line - 1) // (HEIGHT - 1), "let go"


async def test_one_row() -> None:
    listed = Watched(1)
    async with hosted(listed) as host:
        await host.press("down", "pagedown", "end", "up", "pageup", "home")
        await wheel(host, 1)
        await host.click(79, HEIGHT)
        assert (listed.top, listed.cursor) == (0, 0)
        assert host.take(VirtualList.CursorMoved) == []
        await host.press("enter")
        assert len(host.take(VirtualList.Selected)) == 1
        assert host.rows[0] == "0"


async def test_no_rows() -> None:
    listed = Watched(0)
    async with hosted(listed) as host:
        await host.press("down", "pagedown", "end", "up", "pageup", "home", "enter")
        await wheel(host, 1)
        await host.click(5, 1)
        await host.click(79, 4)
        assert (listed.top, listed.cursor) == (0, -1)
        for kind in (VirtualList.CursorMoved, VirtualList.Selected):
            assert host.take(kind) == []
        assert not [row for what, row in listed.asked if what == "row"]


async def test_only_visible_rows_are_asked_for() -> None:
    listed = Watched(COUNT)
    async with hosted(listed) as host:
        for row in (0, 5, 1 << 40, COUNT - 1):
            listed.asked.clear()
            listed.jump(row)
            await host.settle()
            asked = {number for what, number in listed.asked if what == "row"}
            assert asked <= set(range(listed.top, listed.top + HEIGHT))


Change = Callable[[Watched], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda listed: listed.jump(50),
        lambda listed: listed.move_cursor(70),
        lambda listed: listed.scroll_to_row(30),
        lambda listed: listed.action_page(1),
        lambda listed: listed.action_edge(1),
        lambda listed: listed.set_rows(100, top=20, cursor=22),
        lambda listed: listed.set_rows(100, reload=True),
    ],
)
async def test_the_viewport_is_told_once_before_any_row_is_painted(change: Change) -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        listed.asked.clear()
        change(listed)
        assert listed.asked == [("viewport", listed.top)], "at once, and nothing painted yet"
        await host.settle()
        assert [what for what, _ in listed.asked].count("viewport") == 1
        assert ("row", listed.top) in listed.asked


@pytest.mark.parametrize(
    "change",
    [
        lambda listed: listed.refresh(),
        lambda listed: listed.set_rows(100),
        lambda listed: listed.jump(0),
        lambda listed: listed.scroll_to_row(-5),
        lambda listed: listed.move_cursor(HEIGHT - 1),
        lambda listed: listed.action_page(-1),
    ],
)
async def test_the_viewport_is_not_told_of_what_does_not_change_it(change: Change) -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        listed.asked.clear()
        change(listed)
        await host.settle()
        assert not [row for what, row in listed.asked if what == "viewport"]


async def test_at_another_size_the_rows_fill_the_screen_and_the_cursor_is_seen() -> None:
    listed = Watched(COUNT)
    async with hosted(listed) as host:
        listed.jump(COUNT - 1)
        await host.settle()
        for height in (30, 5, 2, 12):
            listed.asked.clear()
            await host.pilot.resize_terminal(60, height)
            await host.settle()
            rows = [int(row) for row in host.rows]
            assert rows == list(range(listed.top, listed.top + height - 1))
            assert listed.cursor == COUNT - 1
            assert listed.cursor in rows
            assert [what for what, _ in listed.asked].count("viewport") == 1


async def test_shrinking_looks_up_no_rows_that_are_not_shown() -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        listed.jump(40)
        listed.move_cursor(48)
        await host.settle()
        listed.asked.clear()
        await host.pilot.resize_terminal(80, 5)
        await host.settle()
        assert [row for what, row in listed.asked if what == "viewport"] == [45]


async def test_hidden_and_shown_again_it_keeps_its_place() -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        listed.jump(40)
        listed.move_cursor(45)
        await host.settle()
        listed.asked.clear()
        await host.pilot.resize_terminal(80, 1)
        await host.settle()
        await host.pilot.resize_terminal(80, 10)
        await host.settle()
        assert (listed.top, listed.cursor) == (40, 45)
        assert not [row for what, row in listed.asked if what == "viewport"], "the same rows are no change"


async def test_a_click_on_the_heading_says_where() -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        for x in (0, 7, 78, 79):
            await host.click(x, 0)
        assert listed.clicked == [(x, 79) for x in (0, 7, 78, 79)]
        assert (listed.top, listed.cursor) == (0, 0)


@pytest.mark.parametrize(
    ("rows", "top", "cursor"),
    [(100, 40, 45), (45, 36, 44), (10, 1, 9), (HEIGHT, 0, 8), (1, 0, 0), (0, 0, -1)],
)
async def test_fewer_rows_clamp(rows: int, top: int, cursor: int) -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        listed.jump(40)
        listed.move_cursor(45)
        listed.set_rows(rows)
        await host.settle()
        assert (listed.top, listed.cursor) == (top, cursor)
        assert [int(row) for row in host.rows if row] == list(range(top, min(rows, top + HEIGHT)))


async def test_scrolled_is_sent_when_other_rows_are_visible_and_only_then() -> None:
    listed = Watched(100)
    async with hosted(listed) as host:
        await host.press("down")
        assert host.take(VirtualList.Scrolled) == []
        for key in ("pagedown", "end", "home"):
            await host.press(key)
            (scrolled,) = host.take(VirtualList.Scrolled)
            assert isinstance(scrolled, VirtualList.Scrolled)
            assert scrolled.control is listed
        await host.press("home")
        assert host.take(VirtualList.Scrolled) == []


STEPS = st.one_of(
    st.tuples(st.sampled_from(["jump", "move_cursor", "scroll_to_row"]), st.integers(-5, COUNT + 5)),
    st.tuples(st.just("action_step"), st.integers(-COUNT, COUNT)),
    st.tuples(st.sampled_from(["action_page"]), st.sampled_from([-1, 1])),
    st.tuples(st.just("action_edge"), st.sampled_from([0, 1])),
    st.tuples(st.just("set_rows"), st.integers(0, COUNT)),
)


@settings(max_examples=10)
@given(st.lists(st.lists(STEPS, max_size=8), max_size=12))
async def test_whatever_is_done_the_cursor_is_visible(walks: list[list[tuple[str, int]]]) -> None:
    listed = Watched(1_000)
    async with hosted(listed):
        for walk in walks:
            for name, value in walk:
                getattr(listed, name)(value)
                count = listed.row_count
                assert 0 <= listed.top <= max(0, count - HEIGHT)
                if not count:
                    assert listed.cursor == -1
                elif name != "set_rows":
                    assert listed.top <= listed.cursor < min(count, listed.top + HEIGHT)
                else:
                    assert 0 <= listed.cursor < count
