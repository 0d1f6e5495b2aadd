"""The help screen: the keys, what the columns and signs mean, and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from pagemap.state import PageState
from widgets.choice_list import ChoiceList
from widgets.prose import entry_rows, paragraph_rows
from widgets.ruler import LEGEND

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from widgets.choice_list import Piece

_KEYS: Final = (
    ("tab, shift+tab", "to the next or previous pane; the mouse works too"),
    ("arrows, j k", "move the cursor by one row"),
    ("page up, page down", "scroll by a page"),
    ("home, end", "to the first or the last row"),
    ("enter", "open the process; go to the VMA"),
    ("g", "go to an address (hexadecimal) or to a VMA by a part of its name"),
    ("n, N", "next or previous page in a chosen state, however far away: present, swapped, zero, huge, guard, …"),
    ("f", "choose that state"),
    ("/", "filter processes, or VMAs: name, address, perms:rw, kind:heap; esc takes it off"),
    ("s, S", "sort by the next column; turn the order round (or click a heading)"),
    ("p", "cache policy, window size, number of windows"),
    ("c", "flush the cache: drop all its windows"),
    ("r", "reset its counters"),
    ("space", "pause or resume the live refresh"),
    ("e", "events: what the cache did; / filters by kind or text, enter goes to the address, end follows again"),
    ("v", "versus: what the same lookups would have cost under every policy (shadows, which never read)"),
    ("x", "compare: one walk, or your own scroll, under every policy, for real"),
    ("w", "write your scroll to a file, for pagelens cache --replay"),
    ("o", "open what has this PID now, after an exec"),
    ("t", "light or dark theme"),
    ("ctrl+p", "command palette"),
    ("?, q", "this help; quit"),
)
_GUTTER: Final = (
    ("┏━ ┃  ┗━", "a window of the cache begins here, runs on, ends here; ╺━ a window of one page"),
    ("●", "miss: no window had this page, so one was read"),
    ("·", "hit: a window had it, nothing was read"),
    ("?", "not resolved: not looked up, or it cannot be read"),
    (LEGEND, "ruler: a window, = where entries were looked up and - where not yet; ▮ a small window"),
    ("─ ╪ ┿", "ruler: mapped memory; the visible rows, within a window and outside"),
)
_WORDS: Final = (
    ("entry", "the 64-bit word that /proc/PID/pagemap has for each page"),
    ("VMA", "virtual memory area: a range of addresses with one backing and one set of permissions"),
    ("PFN", "page frame number: which piece of physical memory a present page is in"),
    ("swap slot", "type:offset, which swap file and where in it"),
    ("lookup", "asking the cache for one page's entry: a row is looked up once, when it becomes visible"),
    ("window", "a run of entries that the cache holds; its boundaries are exactly the bytes read"),
    ("fill", "the pread that a miss leads to; it makes one window"),
    ("refresh", "reading the visible windows again, every interval; it is no lookup"),
    ("cold, evicted", "why a lookup missed: never read before; its window was dropped for room"),
    ("expired, invalidated", "its window was older than two intervals; its VMA changed, or it was flushed"),
)
_FLAGS: Final = "flags: P present  S swap bit  F file  X exclusive  D soft-dirty  W uffd-wp  G guard"
_INDENT: Final = 24
_WIDTH: Final = 74
"""Cells that the text takes: it fits the smallest terminal."""


def _lines() -> list[list[Piece]]:
    rows: list[list[Piece]] = []

    def section(title: str, pairs: tuple[tuple[str, str], ...]) -> None:
        rows.extend(([], [(f" {title}", "strong")]))
        for term, text in pairs:
            rows.extend(entry_rows(term, text, _INDENT, _WIDTH))

    section("Keys", _KEYS)
    section("Signs beside a page", _GUTTER)
    states = tuple((f"{s.facts.glyph} {s.facts.name}", s.facts.sentence) for s in PageState)
    section("Page states", states)
    rows.extend(paragraph_rows(_FLAGS, 2, _WIDTH))
    section("Words", _WORDS)
    return rows[1:]


class HelpScreen(ModalScreen[None]):
    """Scrolls like every list; escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        """The text."""
        with Container():
            yield ChoiceList("pagelens: a process's memory, page by page (esc leaves)", _lines())

    def on_mount(self) -> None:
        """Keys go to the text."""
        self.query_one(ChoiceList).focus()
