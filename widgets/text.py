"""The one sanitiser: strings of a target's may hold anything, and reach the terminal only through here."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from rich.cells import cell_len, set_cell_size

_ELLIPSIS: Final = "…"
_UNSAFE: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories that move the cursor, change direction, have no width of their own, or mean nothing."""


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    r"""A string that is safe to show: what could act on the terminal is written out as an escape, as `\x1b`.

    Control characters, bidirectional and other format characters, line separators, private and unassigned
    characters, and bytes that were no UTF-8 (surrogate escapes, shown as `\xff`) are written out. Nothing is
    interpreted: brackets stay brackets.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def fit(text: str, width: int, align: str = "left") -> str:
    """The text in exactly `width` terminal cells: padded, or cut with an ellipsis.

    Args:
        text: Clean text.
        width: Cells.
        align: `left`; `right`, padded in front; `tail`, cut in front because the end says more (paths).
    """
    if width <= 0:
        return ""
    if text.isascii():
        return _fit_ascii(text, width, align)
    cells = cell_len(text)
    if cells <= width:
        return " " * (width - cells) + text if align == "right" else text + " " * (width - cells)
    if align == "tail":
        while cell_len(text) > width - 1:
            text = text[1:]
        return set_cell_size(_ELLIPSIS + text, width)
    return set_cell_size(text, width - 1) + _ELLIPSIS


def _fit_ascii(text: str, width: int, align: str) -> str:
    if len(text) <= width:
        return text.rjust(width) if align == "right" else text.ljust(width)
    return _ELLIPSIS + text[len(text) - width + 1 :] if align == "tail" else text[: width - 1] + _ELLIPSIS
