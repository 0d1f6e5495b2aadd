"""Numbers as people read them."""

from __future__ import annotations

import humanize


def size(count: int | None) -> str:
    """Bytes in at most six characters, as `132.0K`; a dash where unknown."""
    if count is None:
        return "-"
    if count < 1024:
        return f"{count}B"
    return humanize.naturalsize(count, gnu=True, format="%.0f" if count >= 1024**5 else "%.1f")


def count(number: int | None) -> str:
    """A count with thousands separators; a dash where unknown."""
    return "-" if number is None else f"{number:,}"


def percent(share: float | None) -> str:
    """A share of 1 as a percentage; a dash where unknown."""
    return "-" if share is None else f"{share:.1%}"


def duration(seconds: float | None) -> str:
    """A short time in the unit that fits it; a dash where unknown."""
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"
