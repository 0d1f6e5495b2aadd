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

_CURSOR: Final = re.compile(rb"\x1b\[(?:1;)?7;[0-9;]*m[^\x1b]*?((?:0x)?[0-9a-f]{12})(?=[- ])")
"""The explorer's cursor is its one row in reverse video: a page's row says 0x and the address, a VMA's header no 0x."""
_ROW: Final = re.compile(rb" 0x[0-9a-f]{12} ")
_BARE_ROW: Final = re.compile(rb" row +(\d+)")
_PAGE: Final = 4096


@dataclass(frozen=True)
class Contestant:
    """A program, and how to see on a frame of its that a key was obeyed.

    Attributes:
        name: What the table calls it.
        argv: The program and its arguments.
        sign: Finds the row that a frame shows; None takes any output for an answer.
        base: Number base of that row.
        unit: How far one line down moves it.
        rows: Found on any frame with rows; None as for `sign`.
        keys: What is sent for each key.
    """

    name: str
    argv: tuple[str, ...]
    sign: re.Pattern[bytes] | None
    base: int = 10
    unit: int = 1
    rows: re.Pattern[bytes] | None = None
    keys: dict[str, bytes] = field(default_factory=lambda: _KEYS)

    def start(self, cols: int, rows: int) -> Program:
        """Start it in a terminal of this size."""
        return Program(self.argv, cols, rows, marks=self.sign is not None)


def explorer(pid: int, name: str = "pagelens") -> Contestant:
    """The explorer on a process."""
    return Contestant(name, (sys.executable, "-m", "app", str(pid)), _CURSOR, 16, _PAGE, _ROW)


def bare() -> Contestant:
    """The bare Textual app."""
    return Contestant("bare", (sys.executable, "-m", "benchmarks.bare_app", str(BARE_ROWS)), _BARE_ROW, rows=_BARE_ROW)


def pagemon(pid: int) -> Contestant | None:
    """Pagemon (the Debian package) on a process; None if it is not installed."""
    path = shutil.which("pagemon")
    return Contestant("pagemon", (path, "-p", str(pid)), None, keys=_APPLICATION_KEYS) if path else None
