"""`pagelens scan` against the test's own reading of the same process."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.commands import scan
from pagemap.live import LiveProcess
from pagemap.scan import ALL
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.system import needs_root
from tests.kit.targets import Target
from tests.pagemap.scan_kit import Kernel, Scanner

FIELDS = ("present", "swapped", "zero", "file", "huge", "guard")


class Command:
    """Runs `pagelens scan` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def lines(self, *arguments: object) -> list[str]:
        assert main(["scan", *map(str, arguments)]) == 0
        captured = self._capsys.readouterr()
        assert captured.err == ""
        return captured.out.splitlines()

    def json(self, *arguments: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines(*arguments, "--json")]

    def fails(self, *arguments: object) -> tuple[int, str]:
        """The exit status and the one line on standard error."""
        status = main(["scan", *map(str, arguments)])
        captured = self._capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        return status, captured.err


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def by_hand(pid: int, start: int, end: int, zero_pfn: int) -> dict[str, int]:
    """The counts of a range without huge pages, entry by entry."""
    entries = kernel.raw_entries(pid, start, end)
    return {
        "present": sum(map(kernel.present, entries)),
        "swapped": sum(kernel.swapped(entry) and not kernel.guard(entry) for entry in entries),
        "zero": sum(kernel.present(entry) and kernel.pfn(entry) == zero_pfn for entry in entries),
        "file": sum(map(kernel.file_or_shared, entries)),
        "guard": sum(map(kernel.guard, entries)),
    }


@needs_root
def test_the_counts_of_every_vma_and_the_total_are_those_of_its_entries(
    target: Target, tmp_disk: Path, command: Command
) -> None:
    zero = target.do("zero", pages=3)
    target.do("written", pages=7)
    target.do("guard", pages=5)
    target.do("memfd", pages=2)
    target.do("file_private_read", path=tmp_disk / "file", pages=4)
    target.do("reserve", size=16 << 40, touched=[0, 5, 1 << 31])
    zero_pfn = kernel.pfn(kernel.raw_entries(target.pid, zero.start, zero.end)[0])
    *rows, last = command.json(target.pid)
    vmas = kernel.raw_maps(target.pid)
    assert [(row["start"], row["end"]) for row in rows] == [(hex(vma.start), hex(vma.end)) for vma in vmas]
    for row, vma in zip(rows, vmas, strict=True):
        assert list(row) == ["start", "end", *FIELDS]
        if vma.path == b"[vsyscall]":
            assert all(row[field] is None for field in FIELDS)
        elif vma.end - vma.start < 1 << 30:
            expected = by_hand(target.pid, vma.start, vma.end, zero_pfn)
            assert {field: row[field] for field in expected} == expected
        else:
            assert row["present"] == 3
    assert last == {
        "total": {field: sum(row[field] or 0 for row in rows) for field in FIELDS}
        | {"pages": sum(vma.end - vma.start for vma in vmas) // PAGE}
    }


def test_the_table_for_people_says_the_same(target: Target, command: Command) -> None:
    target.do("written", pages=1234)
    rows = command.json(target.pid)
    head, *lines, total = command.lines(target.pid)
    assert head.split() == ["ADDRESSES", *map(str.upper, FIELDS), "NAME"]
    assert len(lines) == len(rows) - 1
    for row, line in zip(rows, lines, strict=False):
        told = ["-" if row[field] is None else f"{row[field]:,}" for field in FIELDS]
        assert line.split()[:7] == [f"{int(row['start'], 16):016x}-{int(row['end'], 16):016x}", *told]
    sums = rows[-1]["total"]
    assert total.split()[:7] == ["total", *(f"{sums[field]:,}" for field in FIELDS)]
    assert total.endswith(f"of {sums['pages']:,} pages in {len(lines)} VMAs")


def test_a_range_takes_the_parts_of_vmas_that_lie_in_it(target: Target, command: Command) -> None:
    area = target.do("written", pages=8)
    beside = target.do("written", pages=2)
    # Written as /proc/PID/maps does, and with addresses within pages: whole pages are taken.
    rows = command.json(target.pid, "--range", f"{area.page(3) + 5:x}-{beside.start + 7:#x}")
    assert [(row["start"], row["end"], row["present"]) for row in rows[:-1]] == [
        (hex(area.page(3)), hex(area.end), 5),
        (hex(beside.start), hex(beside.page(1)), 1),
    ]
    assert rows[-1]["total"]["pages"] == 6


@pytest.mark.parametrize("text", ["x-y", "12", "5000-5000", "6000-5000"])
def test_a_malformed_or_empty_range_is_wrong_usage(target: Target, command: Command, text: str) -> None:
    status, line = command.fails(target.pid, "--range", text)
    assert status == 2
    assert text in line


def test_a_range_without_any_vma_is_an_error(target: Target, command: Command) -> None:
    area = target.do("written", pages=2)
    status, line = command.fails(target.pid, "--range", f"{area.end:x}-{area.end + PAGE:x}")
    assert status == 1
    assert f"the one before ends at {area.end:#x}" in line


def test_a_process_that_is_not_there_is_an_error(target: Target, command: Command) -> None:
    target.exit()
    status, line = command.fails(target.pid)
    assert status == 1
    assert f"no such process: {target.pid}" in line


def test_names_reach_the_terminal_as_escapes(target: Target, tmp_disk: Path, command: Command) -> None:
    target.do("file_untouched", path=os.fsencode(tmp_disk) + b"/\x1b[31m[b]\xff", pages=1)
    text = "\n".join(command.lines(target.pid))
    assert "\x1b" not in text
    assert "\\x1b[31m[b]\\xff" in text


@pytest.mark.parametrize("lines", [scan.json_lines, scan.text_lines])
def test_the_first_line_comes_before_the_last_is_computed(target: Target, lines: Any) -> None:
    target.do("many_vmas", count=5_000)
    source = LiveProcess(target.pid)
    try:
        watched = Kernel(ALL)
        space = source.maps()
        told = lines(Scanner(source, watched), space, 0, 1 << 64)
        first = [next(told), next(told)]
        # One call gave a thousand regions: the others are not made before they are needed.
        assert len(watched.scans) == 1
        assert len([*first, *told]) >= len(space) + 1
        # And 5,000 VMAs do not take 5,000 calls.
        assert len(watched.scans) <= 7
    finally:
        source.close()
