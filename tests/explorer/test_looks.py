"""Pictures of the screens, compared with accepted ones: `make snapshots` accepts them as they are now.

The target, the processes and the clock are made up, so that the pictures are the same everywhere and always.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest
from textual.pilot import Pilot

from app.tui import PagelensApp
from pagemap.policies import make_policy
from pagemap.source import Source
from tests.explorer.driving import NEVER, Driver
from tests.explorer.synthetic import Synthetic, processes


class Compare(Protocol):
    """What the fixture `snap_compare` gives."""

    def __call__(
        self,
        app: PagelensApp,
        *,
        terminal_size: tuple[int, int],
        run_before: Callable[[Pilot[Any]], Awaitable[None]],
    ) -> bool:
        """Whether the picture is the accepted one."""


def compare(
    snap_compare: Compare,
    source: Source | None,
    size: tuple[int, int],
    *keys: str,
    theme: str = "dark",
    prepare: Callable[[Driver], Awaitable[None]] | None = None,
) -> bool:
    """Open the explorer, press keys, and compare."""
    app = PagelensApp(
        *(source, make_policy("blocks")),
        interval=NEVER,
        paused=False,
        theme=theme,
        processes=processes,
        clock=lambda: 1000.0,
    )

    async def run_before(pilot: Pilot[Any]) -> None:
        driver = Driver(app, pilot)
        await driver.settle()
        await driver.press(*keys)
        if prepare is not None:
            await prepare(driver)

    return snap_compare(app, terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("size", [(80, 24), (132, 40), (250, 70)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_snapshot(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert compare(snap_compare, Synthetic(), size, "pagedown", "pagedown", "down", theme=theme)


def test_snapshot_no_process_yet(snap_compare: Compare) -> None:
    assert compare(snap_compare, None, (80, 24))


def test_snapshot_processes(snap_compare: Compare) -> None:
    assert compare(snap_compare, Synthetic(), (80, 24), "shift+tab", "shift+tab", "down", "down")


def test_snapshot_target_gone(snap_compare: Compare) -> None:
    source = Synthetic()

    async def end(driver: Driver) -> None:
        source.ended = "process 1234 has become another program (exec): now [/] \x1b[31mred"
        await driver.press("end")

    assert compare(snap_compare, source, (80, 24), "pagedown", prepare=end)


def test_snapshot_changed(snap_compare: Compare) -> None:
    source = Synthetic()

    async def change(driver: Driver) -> None:
        await driver.go_to(0x555555569000)
        source.changed = {0x555555564000: 0x8100000000ABCDEF, 0x555555567000: 0}
        await driver.tick()

    assert compare(snap_compare, source, (80, 24), "pagedown", "pagedown", prepare=change)


def test_snapshot_pfn_hidden(snap_compare: Compare) -> None:
    assert compare(snap_compare, Synthetic(pfn=False), (80, 24), "pagedown", "pagedown")


def test_snapshot_too_small(snap_compare: Compare) -> None:
    assert compare(snap_compare, Synthetic(), (60, 20))


def test_snapshot_message(snap_compare: Compare) -> None:
    async def ask(driver: Driver) -> None:
        await driver.ask("g", "7ffff5000000")

    assert compare(snap_compare, Synthetic(), (80, 24), prepare=ask)


def test_snapshot_filter(snap_compare: Compare) -> None:
    async def ask(driver: Driver) -> None:
        await driver.ask("slash", "perms:rw", enter=False)

    assert compare(snap_compare, Synthetic(), (80, 24), prepare=ask)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("key", ["question_mark", "p"], ids=["help", "policy"])
def test_snapshot_screen(snap_compare: Compare, key: str, theme: str) -> None:
    assert compare(snap_compare, Synthetic(), (80, 24), key, theme=theme)


def test_snapshot_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert compare(snap_compare, Synthetic(), (132, 40), "pagedown", "pagedown", "down")
