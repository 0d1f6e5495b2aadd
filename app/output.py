"""Writing to standard output: JSON Lines for programs, text for people, in time and never raw."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FLUSH_SECONDS: Final = 0.1


class Output:
    """Lines to standard output. The first leaves at once, later ones at least ten times a second.

    Args:
        as_json: Whether lines are JSON objects.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json: Final = as_json
        self._flushed = 0.0

    def object(self, values: Mapping[str, Any]) -> None:
        """One JSON object. Bytes that were no UTF-8 are lone surrogates, which JSON can hold."""
        self.lines((json.dumps(values),))

    def lines(self, lines: Iterable[str]) -> None:
        """Lines as they are: JSON, or text that is clean already."""
        sys.stdout.write("".join([f"{line}\n" for line in lines]))
        now = time.monotonic()
        if now - self._flushed > _FLUSH_SECONDS:
            self._flushed = now
            sys.stdout.flush()

    def text(self, *lines: str) -> None:
        """Text for people; control characters and the like are written out."""
        from widgets.text import clean

        # What this terminal's encoding does not have must not stop the rest.
        encoding = sys.stdout.encoding or "ascii"
        self.lines(clean(line).encode(encoding, "replace").decode(encoding) for line in lines)
