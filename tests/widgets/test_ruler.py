"""The rulers: windows over a stretch of addresses, and over everything that is mapped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.vma import PAGE_SIZE, AddressSpace
from pagemap.window import Window, blank
from widgets.ruler import Cell, Scale, near, near_scale, whole

PAGES = 1 << 12
BASE = 0x10000000


def window(number: int, first: int, pages: int, used: bool = True) -> Window:
    made = Window(number, BASE + first * PAGE_SIZE, blank(pages), 0.0, "")
    if used:
        made.use(made.start, made.end)
    return made


def space(*runs: tuple[int, int]) -> AddressSpace:
    return AddressSpace.from_ranges((BASE + a * PAGE_SIZE, BASE + b * PAGE_SIZE) for a, b in runs)


def drawn(cells: list[Cell]) -> str:
    return "".join(cell.glyph for cell in cells)


def page(number: int) -> int:
    return BASE + number * PAGE_SIZE


SCALE = Scale(BASE, PAGE_SIZE, 20)


@pytest.mark.parametrize(
    ("runs", "windows", "visible", "picture"),
    [
        ([(0, 20)], [], [], "────────────────────"),
        ([(2, 5), (8, 9)], [], [], "  ───   ─           "),
        ([(0, 20)], [(1, 3, 4)], [], "───[==]─────────────"),
        ([(0, 20)], [(1, 3, 1), (2, 4, 2)], [], "───▮[]──────────────"),
        ([(0, 20)], [(1, 0, 20)], [(4, 6)], "[===╪╪╪============]"),
        ([(0, 20)], [], [(4, 6)], "────┿┿┿─────────────"),
        # A hole within a window belongs to the window; in the gap beside it is nothing.
        ([(0, 4), (8, 12)], [(1, 0, 12)], [], "[==========]        "),
        # Beyond the ends.
        ([(0, 40)], [(1, 15, 20)], [(18, 30)], "───────────────[==╪╪"),
    ],
)
def test_near(
    runs: list[tuple[int, int]],
    windows: list[tuple[int, int, int]],
    visible: list[tuple[int, int]],
    picture: str,
) -> None:
    held = [window(*w) for w in windows]
    cells = near(space(*runs), held, [(page(a), page(b)) for a, b in visible], SCALE)
    assert drawn(cells) == picture
    for i, cell in enumerate(cells):
        inside = [w.number for w in held if w.start <= page(i) < w.end]
        assert cell.window == (inside[0] if inside else None)
        assert cell.visible == any(a <= i <= b for a, b in visible)


def test_near_tells_used_from_unused() -> None:
    held = window(1, 2, 12, used=False)
    held.use(page(5), page(7))
    assert drawn(near(space((0, 20)), [held], [], SCALE)) == "──[--==------]──────"


def test_near_scale_centres_the_place_and_shows_all_of_its_window() -> None:
    for pages in (1, 7, 512, 1 << 20):
        held = window(1, 0, 1)
        held.end = held.start + pages * PAGE_SIZE
        for address in (held.start, held.end - PAGE_SIZE):
            scale = near_scale(address, held, 74)
            assert scale.cells == 74
            assert scale.unit % PAGE_SIZE == 0
            assert scale.start <= address < scale.end
            assert scale.start <= held.start or scale.end >= held.end
    assert near_scale(0, None, 74).start == 0


def test_whole_leaves_the_gaps_out() -> None:
    # 2 headers and 18 pages: a cell a row.
    maps = space((0, 9), (1000, 1009))
    assert drawn(whole(maps, [], (0, 0), 20)) == "┿───────────────────"
    # A window over the gap goes from the first VMA's last pages over the second's header.
    assert drawn(whole(maps, [window(1, 5, 999)], (0, 2), 20)) == "┿┿┿───[=======]─────"
    assert drawn(whole(maps, [], (19, 19), 40)) == "───────────────────┿" + " " * 20


@given(
    st.lists(st.tuples(st.integers(0, PAGES), st.integers(1, PAGES)), max_size=6),
    st.lists(st.tuples(st.integers(0, PAGES), st.integers(1, 600)), max_size=6),
    st.integers(1, 120),
)
def test_any_layout_gives_as_many_cells_as_asked_for(
    vmas: list[tuple[int, int]], windows: list[tuple[int, int]], width: int
) -> None:
    runs, at = [], 0
    for gap, size in vmas:
        runs.append((at + gap, at + gap + size))
        at += gap + size
    maps = space(*runs)
    held = [window(i, first, pages, used=bool(i % 2)) for i, (first, pages) in enumerate(windows)]
    visible = (0, min(20, max(0, maps.row_count - 1)))
    assert len(whole(maps, held if runs else [], visible, width)) == width
    for one in (*held, None):
        assert len(near(maps, held, [(page(0), page(5))], near_scale(page(3), one, width))) == width


@pytest.mark.parametrize(
    ("windows", "picture"),
    [
        # Around the ruler, before it, after it, and up to its very borders.
        ([(1, -5, 40)], "===================="),
        ([(1, -5, 8)], "==]─────────────────"),
        ([(1, -5, 5)], "────────────────────"),
        ([(1, 20, 5)], "────────────────────"),
        ([(1, -1, 2), (2, 19, 2)], "]──────────────────["),
        ([(1, 0, 1), (2, 19, 1)], "▮──────────────────▮"),
    ],
)
def test_near_cuts_windows_at_its_ends(windows: list[tuple[int, int, int]], picture: str) -> None:
    held = [window(*w) for w in windows]
    assert drawn(near(space((-10, 40)), held, [], SCALE)) == picture


@pytest.mark.parametrize(
    ("low", "high", "picture"),
    [(-9, -5, "─" * 20), (20, 30, "─" * 20), (-3, 0, "┿" + "─" * 19), (19, 25, "─" * 19 + "┿"), (-3, 30, "┿" * 20)],
)
def test_near_cuts_what_is_visible_at_its_ends(low: int, high: int, picture: str) -> None:
    assert drawn(near(space((-10, 40)), [], [(page(low), page(high))], SCALE)) == picture


def test_near_with_more_pages_a_cell() -> None:
    # 4 pages a cell: a cell is mapped, used or held if any of its pages is.
    scale = Scale(BASE, 4 * PAGE_SIZE, 10)
    held = window(1, 6, 23, used=False)
    held.use(page(15), page(16))
    cells = near(space((0, 1), (7, 30)), [held], [(page(14), page(14))], scale)
    assert drawn(cells) == "─[-╪---]  "
    assert drawn(near(space((0, 1), (7, 30)), [held], [], scale)) == "─[-=---]  "


def test_near_where_nothing_is_mapped_is_blank() -> None:
    assert drawn(near(space(), [], [], SCALE)) == " " * 20


def test_whole_of_nothing_is_blank() -> None:
    cells = whole(space(), [], (0, -1), 20)
    assert len(cells) == 20
    assert all(cell.window is None for cell in cells)


@pytest.mark.parametrize("width", [1, 74, 250])
def test_an_address_space_as_large_as_can_be(width: int) -> None:
    top = 1 << 56
    maps = AddressSpace.from_ranges([(PAGE_SIZE, 2 * PAGE_SIZE), (1 << 47, top)])
    last = Window(9, top - 512 * PAGE_SIZE, blank(512), 0.0, "")
    cells = whole(maps, [last], (maps.row_count - 20, maps.row_count - 1), width)
    assert len(cells) == width
    assert (cells[-1].glyph, cells[-1].window, cells[-1].visible) == ("╪", 9, True)
    assert [cell.visible for cell in cells].count(True) == 1
    for address in (PAGE_SIZE, 1 << 47, top - PAGE_SIZE):
        scale = near_scale(address, last if address >= last.start else None, width)
        assert scale.start <= address < scale.end
        assert len(near(maps, [last], [(address, address)], scale)) == width
