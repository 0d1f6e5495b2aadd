"""Help, command palette, themes, focus, and that every key does what the help screen says."""

import re

import pytest
from textual.binding import Binding
from textual.command import CommandPalette

from app import keys as shown_keys
from app.screens import help as help_module
from app.screens.explorer import ExplorerScreen
from app.screens.help import HelpScreen
from app.tui import THEMES, PagelensApp
from tests.explorer import synthetic
from tests.explorer.driving import Driver, explore, text
from tests.explorer.synthetic import Synthetic
from widgets.bars import KeyBar, TextBar
from widgets.choice_list import ChoiceList
from widgets.virtual_list import VirtualList

WRITTEN = {
    "question_mark": "?", "slash": "/", "pageup": "page up", "pagedown": "page down", "up": "arrows", "escape": "esc"
}  # fmt: skip


def bindings(*classes: type) -> list[Binding]:
    return [b for cls in classes for b in vars(cls)["BINDINGS"] if isinstance(b, Binding)]


class TestHelp:
    """The help screen."""

    @pytest.mark.parametrize("key", ["question_mark", "f1"])
    @pytest.mark.parametrize("leave", ["escape", "q", "question_mark"])
    async def test_opens_and_closes(self, key: str, leave: str) -> None:
        async with explore(Synthetic()) as driver:
            before = driver.counted
            await driver.press(key)
            assert driver.shows(HelpScreen)
            assert "pagelens: a process's memory" in text(driver.app.screen.query_one(ChoiceList))
            await driver.press(leave)
            assert driver.shows(ExplorerScreen)
            assert driver.counted == before

    async def test_scrolls_to_its_end(self) -> None:
        async with explore(Synthetic()) as driver:
            await driver.press("question_mark")
            lines: list[str] = []
            choices = driver.app.screen.query_one(ChoiceList)
            for _ in range(20):
                lines += text(choices).splitlines()[1:]
                await driver.press("pagedown")
            everything = "\n".join(line.rstrip(" │█") for line in lines)
            for word in ("Keys", "Signs beside a page", "Page states", "Words", "soft-dirty", "userfaultfd", "evicted"):
                assert word in everything
            assert not [line for line in lines if len(line) > 80]

    def test_names_every_key(self) -> None:
        explained = " ".join(f"{key}: {what}" for key, what in help_module._KEYS)
        everything = bindings(ExplorerScreen, PagelensApp, VirtualList)
        # Of several ways to do the same the first is told.
        told = {binding.action: binding for binding in reversed(everything)}
        for binding in told.values():
            first = binding.key.split(",")[0]
            written = WRITTEN.get(first, first)
            assert re.search(rf"(^|\W){re.escape(written)}(\W|$)", explained), f"{binding.key} is not in the help"

    def test_the_bottom_line_names_keys_that_exist(self) -> None:
        known = {key for b in bindings(ExplorerScreen, PagelensApp) for key in b.key.split(",")} | {"tab"}
        assert {key for key, _, _ in shown_keys.KEYS} <= known


async def test_the_palette_has_every_action() -> None:
    async with explore(Synthetic()) as driver:
        titles = {command.title for command in driver.app.get_system_commands(driver.app.screen)}
        for binding in bindings(ExplorerScreen):
            assert binding.description in titles
        assert any("uit" in title for title in titles)
        assert any("heme" in title or "ight" in title for title in titles)


async def test_the_palette_does_what_the_key_does() -> None:
    async with explore(Synthetic()) as driver:
        assert driver.session.cache.windows
        await driver.press("ctrl+p")
        assert driver.shows(CommandPalette)
        await driver.pilot.press(*"flush")
        while driver.app.screen.query_one("CommandList").option_count != 1:  # type: ignore[attr-defined]  # private class
            await driver.pilot.pause()
        await driver.press("enter")
        while driver.session.cache.windows:
            await driver.pilot.pause()
        assert driver.shows(ExplorerScreen)


class TestFocus:
    """Moving between the panes."""

    async def test_tab_goes_round(self) -> None:
        async with explore(Synthetic(), processes=synthetic.processes) as driver:
            assert driver.pages.has_focus
            order = []
            for _ in range(4):
                await driver.press("tab")
                order.append(driver.app.focused)
            assert order[0] is not driver.pages
            assert driver.processes in order
            assert driver.vmas in order
            assert driver.pages in order
            await driver.press("shift+tab")
            assert driver.app.focused is order[2]

    async def test_on_a_narrow_terminal_the_process_list_widens_with_the_focus(self) -> None:
        async with explore(Synthetic(), processes=synthetic.processes) as driver:
            narrow = driver.processes.size.width
            driver.processes.focus()
            await driver.settle()
            assert driver.processes.size.width > narrow
            assert "User" in text(driver.processes)
            driver.pages.focus()
            await driver.settle()
            assert driver.processes.size.width == narrow

    async def test_a_click_focuses(self) -> None:
        async with explore(Synthetic(), processes=synthetic.processes) as driver:
            await driver.pilot.click(driver.vmas, offset=(2, 2))
            await driver.settle()
            assert driver.vmas.has_focus
            await driver.pilot.click(driver.pages, offset=(20, 4))
            await driver.settle()
            assert driver.pages.has_focus
            assert driver.pages.cursor == driver.pages.top + 3


async def test_a_click_on_a_key_is_the_key() -> None:
    async with explore(Synthetic(), size=(132, 40)) as driver:
        bar = driver.app.explorer.query_one(KeyBar)
        at = text(bar).index("pause")
        await driver.pilot.click(bar, offset=(at, 0))
        await driver.settle()
        assert "paused" in driver.panel
        await driver.pilot.click(bar, offset=(text(bar).index("help"), 0))
        await driver.settle()
        assert driver.shows(HelpScreen)


async def test_light_and_dark() -> None:
    async with explore(Synthetic()) as driver:
        assert driver.app.theme == THEMES["dark"]
        dark = colours(driver)
        await driver.press("t")
        assert driver.app.theme == THEMES["light"]
        assert colours(driver) != dark
        await driver.press("t")
        assert colours(driver) == dark


def colours(driver: Driver) -> list[str]:
    return [str(segment.style) for strip in driver.pages.render_lines(driver.pages.size.region) for segment in strip]


async def test_too_small() -> None:
    async with explore(Synthetic(), size=(60, 20)) as driver:
        small = driver.app.explorer.query_one("#small", TextBar)
        assert text(small).strip() == "pagelens needs 80×24; this is 60×20"
        assert not driver.app.explorer.query_one("#body").display
        await driver.press("pagedown", "g", "escape", "p", "escape", "tab", "question_mark", "escape")
        await driver.pilot.resize_terminal(80, 24)
        await driver.settle()
        assert not small.display
        assert driver.rows[0].address == 0x555555554000
        assert driver.counted.lookups > 0
        await driver.pilot.resize_terminal(79, 24)
        await driver.settle()
        assert "this is 79×24" in text(small)


async def test_q_quits_with_status_0() -> None:
    source = Synthetic()
    async with explore(source) as driver:
        await driver.press("q")
        assert not driver.app.is_running
    assert driver.app.return_code == 0
    assert source.closed


async def test_keys_without_a_target() -> None:
    async with explore(None) as driver:
        for key in (
            "c",
            "r",
            "space",
            "o",
            "s",
            "S",
            "escape",
            "pagedown",
            "end",
            "enter",
            "tab",
            "enter",
            "tab",
            "up",
        ):
            await driver.press(key)
        await driver.press("p", "enter", "slash", "x", "enter", "question_mark", "escape")
        assert driver.message == ""


async def test_pfn_hidden_is_said() -> None:
    async with explore(Synthetic(pfn=False)) as driver:
        assert driver.status.endswith("PFN hidden: needs CAP_SYS_ADMIN")
        assert {row.frame for row in driver.rows if row.word is not None} <= {"PFN hidden", "slot hidden", "-"}
        await driver.go_to(0x555555565000)
        assert "slot hidden" in {row.frame for row in driver.rows} | {"slot hidden"}
        shown = text(driver.pages)
        assert " 0x0 " not in shown, "what is hidden is never shown as 0"
