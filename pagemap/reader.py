"""One pagemap descriptor: preads, short reads, and the only place that counts system calls and bytes.

Source: fs/proc/task_mmu.c (pagemap_read): offset and size must be multiples of 8, a read beyond the task's
address limit is cut there, 0 bytes mean the end (or that the address space is gone).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pagemap.entry import ENTRY_BYTES
from pagemap.errors import ReadFailedError
from pagemap.source import Reading
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

# The kernel cuts every read at MAX_RW_COUNT = INT_MAX & PAGE_MASK (include/linux/fs.h); keep it a multiple of 8.
MAX_READ: Final = 0x7FFFF000
_EMPTY: Final = memoryview(b"").cast("Q")


class PagemapReader:
    """Reads entries through one open pagemap descriptor, which it owns.

    Args:
        fd: A descriptor of /proc/PID/pagemap.
        pread: What reads, None for os.pread; tests inject one that cuts reads short.

    Attributes:
        preads: System calls made so far.
        bytes_read: Bytes they gave.
    """

    def __init__(self, fd: int, pread: Callable[[int, int, int], bytes] | None = None) -> None:
        self.fd = fd
        self._pread = pread
        self.preads = 0
        self.bytes_read = 0
        self._limit: int | None = None

    def read(self, start: int, end: int) -> Reading:
        """The entries of `[start, end)` (byte addresses, page-aligned), fewer where the address space ends.

        A read that comes back short is continued where it stopped; one of 0 bytes means the end.

        Raises:
            ReadFailedError: The kernel refused, or gave less than one whole entry.
        """
        offset = start // PAGE_SIZE * ENTRY_BYTES
        wanted = (end - start) // PAGE_SIZE * ENTRY_BYTES
        preads = short_reads = have = 0
        parts: list[bytes] = []
        # Looked up now: a test that counts system calls has replaced os.pread.
        pread = self._pread or os.pread
        while have < wanted:
            ask = min(wanted - have, MAX_READ)
            try:
                data = pread(self.fd, ask, offset + have)
            except OSError as exc:
                raise self._failed(start, exc.strerror or str(exc), preads + 1) from exc
            preads += 1
            if not data:
                break
            short_reads += len(data) < ask
            # Only whole entries count: an offset that is no multiple of 8 would be refused.
            whole = len(data) - len(data) % ENTRY_BYTES
            if not whole:
                raise self._failed(start, f"the kernel gave {len(data)} of an entry's 8 bytes", preads)
            parts.append(data if whole == len(data) else data[:whole])
            have += whole
        self.preads += preads
        self.bytes_read += have
        joined = parts[0] if len(parts) == 1 else b"".join(parts)
        return Reading(memoryview(joined).cast("Q") if joined else _EMPTY, preads, short_reads)

    def _failed(self, start: int, why: str, preads: int) -> ReadFailedError:
        self.preads += preads
        error = ReadFailedError(f"cannot read pagemap at {start:#x}", why)
        error.preads = preads
        return error

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover: found by bisection with reads of one entry, once.

        It differs between 32-bit tasks, 4-level and 5-level page tables, so it is asked for, not assumed.
        These few reads belong to no lookup and are counted nowhere.
        """
        if self._limit is None:
            low, high = -PAGE_SIZE, 1 << 57
            while low < high - PAGE_SIZE:
                middle = (low + high) // 2 // PAGE_SIZE * PAGE_SIZE
                try:
                    covered = bool(os.pread(self.fd, ENTRY_BYTES, middle // PAGE_SIZE * ENTRY_BYTES))
                except OSError:
                    covered = False
                low, high = (middle, high) if covered else (low, middle)
            self._limit = high
        return self._limit

    def alive(self, address: int) -> bool:
        """Whether the address space still answers at `address`, which must be below the limit.

        After exit and after exec every read gives 0 bytes for ever; that is the liveness test.
        """
        try:
            return bool(os.pread(self.fd, ENTRY_BYTES, address // PAGE_SIZE * ENTRY_BYTES))
        except OSError:
            return False

    def close(self) -> None:
        """Close the descriptor. Reads fail from then on, and do not reach what is given the same number next.

        Raises:
            OSError: It is closed already.
        """
        fd, self.fd = self.fd, -1
        os.close(fd)
