"""Count the reads of pagemap files exactly: in this process, in this thread by the kernel's count, or in any program.

Three ways, because each sees what another misses: `PagemapReads` sees every call with its offset, but only
those made through the `os` module; `ThreadReads` is the kernel's own count of everything this thread reads;
`strace` and `Strace` see every call of another program, where that package is installed.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_PAGEMAP = re.compile(r"/proc/(?:self|(\d+))(?:/task/\d+)?/pagemap\b")


@dataclass(frozen=True)
class Read:
    """One read of a pagemap file."""

    call: str
    """``pread``, ``preadv``, … (in an strace with the kernel's names: ``pread64``, ``preadv2``)"""
    pid: int
    """The process whose pagemap it is."""
    offset: int | None
    """Where in the file, in bytes; None for a read at the file's position."""
    got: int
    """How many bytes came; -1 if the call failed."""


class PagemapReads:
    """Records the reads of pagemap files that this process makes through `os` while the block runs.

    The calls are made as ever; the record is beside them.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.reads: list[Read] = []
        """Every read so far, in order."""
        self._originals: dict[str, Callable[..., Any]] = {}

    @property
    def calls(self) -> int:
        """How many system calls that were."""
        return len(self.reads)

    @property
    def bytes(self) -> int:
        """How many bytes they gave."""
        return sum(max(read.got, 0) for read in self.reads)

    def clear(self) -> None:
        """Forget the reads so far."""
        self.reads.clear()

    def __enter__(self) -> Self:
        """Begin to record."""
        for name in ("read", "readv", "pread", "preadv"):
            self._originals[name] = getattr(os, name)
            setattr(os, name, self._recording(name, self._originals[name]))
        return self

    def __exit__(self, *_: object) -> None:
        """Put the functions back."""
        for name, original in self._originals.items():
            setattr(os, name, original)

    def _recording(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def recording(fd: int, what: Any, *rest: int) -> Any:
            found = _PAGEMAP.fullmatch(os.readlink(f"/proc/self/fd/{fd}"))
            got = -1
            try:
                answer = original(fd, what, *rest)
                got = answer if isinstance(answer, int) else len(answer)
            finally:
                if found:
                    self.reads.append(Read(name, int(found[1] or os.getpid()), rest[0] if rest else None, got))
            return answer

        return recording


class ThreadReads:
    """The kernel's count of the read calls of this thread while the block runs, of whatever file and by whatever way.

    Compare it with `PagemapReads` to show that nothing was read behind its back.
    """

    calls = 0
    """How many read, readv, pread and preadv calls the block made; known at its end."""

    def __enter__(self) -> Self:
        """Begin to count."""
        self._pread = os.pread
        self._fd = os.open("/proc/thread-self/io", os.O_RDONLY | os.O_CLOEXEC)
        self._before = self._count()
        return self

    def __exit__(self, *_: object) -> None:
        """End the count."""
        # A read is counted when it returns: the first of our own two lies within.
        self.calls = self._count() - self._before - 1
        os.close(self._fd)

    def _count(self) -> int:
        found = re.search(rb"^syscr: (\d+)$", self._pread(self._fd, 1000, 0), re.MULTILINE)
        assert found is not None
        return int(found[1])


# --- Other programs, with strace ----------------------------------------------------------------------------------

have_strace = shutil.which("strace") is not None
"""Whether strace is installed."""
# A file a thread (-ff): calls of different threads are never broken up by one another.
_OPTIONS = ["-ff", "-y", "-e", "trace=read,readv,pread64,preadv,preadv2", "-e", "signal=none", "-s", "0", "-o"]
_CALL = re.compile(r"^(\w+)\(\d+<([^>]*)>, (.*)\) += (-?\d+)", re.MULTILINE)


class Strace:
    """Records the pagemap reads of a running program, all its threads, while the block runs.

    For the length of the block the program runs slower, but it is not otherwise disturbed.
    """

    def __init__(self, pid: int) -> None:
        """Trace the process `pid`, which must be this user's own, or this user root."""
        self._pid = pid
        self._folder = tempfile.TemporaryDirectory(prefix="pagelens-strace-")
        self.reads: list[Read] = []
        """The reads, in order for each thread; known at the end of the block."""

    def __enter__(self) -> Self:
        """Attach, and return once every thread is attached."""
        command = ["strace", *_OPTIONS, f"{self._folder.name}/calls", "-p", str(self._pid)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if "attached" not in line:
            self._finish()
            raise ChildProcessError(f"strace cannot attach: {line.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        """Detach and read the record."""
        self._process.send_signal(signal.SIGINT)
        self._finish()

    def _finish(self) -> None:
        self._process.communicate()
        self.reads = _parse(Path(self._folder.name))
        self._folder.cleanup()


def strace(argv: Sequence[str | Path]) -> tuple["subprocess.CompletedProcess[str]", list[Read]]:
    """Run a program under strace to its end: its result, and the pagemap reads it and its children made."""
    with tempfile.TemporaryDirectory(prefix="pagelens-strace-") as folder:
        command = ["strace", "-qq", *_OPTIONS, f"{folder}/calls", "--", *map(str, argv)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done, _parse(Path(folder))


def _parse(folder: Path) -> list[Read]:
    """The pagemap reads in the files that strace wrote, a file a thread."""
    reads = []
    for file in sorted(folder.iterdir()):
        for name, path, rest, got in _CALL.findall(file.read_text(errors="replace")):
            if found := _PAGEMAP.match(path):
                arguments = rest.split(", ")
                place = {"pread64": -1, "preadv": -1, "preadv2": -2}.get(name)
                offset = None if place is None else int(arguments[place])
                reads.append(Read(name, int(found[1] or 0), offset, int(got)))
    return reads
