"""`LiveProcess`: a running process as a source.

It keeps a descriptor of the /proc/PID directory and opens everything through it, so a reused PID is never read
by mistake. It only ever opens for reading: nothing is sent, written or cleared in the target.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pagemap.errors import NoMemoryMapError, NoSuchProcessError, PagelensError, TargetGoneError, from_oserror
from pagemap.probe import visibility
from pagemap.process import Stat, check_system, identify, owner, read_stat
from pagemap.reader import PagemapReader
from pagemap.scan import PagemapScanner
from pagemap.vma import AddressSpace

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from pagemap.scan import Category, ScanRequest
    from pagemap.source import Identity, Reading
    from pagemap.state import Visibility

_MAPS_CHUNK: Final = 1 << 14
"""Bytes asked for at once; the kernel gives a page of text a read, so more would only cost memory."""


class LiveProcess:
    """A running process.

    Args:
        pid: Its PID.

    Raises:
        UnsupportedSystemError: Not Linux, or no /proc.
        NoSuchProcessError: No process has this PID.
        AccessDeniedError: This user may not look at it.
        NoMemoryMapError: A kernel thread or a zombie.
    """

    def __init__(self, pid: int) -> None:
        check_system()
        try:
            self._dir = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as exc:
            raise from_oserror(exc, pid, "read") from exc
        descriptors = [self._dir]
        try:
            stat = read_stat(pid, self._dir)
            if stat.memoryless:
                raise NoMemoryMapError(f"cannot look at process {pid}", stat.memoryless)
            self._identity: Final = identify(pid, self._dir)
            self._maps_fd = self._open("maps")
            descriptors.append(self._maps_fd)
            self._reader: Final = PagemapReader(self._open("pagemap"))
        except BaseException:
            for fd in descriptors:
                os.close(fd)
            raise
        self._space: AddressSpace | None = None
        self._visibility: Final = visibility()
        self._scanner: Final = PagemapScanner(self._reader, self._visibility, self._latest_maps)

    def _open(self, name: str) -> int:
        pid = self._identity.pid
        try:
            return os.open(name, os.O_RDONLY, dir_fd=self._dir)
        except OSError as exc:
            raise from_oserror(exc, pid, "read the memory of", owner(pid)) from exc

    @property
    def identity(self) -> Identity:
        """PID, start time and name at the time it was opened."""
        return self._identity

    @property
    def visibility(self) -> Visibility:
        """What of its entries this user can see."""
        return self._visibility

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover."""
        return self._reader.address_limit

    @property
    def reader(self) -> PagemapReader:
        """The descriptor's reader, with its system call counts."""
        return self._reader

    def read(self, start: int, end: int) -> Reading:
        """The entries of `[start, end)`; see `PagemapReader.read`."""
        return self._reader.read(start, end)

    @property
    def categories(self) -> Category:
        """The scan categories that can be told here."""
        return self._scanner.categories

    def scan(self, request: ScanRequest) -> Iterator[array[int]]:
        """The populated ranges by category; see `scan.Scannable.scan`."""
        return self._scanner.scan(request)

    def _latest_maps(self) -> AddressSpace:
        return self._space or self.maps()

    def maps(self) -> AddressSpace:
        """The VMAs now; the same object as before while the text has not changed.

        Raises:
            TargetGoneError: It has exited, or has become another program by exec.
        """
        text = self._read_maps()
        if self._space is None or self._space.text != text:
            if not text:
                raise TargetGoneError(f"process {self._identity.pid} has no memory any more", self.condition())
            self._space = AddressSpace(text)
        return self._space

    def _read_maps(self) -> bytes:
        parts = []
        try:
            os.lseek(self._maps_fd, 0, os.SEEK_SET)
            while part := os.read(self._maps_fd, _MAPS_CHUNK):
                parts.append(part)
        except ProcessLookupError:
            # Reaped: as good as the empty text that a zombie gives.
            return b""
        except OSError as exc:
            raise from_oserror(exc, self._identity.pid, "read the memory map of") from exc
        return b"".join(parts)

    def condition(self) -> str:
        """Empty while the address space that was opened lives, else what became of the target."""
        pid = self._identity.pid
        # Any address will do: a living address space has an entry, of 0, also where nothing is mapped.
        if self._reader.alive(0):
            return ""
        try:
            stat: Stat = read_stat(pid, self._dir)
        except PagelensError:
            return self._after_death(pid)
        if stat.state in "ZX":
            return f"process {pid} has exited and is a zombie"
        if stat.exiting:
            return f"process {pid} is exiting"
        return f"process {pid} has become another program (exec): now {stat.name}"

    def _after_death(self, pid: int) -> str:
        try:
            successor = read_stat(pid)
        except NoSuchProcessError:
            return f"process {pid} has exited"
        if successor.start_time == self._identity.start_time:
            return f"process {pid} is exiting"
        return f"process {pid} has exited, and its PID was given to another process, {successor.name}"

    def close(self) -> None:
        """Close its three descriptors; what is asked of it then fails, and reaches nothing that has their numbers next.

        Raises:
            OSError: It is closed already.
        """
        self._reader.close()
        descriptors = (self._maps_fd, self._dir)
        self._maps_fd = self._dir = -1
        for fd in descriptors:
            os.close(fd)
