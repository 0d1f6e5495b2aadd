"""The joint of the house: what the cache, the widgets and the commands may ask of a target, live or not.

A live process (`live.LiveProcess`) is one source; a capture file and a synthetic address space are others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from pagemap.scan import Category, ScanRequest
    from pagemap.state import Visibility
    from pagemap.vma import AddressSpace


class Reading(NamedTuple):
    """What one request for entries gave.

    Attributes:
        entries: The entries read, from the requested start on; fewer than asked for where the address space ends.
        preads: System calls made.
        short_reads: How many of them gave less than was asked.
    """

    entries: memoryview
    preads: int
    short_reads: int


class EntryReader(Protocol):
    """Reads pagemap entries, and knows where the address space ends."""

    @property
    def address_limit(self) -> int:
        """First address that pagemap does not cover (TASK_SIZE)."""

    def read(self, start: int, end: int) -> Reading:
        """The entries of the pages in `[start, end)`, both page-aligned byte addresses."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which process this is: a PID can be given out again, a PID and a start time cannot.

    Attributes:
        pid: Process ID.
        start_time: Clock ticks from boot to its start (field 22 of /proc/PID/stat).
        name: Its command name at that moment. Never trusted.
    """

    pid: int
    start_time: int
    name: str


class Source(EntryReader, Protocol):
    """A target whose memory can be looked at."""

    @property
    def identity(self) -> Identity:
        """Which target this is."""

    @property
    def visibility(self) -> Visibility:
        """What of its entries this user can see."""

    @property
    def categories(self) -> Category:
        """The scan categories that it can tell."""

    def scan(self, request: ScanRequest) -> Iterator[array[int]]:
        """The populated ranges by category, in portions of flat start, end, categories; see `scan.Scannable.scan`."""

    def maps(self) -> AddressSpace:
        """Its VMAs now; the same object as before while they have not changed.

        Raises:
            TargetGoneError: The address space is no more.
        """

    def condition(self) -> str:
        """Empty while the target's address space lives, else what became of it, in a few words."""

    def close(self) -> None:
        """Let go of every descriptor."""
