"""The window policies: on a miss at an address, which window of entries is read? Pure arithmetic, no I/O.

Each policy answers with a `Plan`. The seed's behaviour is that of the 2014 CRIU patch "pagemap: Introduce pagemap
cache" with its defects repaired; the others are described in docs/policies.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from pagemap.entry import ENTRY_BYTES
from pagemap.errors import UnknownPolicyError
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from pagemap.vma import AddressSpace

BLOCK: Final = 2 << 20
"""Bytes that one page of page-table entries maps on x86-64: the natural unit of a page walk."""
BUDGET: Final = 64 << 20
"""Bytes of entries that one window may take at most, whatever the policy and the target."""
MAX_WINDOW: Final = BUDGET // ENTRY_BYTES * PAGE_SIZE
"""The same in bytes of address space (32 GiB)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The window to read, and why.

    Attributes:
        start: First address, page-aligned.
        end: First address after it.
        why: How the policy came to it, in one sentence.
    """

    start: int
    end: int
    why: str


class Policy(ABC):
    """What to read on a miss.

    Args:
        window_size: Bytes of address space that one window is made for; None takes the policy's own.
        windows: How many windows are held at once; None takes the policy's own.

    Raises:
        UnknownPolicyError: The policy has no such setting, or the value makes no sense.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    default_window_size: ClassVar[int | None] = None
    default_windows: ClassVar[int] = 1

    def __init__(self, window_size: int | None = None, windows: int | None = None) -> None:
        if window_size is not None:
            self._check_window_size(window_size)
        if windows is not None and not 1 <= windows <= 1 << 16:
            raise UnknownPolicyError(f"bad number of windows: {windows}", "it must be from 1 to 65,536")
        self.window_size = window_size or self.default_window_size
        self.windows = windows or self.default_windows

    def _check_window_size(self, size: int) -> None:
        if self.default_window_size is None:
            raise UnknownPolicyError(f"policy {self.name} has no window size", "its windows follow from the VMAs")
        if size < PAGE_SIZE or size & (size - 1) or size > MAX_WINDOW:
            raise UnknownPolicyError(
                f"bad window size: {size}", f"it must be a power of two from {PAGE_SIZE} to {MAX_WINDOW} bytes"
            )

    @abstractmethod
    def plan(self, space: AddressSpace, address: int, limit: int) -> Plan:
        """The window to read for a miss at `address`.

        Args:
            space: The VMAs.
            address: A page-aligned address inside a VMA and below `limit`.
            limit: First address that pagemap does not cover.

        Returns:
            A window that holds `address`, begins and ends on a page, and ends at `limit` at the latest.
        """

    @property
    def key(self) -> tuple[str, int | None, int]:
        """Name and settings: what tells one configured policy from another."""
        return (self.name, self.window_size, self.windows)


class PagePolicy(Policy):
    """No cache: one pread a page."""

    name = "page"
    summary = "No cache: every page that is looked at costs one pread of one entry."

    def plan(self, space: AddressSpace, address: int, limit: int) -> Plan:
        """The page alone."""
        return Plan(address, address + PAGE_SIZE, "one page, one pread")


class VmaPolicy(Policy):
    """One pread a VMA, one window."""

    name = "vma"
    summary = "A miss reads the whole VMA, and nothing beside it: what CRIU did before the seed."

    def plan(self, space: AddressSpace, address: int, limit: int) -> Plan:
        """The whole VMA, or of one above the budget the part around the address."""
        index = space.find(address)
        assert index is not None, "the cache asks for mapped addresses only"
        start, end = space.starts[index], min(space.ends[index], limit)
        if end - start <= MAX_WINDOW:
            return Plan(start, end, "the whole VMA")
        part = start + (address - start) // MAX_WINDOW * MAX_WINDOW
        return Plan(part, min(part + MAX_WINDOW, end), "the VMA is above the budget: a part of 32 GiB around the miss")


class SeedPolicy(Policy):
    """The 2014 CRIU patch, version 1, repaired.

    The window starts at the VMA's start and is as long as the longest VMA, at least 2 MiB. Following VMAs are
    counted while they fit; it ends early only where the gaps outgrow what is covered. Repaired are: the end of the
    VMA list, the task's address limit, short reads, and the size: at most the budget.
    """

    name = "seed"
    summary = "The 2014 CRIU patch: from the VMA's start on, over its small neighbours, until gaps outgrow the cover."
    default_window_size = BLOCK

    def plan(self, space: AddressSpace, address: int, limit: int) -> Plan:
        """The seed's walk over the VMAs from the missing one on."""
        first = space.find(address)
        assert first is not None, "the cache asks for mapped addresses only"
        assert self.window_size is not None, "the seed has a window size"
        wanted = max(space.longest, self.window_size)
        length = min(wanted, max(MAX_WINDOW, self.window_size))
        start = space.starts[first]
        note = ""
        if wanted > length:
            note = f"; the seed would have allocated {wanted // PAGE_SIZE * ENTRY_BYTES >> 20} MiB of entries"
            if space.ends[first] > start + length:
                # The VMA itself is longer than the window: from its start the address might not be reached.
                start = max(start, address // BLOCK * BLOCK)
        end = start + length
        taken, covered, gaps, stop = self._walk(space, first, start, end)
        vmas = f"{taken} VMA{'s' * (taken != 1)}"
        why = f"from the VMA's start over {vmas}: {_kib(covered)} covered, {_kib(gaps)} of gaps"
        if stop is not None:
            end = space.ends[stop - 1]
            gap = space.starts[stop] - end
            why += f"; the next gap of {_kib(gap)} would exceed the cover"
        return Plan(start, min(end, limit), why + note)

    @staticmethod
    def _walk(space: AddressSpace, first: int, start: int, end: int) -> tuple[int, int, int, int | None]:
        """VMAs taken, bytes covered, bytes of gap, and the index of the VMA whose gap was too large, if one was."""
        covered = gaps = taken = 0
        starts, ends = space.starts, space.ends
        for index in range(first, len(space)):
            if starts[index] > end or ends[index] > end or starts[index] < start:
                break
            size = ends[index] - starts[index]
            gap = starts[index] - ends[index - 1] if index > first else 0
            if gaps + gap > covered + size:
                return taken, covered, gaps, index
            covered += size
            gaps += gap
            taken += 1
        return taken, covered, gaps, None


class BlocksPolicy(Policy):
    """Aligned blocks, trimmed to their first and last mapped page: the default."""

    name = "blocks"
    summary = "Aligned 2 MiB blocks, trimmed to their first and last mapped page; the 64 used last are kept."
    default_window_size = BLOCK
    default_windows = 64

    def plan(self, space: AddressSpace, address: int, limit: int) -> Plan:
        """The block that holds the address."""
        assert self.window_size is not None, "blocks have a size"
        low = address // self.window_size * self.window_size
        high = low + self.window_size
        first = space.first_ending_after(low)
        last = space.first_starting_at(high) - 1
        start = max(low, space.starts[first])
        end = min(high, space.ends[last], limit)
        return Plan(start, end, f"the {_kib(self.window_size)} block at {low:#x}, trimmed to its mapped pages")


POLICIES: Final[dict[str, type[Policy]]] = {
    policy.name: policy for policy in (BlocksPolicy, SeedPolicy, VmaPolicy, PagePolicy)
}
"""Every policy by its name; the default first."""

DEFAULT_POLICY: Final = BlocksPolicy.name


def make_policy(name: str, window_size: int | None = None, windows: int | None = None) -> Policy:
    """The policy of this name with these settings.

    Raises:
        UnknownPolicyError: There is no such policy, or it does not take the setting.
    """
    if name not in POLICIES:
        raise UnknownPolicyError(f"no such cache policy: {name}", "", f"the policies are {', '.join(POLICIES)}")
    return POLICIES[name](window_size, windows)


def _kib(size: int) -> str:
    """Bytes of whole pages as KiB or MiB, for the sentences."""
    return f"{size >> 20:,} MiB" if size >= 1 << 20 and not size % (1 << 20) else f"{size >> 10:,} KiB"
