"""The page list: a row for each page and VMA, with state, frame, flags, raw word, and the windows in its gutter."""

import pytest

from pagemap import entry as bits
from pagemap.state import PageState, Visibility
from pagemap.viewport import PageRow
from pagemap.vma import PAGE_SIZE, Vma
from pagemap.window import Window, blank
from tests.explorer.expected import Row, parse_row
from tests.widgets.host import Host, hosted
from widgets.flags import flags
from widgets.page_list import PageLine, PageList

HEAP = Vma(0x10000000, 0x10000000 + 8 * PAGE_SIZE, "rw-p", 0, "00:00", 0, "[heap]", 0)
FILE = Vma(0x7F0000000000, 0x7F0000008000, "r--p", 0, "08:01", 7, "/usr/lib/[b]lib[/]\x1b[31m.so", 1)
VSYSCALL = Vma(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "--xp", 0, "00:00", 0, "[vsyscall]", 2)
SIGHT = Visibility(pfn=True, zero_pfn=0x2A5, swap_files=1, soft_dirty=True)
P, S, F = bits.PRESENT, bits.SWAP, bits.FILE


class Lines:
    """A model that draws given lines."""

    def __init__(self, *lines: PageLine, sight: Visibility = SIGHT) -> None:
        self.lines = lines
        self.sight = sight
        self.shown: list[tuple[int, int]] = []

    @property
    def row_count(self) -> int:
        return len(self.lines)

    def show(self, top: int, height: int) -> None:
        self.shown.append((top, height))

    def line(self, number: int) -> PageLine | None:
        return self.lines[number] if number < len(self.lines) else None


def line(word: int | None, vma: Vma = HEAP, page: int = 0, lookup: str = "hit", **more: object) -> PageLine:
    reason = str(more.pop("reason", ""))
    changed = bool(more.pop("changed", False))
    row = PageRow(page, vma.index, vma.start + page * PAGE_SIZE, False, word, lookup, reason, changed)
    return PageLine(row, vma, **{"window": None} | more)  # type: ignore[arg-type]  # what else a line has


async def rows(*lines: PageLine, sight: Visibility = SIGHT, size: tuple[int, int] = (80, 20)) -> list[str]:
    pages = PageList()
    async with hosted(pages, size) as host:
        pages.set_model(Lines(*lines, sight=sight))
        await host.settle()
        return host.rows


@pytest.mark.parametrize(
    ("word", "vma", "state", "frame", "letters"),
    [
        (0, HEAP, PageState.ABSENT, "-", "......."),
        (P | bits.EXCLUSIVE | 0x1234, HEAP, PageState.ANONYMOUS, "0x1234", "P..X..."),
        (
            P | bits.EXCLUSIVE | bits.SOFT_DIRTY | bits.PFN_MASK,
            HEAP,
            PageState.ANONYMOUS,
            "0x7fffffffffffff",
            "P..XD..",
        ),
        (P | 0x2A5, HEAP, PageState.ZERO, "0x2a5", "P......"),
        (P | 0x77, HEAP, PageState.COPY_ON_WRITE, "0x77", "P......"),
        (P | F | 0x77, FILE, PageState.FILE, "0x77", "P.F...."),
        (S | 1 << 5, HEAP, PageState.SWAPPED, "0:0x1", ".S....."),
        (S | bits.GUARD | 4 << 5 | 31, HEAP, PageState.GUARD, None, ".S....G"),
        (S | bits.UFFD_WP | 1 << 5 | 31, HEAP, PageState.UFFD_WP, None, ".S...W."),
        (3 << 59, HEAP, PageState.UNKNOWN, "-", "......."),
    ],
)
async def test_a_page(word: int, vma: Vma, state: PageState, frame: str | None, letters: str) -> None:
    (text, *_) = await rows(line(word, vma, page=3))
    row = parse_row(text)
    assert row is not None
    assert (row.address, row.state, row.word) == (vma.start + 3 * PAGE_SIZE, state.facts.name, word)
    assert frame in (None, row.frame)
    assert state.facts.glyph in text
    assert flags(word) == letters
    assert f" {letters} {word:#018x}" in text


async def test_what_is_hidden_is_said_and_never_0() -> None:
    sight = Visibility(pfn=False)
    found = [parse_row(text) for text in await rows(line(P | bits.EXCLUSIVE), line(S), line(0), sight=sight)]
    assert [row.frame for row in found if row] == ["PFN hidden", "slot hidden", "-"]


async def test_what_could_not_be_read_says_why() -> None:
    texts = await rows(
        line(None, reason="the target's address space is gone", lookup=""),
        line(None, lookup=""),
        line(None, VSYSCALL, reason="not walkable", lookup=""),
    )
    assert texts[0].endswith("? the target's address space is gone")
    assert texts[1].endswith("? not resolved yet")
    assert texts[2].endswith("─ not walkable")
    for text in texts[:3]:
        assert text[2] == "?"
        assert "0x0000000000000000" not in text


class TestGutter:
    """Windows, by shape and by colour."""

    WINDOW = Window(3, HEAP.start, blank(8), 0.0, "")

    @pytest.mark.parametrize(
        ("begins", "ends", "sign"), [(True, False, "┏━"), (False, False, "┃ "), (False, True, "┗━"), (True, True, "╺━")]
    )
    async def test_window(self, begins: bool, ends: bool, sign: str) -> None:
        (text, *_) = await rows(line(0, window=self.WINDOW, begins=begins, ends=ends, lookup="miss"))
        assert text.startswith(f"{sign}● 0x")

    async def test_none(self) -> None:
        (text, *_) = await rows(line(0))
        assert text.startswith("  · 0x")

    async def test_neighbours_have_other_colours(self) -> None:
        pages = PageList()
        async with hosted(pages) as host:
            pages.set_model(
                Lines(*(line(0, page=n, window=Window(n, HEAP.start, blank(8), 0.0, "")) for n in range(3)))
            )
            await host.settle()
            styles = [host.segments(n + 1)[0].style for n in range(3)]
            colours = {style.color for style in styles if style is not None}
            assert len(colours) == 3

    async def test_a_header_is_crossed_by_a_window_that_runs_over_it(self) -> None:
        head = PageRow(0, 0, HEAP.start, header=True)
        across = PageLine(head, HEAP, self.WINDOW)
        (crossed, apart, *_) = await rows(across, PageLine(head, HEAP, None))
        assert crossed.startswith("┃  ▾ 000010000000-000010008000 rw-p")
        assert apart.startswith("   ▾ ")


class TestHeader:
    """The row where a VMA begins."""

    HEAD = PageRow(0, 1, FILE.start, header=True)

    async def test_tells_the_vma_and_the_gap_before_it(self) -> None:
        (text, *_) = await rows(PageLine(self.HEAD, FILE, None, gap=3 << 20), size=(120, 10))
        for part in ("7f0000000000-7f0000008000", "r--p", "32.0K", "8 pages", "file", "gap 3.0M before"):
            assert part in text
        assert r"/usr/lib/[b]lib[/]\x1b[31m.so" in text

    async def test_fits_the_width(self) -> None:
        for width in (80, 81, 100):
            for text in await rows(PageLine(self.HEAD, FILE, None, gap=1 << 46), size=(width, 10)):
                assert len(text) < width
                assert "\x1b" not in text


async def test_a_miss_and_a_change_are_marked() -> None:
    pages = PageList()
    async with hosted(pages) as host:
        words = [(0, "hit", False), (0, "hit", False), (0, "miss", False), (P | 1, "hit", True)]
        pages.set_model(Lines(*(line(w, page=n, lookup=k, changed=c) for n, (w, k, c) in enumerate(words))))
        await host.settle()
        styles = [{s.text: str(s.style) for s in host.segments(n)} for n in range(2, 5)]
        assert styles[1]["●"] != styles[0]["·"]
        assert styles[2][f"{P | 1:#018x}"] != styles[0][f"{0:#018x}"]
        assert [mark_of(host, n) for n in range(2, 5)] == ["·", "●", "·"]


def mark_of(host: Host, number: int) -> str:
    row: Row | None = parse_row(host.lines[number])
    assert row is not None
    return row.mark


async def test_rows_are_looked_up_before_they_are_painted() -> None:
    pages, model = PageList(), Lines(*(line(0, page=n) for n in range(50)))
    async with hosted(pages, (80, 10)) as host:
        pages.set_model(model)
        assert model.shown == [(0, 9)]
        await host.settle()
        pages.focus()
        await host.press("pagedown")
        assert model.shown == [(0, 9), (9, 9)]
        pages.set_model(None)
        await host.settle()
        assert host.rows[0].startswith(" no process chosen")
