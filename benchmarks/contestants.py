"""Who is measured in a terminal: the explorer, a bare Textual app, and pagemon where it is installed."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field
from typing import Final

from benchmarks.driver import Program

DOWN: Final = "line down"
UP: Final = "line up"
PAGE_DOWN: Final = "page down"
_KEYS: Final = {DOWN: b"\x1b[B", UP: b"\x1b[A", PAGE_DOWN: b"\x1b[6~"}
_APPLICATION_KEYS: Final = _KEYS | {DOWN: b"\x1bOB", UP: b"\x1bOA"}
BARE_ROWS: Final = 55_000
"""Rows of the bare app: about those of the target of 200 MB."""

_ROW: Final = re.compile(rb"0x([0-9a-f]{12}) ")
_BARE_ROW: Final = re.compile(rb" row +(\d+)")
_PAGE: Final = 4096


@dataclass(frozen=True)
class Contestant:
    """A program, and how to see on a frame of its that a key was obeyed.

    Attributes:
        name: What the table calls it.
        argv: The program and its arguments.
        row: Finds a row's number on a line of a frame; None takes any output for an answer.
        base: Number base of that.
        unit: How far one row is from the next.
        keys: What is sent for each key.
    """

    name: str
    argv: tuple[str, ...]
    row: re.Pattern[bytes] | None
    base: int = 10
    unit: int = 1
    keys: dict[str, bytes] = field(default_factory=lambda: _KEYS)

    def rows(self, data: bytes) -> list[tuple[int, int]]:
        """The rows that a frame shows, as line and number; empty for a frame without rows."""
        assert self.row is not None, "rows can be told"
        found = ((line, self.row.search(text)) for line, text in enumerate(data.split(b"\r\n")))
        return [(line, int(match[1], self.base)) for line, match in found if match]

    def start(self, cols: int, rows: int) -> Program:
        """Start it in a terminal of this size."""
        return Program(self.argv, cols, rows, marks=self.row is not None)


def explorer(pid: int, name: str = "pagelens") -> Contestant:
    """The explorer on a process."""
    return Contestant(name, (sys.executable, "-m", "app", str(pid)), _ROW, 16, _PAGE)


def bare() -> Contestant:
    """The bare Textual app."""
    return Contestant("bare", (sys.executable, "-m", "benchmarks.bare_app", str(BARE_ROWS)), _BARE_ROW)


def pagemon(pid: int) -> Contestant | None:
    """Pagemon (the Debian package) on a process; None if it is not installed."""
    path = shutil.which("pagemon")
    return Contestant("pagemon", (path, "-p", str(pid)), None, keys=_APPLICATION_KEYS) if path else None
