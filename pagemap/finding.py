"""One thing that a system can or cannot show, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one feature.

    Attributes:
        feature: Its name.
        available: Whether it can be seen here.
        detail: What was found.
        reason: Why it cannot be seen; empty if it can.
        remedy: What would make it visible; empty if nothing is missing, or nothing helps.
    """

    feature: str
    available: bool
    detail: str = ""
    reason: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields of `pagelens doctor --json`."""
        return {
            "feature": self.feature,
            "available": self.available,
            "detail": self.detail or None,
            "reason": self.reason or None,
            "remedy": self.remedy or None,
        }


def missing(feature: str, reason: str, remedy: str) -> Finding:
    """A feature that cannot be seen here."""
    return Finding(feature, available=False, reason=reason, remedy=remedy)
