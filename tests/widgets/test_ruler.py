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
