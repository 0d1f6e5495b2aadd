"""`pagelens cache`: the walks under each policy, counted."""

import json
from typing import Any

import pytest

from pagemap.policies import POLICIES
from pagemap.walks import WALKS
from tests.commands.running import error, objects, run
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.targets import Target

FIELDS = [
    *("policy", "walk", "lookups", "hits", "misses", "fills", "preads", "bytes_read"),
    *("entries_read", "entries_used", "evictions", "largest_window", "seconds"),
]
BLOCK = 2 << 20


def walkable_pages(pid: int) -> int:
    return sum((vma.end - vma.start) // PAGE for vma in kernel.raw_maps(pid) if vma.path != b"[vsyscall]")


def check_sums(row: dict[str, Any]) -> None:
    assert list(row)[: len(FIELDS)] == FIELDS
    assert row["lookups"] == row["hits"] + row["misses"]
    assert row["misses"] == row["fills"] + row["failed_fills"]
    assert row["misses"] == sum(row[reason] for reason in ("cold", "evicted", "expired", "invalidated"))
    assert row["entries_used"] <= row["entries_read"]
    assert row["bytes_read"] == 8 * row["entries_read"]


@pytest.mark.parametrize("walk", WALKS)
def test_all_policies_make_every_walk(target: Target, walk: str) -> None:
    rows = objects("cache", str(target.pid), "--policy", "all", "--walk", walk, "--steps", "30")
    assert [row["policy"] for row in rows] == list(POLICIES)
    assert len({row["lookups"] for row in rows}) == 1
    for row in rows:
        assert row["walk"] == walk
        check_sums(row)
    page = rows[-1]
    assert page["policy"] == "page"
    assert page["preads"] >= page["lookups"] - page["hits"]


def test_a_dump_looks_up_every_page_once(target: Target) -> None:
    target.do("many_vmas", count=500, pages=[1, 3], gaps=[1, 2])
    blocks, vma = objects("cache", str(target.pid), "--policy", "blocks,vma")
    assert blocks["lookups"] == vma["lookups"] == walkable_pages(target.pid)
    vmas = [vma for vma in kernel.raw_maps(target.pid) if vma.path != b"[vsyscall]"]
    assert vma["fills"] == len(vmas)
    touched = {block for vma in vmas for block in range(vma.start // BLOCK, (vma.end - 1) // BLOCK + 1)}
    assert blocks["fills"] == blocks["preads"] == len(touched)
    assert blocks["largest_window"] <= 512


def test_scrolling_within_a_window_costs_nothing(target: Target) -> None:
    area = target.do("written", pages=600)
    row = kernel.raw_maps(target.pid).index(next(v for v in kernel.raw_maps(target.pid) if v.start == area.start))
    assert row >= 0
    (first,) = objects("cache", str(target.pid), "--walk", "down", "--steps", "1", "--rows", "5")
    (later,) = objects("cache", str(target.pid), "--walk", "down", "--steps", "20", "--rows", "5")
    assert later["lookups"] > first["lookups"]
    vmas = [vma for vma in kernel.raw_maps(target.pid) if vma.path != b"[vsyscall]"]
    rows = [(vma, page) for vma in vmas for page in [None, *range(vma.start, vma.end, PAGE)]]
    seen = {page // BLOCK for _, page in rows[:25] if page is not None}
    assert later["preads"] == len(seen)


def test_events_come_before_the_summary_and_agree_with_it(target: Target) -> None:
    done = run("cache", str(target.pid), "--walk", "down", "--policy", "seed,page", "--events", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for policy in ("seed", "page"):
        mine = [line for line in lines if line["policy"] == policy]
        *events, summary = mine
        assert all("event" in event for event in events)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        kinds = [event["event"] for event in events]
        assert kinds.count("miss") == summary["misses"]
        assert kinds.count("fill") == summary["fills"]
        assert sum(event["count"] for event in events if event["event"] == "hit") == summary["hits"]
        assert sum(event["preads"] for event in events if event["event"] == "fill") == summary["preads"]


def test_window_settings(target: Target) -> None:
    target.do("written", pages=4_000)
    small, large = (
        objects("cache", str(target.pid), "--window-size", size, "--windows", "3")[0] for size in ("64K", "4M")
    )
    assert small["window_size"] == 64 << 10
    assert small["largest_window"] == 16
    assert 512 < large["largest_window"] <= 1024
    assert small["preads"] > large["preads"]
    rows = objects("cache", str(target.pid), "--policy", "all", "--window-size", "64K")
    assert {row["policy"]: row["window_size"] for row in rows}["vma"] is None


def test_wrong_usage(target: Target) -> None:
    assert "no such cache policy: best" in error("cache", str(target.pid), "--policy", "best", status=2)
    assert "--walk" in error("cache", str(target.pid), "--walk", "sideways", status=2)
    assert "--steps" in error("cache", str(target.pid), "--steps", "0", status=2)


def test_text_for_people(target: Target) -> None:
    heading, *rows = run("cache", str(target.pid), "--policy", "all").stdout.splitlines()
    assert heading.split()[:3] == ["policy", "walk", "lookups"]
    assert [row.split()[0] for row in rows] == list(POLICIES)
