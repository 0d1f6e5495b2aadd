"""Writing to standard output: JSON Lines for programs, text for people, in time and never raw."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from pagemap.errors import PagelensError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

_FLUSH_SECONDS: Final = 0.1


class OutputError(PagelensError):
    """Standard output takes no more: a full disk, a device error, or closed from the beginning."""


def flush() -> None:
    """Write out what is buffered.

    Raises:
        BrokenPipeError: The reader has gone.
        OutputError: It cannot be written for another reason.
    """
    # Closed before the program began, it is None; then nothing was written either, or `_write` has complained.
    if sys.stdout is not None:
        _write("", flush=True)


def discard(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere: else the interpreter's last flush fails again, with a traceback."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)


def _write(text: str, *, flush: bool) -> None:
    if sys.stdout is None:
        raise OutputError("cannot write the output", "standard output is closed")
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        raise
    except OSError as exc:
        discard(sys.stdout)
        raise OutputError("cannot write the output", exc.strerror or str(exc)) from exc


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
        now = time.monotonic()
        due = now - self._flushed > _FLUSH_SECONDS
        _write("".join([f"{line}\n" for line in lines]), flush=due)
        if due:
            self._flushed = now

    def can_show(self, text: str) -> bool:
        """Whether the terminal's encoding has these characters."""
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True

    @property
    def _encoding(self) -> str:
        return getattr(sys.stdout, "encoding", None) or "ascii"

    def text(self, *lines: str) -> None:
        """Text for people; control characters and the like are written out."""
        from widgets.text import clean

        # What this terminal's encoding does not have must not stop the rest.
        encoding = self._encoding
        self.lines(clean(line).encode(encoding, "replace").decode(encoding) for line in lines)
