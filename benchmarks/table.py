"""A table in Markdown, and the figures that go into it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Table:
    """One part's result.

    Attributes:
        title: What was measured.
        note: How, in a sentence or two.
        heading: Names of the columns.
        rows: The rows, as text.
    """

    title: str
    note: str
    heading: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def __str__(self) -> str:
        """The table as Markdown."""
        lines = [f"## {self.title}", "", self.note, "", _line(self.heading), _line(["---"] * len(self.heading))]
        return "\n".join([*lines, *map(_line, self.rows), ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` of all do not exceed (the nearest rank)."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float], part: float) -> str:
    """The quotient of two quantiles as text; a dash where there is nothing to compare."""
    return f"{quantile(ours, part) / quantile(theirs, part):.2f}" if ours and theirs else "-"
