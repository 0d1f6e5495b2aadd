"""Longer text broken into the rows of a list."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from widgets.choice_list import Piece


def entry_rows(term: str, text: str, indent: int, width: int) -> list[list[Piece]]:
    """A term and its explanation: the term in its own column, the explanation beside it in as many rows as it takes.

    Args:
        term: What is explained.
        text: The explanation.
        indent: Cells of the term's column.
        width: Cells of a row.
    """
    lines = wrap(text, max(20, width - indent)) or [""]
    rows: list[list[Piece]] = [[(f"  {term}".ljust(indent), "plain"), (lines[0], "dim")]]
    rows.extend([(" " * indent, "dim"), (line, "dim")] for line in lines[1:])
    return rows


def paragraph_rows(text: str, indent: int, width: int) -> list[list[Piece]]:
    """A paragraph, each row indented."""
    return [[(" " * indent + line, "dim")] for line in wrap(text, max(20, width - indent))]
