"""The window policies: on a miss at an address, which window of entries is read? Pure arithmetic, no I/O.

Each policy answers with a `Plan`. The seed's behaviour is that of the 2014 CRIU patch "pagemap: Introduce pagemap
cache" with its defects repaired; all are described in docs/policies.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pagemap.criu import CriuPolicy, CriuUnbatchedPolicy, CriuUnclampedPolicy, ScanPolicy
from pagemap.entry import ENTRY_BYTES
from pagemap.errors import UnknownPolicyError
from pagemap.policy import BLOCK, BUDGET, MAX_WINDOW, Plan, Policy, kib
from pagemap.vma import PAGE_SIZE

if TYPE_CHECKING:
    from pagemap.vma import AddressSpace

__all__ = ["BLOCK", "BUDGET", "DEFAULT_POLICY", "MAX_WINDOW", "POLICIES", "READAHEAD", "Plan", "Policy", "make_policy"]

READAHEAD: Final = 16
"""Blocks that one fill of `readahead` takes at most."""


class PagePolicy(Policy):
    """No cache: one pread a page."""

    name = "page"
    summary = "No cache: every page that is looked at costs one pread of one entry."

    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        """The page alone."""
        return Plan(address, address + PAGE_SIZE, "one page, one pread")


class VmaPolicy(Policy):
    """One pread a VMA, one window."""

    name = "vma"
    summary = "A miss reads the whole VMA, and nothing beside it: what CRIU did before the seed."

    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
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

    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        """The seed's walk over the VMAs from the missing one on."""
        first = space.find(address)
        assert first is not None, "the cache asks for mapped addresses only"
        assert self.window_size is not None, "the seed has a window size"
        wanted = max(space.longest, self.window_size)
        length = min(wanted, max(MAX_WINDOW, self.window_size))
        start = space.starts[first]
        note = ""
        if wanted > length:
            note = f"; the seed would have allocated {wanted // PAGE_SIZE * ENTRY_BYTES >> 20:,} MiB of entries"
            if space.ends[first] > start + length:
                # The VMA itself is longer than the window: from its start the address might not be reached.
                start = max(start, address // BLOCK * BLOCK)
        end = start + length
        taken, covered, gaps, stop = self._walk(space, first, start, end)
        where = "the VMA's start" if start == space.starts[first] else f"the 2 MiB block of the miss, {start:#x},"
        vmas = f"{taken} VMA{'s' * (taken != 1)}" if taken else "part of one VMA"
        why = f"from {where} over {vmas}: {kib(covered)} covered, {kib(gaps)} of gaps"
        if stop is not None:
            end = space.ends[stop - 1]
            gap = space.starts[stop] - end
            why += f"; the next gap of {kib(gap)} would exceed the cover"
        return Plan(start, min(end, limit), why + note)

    @staticmethod
    def _walk(space: AddressSpace, first: int, start: int, end: int) -> tuple[int, int, int, int | None]:
        """VMAs taken, bytes covered, bytes of gap, and the index of the VMA whose gap was too large, if one was."""
        covered = gaps = taken = 0
        starts, ends = space.starts, space.ends
        if ends[first] > end:
            # Longer than the budget: nothing but this VMA is in the window.
            return 0, end - start, 0, None
        for index in range(first, len(space)):
            if starts[index] > end or ends[index] > end:
                break
            size = ends[index] - max(starts[index], start)
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

    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        """The block that holds the address."""
        assert self.window_size is not None, "blocks have a size"
        low = address // self.window_size * self.window_size
        high = low + self.window_size
        return self._trimmed(space, low, high, limit, f"the {kib(self.window_size)} block at {low:#x}")

    @staticmethod
    def _trimmed(space: AddressSpace, low: int, high: int, limit: int, why: str) -> Plan:
        first = space.first_ending_after(low)
        last = space.first_starting_at(high) - 1
        start = max(low, space.starts[first])
        end = min(high, space.ends[last], limit)
        return Plan(start, end, f"{why}, trimmed to its mapped pages", low, high)


class ReadaheadPolicy(BlocksPolicy):
    """Blocks, and more of them at once where misses follow one another."""

    name = "readahead"
    summary = (
        "Blocks, but a miss next to the last one doubles the blocks read in that direction, up to 16 in one pread."
    )

    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        """The block that holds the address, and as many in the direction of the scroll as it has earned."""
        assert self.window_size is not None, "blocks have a size"
        size = self.window_size
        low = address // size * size
        high = low + size
        blocks = 1
        if previous is not None and low == previous.high:
            blocks = self._doubled(previous)
            high = low + blocks * size
        elif previous is not None and high == previous.low:
            blocks = self._doubled(previous)
            low = max(0, high - blocks * size)
        why = f"the {kib(size)} block at {low:#x}"
        if blocks > 1:
            why = f"next to the last miss: {blocks} blocks of {kib(size)} from {low:#x}"
        return self._trimmed(space, low, high, limit, why)

    def _doubled(self, previous: Plan) -> int:
        assert self.window_size is not None, "blocks have a size"
        most = min(READAHEAD, MAX_WINDOW // self.window_size)
        return min(most, 2 * (previous.high - previous.low) // self.window_size)


POLICIES: Final[dict[str, type[Policy]]] = {
    policy.name: policy
    for policy in (
        *(BlocksPolicy, ReadaheadPolicy, SeedPolicy, CriuPolicy, CriuUnclampedPolicy, CriuUnbatchedPolicy),
        *(ScanPolicy, VmaPolicy, PagePolicy),
    )
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
