"""The counters of a cache, and an immutable picture of them."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

from pagemap.entry import ENTRY_BYTES

REASONS: Final = ("cold", "evicted", "expired", "invalidated")
"""Why a lookup missed: never read; dropped for room; older than the age limit; its VMAs changed or it was flushed."""

_FILL_TIMES_KEPT: Final = 1_000


@dataclass(slots=True)
class Counters:
    """What a cache has counted since it was made or reset.

    `lookups = hits + misses` and `misses = fills + failed_fills`, always.

    Attributes:
        lookups: Entries asked for.
        hits: Lookups served from a held window.
        misses: Lookups that no held window could serve.
        cold: Misses on pages never read before.
        evicted: Misses on pages whose window was dropped for room.
        expired: Misses on pages whose window was older than the age limit.
        invalidated: Misses on pages whose window was dropped because VMAs changed or by a flush.
        fills: Windows read.
        failed_fills: Windows that could not be read.
        preads: System calls of fills, the failed ones included.
        bytes_read: Bytes that fills gave.
        entries_read: Entries that fills gave; holes between VMAs are among them.
        entries_used: Entries of these that were looked up at least once.
        evictions: Windows dropped for room.
        refreshes: Windows re-read by the live refresh, counted apart from fills.
        refresh_preads: System calls of refreshes.
        refresh_bytes: Bytes that refreshes gave.
        scans: PAGEMAP_SCAN walks of fills, where the policy fills with regions.
        largest_window: Entries of the largest window filled.
        fill_seconds: Total time of fills.
        last_fill_seconds: Time of the last fill; None before the first.
    """

    lookups: int = 0
    hits: int = 0
    misses: int = 0
    cold: int = 0
    evicted: int = 0
    expired: int = 0
    invalidated: int = 0
    fills: int = 0
    failed_fills: int = 0
    preads: int = 0
    bytes_read: int = 0
    entries_read: int = 0
    entries_used: int = 0
    evictions: int = 0
    refreshes: int = 0
    refresh_preads: int = 0
    refresh_bytes: int = 0
    scans: int = 0
    largest_window: int = 0
    fill_seconds: float = 0.0
    last_fill_seconds: float | None = None
    _fill_times: deque[float] = field(default_factory=lambda: deque(maxlen=_FILL_TIMES_KEPT), repr=False)

    def miss(self, reason: str) -> None:
        """Count a miss for `reason`, one of `REASONS`."""
        self.lookups += 1
        self.misses += 1
        setattr(self, reason, getattr(self, reason) + 1)

    def fill(self, entries: int, pages: int, seconds: float) -> None:
        """Count a window of `pages` pages for which `entries` entries were read; its preads are counted as made."""
        self.fills += 1
        self.entries_read += entries
        self.bytes_read += entries * ENTRY_BYTES
        self.largest_window = max(self.largest_window, pages)
        self.fill_seconds += seconds
        self.last_fill_seconds = seconds
        self._fill_times.append(seconds)

    def read(self, entries: int, preads: int) -> None:
        """Count entries that were read for pages of a window of regions."""
        self.preads += preads
        self.entries_read += entries
        self.bytes_read += entries * ENTRY_BYTES

    @property
    def hit_rate(self) -> float | None:
        """Hits per lookup; None before the first lookup."""
        return self.hits / self.lookups if self.lookups else None

    @property
    def efficiency(self) -> float | None:
        """Entries used per entry read; None before the first fill."""
        return self.entries_used / self.entries_read if self.entries_read else None

    @property
    def median_fill_seconds(self) -> float | None:
        """Median time of the last 1,000 fills; None before the first."""
        return median(self._fill_times) if self._fill_times else None

    def reasons(self) -> dict[str, int]:
        """How many misses each reason had."""
        return {reason: getattr(self, reason) for reason in REASONS}

    def as_json(self) -> dict[str, Any]:
        """All counters and the rates, JSON-ready."""
        values = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        values["hit_rate"] = self.hit_rate
        values["efficiency"] = self.efficiency
        values["median_fill_seconds"] = self.median_fill_seconds
        return values
