"""Status, banner and keys."""

import pytest

from tests.widgets.host import hosted
from widgets.bars import Banner, KeyBar, TextBar


async def test_text_bar() -> None:
    bar = TextBar()
    async with hosted(bar, (40, 3)) as host:
        bar.show("left [/]", "right")
        assert host.lines[0] == " left [/]" + " " * 25 + "right"
        bar.show("a long text at the left that does not fit", "\x1b[31m")
        assert host.lines[0] == r" a long text at the left that… \x1b[31m"
        assert len(host.lines[0]) <= 40
        bar.show("")
        assert host.lines[0] == ""


class TestBanner:
    """What needs saying."""

    async def test_takes_as_many_lines_as_it_needs(self) -> None:
        banner = Banner()
        async with hosted(banner, (40, 10)) as host:
            assert not banner.display
            banner.show("short")
            await host.settle()
            assert (banner.display, host.lines) == (True, [" short"])
            text = "the first line, and more words, which all of them have to be said"
            banner.show(text)
            await host.settle()
            assert len(host.lines) == 2
            assert " ".join(" ".join(host.lines).split()) == text
            await host.pilot.resize_terminal(80, 10)
            await host.settle()
            assert host.lines == [f" {text}"]
            banner.show("")
            await host.settle()
            assert not banner.display

    async def test_says_where_it_had_to_stop(self) -> None:
        banner = Banner()
        async with hosted(banner, (40, 10)) as host:
            banner.show("word " * 100)
            await host.settle()
            assert len(host.lines) == Banner.LINES
            assert host.lines[-1].endswith("…")

    @pytest.mark.parametrize("evil", ["\x1b]0;x\x07", "[/]", "[@click=app.quit]x", "\u202e", "\udcff"])
    async def test_is_no_markup(self, evil: str) -> None:
        banner = Banner()
        async with hosted(banner, (80, 10)) as host:
            banner.show(f"a {evil} b")
            await host.settle()
            assert host.lines[0].isprintable()
            assert host.lines[0].startswith(" a ")
            if evil.isprintable():
                assert evil in host.lines[0]


class TestKeyBar:
    """The keys at the bottom."""

    KEYS = (
        ("g", "g", "go to"),
        ("slash", "/", "filter"),
        ("space", "spc", "pause"),
        ("f1", "?", "help"),
        ("q", "q", "quit"),
    )

    async def test_shows_the_first_that_fit_and_the_last_two(self) -> None:
        bar = KeyBar()
        async with hosted(bar, (80, 1)) as host:
            bar.show(self.KEYS)
            assert host.lines[0] == " g go to / filter spc pause ? help q quit"
            await host.pilot.resize_terminal(36, 1)
            await host.settle()
            assert host.lines[0] == " g go to / filter ? help q quit"

    async def test_a_click_sends_the_key(self) -> None:
        bar = KeyBar()
        async with hosted(bar, (80, 1)) as host:
            bar.show(self.KEYS)
            for column, key in ((1, "g"), (7, "g"), (9, "slash"), (20, "space"), (33, "f1"), (40, "q")):
                await host.click(column, 0)
                (pressed,) = host.take(KeyBar.Pressed)
                assert isinstance(pressed, KeyBar.Pressed)
                assert pressed.key == key
            await host.click(60, 0)
            assert host.take(KeyBar.Pressed) == []

    async def test_at_any_width_whole_keys_in_order(self) -> None:
        bar = KeyBar()
        parts = [f" {written} {label}" for _, written, label in self.KEYS]
        async with hosted(bar, (80, 1)) as host:
            bar.show(self.KEYS)
            for width in range(14, 50):
                strip = bar.line_strip(0, width)
                first = next(n for n in (3, 2, 1, 0) if n == 0 or len("".join(parts[:n] + parts[-2:])) <= width)
                assert strip.text == "".join(parts[:first] + parts[-2:])
            await host.settle()

    async def test_where_keys_were_dropped_a_click_still_finds_the_right_one(self) -> None:
        bar = KeyBar()
        async with hosted(bar, (31, 1)) as host:
            bar.show(self.KEYS)
            await host.settle()
            assert host.lines[0] == " g go to / filter ? help q quit"
            # The first and the last cell of each.
            for key, ends in {"g": (0, 7), "slash": (8, 16), "f1": (17, 23), "q": (24, 30)}.items():
                for column in ends:
                    await host.click(column, 0)
                    (pressed,) = host.take(KeyBar.Pressed)
                    assert isinstance(pressed, KeyBar.Pressed)
                    assert pressed.key == key

    async def test_without_keys_nothing_can_be_clicked(self) -> None:
        bar = KeyBar()
        async with hosted(bar, (40, 1)) as host:
            assert host.lines == [""]
            await host.click(1, 0)
            assert host.take(KeyBar.Pressed) == []
            bar.show(self.KEYS[:1])
            await host.settle()
            assert host.lines == [" g go to"]


@pytest.mark.parametrize(
    "evil", ["\x1b]0;x\x07", "[/]", "[@click=app.quit]x", "\u202e", "\udcff", "大小" * 30, "e\u0301" * 60]
)
@pytest.mark.parametrize("width", [1, 8, 40])
async def test_a_text_bar_keeps_its_width_whatever_it_says(evil: str, width: int) -> None:
    bar = TextBar()
    async with hosted(bar, (width, 1)) as host:
        for left, right in ((evil, ""), (evil, "right"), ("left", evil), (evil, evil)):
            bar.show(left, right)
            await host.settle()
            (strip,) = bar.render_lines(bar.size.region)
            assert strip.cell_length == width
            assert not {"\x1b", "\x07", "\u202e", "\udcff"} & set(strip.text)


async def test_a_wide_text_at_the_right_stays_whole() -> None:
    bar = TextBar()
    async with hosted(bar, (20, 1)) as host:
        bar.show("left", "大小大小")
        await host.settle()
        assert host.lines[0].endswith("大小大小")
        assert host.lines[0].startswith(" left")
