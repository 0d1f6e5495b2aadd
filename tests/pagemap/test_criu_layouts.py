"""The layouts of CRIU's own tests, as files of VMAs: how many windows and entries a dump through each policy takes.

A dump looks up every page once, in order. The figures are worked out from the layouts; P is a page of 4 KiB, a block is
512 of them.
"""

from pathlib import Path

import pytest

from pagemap.cache import PagemapCache
from pagemap.counters import Counters
from pagemap.mapsfile import MapsFile
from pagemap.policies import POLICIES
from pagemap.walks import walk
from tests.kit.kernel import PAGE

BASE = 0x7F0000000000
Pages = list[tuple[int, int]]
"""First page and first page after it of each VMA."""


def saved(folder: Path, vmas: Pages, names: tuple[str, ...] = ("",)) -> MapsFile:
    """The VMAs as the text that the kernel would give, through a file."""
    path = folder / "layout.maps"
    lines = [
        f"{BASE + low * PAGE:x}-{BASE + high * PAGE:x} rw-p 00000000 00:00 0 {names[number % len(names)]}\n"
        for number, (low, high) in enumerate(vmas)
    ]
    path.write_text("".join(lines), encoding="ascii")
    return MapsFile(path)


def dump(source: MapsFile, policy: str) -> Counters:
    cache = PagemapCache(source, source.maps(), policy)
    for _ in walk(cache, "dump"):
        pass
    assert cache.counters.lookups == source.maps().page_count
    assert cache.counters.failed_fills == 0
    return cache.counters


def fills(source: MapsFile) -> dict[str, int]:
    return {policy: dump(source, policy).fills for policy in POLICIES}


def test_4096_single_pages_at_a_stride_of_two(tmp_path: Path) -> None:
    # 8,191 pages from the first to the last: 16 blocks, 256 VMAs in each. As much gap as cover, but never more, so the
    # seed's windows are full too. Doubling takes 1 + 2 + 4 + 8 blocks, then the last: 5 reads.
    source = saved(tmp_path, [(2 * number, 2 * number + 1) for number in range(4096)])
    assert fills(source) == {
        **dict.fromkeys(("page", "vma", "criu-unbatched"), 4096),
        **dict.fromkeys(("seed", "criu", "criu-unclamped", "scan", "blocks"), 16),
        "readahead": 5,
    }
    assert dump(source, "blocks").entries_read == 16 * 511
    assert dump(source, "page").entries_read == 4096


def test_single_pages_with_gaps_of_35_and_2(tmp_path: Path) -> None:
    # Pairs: a page, a gap of 2, a page, a gap of 35. The seed takes a pair (gap 2, covered 2) and stops at 37 > 3:
    # one window a pair. 1,024 pairs of 39 pages are 78 blocks; every block has a VMA in its first quarter, though one
    # that straddles the border or begins after it can cost CRIU a second window there.
    pairs = [(39 * number, 39 * number + 1) for number in range(1024)]
    source = saved(tmp_path, sorted([*pairs, *((low + 3, low + 4) for low, _ in pairs)]))
    counts = fills(source)
    assert counts["page"] == counts["vma"] == counts["criu-unbatched"] == 2048
    assert counts["seed"] == 1024
    assert 78 <= counts["criu"] == counts["criu-unclamped"] == counts["scan"] <= 2 * 78
    assert counts["blocks"] == 78
    # 1 + 2 + 4 + 8 + 4 × 16 are 79.
    assert counts["readahead"] == 8
    # What few windows cost: the seed reads four entries for two pages, the block's neighbours all that lies between.
    assert dump(source, "seed").entries_read < 10 * 1024
    assert dump(source, "blocks").entries_read > 15 * 2048


def test_10240_times_a_file_page_an_anonymous_page_and_a_hole(tmp_path: Path) -> None:
    # 20,480 VMAs of one page in 30,720 pages: 60 blocks. Two pages of three are mapped: no gap ends the seed's window.
    vmas = [(3 * n + page, 3 * n + page + 1) for n in range(10_240) for page in (0, 1)]
    source = saved(tmp_path, vmas, ("/tmp/file", ""))
    assert len(source.maps()) == 20_480
    counts = fills(source)
    assert counts["page"] == counts["vma"] == counts["criu-unbatched"] == 20_480
    assert counts["seed"] == counts["criu"] == counts["criu-unclamped"] == counts["scan"] == counts["blocks"] == 60
    # 1 + 2 + 4 + 8 + 16 + 16 + 13.
    assert counts["readahead"] == 7
    assert 20_480 / dump(source, "blocks").entries_read == pytest.approx(2 / 3, abs=0.01)


def test_10_gib_of_which_2_pages_are_touched(tmp_path: Path) -> None:
    # One VMA of 2,621,440 pages is 5,120 blocks and 20 MiB of entries. Whoever reads whole VMAs reads all for the
    # first page; whoever reads blocks reads two of them.
    source = saved(tmp_path, [(0, 10 << 18)])
    touched = (BASE + 5 * PAGE, BASE + 2_000_000 * PAGE)
    entries = {}
    for policy in POLICIES:
        cache = PagemapCache(source, source.maps(), policy)
        for address in touched:
            cache.lookup(address)
        entries[policy] = cache.counters.entries_read
        assert cache.counters.fills <= 2
    assert entries["page"] == entries["scan"] == 2
    assert entries["blocks"] == entries["readahead"] == 2 * 512
    for policy in ("vma", "seed", "criu", "criu-unclamped", "criu-unbatched"):
        assert entries[policy] == 2_621_440
    # Dumped whole it is the other way round.
    assert dump(source, "seed").fills == dump(source, "criu").fills == dump(source, "vma").fills == 1
    assert dump(source, "blocks").fills == 5120
    # 1 + 2 + 4 + 8, then sixteens: 4 + 5,105 / 16.
    assert dump(source, "readahead").fills == 4 + 320


def test_1024_vmas_of_40_kib_take_23_to_40_reads_instead_of_1024(tmp_path: Path) -> None:
    # The merge message's figures. With a guard page between, 1,024 × 11 pages are 22 blocks. The seed's windows of 512
    # pages begin at a VMA and lose the one that straddles the end: 46 VMAs each, 1,024 / 46 is 22.3. CRIU's end at the
    # block, and the VMA that straddles it costs a window of its own: nearly two a block.
    source = saved(tmp_path, [(11 * number, 11 * number + 10) for number in range(1024)])
    counts = fills(source)
    assert counts["page"] == 10_240
    assert counts["vma"] == counts["criu-unbatched"] == 1024
    assert counts["seed"] == 23
    assert 23 < counts["criu"] == counts["criu-unclamped"] == counts["scan"] <= 40
    assert counts["blocks"] == 22
    assert counts["readahead"] == 5


def test_a_window_of_regions_reads_only_what_is_looked_up(tmp_path: Path) -> None:
    source = saved(tmp_path, [(11 * number, 11 * number + 10) for number in range(1024)])
    scanned, read = dump(source, "scan"), dump(source, "criu")
    assert scanned.scans == scanned.fills == read.fills
    assert scanned.entries_read == scanned.entries_used == 10_240 < read.entries_read
    # That is its price: a pread for each VMA's pages, beside the scans.
    assert scanned.preads == 1024
