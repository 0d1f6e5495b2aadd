"""CRIU's own pagemap cache, as merged in 2014 and as it is today, and its use of PAGEMAP_SCAN.

Behaviour after criu/pagemap-cache.c; implemented from its description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pagemap.policy import BLOCK, MAX_WINDOW, Plan, Policy, kib

if TYPE_CHECKING:
    from pagemap.vma import AddressSpace


class CriuPolicy(Policy):
    """CRIU today: the VMA itself, or if it is small and early in its 2 MiB block, the block's rest.

    A lookup is a hit only if the window holds the whole VMA.
    """

    name = "criu"
    summary = "CRIU today: the VMA alone; if it is small and begins in its 2 MiB block's first quarter, up to its end."
    default_window_size = BLOCK
    whole_vma = True
    clamps: ClassVar[bool] = True
    """Whether the window ends at the address limit."""
    batches: ClassVar[bool] = True
    """Whether small neighbours are read along."""

    def plan(self, space: AddressSpace, address: int, limit: int, previous: Plan | None = None) -> Plan:
        """The VMA, or the block from the VMA's start on."""
        assert self.window_size is not None, "CRIU has a window size"
        index = space.find(address)
        assert index is not None, "the cache asks for mapped addresses only"
        start, end = space.starts[index], space.ends[index]
        low = start // self.window_size * self.window_size
        high = low + self.window_size
        if self.clamps:
            high, end = min(high, limit), min(end, limit)
        if end - start >= self.window_size:
            return self._long(start, end, address)
        if not self.batches:
            return Plan(start, end, "the VMA alone: batching is off")
        if start - low >= self.window_size // 4:
            return Plan(start, end, f"the VMA alone: it begins {kib(start - low)} into its block, beyond the quarter")
        taken = 0
        for after in range(index + 1, len(space)):
            if space.starts[after] > high or space.ends[after] > high:
                break
            taken += 1
        if not taken:
            return Plan(start, end, "the VMA alone: no neighbour fits in its block")
        return Plan(start, max(end, high), f"the VMA and {taken} more, to the end of its block at {high:#x}")

    @staticmethod
    def _long(start: int, end: int, address: int) -> Plan:
        if end - start <= MAX_WINDOW:
            return Plan(start, end, "the VMA alone: it is as long as a window or longer")
        part = start + (address - start) // MAX_WINDOW * MAX_WINDOW
        return Plan(part, min(part + MAX_WINDOW, end), "the VMA is above the budget: a part of 32 GiB around the miss")


class CriuUnclampedPolicy(CriuPolicy):
    """CRIU without the clamp to the task's address limit: reads at the limit come back short."""

    name = "criu-unclamped"
    summary = "CRIU without the clamp to the address limit: the last window reaches beyond it and is read short."
    clamps = False


class CriuUnbatchedPolicy(CriuPolicy):
    """CRIU with batching switched off."""

    name = "criu-unbatched"
    summary = "CRIU with batching off: one VMA, one pread."
    batches = False


class ScanPolicy(CriuPolicy):
    """CRIU where the kernel has PAGEMAP_SCAN: the same window, as regions."""

    name = "scan"
    summary = (
        "CRIU's window, but a fill takes regions from PAGEMAP_SCAN; entries come by pread, for the rows looked at."
    )
    regions = True
