"""`pagelens pages` against the test's own reading of the same pagemap, and against smaps."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import error, objects, run
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.launch import CAP_SYS_ADMIN
from tests.kit.targets import NOBODY, Area, Target

FIELDS = [
    *("address", "entry", "state", "present", "swapped", "pfn", "swap_type", "swap_offset"),
    *("file", "exclusive", "soft_dirty", "uffd_wp", "guard"),
]
STATES = {
    "untouched": {"absent"},
    "written": {"anonymous"},
    "zero": {"zero"},
    "shared_anon": {"shared-memory"},
    "memfd": {"shared-memory"},
    "prot_none": {"absent"},
}


def span(area: Area) -> str:
    return f"{area.start:x}-{area.end:x}"


def expected(address: int, word: int, *, visible: bool = True) -> dict[str, Any]:
    """What the kernel's word says, decoded here from Documentation/admin-guide/mm/pagemap.rst; all but the state."""
    here, out = bool(word >> 63 & 1), bool(word >> 62 & 1)
    return {
        "address": hex(address),
        "entry": hex(word),
        "present": here,
        "swapped": out,
        "pfn": word & (1 << 55) - 1 if here and visible else None,
        "swap_type": word & 31 if out and visible else None,
        "swap_offset": word >> 5 & (1 << 50) - 1 if out and visible else None,
        "file": bool(word >> 61 & 1),
        "exclusive": bool(word >> 56 & 1),
        "soft_dirty": bool(word >> 55 & 1),
        "uffd_wp": bool(word >> 57 & 1),
        "guard": bool(word >> 58 & 1),
    }


def check(pid: int, area: Area, *, states: set[str]) -> list[dict[str, Any]]:
    """Every field of every page of an area equals what the test reads itself."""
    rows = objects("pages", str(pid), "--range", span(area))
    words = kernel.raw_entries(pid, area.start, area.end)
    assert [list(row) for row in rows] == [FIELDS] * area.pages
    found = {row.pop("state") for row in rows}
    assert rows == [expected(address, word) for address, word in zip(area.addresses(), words, strict=True)]
    assert found == states
    return rows


@pytest.mark.needs_root
@pytest.mark.parametrize("state", STATES)
def test_every_field_is_the_kernels(target: Target, state: str) -> None:
    check(target.pid, target.do(state, pages=12), states=STATES[state])


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("state", "states"),
    [
        ("file_private_read", {"file"}),
        ("file_private_written", {"anonymous"}),
        ("file_shared_written", {"file"}),
    ],
)
def test_files(target: Target, tmp_disk: Path, state: str, states: set[str]) -> None:
    area = target.do(state, pages=8, path=str(tmp_disk / "data"))
    check(target.pid, area, states=states)


@pytest.mark.needs_root
def test_fork_shares_and_a_write_parts(target: Target) -> None:
    area = target.do("fork_shared", pages=6)
    rows = check(target.pid, area, states={"cow"})
    assert not any(row["exclusive"] for row in rows)
    assert [row["pfn"] for row in rows] == [row["pfn"] for row in check(area.pid, area, states={"cow"})]


@pytest.mark.needs_root
def test_swapped_pages(target: Target, swap: Path) -> None:
    area = target.do("swapped", pages=16)
    rows = check(target.pid, area, states={"swapped"})
    assert all(row["swapped"] and row["swap_type"] is not None and row["swap_offset"] for row in rows)
    assert kernel.smaps_of(target.pid, area.start)["Swap"] == len(rows) * PAGE


@pytest.mark.needs_root
def test_guard_regions_are_told_from_swap(target: Target) -> None:
    rows = check(target.pid, target.do("guard", pages=4), states={"guard"})
    assert {row["swap_type"] for row in rows} == {31}


@pytest.mark.needs_root
def test_sums_agree_with_smaps(target: Target, swap: Path, tmp_disk: Path) -> None:
    """Of each VMA: present pages are Rss and swapped ones Swap.

    The exceptions: the zero page is present and not in Rss; markers (guard regions) set bit 62 and are no Swap;
    shared memory in swap has entries of 0, and hugetlb no Rss, but neither is made here.
    """
    target.do("written", pages=20)
    target.do("untouched", pages=20)
    target.do("zero", pages=5)
    target.do("swapped", pages=7)
    target.do("guard", pages=3)
    target.do("file_shared_written", pages=9, path=str(tmp_disk / "data"))
    rows = objects("pages", str(target.pid))
    at = 0
    for vma in kernel.smaps(target.pid):
        mine = [row for row in rows if vma.vma.start <= int(row["address"], 16) < vma.vma.end]
        at += len(mine)
        if vma.vma.path in (b"[vdso]", b"[vvar]", b"[vvar_vclock]", b"[vsyscall]"):
            # Mapped without being counted: the kernel's own pages are not part of any Rss.
            continue
        resident = sum(row["present"] and row["state"] != "zero" for row in mine)
        swapped = sum(row["state"] == "swapped" for row in mine)
        assert (resident * PAGE, swapped * PAGE) == (vma["Rss"], vma["Swap"]), vma.vma
    assert at == len(rows) == sum(vma.vma.end - vma.vma.start for vma in kernel.smaps(target.pid)) // PAGE


def test_states_filter(target: Target) -> None:
    area = target.do("written", pages=6)
    target.do("madvise", start=area.page(2), end=area.page(4), advice=4)
    only = objects("pages", str(target.pid), "--range", span(area), "--state", "absent")
    assert [int(row["address"], 16) for row in only] == [area.page(2), area.page(3)]
    both = objects("pages", str(target.pid), "--range", span(area), "--state", "present,absent")
    assert len(both) == 6


def test_stats_come_last_and_add_up(target: Target) -> None:
    area = target.do("written", pages=40)
    *rows, last = objects("pages", str(target.pid), "--range", span(area), "--stats", "--policy", "vma")
    assert len(rows) == 40
    assert list(last) == ["counters"]
    counters = last["counters"]
    assert counters["policy"] == "vma"
    assert (counters["lookups"], counters["hits"], counters["misses"], counters["fills"]) == (40, 39, 1, 1)
    assert counters["preads"] == 1
    assert counters["bytes_read"] == 8 * counters["entries_read"] == 8 * 40


@pytest.mark.needs_root
def test_without_cap_sys_admin_what_is_hidden_is_null(target: Target, swap: Path) -> None:
    areas = [target.do("written", pages=3), target.do("swapped", pages=3)]
    for area in areas:
        rows = objects("pages", str(target.pid), "--range", span(area), without=[CAP_SYS_ADMIN])
        for row, address in zip(rows, area.addresses(), strict=True):
            state, word = row.pop("state"), int(row["entry"], 16)
            assert row == expected(address, word, visible=False)
            assert word & (1 << 55) - 1 == 0
            assert state in ("anonymous", "swapped")


@pytest.mark.needs_root
def test_an_unprivileged_user_reads_its_own() -> None:
    with Target.spawn(uid=NOBODY) as own:
        area = own.do("zero", pages=3)
        rows = objects("pages", str(own.pid), "--range", span(area), uid=NOBODY)
        assert [(row["present"], row["pfn"], row["state"]) for row in rows] == [(True, None, "anon-shared")] * 3


def test_vsyscall_is_not_walkable(target: Target) -> None:
    place = next((vma for vma in kernel.raw_maps(target.pid) if vma.path == b"[vsyscall]"), None)
    if place is None:
        # A kernel without the legacy page: then there is nothing to say of it.
        assert error("pages", str(target.pid), "--range", "ffffffffff600000-ffffffffff601000", status=1)
        return
    rows = objects("pages", str(target.pid), "--range", f"{place.start:x}-{place.end:x}")
    assert [list(row) for row in rows] == [FIELDS]
    assert (rows[0]["entry"], rows[0]["state"], rows[0]["present"]) == (None, "not-walkable", None)


def test_text_for_people(target: Target) -> None:
    area = target.do("written", pages=2)
    done = run("pages", str(target.pid), "--range", span(area), "--stats")
    heading, first, second, *stats = done.stdout.splitlines()
    assert heading.split() == ["ADDRESS", "STATE", "PFN/SLOT", "FLAGS", "ENTRY"]
    assert first.split()[:2] == [f"{area.start:#018x}", "anonymous"]
    assert second.split()[0] == f"{area.page(1):#018x}"
    assert "2 lookups, 1 hits, 1 misses (cold 1)" in stats[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "malformed range"),
        ("nonsense", "malformed range"),
        ("1000", "malformed range"),
        ("1000-xyz", "malformed range"),
        ("1000+wide", "malformed range"),
        ("-1000-2000", "malformed range"),
        ("1" * 20 + "-" + "2" * 20, "malformed range"),
        ("2000-2000", "empty range"),
        ("3000-2000", "reversed range"),
    ],
)
def test_a_bad_range_is_wrong_usage(target: Target, text: str, why: str) -> None:
    assert why in error("pages", str(target.pid), f"--range={text}", status=2)


def test_a_range_in_no_vma_names_the_neighbours(target: Target) -> None:
    vmas = kernel.raw_maps(target.pid)
    gap = next((a.end, b.start) for a, b in pairwise(vmas) if b.start - a.end >= 2 * PAGE)
    line = error("pages", str(target.pid), "--range", f"{gap[0]:x}-{gap[0] + PAGE:x}", status=1)
    assert f"ends at {gap[0]:#x}" in line
    assert f"begins at {gap[1]:#x}" in line


def test_an_unaligned_range_is_widened_to_pages(target: Target) -> None:
    area = target.do("written", pages=4)
    rows = objects("pages", str(target.pid), "--range", f"0x{area.page(1) + 1:x}-0x{area.page(2) + 1:x}")
    assert [int(row["address"], 16) for row in rows] == [area.page(1), area.page(2)]


def test_unknown_states_and_policies_are_wrong_usage(target: Target) -> None:
    assert "no such page state: 'blue'" in error("pages", str(target.pid), "--state", "blue", status=2)
    assert "no such cache policy: blue" in error("pages", str(target.pid), "--policy", "blue", status=2)
    assert "has no window size" in error("pages", str(target.pid), "--policy", "vma", "--window-size", "2M", status=2)
    assert "bad window size" in error("pages", str(target.pid), "--window-size", "3M", status=2)
    assert "bad number of windows" in error("pages", str(target.pid), "--windows", "0", status=2)
