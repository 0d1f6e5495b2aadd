"""Real child processes in real states, made on command: the test's side of `tests.kit.target_main`.

    with Target.spawn() as target:
        area = target.do("swapped", pages=8)
        raw_entries(target.pid, area.start, area.end)

The states are the public methods of `tests.kit.target_main.Target`; their docstrings say what each makes.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.kit import boot
from tests.kit.kernel import PAGE

NOBODY = 65534
"""The user that owns nothing."""
_PATIENCE = 60_000
"""Milliseconds after which a target is taken to hang: far above what the slowest command needs."""


class TargetError(Exception):
    """A command failed in the target, or the target ended under it; says how."""


class Unavailable(Exception):
    """This kernel or user cannot make the state; says which requirement is missing."""


@dataclass(frozen=True)
class Area:
    """Where a state was made."""

    start: int = 0
    """First address."""
    end: int = 0
    """Address after the last."""
    touched: tuple[int, ...] = ()
    """Addresses of the touched pages of a `reserve`, or where each mapping of a `memfd` begins."""
    pid: int = 0
    """The child of a `fork`, `fork_shared` or `zombie`."""
    count: int = 0
    """How many VMAs `many_vmas` made."""

    @property
    def pages(self) -> int:
        """The length in pages."""
        return (self.end - self.start) // PAGE

    def page(self, number: int) -> int:
        """The address of a page, counted from 0."""
        return self.start + number * PAGE

    def addresses(self) -> range:
        """The addresses of all pages."""
        return range(self.start, self.end, PAGE)


class Target:
    """One child process. Ends with the block that spawned it, and with the test, however that ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Take a process over; use `spawn`."""
        self._process = process
        self._unread = b""

    @classmethod
    def spawn(cls, *, uid: int | None = None, args: Sequence[str | bytes] = ()) -> Self:
        """Start a target and wait until it is ready.

        The kernel ends it with the thread that started it: spawn from one that lives as long as the target is used.

        Args:
            uid: The user that it turns into, for example `NOBODY`; needs root.
            args: More arguments for its command line, any bytes but NUL: it ignores them.

        Returns:
            The target, to be used in a ``with`` statement.
        """
        command = boot.command("target_main", str(os.getpid()), *args)
        target = cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0))
        try:
            target._answer()
            if uid is not None:
                target.do("become", uid=uid)
        except BaseException:
            target.close()
            raise
        return target

    @property
    def pid(self) -> int:
        """Its PID."""
        return self._process.pid

    def do(self, state: str, **options: object) -> Area:
        """Have the target make a state, and wait until it has.

        Args:
            state: A method of `tests.kit.target_main.Target`.
            options: Its arguments; paths and names may be `bytes`. A file that does not exist is made.

        Raises:
            Unavailable: The kernel or user cannot make the state.
            TargetError: The command failed, or the target ended.
        """
        if "path" in options:
            path = os.fsencode(str(options["path"]) if not isinstance(options["path"], bytes) else options["path"])
            if not os.path.lexists(path):
                _make_file(path, options.get("pages", 16))
            options["path"] = path
        self._send({"do": state} | {name: _plain(value) for name, value in options.items()})
        answer = self._answer()
        if "unavailable" in answer:
            raise Unavailable(answer["unavailable"])
        if "error" in answer:
            raise TargetError(f"{state}: {answer['error']}")
        return Area(**answer | {"touched": tuple(answer.get("touched", ()))})

    def exec(self, *argv: str) -> None:
        """Have the target execute another program, and wait until it runs.

        Args:
            argv: An absolute path and arguments, of a program that, like cat, copies its input to its output
                and ends with it; none: a new target, which takes commands as before.
        """
        if argv:
            # The echo shows that the other program runs: a target would not answer with the same bytes.
            self._send({"do": "exec", "argv": argv})
            self._write(b'"echo"\n')
            if (echo := self._line()) != b'"echo"\n':
                raise TargetError(f"exec: {echo!r}")
        else:
            self.do("exec")

    def exit(self, *, reap: bool = True) -> None:
        """End the target and wait for it; not reaped, it is a zombie until the block ends."""
        self._send({"do": "exit"})
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if reap:
            self._process.wait()

    def kill(self) -> None:
        """Kill the target, as a crash would, and reap it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the target with SIGSTOP for the length of a block."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the target, if it has not ended yet, and its children with it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        """The target itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the target."""
        self.close()

    def _send(self, request: dict[str, object]) -> None:
        self._write(json.dumps(request).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except (BrokenPipeError, ValueError):  # ended, or ended and closed
            raise TargetError(f"the target has ended with status {self._process.wait()}") from None

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        while b"\n" not in self._unread:
            if not poll.poll(_PATIENCE):
                raise TargetError(f"the target does not answer within {_PATIENCE // 1000} s")
            data = os.read(self._process.stdout.fileno(), 1 << 20)
            if not data:
                raise TargetError(f"the target ended with status {self._process.wait()}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line + b"\n"


def _plain(value: object) -> object:
    # Bytes that are not UTF-8 travel as lone surrogates: JSON carries them.
    return os.fsdecode(value) if isinstance(value, bytes) else value


def _make_file(path: bytes, pages: object) -> None:
    assert isinstance(pages, int)
    with open(path, "xb") as file:
        for number in range(pages):
            file.write(number.to_bytes(8, "little") * (PAGE // 8))
        file.flush()
        os.fsync(file.fileno())
        # A target that gave up root maps it shared and writes it.
        os.fchmod(file.fileno(), 0o666)
