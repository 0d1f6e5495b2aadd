"""The target: a process that puts itself into the states it is told, one JSON line a command, and answers with one.

It ends when its standard input does, or its parent. In between it does nothing but wait for a command,
so that what a test reads of it stays as it is.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tests.kit import boot, libc
from tests.kit.libc import PAGE
from tests.kit.target_memory import Memory, Unavailable, page_out, read_pages, write_pages

Answer = dict[str, Any]


class Target:
    """The commands: every public method is one, its arguments are the command's."""

    def __init__(self) -> None:
        """Begin with no memory of its own making and no children."""
        self._memory = Memory()
        self._children: dict[int, int] = {}

    # Memory

    def untouched(self, pages: int = 16) -> Answer:
        """Private anonymous memory that was never touched."""
        return _area(self._memory.anonymous(pages), pages)

    def zero(self, pages: int = 16) -> Answer:
        """…that was only read: the zero page."""
        return _area(self._memory.anonymous(pages, read=True), pages)

    def written(self, pages: int = 16) -> Answer:
        """…that was written."""
        return _area(self._memory.anonymous(pages, write=True), pages)

    def shared_anon(self, pages: int = 16) -> Answer:
        """Shared anonymous memory, written."""
        return _area(self._memory.anonymous(pages, write=True, shared=True), pages)

    def memfd(self, pages: int = 16, mappings: int = 1, name: str = "kit") -> Answer:
        """A written memfd; with several mappings `touched` lists where each begins."""
        starts = self._memory.memfd(pages, mappings, name)
        return _area(starts[0], pages, touched=starts)

    def file_untouched(self, path: str, pages: int = 16, shared: bool = False, unlink: bool = False) -> Answer:
        """A file, mapped and not touched."""
        start = self._memory.file(path, pages, shared=shared, read=False, write=False, unlink=unlink)
        return _area(start, pages)

    def file_private_read(self, path: str, pages: int = 16, unlink: bool = False) -> Answer:
        """A file, mapped privately and read."""
        start = self._memory.file(path, pages, shared=False, read=True, write=False, unlink=unlink)
        return _area(start, pages)

    def file_private_written(self, path: str, pages: int = 16, unlink: bool = False) -> Answer:
        """A file, mapped privately and written: copies of its pages."""
        start = self._memory.file(path, pages, shared=False, read=False, write=True, unlink=unlink)
        return _area(start, pages)

    def file_shared_written(self, path: str, pages: int = 16, unlink: bool = False) -> Answer:
        """A file, mapped shared and written."""
        start = self._memory.file(path, pages, shared=True, read=False, write=True, unlink=unlink)
        return _area(start, pages)

    def thp(self, pages: int = 512) -> Answer:
        """Transparent huge pages, written; `pages` in small pages."""
        return _area(self._memory.huge(pages, write=True), pages)

    def thp_zero(self, pages: int = 512) -> Answer:
        """The huge zero page."""
        return _area(self._memory.huge(pages, write=False), pages)

    def swapped(self, pages: int = 16) -> Answer:
        """Private anonymous memory that was swapped out."""
        return _area(self._memory.swapped(pages), pages)

    def guard(self, pages: int = 16) -> Answer:
        """Guard markers."""
        return _area(self._memory.guard(pages), pages)

    def prot_none(self, pages: int = 16, write: bool = False) -> Answer:
        """Memory without permissions, written before or not."""
        return _area(self._memory.no_access(pages, write=write), pages)

    def reserve(self, size: int = 16 << 40, touched: Sequence[int] = (), no_access: bool = False) -> Answer:
        """One VMA of `size` bytes with a few pages written, by page number."""
        start = self._memory.reserve(size, touched, no_access=no_access)
        return _area(start, size // PAGE, touched=[start + page * PAGE for page in touched])

    def many_vmas(
        self,
        count: int | None = 20_000,
        pages: Sequence[int] = (1, 2, 3, 4),
        gaps: Sequence[int] = (1,),
        touch: int = 1,
    ) -> Answer:
        """Many small VMAs; count None: as many as the kernel allows."""
        start, end, made = self._memory.many(count, pages, gaps, touch)
        return {"start": start, "end": end, "count": made}

    # What can be done to memory that was made before

    def write(self, start: int, end: int) -> Answer:
        """Write every page."""
        write_pages(range(start, end, PAGE))
        return {"start": start, "end": end}

    def read(self, start: int, end: int) -> Answer:
        """Read every page."""
        read_pages(range(start, end, PAGE))
        return {"start": start, "end": end}

    def madvise(self, start: int, end: int, advice: int) -> Answer:
        """madvise(2), by the advice's number."""
        libc.madvise(start, end - start, advice)
        return {"start": start, "end": end}

    def mprotect(self, start: int, end: int, protection: int) -> Answer:
        """mprotect(2), by the number."""
        libc.mprotect(start, end - start, protection)
        return {"start": start, "end": end}

    def munmap(self, start: int, end: int) -> Answer:
        """munmap(2)."""
        libc.munmap(start, end - start)
        return {"start": start, "end": end}

    def page_out(self, start: int, end: int) -> Answer:
        """Swap every page out."""
        page_out(start, (end - start) // PAGE)
        return {"start": start, "end": end}

    # The process itself

    def fork_shared(self, pages: int = 16, child_writes: bool = False) -> Answer:
        """Written memory, then a fork: both sides hold the same pages, unless the child writes to them."""
        area = self.written(pages)
        return area | self.fork([area["start"], area["end"]] if child_writes else None)

    def fork(self, write: Sequence[int] | None = None) -> Answer:
        """Fork a child that writes to the range `write`, if given, and then waits until it is released."""
        ready, tell = os.pipe()
        wait, release = os.pipe()
        parent = os.getpid()
        if (child := os.fork()) == 0:
            libc.die_with_parent(parent)
            # The pipes to the test are the target's alone: only then is its end seen as the end of file.
            os.dup2(wait, 0)
            os.dup2(tell, 1)
            os.closerange(3, 1024)
            if write:
                write_pages(range(write[0], write[1], PAGE))
            os.write(1, b".")
            os.read(0, 1)
            os._exit(0)
        os.close(tell)
        os.close(wait)
        os.set_inheritable(release, False)
        answered = os.read(ready, 1)
        os.close(ready)
        if not answered:
            raise ChildProcessError("the forked child ended before it was ready")
        self._children[child] = release
        return {"pid": child}

    def release(self, pid: int) -> Answer:
        """End a forked child, or reap a zombie."""
        if (release := self._children.pop(pid, None)) is not None:
            os.close(release)
        os.waitpid(pid, 0)
        return {}

    def zombie(self) -> Answer:
        """Fork a child that ends and is not reaped."""
        if (child := os.fork()) == 0:
            os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        return {"pid": child}

    def set_name(self, name: str) -> Answer:
        """Name the process (its first 15 bytes)."""
        libc.set_name(os.fsencode(name))
        return {}

    def set_dumpable(self, dumpable: bool) -> Answer:
        """Make the process dumpable or not."""
        libc.set_dumpable(dumpable)
        return {}

    def become(self, uid: int) -> Answer:
        """Give up root for a user, whose process this then is in every respect."""
        parent = os.getppid()
        libc.become(uid)
        libc.set_dumpable(True)
        libc.die_with_parent(parent)
        return {}

    def exec(self, argv: Sequence[str] | None = None) -> Answer:
        """Execute another program in this process: a new target, or `argv` (an absolute path and arguments)."""
        arguments = boot.command("target_main", *sys.argv[1:]) if argv is None else argv
        os.execv(arguments[0], [os.fsencode(argument) for argument in arguments])

    def exit(self, status: int = 0) -> NoReturn:
        """End at once."""
        os._exit(status)


def _area(start: int, pages: int, **more: object) -> Answer:
    return {"start": start, "end": start + pages * PAGE, **more}


def main() -> None:
    """Answer commands until there are no more."""
    libc.die_with_parent(int(sys.argv[1]))
    target = Target()
    _answer({"pid": os.getpid()})
    # Unbuffered: what follows the command to execute another program is that program's input.
    with open(0, "rb", buffering=0, closefd=False) as requests:
        for line in requests:
            _answer(_done(target, json.loads(line)))


def _done(target: Target, request: Answer) -> Answer:
    command: Callable[..., Answer] = getattr(target, request.pop("do"))
    try:
        return command(**request)
    except Unavailable as error:
        return {"unavailable": str(error)}
    # Whatever else fails is an answer, too: the test that asked raises it.
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _answer(answer: Answer) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")
