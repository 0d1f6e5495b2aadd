"""The keys that the explorer's bottom line shows: name, how it is written there, and what it does."""

from __future__ import annotations

from typing import Final

KEYS: Final = (
    ("tab", "tab", "pane"),
    ("g", "g", "go to"),
    ("slash", "/", "filter"),
    ("p", "p", "policy"),
    ("c", "c", "flush"),
    ("r", "r", "reset"),
    ("space", "spc", "pause"),
    ("question_mark", "?", "help"),
    ("q", "q", "quit"),
)
