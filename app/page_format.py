"""A page as a line: JSON for programs, columns for people. There are millions of pages, so this is made to be fast."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pagemap.entry import MARKER_TYPE, PFN_MASK, PRESENT, SWAP, decode
from pagemap.state import PageState, Visibility, classify
from pagemap.vma import PAGE_SIZE
from widgets.flags import flags

if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS: Final = ("file", "exclusive", "soft_dirty", "uffd_wp", "guard")


class PageFormat:
    """Makes lines of entries.

    Pages that differ in nothing but PFN or swap slot share all other text, which is made once.

    Args:
        sight: What of the entries this user can see.
        as_json: Whether lines are JSON objects.
        wanted: A test on entry and state that a page must pass; None takes all.
    """

    def __init__(
        self, sight: Visibility, *, as_json: bool, wanted: Callable[[int, PageState], bool] | None = None
    ) -> None:
        self._sight: Final = sight
        self._wanted: Final = wanted
        self._text = self._json_text if as_json else self._plain_text
        self._made: dict[tuple[int, str], tuple[str, str] | None] = {}

    @property
    def heading(self) -> str:
        """The columns' names."""
        return f"{'ADDRESS':<18} {'STATE':<14} {'PFN/SLOT':>14} {'FLAGS':<7} ENTRY"

    def pages(self, start: int, entries: memoryview, kind: str) -> list[str]:
        """The lines of adjacent pages.

        Args:
            start: Address of the first.
            entries: Their entries.
            kind: Kind of their VMA.
        """
        lines = []
        texts, made, zero_pfn = self._text, self._made, self._sight.zero_pfn
        for address, word in zip(range(start, start + len(entries) * PAGE_SIZE, PAGE_SIZE), entries, strict=True):
            # What the text depends on beside the number: the flags, and for the zero page and swap types all bits.
            frame = word & PFN_MASK if word & PRESENT else 0
            rest = word - frame if frame != zero_pfn else word
            try:
                around = made[rest, kind]
            except KeyError:
                around = made[rest, kind] = self._around(word, kind)
                if len(made) > 50_000:
                    made.clear()
            if around is not None:
                lines.append(texts(address, word, frame, around))
        return lines

    def not_walkable(self, start: int, end: int) -> list[str]:
        """The lines of pages that pagemap does not cover."""
        name = PageState.NOT_WALKABLE.facts.name
        if self._wanted is not None and not self._wanted(0, PageState.NOT_WALKABLE):
            return []
        if self._text == self._plain_text:
            return [f"{address:#018x} {name:<14} {'-':>14} {'.' * 7} -" for address in range(start, end, PAGE_SIZE)]
        nothing = dict.fromkeys(("present", "swapped", "pfn", "swap_type", "swap_offset", *_FLAGS))
        return [
            json.dumps({"address": f"{address:#x}", "entry": None, "state": name, **nothing})
            for address in range(start, end, PAGE_SIZE)
        ]

    def _around(self, word: int, kind: str) -> tuple[str, str] | None:
        """What stands before and after the PFN of all pages like this one, or None if they are not wanted."""
        state = classify(word, self._sight, kind)
        if self._wanted is not None and not self._wanted(word, state):
            return None
        if self._text == self._plain_text:
            return f"{state.facts.name:<14} ", f" {flags(word)} "
        entry = decode(word, pfn_visible=self._sight.pfn)
        values: dict[str, Any] = {
            "state": state.facts.name,
            "present": entry.present,
            "swapped": entry.swapped,
            "pfn": entry.pfn,
            "swap_type": entry.swap_type,
            "swap_offset": entry.swap_offset,
            **{name: getattr(entry, name) for name in _FLAGS},
        }
        text = json.dumps(values)[1:]
        if entry.pfn is None:
            return text, ""
        head, key, tail = text.partition('"pfn": ')
        return head + key, tail[len(str(entry.pfn)) :]

    def _json_text(self, address: int, word: int, frame: int, around: tuple[str, str]) -> str:
        before, after = around
        number = frame if after else ""
        return f'{{"address": "{address:#x}", "entry": "{word:#x}", {before}{number}{after}'

    def _plain_text(self, address: int, word: int, frame: int, around: tuple[str, str]) -> str:
        number = "-"
        if word & (PRESENT | SWAP):
            entry = decode(word, pfn_visible=self._sight.pfn)
            if entry.swap_type == MARKER_TYPE:
                number = f"marker {entry.swap_offset}"
            elif entry.swap_type is not None:
                number = f"{entry.swap_type}:{entry.swap_offset:#x}"
            else:
                number = f"{frame:#x}" if entry.pfn is not None else "hidden"
        return f"{address:#018x} {around[0]}{number:>14}{around[1]}{word:#018x}"
