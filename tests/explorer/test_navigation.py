"""Going to addresses and VMAs, and the VMA list: filter, order, and in step with the pages."""

import re

import pytest

from app.screens.explorer import ExplorerScreen
from tests.explorer.driving import Driver, explore
from tests.explorer.expected import Explored
from tests.explorer.synthetic import MAPS, Synthetic, entry
from tests.kit.kernel import PAGE, raw_maps
from tests.kit.targets import Target

RANGES = [line.split()[0].decode()[:24] for line in MAPS.splitlines()]


def under_cursor(driver: Driver) -> int:
    """The address of the page list's row under the cursor."""
    return driver.rows[driver.pages.cursor - driver.pages.top].address


def listed(driver: Driver) -> list[str]:
    """The ranges in the VMA list, as far as they are visible; the last is too long for its column."""
    return [row.split()[0][:24] for row in driver.vma_rows]


class TestGoTo:
    """The prompt of `g`."""

    @pytest.mark.parametrize("text", ["0x7ffff6300123", "7ffff6300000", " 0X7FFFF6300fff ", "7fff_f630_0000"], ids=repr)
    async def test_address(self, text: str) -> None:
        async with explore(Synthetic()) as driver:
            await driver.ask("g", text)
            assert under_cursor(driver) == 0x7FFFF6300000
            assert driver.message == ""
            assert driver.pages.has_focus
            assert driver.vmas.index(driver.vmas.cursor) == 4

    async def test_real_address(self, target: Target) -> None:
        area = target.do("written", pages=700)
        explored = Explored(target.pid)
        async with explore(target.pid) as driver:
            explored.show(0, driver.pages.page_height)
            await driver.go_to(area.page(650) + 17)
            explored.show(driver.pages.top, driver.pages.page_height)
            assert under_cursor(driver) == area.page(650)
            assert (driver.rows, driver.counted) == (explored.rows(), explored.counted)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("7ffff5000000", r"0x7ffff5000000 is in no VMA: .*ends at 0x555555581000.*begins at 0x7ffff6200000"),
            ("0", r"0x0 is in no VMA: the next begins at 0x555555554000"),
            ("ffffffffffffffff", r"is in no VMA: the one before ends at 0xffffffffff601000"),
            ("123456789abcdef0123456789", r"is in no VMA"),
            ("nosuchname", r"'nosuchname' is no hexadecimal address and no VMA's name"),
            ("", r"is no hexadecimal address"),
            ("kind:nosuch", r"no such kind of VMA: nosuch; the kinds are anon"),
            ("+5", r"'\+5' is no hexadecimal address"),
            ("0x", r"'0x' is no hexadecimal address"),
            ("١٢", r"is no hexadecimal address"),
            ("[@click=app.quit]\x1b[31m", r"\[@click=app\.quit\]"),
        ],
    )
    async def test_says_what_is_wrong(self, text: str, says: str) -> None:
        async with explore(Synthetic()) as driver:
            await driver.press("pagedown")
            before = driver.rows
            await driver.ask("g", text)
            assert re.search(says, driver.message), driver.message
            assert "\x1b" not in driver.message
            assert driver.rows == before
            await driver.press("escape")
            assert driver.message == ""
            assert driver.pages.has_focus

    @pytest.mark.parametrize(
        ("text", "start"), [("heap", 0x555555560000), ("STACK", 0x7FFFFFFDE000), ("[b]ring[/]", 0x7FFFF7C00000)]
    )
    async def test_name(self, text: str, start: int) -> None:
        async with explore(Synthetic()) as driver:
            await driver.ask("g", text)
            assert under_cursor(driver) == start

    async def test_vsyscall_is_not_walkable(self) -> None:
        async with explore(Synthetic()) as driver:
            await driver.ask("g", "ffffffffff600000")
            assert under_cursor(driver) == 0xFFFFFFFFFF600000
            row = driver.row(0xFFFFFFFFFF600000)
            assert (row.mark, row.word) == ("?", None)
            before = driver.counted
            assert before.lookups == before.hits + before.misses
            await driver.tick()
            assert driver.counted == before
            assert driver.message == ""

    async def test_without_a_target(self) -> None:
        async with explore(None) as driver:
            await driver.ask("g", "1000")
            assert driver.message == ""


async def test_keys_typed_ahead_do_no_harm() -> None:
    async with explore(Synthetic()) as driver:
        for keys in (
            ["slash", "slash", "h", "e", "escape"],
            ["g", "g", "slash", "escape"],
            ["slash", "g", "5", "enter"],
        ):
            driver.type_ahead(*keys)
            await driver.settle()
            await driver.press("escape", "escape")
            assert driver.shows(ExplorerScreen)
        await driver.ask("g", "heap")
        assert under_cursor(driver) == 0x555555560000


async def test_leaving_another_prompt_leaves_the_filter() -> None:
    async with explore(Synthetic(), size=(132, 60)) as driver:
        await driver.ask("slash", "heap")
        await driver.press("g", "escape")
        assert listed(driver) == [RANGES[3]]
        await driver.press("escape")
        assert len(listed(driver)) == len(RANGES)


class TestVmaList:
    """The list of VMAs."""

    async def test_choosing_one_moves_the_pages(self) -> None:
        async with explore(Synthetic()) as driver:
            driver.vmas.focus()
            await driver.press("down", "down", "down", "down", "enter")
            assert driver.rows[0].address == 0x7FFFF6200000
            assert driver.rows[0].mark == "▾"
            await driver.pilot.click(driver.vmas, offset=(3, 2))
            await driver.settle()
            assert driver.rows[0].address == 0x555555558000

    async def test_scrolling_the_pages_moves_its_cursor(self) -> None:
        async with explore(Synthetic()) as driver:
            seen = []
            for key in ("pagedown", "pagedown", "end", "pageup", "home"):
                await driver.press(key)
                vma = driver.vmas.vma(driver.vmas.cursor)
                assert vma.start <= under_cursor(driver) < vma.end
                seen.append(vma.index)
            assert seen == [1, 3, 10, 9, 0]
            await driver.press("end")
            top = driver.vmas.top
            assert driver.vmas.cursor in range(top, top + driver.vmas.page_height)

    @pytest.mark.parametrize(
        ("text", "indexes"),
        [
            ("example", [0, 1, 2, 5]),
            ("EXAMPLE perms:rw", [2]),
            ("perms:r-xp", [1, 8]),
            ("perms:r.x.", [1, 8]),
            ("perms:ws", [6]),
            ("kind:heap", [3]),
            ("kind:v", [7, 8, 10]),
            ("kind:file perms:x", [1]),
            ("7ffff7a", [5]),
            ("[b]ring[/]", [6]),
            ("nosuch", []),
        ],
    )
    async def test_filter(self, text: str, indexes: list[int]) -> None:
        async with explore(Synthetic(), size=(132, 60)) as driver:
            await driver.ask("slash", text)
            assert driver.vmas.has_focus
            if indexes:
                assert listed(driver) == [RANGES[i] for i in indexes]
            else:
                assert driver.vma_rows == [" no VMAs"]
            await driver.press("escape")
            assert listed(driver) == RANGES

    async def test_filters_while_one_types_and_cancels(self) -> None:
        async with explore(Synthetic(), size=(132, 60)) as driver:
            await driver.press("slash", "h", "e", "a")
            assert listed(driver) == [RANGES[3]]
            await driver.press("escape")
            assert len(listed(driver)) == len(RANGES)
            assert not driver.app.explorer.query_one("Prompt").display

    async def test_a_bad_filter_is_explained_and_changes_nothing(self) -> None:
        async with explore(Synthetic(), size=(132, 60)) as driver:
            await driver.ask("slash", "perms:zz")
            assert "no such permissions: zz" in driver.message
            assert len(listed(driver)) == len(RANGES)
            await driver.press("escape")
            assert driver.message == ""

    async def test_choosing_in_a_filtered_list(self) -> None:
        async with explore(Synthetic()) as driver:
            await driver.ask("slash", "perms:x")
            await driver.press("down", "down", "enter")
            assert driver.rows[-1].address == 0xFFFFFFFFFF600000
            await driver.press("home")
            assert driver.vmas.cursor == 0, "the first that fits"

    async def test_every_order(self, target: Target) -> None:
        vmas = raw_maps(target.pid)
        async with explore(target.pid, size=(200, 60)) as driver:
            size = {f"{v.start:012x}-{v.end:012x}"[:24]: v.end - v.start for v in vmas}
            perms = {f"{v.start:012x}-{v.end:012x}"[:24]: v.perms for v in vmas}
            name = {f"{v.start:012x}-{v.end:012x}"[:24]: v.path for v in vmas}
            driver.vmas.focus()
            await driver.press("s")
            sizes = [size[row] for row in listed(driver)]
            assert sizes == sorted(size.values(), reverse=True)[: len(sizes)]
            await driver.press("S")
            sizes = [size[row] for row in listed(driver)]
            assert sizes == sorted(size.values())[: len(sizes)]
            await driver.press("s")
            assert [perms[row] for row in listed(driver)] == sorted(perms.values())[: len(sizes)]
            await driver.press("s")
            kinds = [driver.vmas.vma(i).kind for i in range(driver.vmas.count)]
            assert kinds == sorted(kinds)
            await driver.press("s")
            assert [name[row] for row in listed(driver)] == sorted(name.values())[: len(sizes)]
            await driver.press("s")
            assert listed(driver) == list(size)[: len(sizes)]

    async def test_clicking_a_heading_sorts(self) -> None:
        async with explore(Synthetic(), size=(132, 60)) as driver:
            column = driver.vmas_heading.index("size")
            await driver.pilot.click(driver.vmas, offset=(column, 0))
            await driver.settle()
            assert listed(driver)[0] == RANGES[4]
            assert "size▼" in driver.vmas_heading or "siz▼" in driver.vmas_heading
            await driver.pilot.click(driver.vmas, offset=(column, 0))
            await driver.settle()
            assert listed(driver)[-1] == RANGES[4]

    async def test_present_and_swapped_shares(self) -> None:
        async with explore(Synthetic(), size=(132, 60)) as driver:
            heap = next(row for row in driver.vma_rows if "[heap]" in row).split()
            words = [entry(address) for address in range(0x555555560000, 0x555555581000, PAGE)]
            present = sum(word >> 63 for word in words) * 100 // len(words)
            assert f"{present}%" in heap
