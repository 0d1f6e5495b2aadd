"""The layouts to measure on, each a real child process that ends with this one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.kit.targets import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIB: Final = 1 << 30
DUMP_VMAS: Final = 60_000
"""VMAs of S2."""
LAYOUTS: Final = {
    "S1": "20,000 VMAs of 1-4 pages, 1-page gaps",
    "S2": f"{DUMP_VMAS:,} VMAs of 1 page, no gaps",
    "S3": "5,000 VMAs of 1-4 pages, one a MiB",
    "S4": "one VMA of 100 GiB amid 2,000 small ones",
    "D": "200 MB written",
}


@contextmanager
def layout(name: str, *, scale: int = 1) -> Iterator[Target]:
    """A target with one of the layouts.

    Args:
        name: One of `LAYOUTS`.
        scale: Divides its size, for a quick run.
    """
    with Target.spawn() as target:
        if name == "S1":
            target.do("many_vmas", count=20_000 // scale, pages=[1, 2, 3, 4], gaps=[1], touch=True)
        elif name == "S2":
            target.do("many_vmas", count=DUMP_VMAS // scale, pages=[1], gaps=[0], touch=True)
        elif name == "S3":
            target.do("many_vmas", count=5_000 // scale, pages=[1, 2, 3, 4], gaps=[255, 254, 253, 252], touch=True)
        elif name == "S4":
            target.do("many_vmas", count=1_000 // scale, pages=[1, 2, 3, 4], gaps=[1], touch=True)
            target.do("reserve", size=100 * _GIB, touched=[0, 1 << 20])
            target.do("many_vmas", count=1_000 // scale, pages=[1, 2, 3, 4], gaps=[1], touch=True)
        else:
            target.do("written", pages=51_200 // scale)
        yield target
