"""Scans of real processes against a brute-force decode of the same entries, by the ioctl and without it."""

import os
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from pagemap.errors import TargetGoneError
from pagemap.live import LiveProcess
from pagemap.page_counts import UNKNOWN, PageCounts, count, count_vmas
from pagemap.reader import PagemapReader
from pagemap.scan import (
    ALL,
    DETAIL,
    POPULATED,
    Category,
    Match,
    PagemapScanner,
    Region,
    ScanCancelledError,
    ScanRequest,
    ScanUnsupportedError,
    scan_ranges,
)
from pagemap.state import Visibility
from pagemap.vma import AddressSpace
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.targets import Target
from tests.pagemap.scan_kit import Kernel, Mixed, Scanner, spread

ABSENT = Match(mask=Category.PRESENT | Category.SWAPPED, inverted=Category.PRESENT | Category.SWAPPED)
ZONE = (1 << 44, 1 << 46)
"""Where the kit's targets make their areas."""


@pytest.fixture
def live(target: Target) -> Iterator[LiveProcess]:
    source = LiveProcess(target.pid)
    yield source
    source.close()


@pytest.fixture(scope="module")
def mixed(swap: object) -> Iterator[Mixed]:
    with Target.spawn() as target:
        yield Mixed(target)


@pytest.fixture(scope="module")
def source(mixed: Mixed) -> Iterator[LiveProcess]:
    live = LiveProcess(mixed.target.pid)
    yield live
    live.close()


@pytest.fixture(scope="module")
def fallback(source: LiveProcess) -> Scanner:
    return Scanner(source, Kernel(Category(0)))


@pytest.mark.parametrize("vec_len", [1, 2, 511, 512, 513, 1000])
def test_ranges_equal_a_brute_force_decode(mixed: Mixed, source: LiveProcess, vec_len: int) -> None:
    expected = mixed.regions(*ZONE)
    assert list(scan_ranges(source, *ZONE, vec_len=vec_len)) == expected
    kinds = {region.categories for region in expected}
    assert {Category.SWAPPED, Category.SWAPPED | Category.GUARD, Category.PRESENT | Category.HUGE} < kinds


def test_the_whole_process_is_scanned_in_one_go(mixed: Mixed, source: LiveProcess) -> None:
    # Program, libraries and stack included; which of them are mapped huge only the kernel knows.
    returning = DETAIL & ~Category.HUGE
    expected = mixed.regions(0, 1 << 64, returning)
    assert list(scan_ranges(source, 0, 1 << 64, returning=returning)) == expected


@pytest.mark.parametrize(
    "match",
    [
        POPULATED,
        Match(mask=Category.PRESENT),
        Match(mask=Category.SWAPPED),
        Match(mask=Category.SWAPPED | Category.GUARD, inverted=Category.GUARD),
        Match(mask=Category.PFNZERO),
        Match(any_of=Category.FILE | Category.GUARD),
        Match(mask=Category.PRESENT | Category.FILE, inverted=Category.FILE),
        Match(mask=Category.PRESENT, any_of=Category.FILE | Category.PFNZERO, inverted=Category.FILE),
        ABSENT,
    ],
)
def test_the_fallback_gives_the_same_ranges_as_the_ioctl(source: LiveProcess, fallback: Scanner, match: Match) -> None:
    returning = fallback.categories
    assert returning == DETAIL & ~Category.HUGE
    by_ioctl = list(scan_ranges(source, *ZONE, match, returning=returning))
    assert by_ioctl
    assert list(scan_ranges(fallback, *ZONE, match, returning=returning)) == by_ioctl
    assert list(scan_ranges(fallback, *ZONE, match, returning=Category.PRESENT)) == list(
        scan_ranges(source, *ZONE, match, returning=Category.PRESENT)
    )


@pytest.mark.parametrize("pages", [1, 2, 5, 700, 100_000])
def test_a_scan_stops_after_as_many_pages_as_wanted(
    mixed: Mixed, source: LiveProcess, fallback: Scanner, pages: int
) -> None:
    wanted = sorted(address for address in mixed.categories() if ZONE[0] <= address < ZONE[1])[:pages]
    for scannable in (source, fallback):
        found = scan_ranges(scannable, *ZONE, max_pages=pages, vec_len=3)
        assert [address for region in found for address in range(*region[:2], PAGE)] == wanted


def test_the_fallback_knows_no_categories_that_entries_do_not_tell(fallback: Scanner) -> None:
    for category in (Category.HUGE, Category.WRITTEN, Category.WPALLOWED):
        with pytest.raises(ScanUnsupportedError, match=category.name or ""):
            fallback.scan(ScanRequest(*ZONE, Match(mask=category)))
    assert count(fallback, *ZONE).huge is None


def test_the_fallback_without_pfns_tells_the_rest(mixed: Mixed) -> None:
    with open(f"/proc/{mixed.target.pid}/pagemap", "rb", buffering=0) as pagemap:
        reader = PagemapReader(os.dup(pagemap.fileno()))
    with open(f"/proc/{mixed.target.pid}/maps", "rb") as maps:
        space = AddressSpace(maps.read())
    scanner = PagemapScanner(reader, Visibility(pfn=False), lambda: space, Kernel(Category(0)))
    counts = count(scanner, *ZONE)
    told = [told for at, told in mixed.categories().items() if ZONE[0] <= at < ZONE[1]]
    assert counts.zero is None
    assert counts.present == sum(bool(word & Category.PRESENT) for word in told)
    assert counts.file == sum(bool(word & Category.FILE) for word in told)
    assert counts.guard == mixed.guard.pages
    reader.close()


def test_an_old_kernels_unknown_categories_are_dropped_one_by_one_and_remembered(
    mixed: Mixed, source: LiveProcess
) -> None:
    old = Kernel(ALL & ~Category.GUARD & ~Category.SOFT_DIRTY)
    scanner = Scanner(source, old)
    assert scanner.categories == ALL & ~Category.GUARD & ~Category.SOFT_DIRTY
    asked = len(old.calls)
    found = list(scan_ranges(scanner, *ZONE))
    assert found == mixed.regions(*ZONE, DETAIL & ~Category.GUARD)
    assert len(old.calls) == asked + 1
    counts = count(scanner, mixed.guard.start, mixed.guard.end)
    assert counts == PageCounts(present=0, swapped=6, zero=0, file=0, huge=0, guard=None)
    with pytest.raises(ScanUnsupportedError, match="GUARD"):
        scanner.scan(ScanRequest(*ZONE, Match(mask=Category.GUARD)))


def test_looking_changes_nothing(mixed: Mixed, source: LiveProcess, fallback: Scanner) -> None:
    def entries() -> list[list[int]]:
        pid = mixed.target.pid
        return [kernel.raw_entries(pid, vma.start, vma.end) for vma in kernel.raw_maps(pid)]

    before = entries()
    for scannable in (source, fallback):
        list(count_vmas(scannable, source.maps()))
    assert entries() == before


def test_every_vma_is_counted_as_its_own_range_is(mixed: Mixed, source: LiveProcess, fallback: Scanner) -> None:
    space = source.maps()
    for scannable in (source, fallback):
        counted = list(count_vmas(scannable, space))
        assert [(start, end) for start, end, _ in counted] == [(vma.start, vma.end) for vma in space]
        assert all(counts == count(scannable, start, end) for start, end, counts in counted)


def test_counts_of_a_range_are_those_of_the_parts_of_its_vmas(mixed: Mixed, source: LiveProcess) -> None:
    space = source.maps()
    start, end = mixed.written.page(2), mixed.swapped.page(4)
    counted = list(count_vmas(source, space, start, end))
    assert counted[0] == (start, mixed.written.end, PageCounts(5, 0, 0, 0, 0, 0))
    assert counted[-1] == (mixed.swapped.start, end, PageCounts(0, 4, 0, 0, 0, 0))
    assert list(count_vmas(source, space, mixed.guard.start, mixed.guard.end)) == [
        (mixed.guard.start, mixed.guard.end, PageCounts(0, 0, 0, 0, 0, 6))
    ]
    assert list(count_vmas(source, space, end=space.starts[0])) == []


def test_counts_agree_with_smaps(mixed: Mixed, source: LiveProcess) -> None:
    told = {start: counts for start, _, counts in count_vmas(source, source.maps())}
    compared = 0
    for vma in kernel.smaps(mixed.target.pid):
        counts = told[vma.vma.start]
        if counts is UNKNOWN:
            assert vma.vma.path == b"[vsyscall]"
            continue
        present, zero, swapped, huge = counts.present, counts.zero, counts.swapped, counts.huge
        assert present is not None
        assert zero is not None
        # smaps counts no zero pages, and of guard markers nothing.
        assert vma["Rss"] == (present - zero) * PAGE, vma.vma
        assert vma["Swap"] == (swapped or 0) * PAGE, vma.vma
        assert vma["AnonHugePages"] + vma["FilePmdMapped"] == (huge or 0) * PAGE - (
            zero * PAGE if vma.vma.start == mixed.huge_zero.start else 0
        )
        compared += 1
    assert compared > 15


def test_a_full_vector_is_resumed_and_no_page_comes_twice(target: Target, live: LiveProcess) -> None:
    area = target.do("reserve", size=1 << 30, touched=list(range(0, 3000, 2)))
    expected = [Region(page, page + PAGE, Category.PRESENT) for page in area.touched]
    for vec_len in (1, 2, 500, 512, 1000, 1499, 1500, 1501, 5000):
        assert list(scan_ranges(live, area.start, area.end, vec_len=vec_len)) == expected


def test_dense_memory_takes_several_calls_and_is_one_region(target: Target, live: LiveProcess) -> None:
    area = target.do("written", pages=70_000)
    watched = Kernel()
    scanner = Scanner(live, watched)
    assert list(scan_ranges(scanner, area.start, area.end)) == [Region(area.start, area.end, Category.PRESENT)]
    assert len(watched.scans) == 2
    assert count(scanner, area.start, area.end) == PageCounts(70_000, 0, 0, 0, 0, 0)


def test_a_16_tib_reserve_costs_its_pages_not_its_size(target: Target, live: LiveProcess) -> None:
    area = spread(target)
    live.maps()
    watched = Kernel()
    scanner = Scanner(live, watched)
    found = list(scan_ranges(scanner, area.start, area.end))
    assert found == [Region(page, page + PAGE, Category.PRESENT) for page in area.touched]
    # The vector is exactly full: a second call sees that nothing follows.
    assert len(watched.scans) == 2
    assert count(scanner, area.start, area.end) == PageCounts(1000, 0, 0, 0, 0, 0)
    assert live.reader.preads == 0


def test_the_address_limit_and_vsyscall_are_left_out(target: Target, live: LiveProcess) -> None:
    whole = list(scan_ranges(live, 0, 1 << 64))
    assert whole
    assert whole[-1].end <= live.address_limit
    assert list(scan_ranges(live, live.address_limit, 1 << 64)) == []
    assert count(live, 0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000) == UNKNOWN
    by_start = {start: counts for start, _, counts in count_vmas(live, live.maps())}
    for vma in kernel.raw_maps(target.pid):
        assert (by_start[vma.start] is UNKNOWN) == (vma.path == b"[vsyscall]")


def test_a_target_that_maps_and_unmaps_while_it_is_scanned(target: Target, live: LiveProcess) -> None:
    steady = target.do("reserve", size=1 << 28, touched=list(range(0, 600, 2)))
    expected = [Region(page, page + PAGE, Category.PRESENT) for page in steady.touched]
    done = threading.Event()

    def churn() -> None:
        try:
            for _ in range(40):
                area = target.do("many_vmas", count=50, gaps=(0, 1), touch=3)
                target.do("munmap", start=area.start, end=area.end)
        finally:
            done.set()

    worker = threading.Thread(target=churn)
    worker.start()
    scanners = (live, Scanner(live, Kernel(Category(0))))
    scans = 0
    try:
        while not done.is_set() or scans < 3:
            for scannable in scanners:
                space = live.maps()
                regions = list(scan_ranges(scannable, *ZONE, vec_len=3))
                assert all(ZONE[0] <= start < end <= ZONE[1] for start, end, _ in regions)
                assert all(one.end <= other.start for one, other in pairwise(regions))
                assert [region for region in regions if steady.start <= region.start < steady.end] == expected
                counted = list(count_vmas(scannable, space))
                assert [start for start, _, _ in counted] == list(space.starts)
                scans += 1
    finally:
        worker.join()


@pytest.mark.parametrize("known", [ALL, Category(0)], ids=["ioctl", "fallback"])
def test_a_scan_can_be_cancelled_and_reports_progress(target: Target, live: LiveProcess, known: Category) -> None:
    area = target.do("written", pages=70_000)
    scanner = Scanner(live, Kernel(known))
    reached: list[int] = []
    with pytest.raises(ScanCancelledError):
        count(scanner, area.start, area.end, cancelled=lambda: len(reached) == 2, progress=reached.append)
    assert len(reached) == 2
    assert area.start == reached[0] < reached[1] < area.end
    with pytest.raises(ScanCancelledError):
        next(scan_ranges(scanner, area.start, area.end, cancelled=lambda: True))


@pytest.mark.parametrize("known", [ALL, Category(0)], ids=["ioctl", "fallback"])
@pytest.mark.parametrize("end", ["exit", "exec"])
def test_an_address_space_that_is_gone_is_an_error_and_not_empty(
    target: Target, live: LiveProcess, known: Category, end: str
) -> None:
    area = target.do("written", pages=8)
    scanner = Scanner(live, Kernel(known))
    assert count(scanner, area.start, area.end).present == 8
    getattr(target, end)()
    for match in (POPULATED, Match(mask=Category.FILE)):
        with pytest.raises(TargetGoneError):
            list(scan_ranges(scanner, area.start, area.end, match))
    with pytest.raises(TargetGoneError):
        count(scanner, area.start, area.end)
