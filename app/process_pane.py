"""The process list that fills itself: read in a thread, filtered and sorted as the person wishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual.message import Message
from textual.worker import get_current_worker

from widgets.process_list import SORT_COLUMNS, ProcessList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pagemap.process import ProcessInfo

_REFRESH_SECONDS: Final = 5.0
"""Reading 1,000 processes takes about 200 ms of a thread: not to be done every second."""
_DESCENDING: Final = ("rss", "swap")
"""Columns of which the largest is wanted first."""

_KEYS: Final[dict[str, Callable[[ProcessInfo], tuple[int, str]]]] = {
    "pid": lambda info: (info.pid, ""),
    "user": lambda info: (0, info.user),
    "name": lambda info: (0, info.name.lower()),
    "rss": lambda info: (info.rss or 0, ""),
    "swap": lambda info: (info.swap or 0, ""),
}


class ProcessPane(ProcessList):
    """The processes of this machine, kept up to date.

    Args:
        processes: Reads the list; slow, and so called in a thread.
        id: The widget's name.
    """

    @dataclass
    class Loaded(Message):
        """The list was read."""

        processes: Sequence[ProcessInfo]
        """All processes, by PID."""

    def __init__(self, processes: Callable[[], Iterable[ProcessInfo]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._read = processes
        self._all: Sequence[ProcessInfo] = ()
        self.filter_text = ""

    def on_mount(self) -> None:
        """Read the list as soon as the first frame is out, then every few seconds."""
        self.call_after_refresh(self.reload)
        self.set_interval(_REFRESH_SECONDS, self.reload)

    def reload(self) -> None:
        """Read the list anew in a thread."""
        if self.display:
            self.run_worker(self._load, thread=True, exclusive=True, group="processes")

    def _load(self) -> None:
        worker = get_current_worker()
        processes = []
        for info in self._read():
            if worker.is_cancelled:
                return
            processes.append(info)
        self.post_message(self.Loaded(processes))

    def on_process_pane_loaded(self, message: Loaded) -> None:
        """Show what was read."""
        message.stop()
        self._all = message.processes
        self._arrange()

    def on_process_list_sort_by(self, message: ProcessList.SortBy) -> None:
        """Sort by the column that was clicked; clicked again, turn the order round."""
        message.stop()
        self.sort_by(message.column)

    def sort_by(self, column: str) -> None:
        """Sort by a column; by the same again, turn the order round."""
        if column == self.sorted_by:
            self.descending = not self.descending
        else:
            self.sorted_by, self.descending = column, column in _DESCENDING
        self._arrange()

    def sort_next(self) -> None:
        """Sort by the column after the present one."""
        at = SORT_COLUMNS.index(self.sorted_by)
        self.sort_by(SORT_COLUMNS[(at + 1) % len(SORT_COLUMNS)])

    def reverse(self) -> None:
        """Turn the order round."""
        self.sort_by(self.sorted_by)

    def filter(self, text: str) -> None:
        """Show only processes in which every word fits: PID, user, name or command line."""
        self.filter_text = text
        self._arrange()

    def mark(self, pid: int) -> None:
        """Mark the process that is looked at."""
        self.current = pid
        self.refresh()

    def _arrange(self) -> None:
        words = self.filter_text.lower().split()
        chosen = [info for info in self._all if _fits(info, words)]
        chosen.sort(key=_KEYS[self.sorted_by], reverse=self.descending)
        self.set_processes(chosen)


def _fits(info: ProcessInfo, words: Sequence[str]) -> bool:
    text = f"{info.pid} {info.user} {info.name} {info.cmdline}".lower()
    return all(word in text for word in words)
