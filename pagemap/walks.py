"""Walks: ways to go through an address space, the same for every policy, so that policies can be compared.

All but `dump` scroll a viewport; a row is looked up when it becomes visible, as in the explorer.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from pagemap.errors import UsageError
from pagemap.viewport import Viewport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pagemap.cache import PagemapCache
    from pagemap.vma import AddressSpace

ROWS: Final = 50
"""Rows of the viewport."""
LINES: Final = 2_000
"""Steps of `down` and `up`."""
JUMPS: Final = 500
"""Steps of `page-down` and `jumps`."""
_SEED: Final = 2014


def _down(space: AddressSpace, rows: int, steps: int) -> Sequence[int]:
    last = max(0, space.row_count - rows)
    return range(min(steps, last) + 1)


def _up(space: AddressSpace, rows: int, steps: int) -> Sequence[int]:
    last = max(0, space.row_count - rows)
    return range(min(steps, last), -1, -1)


def _page_down(space: AddressSpace, rows: int, steps: int) -> Sequence[int]:
    last = max(0, space.row_count - rows)
    return [min(step * rows, last) for step in range(min(steps, -(-last // rows)) + 1)]


def _jumps(space: AddressSpace, rows: int, steps: int) -> Sequence[int]:
    # The same jumps at every run: a comparison needs the same lookups.
    chance = random.Random(_SEED)
    last = max(0, space.row_count - rows)
    return [chance.randint(0, last) for _ in range(steps)]


_SCROLLS: Final[dict[str, tuple[Callable[[AddressSpace, int, int], Sequence[int]], int]]] = {
    "down": (_down, LINES),
    "up": (_up, LINES),
    "page-down": (_page_down, JUMPS),
    "jumps": (_jumps, JUMPS),
}
WALKS: Final = ("dump", *_SCROLLS)
"""Names of the walks: every page once, in order; 2,000 lines down; the same rows upwards; 500 pages; 500 jumps."""


def walk(cache: PagemapCache, name: str, *, rows: int = ROWS, steps: int | None = None) -> Iterator[float]:
    """Make the lookups of a walk.

    Args:
        cache: Where to look up.
        name: One of `WALKS`.
        rows: Rows of the viewport.
        steps: How many scroll steps; None takes the walk's own number. A dump has none.

    Yields:
        After each step, or for a dump each run of pages that one window serves, which part of the whole is done.

    Raises:
        UsageError: There is no such walk.
        TargetGoneError: The address space is no more.
        ReadFailedError: The kernel refused a read.
    """
    if name == "dump":
        yield from _dump(cache)
        return
    if name not in _SCROLLS:
        raise UsageError(f"no such walk: {name}", "", f"the walks are {', '.join(WALKS)}")
    scroll, usual = _SCROLLS[name]
    viewport = Viewport(cache)
    tops = scroll(cache.space, rows, usual if steps is None else steps)
    for done, top in enumerate(tops, 1):
        viewport.show(top, rows)
        if viewport.error is not None:
            raise viewport.error
        yield done / len(tops)


def _dump(cache: PagemapCache) -> Iterator[float]:
    total = cache.space.page_count
    done = 0
    for _, pages in cache.lookup_mapped(0, cache.address_limit):
        done += pages
        yield done / total
