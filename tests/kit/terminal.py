"""A real pseudo-terminal: starts a program in it, types, and reads the screen back.

    with Terminal.start(["pagelens", str(pid)], cols=120, rows=40) as terminal:
        terminal.wait_for("7f0000000000")
        terminal.send("pagedown")
        terminal.wait_frame()

Nothing here waits by the clock: waiting is reading, until the screen is as wanted. A program that marks its
frames (Textual does) is only ever looked at between two frames.
"""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.kit import launch
from tests.kit.keys import key, mouse

PATIENCE = 30.0
"""Seconds after which a wait fails: far above what a loaded machine needs, for a passing test never pays it."""
_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
_BROKEN_OFF = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)")
_DROPPED = re.compile(rb"\x1b(?:\[[<=>]|\[[^@-~]*[ -/]|\[\?[0-9;]*[^hlJK0-9;]|[PX^_]|\])")
"""Sequences that change nothing on the screen and that pyte would misread: queries, keyboard modes, strings."""
_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_FRAME_ENDS = b"\x1b[?2026l"


class Terminal:
    """A program in a terminal of its own. Ends with its block."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int, cols: int, rows: int) -> None:
        """Take over a program and the terminal's other side; use `start`."""
        self._process, self._master = process, master
        self._pidfd = os.pidfd_open(process.pid)
        self._screen = pyte.Screen(cols, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._pending = b""
        self._hung_up = self._ended = False
        self.raw = bytearray()
        """Every byte the program wrote."""
        self.frames = 0
        """How many frames it finished; a program marks them from when it knows that the terminal understands,
        so that the first ones may go uncounted."""
        self.modes: set[int] = set()
        """The private modes that are on: 1049 the alternate screen, 1000 the mouse, 25 the cursor, …"""
        self.background = "000000"
        """The background colour that the terminal admits to, as six hexadecimal digits."""

    @classmethod
    def start(
        cls,
        argv: Sequence[str | Path],
        *,
        cols: int = 80,
        rows: int = 24,
        env: Mapping[str, str | None] | None = None,
        cwd: Path = launch.REPOSITORY,
        uid: int | None = None,
        without: Sequence[int] = (),
        reach: Sequence[Path] = (),
    ) -> Self:
        """Start a program.

        Args:
            argv: The program and its arguments.
            cols: Width in cells.
            rows: Height in cells.
            env: Changes to the environment; None takes a variable out.
            cwd: The working directory.
            uid: The user to become; see `tests.kit.launch.command`, as for the two that follow.
            without: Capabilities that it is not to have.
            reach: Folders that the user must be able to reach.
        """
        settings = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "NO_COLOR": None}
        full = dict(os.environ) | settings | dict(env or {})
        master, slave = os.openpty()
        try:
            _set_size(master, cols, rows)
            process = subprocess.Popen(
                launch.command(argv, uid=uid, without=without, reach=reach, terminal=True),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=cwd,
                env={name: value for name, value in full.items() if value is not None},
                start_new_session=True,
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return cls(process, master, cols, rows)

    # The screen

    @property
    def pid(self) -> int:
        """The program's PID."""
        return self._process.pid

    @property
    def screen(self) -> list[str]:
        """The screen's lines, each as wide as the terminal."""
        return list(self._screen.display)

    @property
    def text(self) -> str:
        """The screen as one text, without the blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.screen)

    def find(self, text: str) -> tuple[int, int] | None:
        """Column and row, from 0, of the first occurrence of a text on one line; None if it is not there."""
        for row in range(self._screen.lines):
            # The second cell of a wide character holds an empty text.
            cells = [self.cell(column, row).data for column in range(self._screen.columns)]
            if (index := "".join(cells).find(text)) >= 0:
                return [column for column, cell in enumerate(cells) for _ in cell][index], row
        return None

    def cell(self, x: int, y: int) -> pyte.screens.Char:
        """One cell: its character `data`, colours `fg` and `bg` (a name or six hexadecimal digits), `bold`, …"""
        return self._screen.buffer[y][x]

    # Waiting

    def wait_for(self, wanted: "Wanted", timeout: float = PATIENCE) -> None:
        """Read until the screen is as wanted.

        Args:
            wanted: What the screen is to show.
            timeout: Seconds after which to give up.

        Raises:
            AssertionError: It did not come to that, or the program ended first; shows the screen.
        """
        if isinstance(wanted, str):
            self._wait(lambda: wanted in self.text, repr(wanted), timeout)
        elif isinstance(wanted, re.Pattern):
            self._wait(lambda: wanted.search(self.text), f"/{wanted.pattern}/", timeout)
        else:
            self._wait(lambda: wanted(self), "a condition", timeout)

    def wait_frame(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Read until `count` more frames are finished."""
        goal = self.frames + count
        self._wait(lambda: self.frames >= goal, f"frame {goal}", timeout)

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Read until the program has ended; its exit status (negative: the signal that ended it)."""
        self._wait(lambda: self._ended, "the program's end", timeout)
        return self._process.wait()

    def drain(self) -> None:
        """Read what is there already, and do not wait."""
        while self._step(0):
            pass

    @property
    def exit_code(self) -> int | None:
        """The exit status, or None while the program runs."""
        return self._process.poll()

    # Input

    def send(self, *names: str) -> None:
        """Press keys, one after the other; see `tests.kit.keys.key` for their names. `write` types a text."""
        kitty = b"\x1b[>" in self.raw and re.search(rb"\x1b\[>\d+u", self.raw) is not None
        for name in names:
            self.write(key(name, application=1 in self.modes, kitty=kitty))

    def click(self, x: int, y: int, button: int = 0) -> None:
        """Click at a column and row, counted from 0."""
        self.write(mouse(button, x, y) + mouse(button, x, y, release=True))

    def wheel(self, x: int, y: int, notches: int = 1) -> None:
        """Turn the wheel over a cell; negative notches turn it up."""
        self.write(mouse(65 if notches > 0 else 64, x, y) * abs(notches))

    def write(self, data: str | bytes) -> None:
        """Send anything."""
        os.write(self._master, data.encode() if isinstance(data, str) else data)

    def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size; the program gets its SIGWINCH."""
        self._screen.resize(rows, cols)
        _set_size(self._master, cols, rows)

    # The end

    def close(self) -> None:
        """Kill the program if it still runs, and close the terminal."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for fd in (self._master, self._pidfd):
            if fd >= 0:
                os.close(fd)
        self._master = self._pidfd = -1

    def __enter__(self) -> Self:
        """The terminal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the program."""
        self.close()

    # Reading

    def _wait(self, reached: Callable[[], object], what: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not ((2026 not in self.modes or self._ended) and reached()):
            if not self._step(max(deadline - time.monotonic(), 0)):
                why = f"ended with {self._process.wait()}" if self._ended else f"did not in {timeout:g} s"
                raise AssertionError(f"waited for {what}; the program {why}\n{self._picture()}")

    def _step(self, timeout: float) -> bool:
        """Take in output up to the end of the next frame; False if none came."""
        if self._pending and self._take():
            return True
        if self._ended:
            return False
        ready, _, _ = select.select([self._pidfd] if self._hung_up else [self._pidfd, self._master], [], [], timeout)
        if not ready:
            return False
        data = b""
        if self._master in ready:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # EIO: nobody holds the other side any more
                self._hung_up = True
        # What was written before the end is read before the end is believed.
        self._ended = not data and self._pidfd in ready
        self.raw += data
        self._pending += data
        self._take()
        return True

    def _take(self) -> bool:
        """Move pending output to the screen, up to the end of one frame; False if only a broken-off piece is left."""
        taken = 0
        while taken < len(self._pending):
            escape = self._pending.find(b"\x1b", taken)
            plain_end = len(self._pending) if escape < 0 else escape
            self._stream.feed(self._pending[taken:plain_end])
            taken = plain_end
            if escape < 0:
                break
            found = _SEQUENCE.match(self._pending, escape)
            if found is None and _BROKEN_OFF.fullmatch(self._pending, escape):
                break  # the rest of it is still to come
            if found is None:
                taken = escape + 1  # an escape that begins nothing, which a terminal ignores
                continue
            taken = found.end()
            self._obey(found[0])
            if found[0] == _FRAME_ENDS:
                self.frames += 1
                break
        self._pending = self._pending[taken:]
        return taken > 0

    def _obey(self, sequence: bytes) -> None:
        if answer := self._answer(sequence):
            self.write(answer)
        if found := _MODE.fullmatch(sequence):
            change = self.modes.update if found[2] == b"h" else self.modes.difference_update
            change(int(mode) for mode in found[1].split(b";"))
        if not _DROPPED.match(sequence):
            self._stream.feed(sequence)

    def _answer(self, sequence: bytes) -> str:
        """What a terminal answers to a query: that it marks frames, and little else."""
        if found := re.fullmatch(rb"\x1b\[\?(\d+)\$p", sequence):
            return f"\x1b[?{int(found[1])};{2 if found[1] == b'2026' else 0}$y"
        if found := re.fullmatch(rb"\x1b\](1[01]);\?(?:\x07|\x1b\\)", sequence):
            colour = self.background if found[1] == b"11" else "808080"
            return f"\x1b]{int(found[1])};rgb:{'/'.join(colour[i : i + 2] * 2 for i in (0, 2, 4))}\x1b\\"
        if sequence == b"\x1b[6n":
            return f"\x1b[{self._screen.cursor.y + 1};{self._screen.cursor.x + 1}R"
        if sequence == b"\x1b[18t":
            return f"\x1b[8;{self._screen.lines};{self._screen.columns}t"
        return {b"\x1b[c": "\x1b[?62;22c", b"\x1b[0c": "\x1b[?62;22c", b"\x1b[>c": "\x1b[>0;0;0c"}.get(sequence, "")

    def _picture(self) -> str:
        edge = "+" + "-" * self._screen.columns + "+"
        lines = (f"|{line}|" for line in self.screen)
        return "\n".join([edge, *lines, edge])


Wanted = str | re.Pattern[str] | Callable[[Terminal], object]
"""What can be waited for: a text, a pattern to be found on the screen, or a condition on the terminal."""


def _set_size(fd: int, cols: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
