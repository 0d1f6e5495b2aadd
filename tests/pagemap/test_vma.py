"""Addresses and rows: on small spaces against a list of every row, on huge ones by hand."""

import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.vma import KINDS, AddressSpace, Row, Vma, merge_ranges, parse_line
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.targets import Target
from tests.pagemap.synthetic import VSYSCALL, Range

TIB = 1 << 40


@st.composite
def small_ranges(draw: st.DrawFn) -> list[Range]:
    at, ranges = draw(st.integers(0, 4)), []
    for _ in range(draw(st.integers(0, 7))):
        at += draw(st.integers(0, 4))
        pages = draw(st.integers(1, 6))
        ranges.append((at * PAGE, (at + pages) * PAGE))
        at += pages
    return ranges


def all_rows(ranges: list[Range]) -> list[Row]:
    """Every row, one after another."""
    rows: list[Row] = []
    for index, (start, end) in enumerate(ranges):
        rows.append(Row(len(rows), index, start, header=True))
        for address in range(start, end, PAGE):
            rows.append(Row(len(rows), index, address, header=False))
    return rows


EVERYWHERE = range(0, 90 * PAGE, PAGE // 2)


@given(ranges=small_ranges())
def test_rows_and_addresses_are_those_of_a_plain_list(ranges: list[Range]) -> None:
    space, rows = AddressSpace.from_ranges(ranges), all_rows(ranges)
    assert len(space) == len(ranges)
    assert space.row_count == len(rows)
    assert space.page_count == sum(not row.header for row in rows)
    assert space.longest == max((end - start for start, end in ranges), default=0)
    assert [space.row(i) for i in range(len(rows))] == rows
    assert [space.vma_of_row(i) for i in range(len(rows))] == [row.vma for row in rows]
    for wrong in (-1, len(rows)):
        for ask in (space.row, space.vma_of_row):
            with pytest.raises(IndexError):
                ask(wrong)
    of_page = {row.address: row for row in rows if not row.header}
    last = max(0, len(rows) - 1)
    for address in EVERYWHERE:
        row = of_page.get(address // PAGE * PAGE)
        assert space.row_of(address) == (row and row.number)
        assert space.find(address) == (row and row.vma)
        following = next((r.number for r in rows if r.header and r.address >= address), last)
        assert space.row_near(address) == (row.number if row else following)
    for index, (start, _) in enumerate(ranges):
        assert rows[space.row_of_vma(index)] == Row(space.row_of_vma(index), index, start, header=True)
        assert space.gap_before(index) == start - (ranges[index - 1][1] if index else 0)


@given(ranges=small_ranges(), first=st.integers(-3, 50), count=st.integers(0, 50))
def test_a_screen_of_rows_is_a_slice_of_all_rows(ranges: list[Range], first: int, count: int) -> None:
    assert (
        AddressSpace.from_ranges(ranges).rows(first, count) == all_rows(ranges)[max(0, first) : max(0, first + count)]
    )


@given(ranges=small_ranges(), low=st.integers(0, 80), pages=st.integers(0, 60))
def test_mapped_pages_are_those_that_are_counted(ranges: list[Range], low: int, pages: int) -> None:
    space = AddressSpace.from_ranges(ranges)
    start, end = low * PAGE, (low + pages) * PAGE
    mapped = [(a, index) for index, (s, e) in enumerate(ranges) for a in range(s, e, PAGE)]
    assert space.pages_below(start) == sum(a < start for a, _ in mapped)
    assert space.mapped_pages(start, end) == sum(start <= a < end for a, _ in mapped)
    parts = list(space.mapped_ranges(start, end))
    assert all(s < e for s, e in parts)
    covered = [(a, space.find(a)) for s, e in parts for a in range(s, e, PAGE)]
    assert covered == [(a, index) for a, index in mapped if start <= a < end]
    # Each lies in one VMA.
    assert all(space.find(s) == space.find(e - PAGE) for s, e in parts)
    for address in EVERYWHERE[::5]:
        assert space.first_ending_after(address) == sum(e <= address for _, e in ranges)
        assert space.first_starting_at(address) == sum(s < address for s, _ in ranges)


def test_nothing_lies_in_an_empty_range() -> None:
    space = AddressSpace.from_ranges([(PAGE, 5 * PAGE)])
    for start, end in [(2 * PAGE, 2 * PAGE), (4 * PAGE, 2 * PAGE), (PAGE, PAGE), (5 * PAGE, 5 * PAGE)]:
        assert list(space.mapped_ranges(start, end)) == []


@given(before=small_ranges(), after=small_ranges())
def test_changed_ranges_are_those_of_vmas_of_one_side_only(before: list[Range], after: list[Range]) -> None:
    changed = AddressSpace.from_ranges(before).changed_ranges(AddressSpace.from_ranges(after))
    differ = {a for s, e in set(before) ^ set(after) for a in range(s, e, PAGE)}
    assert {a for s, e in changed for a in range(s, e, PAGE)} == differ
    assert all(a[1] < b[0] for a, b in pairwise(changed)), "merged and in order"


@given(ranges=small_ranges())
def test_merged_ranges_cover_the_same(ranges: list[Range]) -> None:
    merged = merge_ranges(ranges)
    assert {a for s, e in merged for a in range(s, e, PAGE)} == {a for s, e in ranges for a in range(s, e, PAGE)}
    assert merge_ranges([(0, 10), (2, 5), (5, 12), (13, 14)]) == [(0, 12), (13, 14)]


# --- Huge -------------------------------------------------------------------------------------------------------


def test_a_vma_of_16_tib_is_arithmetic_only() -> None:
    start = 0x10000000000
    space = AddressSpace.from_ranges([(PAGE, 2 * PAGE), (start, start + 16 * TIB), VSYSCALL])
    pages = 16 * TIB // PAGE
    assert space.row_count == 2 + 1 + pages + 2
    assert space.page_count == pages + 2
    assert space.longest == 16 * TIB
    middle = start + 7 * TIB + 123 * PAGE
    number = 2 + 1 + 7 * TIB // PAGE + 123
    assert space.row_of(middle + 5) == number
    assert space.row(number) == Row(number, 1, middle, header=False)
    assert [row.address for row in space.rows(number - 1, 3)] == [middle - PAGE, middle, middle + PAGE]
    last = space.rows(space.row_count - 3, 10)
    assert [(row.vma, row.header, row.address) for row in last] == [
        (1, False, start + 16 * TIB - PAGE),
        (2, True, VSYSCALL[0]),
        (2, False, VSYSCALL[0]),
    ]
    assert space.mapped_pages(0, 1 << 64) == pages + 2
    assert space.row_near(VSYSCALL[1]) == space.row_count - 1
    assert space.row_near(VSYSCALL[1] - 1) == space.row_count - 1


def test_as_many_vmas_as_a_process_can_have() -> None:
    count = 65_530
    ranges = [(0x7F0000000000 + i * 3 * PAGE, 0x7F0000000000 + (i * 3 + 1 + i % 2) * PAGE) for i in range(count)]
    space = AddressSpace.from_ranges(ranges)
    assert len(space) == count
    assert space.page_count == count + count // 2
    for index in (0, 1, 2_730, 5_461, 32_767, 65_529):
        start, end = ranges[index]
        assert (space.vma(index).start, space.vma(index).end, space.vma(index).index) == (start, end, index)
        row = space.row_of_vma(index)
        assert row == index + sum(1 + i % 2 for i in range(index))
        assert space.row(row) == Row(row, index, start, header=True)
        assert space.row_of(end - 1) == row + (end - start) // PAGE
        assert space.find(end) in (None, index + 1)
    del ranges[40_000]
    assert space.changed_ranges(AddressSpace.from_ranges(ranges)) == [
        (space.starts[40_000], space.ends[40_000]),
    ]


# --- The text ---------------------------------------------------------------------------------------------------


def test_the_real_maps_are_taken_apart_as_the_kernel_wrote_them(target: Target) -> None:
    target.do("many_vmas", count=3000)
    target.do("memfd", name="a name (deleted)  with blanks \n and more")
    with open(f"/proc/{target.pid}/maps", "rb") as file:
        text = file.read()
    space = AddressSpace(text)
    raw = kernel.raw_maps(target.pid)
    assert len(text) > 1 << 17
    assert [(v.start, v.end, v.perms, v.offset, v.dev, v.inode, os.fsencode(v.path), v.index) for v in space] == [
        (r.start, r.end, r.perms.decode(), r.offset, r.dev.decode(), r.inode, r.path, i) for i, r in enumerate(raw)
    ]
    assert space.text == text
    assert b"\n".join(space.line(i) for i in range(len(space))) + b"\n" == text


def test_a_text_of_more_than_one_portion_is_indexed_as_one() -> None:
    path = b"/" + b"x" * 4000
    lines = [b"%x-%x r--p 00000000 08:01 77 %s" % (i * PAGE, (i + 1) * PAGE, path) for i in range(300)]
    space = AddressSpace(b"\n".join(lines) + b"\n")
    assert [space.line(i) for i in range(300)] == lines
    assert space.row_count == 600


@pytest.mark.parametrize(
    "text", [b"junk\n", b"junk", b"1000-2000 r--p 0 0:0 0", b"1000-2000 r--p 0 0:0 0 \nxyz\n", b"\n"]
)
def test_what_is_not_a_maps_text_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="not the text of a maps file"):
        AddressSpace(text)


def test_an_empty_text_is_a_space_without_vmas() -> None:
    space = AddressSpace(b"")
    assert (len(space), space.row_count, space.page_count, space.longest) == (0, 0, 0, 0)
    assert not space.rows(0, 50)
    assert not list(space)
    assert not list(space.mapped_ranges(0, 1 << 64))
    assert space.row_near(PAGE) == 0
    assert space.find(0) is None
    with pytest.raises(IndexError):
        space.vma(0)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "anon"),
        ("[heap]", "heap"),
        ("[stack]", "stack"),
        ("[vdso]", "vdso"),
        ("[vvar]", "vvar"),
        ("[vvar_vclock]", "vvar"),
        ("[vsyscall]", "vsyscall"),
        ("[uprobes]", "special"),
        ("[anon:a name]", "anon"),
        ("[anon_shmem:a name]", "shared"),
        ("anon_inode:[perf_event]", "special"),
        ("/memfd:x (deleted)", "memfd"),
        ("/dev/zero (deleted)", "shared"),
        ("/dev/zero", "anon"),
        ("/dev/shm/x", "shared"),
        ("/SYSV00000000 (deleted)", "shared"),
        ("/anon_hugepage (deleted)", "hugetlb"),
        ("/dev/hugepages/x", "hugetlb"),
        ("/secretmem (deleted)", "secret"),
        ("/dev/dri/card0", "device"),
        ("/usr/bin/cat", "file"),
        ("/tmp/[heap]", "file"),
    ],
)
def test_a_kind_is_told_from_the_name(path: str, kind: str) -> None:
    vma = Vma(0, 2 * PAGE, "rw-p", 0, "00:00", 0, path, 0)
    assert vma.kind == kind
    assert kind in KINDS
    assert (vma.pages, vma.size) == (2, 2 * PAGE)
    assert vma.deleted == path.endswith(" (deleted)")


def test_a_hostile_path_is_kept_as_it_is() -> None:
    path = b"/tmp/\xff\xfe [red]\x1b[31m (x) \\012 "
    vma = parse_line(b"1000-3000 rwxs 00002000 fd:0a 123456789                     " + path, 7)
    assert os.fsencode(vma.path) == path
    assert (vma.perms, vma.offset, vma.dev, vma.inode, vma.index) == ("rwxs", 0x2000, "fd:0a", 123456789, 7)
