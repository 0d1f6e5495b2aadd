"""What the widgets draw of a session: the pages, the VMAs and the cache, in the widgets' own terms."""

from __future__ import annotations

from collections import deque
from copy import copy
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pagemap.vma import PAGE_SIZE
from widgets.cache_panel import HISTORY, CacheFacts
from widgets.numbers import count, duration, size
from widgets.page_list import PageLine
from widgets.ruler import near, near_scale, whole
from widgets.shadow_table import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.session import Session
    from pagemap.cache import PagemapCache
    from pagemap.state import Visibility
    from pagemap.viewport import PageRow
    from pagemap.vma import AddressSpace


class SessionPages:
    """The session's rows for the page list."""

    def __init__(self, session: Session, shown: Callable[[], None]) -> None:
        self._session = session
        self._shown = shown

    @property
    def row_count(self) -> int:
        """Rows of the whole list."""
        return self._session.space.row_count

    @property
    def sight(self) -> Visibility:
        """What of the entries this user can see."""
        return self._session.source.visibility

    def show(self, top: int, height: int) -> None:
        """Make these the visible rows; new ones are looked up, and the counters are drawn in the same frame."""
        self._session.show(top, height)
        self._shown()

    def line(self, number: int) -> PageLine | None:
        """The visible row with this number, with the window that holds it now."""
        viewport = self._session.viewport
        at = number - viewport.top
        if not 0 <= at < len(viewport.rows):
            return None
        row = viewport.rows[at]
        space = self._session.space
        vma = space.vma(row.vma)
        window = self._session.cache.window_at(row.address)
        gap = space.gap_before(row.vma) if row.header and row.vma else 0
        if window is None:
            return PageLine(row, vma, None, gap=gap)
        begins = _page_before(space, row.vma, row.address) < window.start
        if row.header:
            return PageLine(row, vma, None if begins else window, gap=gap)
        ends = _page_after(space, row.vma, row.address) >= window.end
        return PageLine(row, vma, window, begins, ends)


def _page_before(space: AddressSpace, vma: int, address: int) -> int:
    """The mapped page before this one, a negative number if there is none."""
    if address > space.starts[vma]:
        return address - PAGE_SIZE
    return space.ends[vma - 1] - PAGE_SIZE if vma else -PAGE_SIZE


def _page_after(space: AddressSpace, vma: int, address: int) -> int:
    """The mapped page after this one, beyond every address if there is none."""
    if address + PAGE_SIZE < space.ends[vma]:
        return address + PAGE_SIZE
    return space.starts[vma + 1] if vma + 1 < len(space) else 1 << 64


def _by_vma(rows: Sequence[PageRow]) -> Iterator[list[PageRow]]:
    return (list(run) for _, run in groupby(rows, key=lambda row: row.vma))


class CacheModel:
    """The session's cache for the panel."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session
        self._history: Final[deque[tuple[int, int]]] = deque(maxlen=HISTORY)
        self._last = (0, 0)

    def tick(self) -> None:
        """Close a tick of the sparkline: what was looked up since the last one."""
        counters = self._session.cache.counters
        hits, misses = counters.hits - self._last[0], counters.misses - self._last[1]
        if hits < 0 or misses < 0:
            hits, misses = counters.hits, counters.misses
        self._last = (counters.hits, counters.misses)
        self._history.append((hits, misses))

    def facts(self, width: int, cursor: int | None = None) -> CacheFacts:
        """Everything the panel shows.

        Args:
            width: Cells of its rulers.
            cursor: Address of the row under the cursor.
        """
        session = self._session
        cache, viewport, space = session.cache, session.viewport, session.space
        windows = cache.windows
        rows = viewport.rows
        visible = [(run[0].address, run[-1].address) for run in _by_vma(rows)]
        place = rows[len(rows) // 2].address if rows else 0
        scale = near_scale(place, cache.window_at(place), width)
        policy = cache.policy
        settings = f"{count(policy.windows)} window{'s' * (policy.windows != 1)}"
        if policy.window_size is not None:
            settings += f" × {size(policy.window_size)}"
        return CacheFacts(
            policy=policy.name,
            settings=settings,
            held=len(windows),
            counters=copy(cache.counters),
            live=self._live(),
            oldest=max((cache.age(w) for w in windows), default=None),
            near=near(space, windows, visible, scale),
            near_label=f"{scale.start:#x}-{scale.end:#x}",
            whole=whole(space, windows, (viewport.top, viewport.top + max(0, len(rows) - 1)), width),
            whole_label=f"{count(space.page_count)} pages",
            story=self._story(cursor),
            history=tuple(self._history),
        )

    def _live(self) -> str:
        if self._session.ended:
            return "target gone"
        return "paused" if self._session.paused else f"live, every {self._session.interval:g} s"

    def _story(self, cursor: int | None) -> str:
        """The window under the cursor: the miss that led to it, what the policy made of it, and what came of that."""
        cache = self._session.cache
        window = None if cursor is None else cache.window_at(cursor)
        if window is None:
            return _last_miss(cache)
        covered = cache.space.mapped_pages(window.start, window.end) * PAGE_SIZE
        gaps = window.end - window.start - covered
        used = window.used.count(1)
        return (
            f"{window.reason} miss at {window.missed_at:#x}: {size(covered)} covered, {size(gaps)} of gaps, "
            f"{count(used)} of {count(len(window.used))} entries used, read {duration(cache.age(window))} ago; "
            f"{window.why} (window {window.number}, {window.start:#x}-{window.end:#x})"
        )

    def costs(self) -> list[Cost]:
        """What the lookups since the last reset would have cost under each policy."""
        session = self._session
        return [
            Cost(
                policy=name,
                current=name == session.cache.policy.name,
                fills=counters.fills,
                preads=counters.preads,
                entries=counters.entries_read,
                hit_rate=counters.hit_rate,
            )
            for name, counters in session.shadows.counters().items()
        ]


def _last_miss(cache: PagemapCache) -> str:
    miss, fill = cache.last_miss, cache.last_fill
    if miss is None:
        return "no miss yet"
    if fill is None:
        return f"miss at {miss.start:#x}: {miss.reason}, and its fill failed"
    return f"no window has the page under the cursor now; the last miss was at {miss.start:#x}: {miss.reason}"
