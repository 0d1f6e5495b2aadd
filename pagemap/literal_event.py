"""What `seed --literal` tells: one event for each thing that the published patch does, and for each defect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

KINDS: Final = ("init", "lookup", "hit", "try", "step", "gap", "summary", "fill", "defect")
DEFECTS: Final = ("head???", "straddle", "untrimmed", "no-clamp", "recursion", "assert", "gap-rule", "forward-only")
"""Short names of the patch's defects, in the order of their numbers, from 1."""


@dataclass(frozen=True, slots=True)
class LiteralEvent:
    """One thing that the published patch does, or a defect that shows there.

    Attributes:
        kind: One of `KINDS`.
        text: What happens, in one sentence.
        address: The address that is looked up; for a run of hits the first.
        start: The window's first address at that moment; 0 with `end` 0 when it is zapped.
        end: The first address after it.
        vma: For a step the VMA that is looked at, as first address and first address after it.
        count: For a hit, how many lookups in a row it stands for.
        pages: For `init`, pages that the buffer has entries for.
        size: For `init`, bytes of address space it covers; for a fill, bytes of entries to read.
        nr_vmas: For a summary, VMAs taken.
        covered: For a summary, bytes in them.
        gap: For a summary, bytes between them; for a gap, what these would have come to.
        number: For a defect its number, 1 to 8.
        hidden: For a defect that something prevents from striking here.
    """

    kind: str
    text: str
    address: int | None = None
    start: int | None = None
    end: int | None = None
    vma: tuple[int, int] | None = None
    count: int | None = None
    pages: int | None = None
    size: int | None = None
    nr_vmas: int | None = None
    covered: int | None = None
    gap: int | None = None
    number: int | None = None
    hidden: bool = False

    @property
    def name(self) -> str:
        """A defect's short name, one of `DEFECTS`; empty for other events."""
        return DEFECTS[self.number - 1] if self.number else ""

    def as_json(self) -> dict[str, Any]:
        """The event as JSON-ready values: addresses as hexadecimal strings, what does not apply left out."""
        values: dict[str, Any] = {"event": self.kind}
        if self.number is not None:
            values |= {"number": self.number, "name": self.name, "hidden": self.hidden}
        low, high = self.vma or (None, None)
        places = {"address": self.address, "start": self.start, "end": self.end, "vma_start": low, "vma_end": high}
        values |= {name: f"{value:#x}" for name, value in places.items() if value is not None}
        for name in ("count", "pages", "nr_vmas", "covered", "gap"):
            value = getattr(self, name)
            if value is not None:
                values[name] = value
        if self.size is not None:
            values["bytes"] = self.size
        values["text"] = self.text
        return values
