"""A program in a pseudo-terminal of its own, with the time of every frame: the clock of the measurements.

Textual asks whether the terminal knows synchronised output (`ESC [ ? 2026 $ p`); it is told so, and from then on
every frame ends in `ESC [ ? 2026 l`. What does not mark its frames (pagemon) has one for each piece of output.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tests.kit.launch import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

PATIENCE: Final = 20.0
"""Seconds without output after which a measurement is given up."""
_QUERY: Final = b"\x1b[?2026$p"
_ANSWER: Final = b"\x1b[?2026;2$y"
_BEGINS: Final = b"\x1b[?2026h"
_ENDS: Final = b"\x1b[?2026l"


class Frame(NamedTuple):
    """What was drawn, and when its last byte arrived, in seconds of `perf_counter`."""

    data: bytes
    time: float


class Program:
    """A program under measurement, in a `with` statement.

    Args:
        argv: The program and its arguments.
        cols: Width of its terminal in cells.
        rows: Height of its terminal in cells.
        marks: Whether it marks the ends of its frames once it is told that the terminal knows them.
    """

    def __init__(self, argv: Sequence[str], cols: int, rows: int, *, marks: bool = True) -> None:
        self._marks = marks
        self._pending = b""
        self._frames: deque[Frame] = deque()
        self._asked = False
        self._last = b""
        self._master, slave = os.openpty()
        settings = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        unwanted = ("NO_COLOR", "TEXTUAL", "PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
        try:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            self.began: Final = perf_counter()
            self._process: Final = subprocess.Popen(
                argv,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=REPOSITORY,
                env=inherited | settings,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        """The program itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it and close its terminal."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    @property
    def pid(self) -> int:
        """Its PID."""
        return self._process.pid

    def write(self, keys: bytes) -> float:
        """Type, and tell when."""
        now = perf_counter()
        os.write(self._master, keys)
        return now

    def frame(self, timeout: float = PATIENCE) -> Frame | None:
        """The next frame; None if none came within `timeout` seconds."""
        until = perf_counter() + timeout
        while not self._frames:
            if not self._read(until - perf_counter()):
                return None
        return self._frames.popleft()

    def drain(self, seconds: float = 0.0) -> None:
        """Throw away the frames of the next `seconds`, and those that are there already."""
        until = perf_counter() + seconds
        while self._read(until - perf_counter()):
            pass
        self._frames.clear()

    def settle(self, quiet: float = 0.2, patience: float = 3.0) -> None:
        """Throw away frames until there was none for `quiet` seconds, or `patience` is over."""
        until = perf_counter() + patience
        while perf_counter() < until and self.frame(quiet) is not None:
            pass

    def stop(self) -> None:
        """Hold it while another is measured: a program that idles still takes turns on the processor."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def peak_rss(self) -> int:
        """The most memory that was resident so far, in bytes (VmHWM of proc_pid_status(5))."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far, finer than the clock ticks of stat where the kernel tells."""
        try:
            threads = os.listdir(f"/proc/{self.pid}/task")
            return sum(self._runtime(thread) for thread in threads) / 1e9
        except FileNotFoundError:
            with open(f"/proc/{self.pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _runtime(self, thread: str) -> int:
        with open(f"/proc/{self.pid}/task/{thread}/schedstat") as schedstat:
            return int(schedstat.read().split()[0])

    def _read(self, timeout: float) -> bool:
        """Take in what comes within `timeout` seconds; False if nothing did."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, timeout))
        if not ready:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError as exc:
            status = self._process.wait()
            raise RuntimeError(f"{self._process.args!r} ended with {status}; its last words: {self._last!r}") from exc
        now = perf_counter()
        self._last = data[-500:]
        self._pending += data
        if not self._asked and _QUERY in self._pending:
            self._asked = True
            os.write(self._master, _ANSWER)
        self._cut(now)
        return True

    def _cut(self, now: float) -> None:
        while (end := self._pending.find(_ENDS)) >= 0:
            end += len(_ENDS)
            self._frames.append(Frame(self._pending[:end], now))
            self._pending = self._pending[end:]
        # What is drawn before the answer is in has no marks, and what pagemon draws never has: what arrived is a frame.
        if self._pending and not (self._marks and _BEGINS in self._pending) and not _broken_off(self._pending):
            self._frames.append(Frame(self._pending, now))
            self._pending = b""


def _broken_off(data: bytes) -> bool:
    """Whether data ends in the middle of a mark or query that has to be seen whole."""
    tail = data[-len(_QUERY) :]
    escape = tail.rfind(b"\x1b")
    return escape >= 0 and any(mark != tail[escape:] and mark.startswith(tail[escape:]) for mark in (_QUERY, _BEGINS))
