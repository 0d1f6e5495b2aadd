"""The VMA list."""

import pytest

from pagemap.vma import Vma
from tests.widgets.host import hosted
from widgets.vma_list import Share, VmaList

VMAS = (
    Vma(0x555555554000, 0x555555558000, "r-xp", 0, "08:01", 7, "/usr/bin/a long name of a program", 0),
    Vma(0x555555560000, 0x555555580000, "rw-p", 0, "00:00", 0, "[heap]", 1),
    Vma(0x7FFFF0000000, 0x7FFFF0000000 + (16 << 40), "---p", 0, "00:00", 0, "", 2),
    Vma(0x7FFFF7C00000, 0x7FFFF7C01000, "rw-s", 0, "00:01", 9, "/memfd:[/]\x1b[2J\udcff (deleted)", 3),
    Vma(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "--xp", 0, "00:00", 0, "[vsyscall]", 4),
)
SHARES = {0: Share(4, 0), 1: Share(16, 1), 2: Share(0, 1000), 4: Share(None, None)}


class Model:
    """Draws the VMAs above."""

    count = len(VMAS)

    def vma(self, row: int) -> Vma:
        return VMAS[row]

    def share(self, vma: Vma) -> Share | None:
        return SHARES.get(vma.index)


async def lines(width: int) -> list[str]:
    vmas = VmaList()
    async with hosted(vmas, (width, 8)) as host:
        vmas.set_model(Model())
        await host.settle()
        return [host.lines[0], *host.rows]


async def test_a_row_tells_everything() -> None:
    heading, *rows = await lines(120)
    for name in ("VMAs", "perm", "size", "kind", "in", "swap", "name"):
        assert name in heading
    assert rows[0].split() == [
        "555555554000-555555558000",
        "r-xp",
        "16.0K",
        "file",
        "100%",
        "0%",
        *VMAS[0].path.split(),
    ]
    assert rows[1].split() == ["555555560000-555555580000", "rw-p", "128.0K", "heap", "50%", "3%", "[heap]"]
    assert rows[3].split()[:5] == ["7ffff7c00000-7ffff7c01000", "rw-s", "4.0K", "memfd", "·"]
    assert r"/memfd:[/]\x1b[2J\xff (deleted)" in rows[3]


async def test_shares_round_to_nothing_only_where_there_is_nothing() -> None:
    row = (await lines(120))[3].split()
    assert row[2:6] == ["16.0T", "anon", "0%", "<1%"]


async def test_what_is_unknown_is_a_dot() -> None:
    row = (await lines(120))[5].split()
    assert row[4:6] == ["·", "·"]


async def test_a_range_that_is_too_long_shows_that_it_is_cut() -> None:
    assert (await lines(120))[5].startswith("ffffffffff600000-fffffff… --xp")


@pytest.mark.parametrize("width", [20, 34, 60, 68, 69, 80, 200])
async def test_fits_any_width(width: int) -> None:
    heading, *rows = await lines(width)
    assert len(heading) <= width
    assert all(len(row) < width for row in rows)


async def test_with_little_room_the_kind_stands_in_for_a_missing_name() -> None:
    _, *rows = await lines(60)
    assert rows[2].endswith("anon")
    assert rows[0].endswith("…program"[-7:])


async def test_headings_sort() -> None:
    vmas = VmaList()
    async with hosted(vmas, (120, 8)) as host:
        vmas.set_model(Model())
        await host.settle()
        for label, column in (
            *(("VMAs", "address"), ("perm", "perms"), ("size", "size")),
            *(("kind", "kind"), ("name", "name")),
        ):
            await host.click(host.lines[0].index(label), 0)
            (message,) = host.take(VmaList.SortBy)
            assert isinstance(message, VmaList.SortBy)
            assert message.column == column
        await host.click(host.lines[0].index("swap"), 0)
        assert host.take(VmaList.SortBy) == [], "what is counted for visible rows only cannot sort"
        vmas.sorted_by, vmas.descending = "size", True
        vmas.refresh()
        assert "siz▼" in host.lines[0] or "size▼" in host.lines[0]


async def test_without_a_target() -> None:
    vmas = VmaList()
    async with hosted(vmas, (60, 8)) as host:
        assert host.rows[0] == " no VMAs"
