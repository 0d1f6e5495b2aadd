"""The keys that the explorer's bottom line shows: name, how it is written there, and what it does."""

from __future__ import annotations

from typing import Final

KEYS: Final = (
    ("tab", "tab", "pane"),
    ("g", "g", "go to"),
    ("slash", "/", "filter"),
    ("p", "p", "policy"),
    ("e", "e", "events"),
    ("v", "v", "versus"),
    ("x", "x", "compare"),
    ("space", "spc", "pause"),
    ("c", "c", "flush"),
    ("r", "r", "reset"),
    ("question_mark", "?", "help"),
    ("q", "q", "quit"),
)
"""The last two are always shown, of the others as many as fit."""
