"""A reader that only counts: it gives as many entries as a real one would, all of them 0, and touches nothing."""

from __future__ import annotations

from typing import Final

from pagemap.entry import ENTRY_BYTES
from pagemap.reader import MAX_READ
from pagemap.source import Reading
from pagemap.vma import PAGE_SIZE
from pagemap.window import blank


class CountingReader:
    """Stands in for a `PagemapReader` where reading is not wanted.

    Args:
        limit: First address that pagemap does not cover.
    """

    def __init__(self, limit: int) -> None:
        self.address_limit: Final = limit
        self._zeros = blank(1)

    def read(self, start: int, end: int) -> Reading:
        """As many entries as there are below the limit; the preads are those a real reader would make."""
        wanted = (end - start) // PAGE_SIZE
        pages = max(0, (min(end, self.address_limit) - start) // PAGE_SIZE)
        if pages > len(self._zeros):
            # One buffer for all. It is writable so that a cache that re-reads a part writes that, and copies nothing.
            self._zeros = blank(pages)
        full, rest = divmod(pages * ENTRY_BYTES, MAX_READ)
        short = pages < wanted
        # A read that meets the limit comes back short, and another that gives 0 bytes says that it is the end.
        preads = full + bool(rest) + short
        return Reading(self._zeros[:pages], preads, int(short and rest > 0))
