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
