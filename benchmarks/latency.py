"""Key to frame in a real pseudo-terminal, beside a bare Textual app and pagemon in the same run.

A key is answered by the first frame that shows the row it leads to. The programs take turns, a round each, and those
that do not have their turn are stopped, so that all meet the same machine.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.contestants import DOWN, PAGE_DOWN, UP, Contestant, bare, explorer, pagemon
from benchmarks.driver import PATIENCE, Program
from benchmarks.table import Table, quantile, ratio
from benchmarks.targets import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

HELD: Final = "line down held at 60 Hz"
_HOLD: Final = 1 / 60
_ISOLATED: Final = (0.035, 0.045)
"""Seconds between isolated keys: random, or they could fall in step with a program's own clock."""
_HUGE: Final = ("S2", "S4")


class Player:
    """A contestant at its keys.

    Args:
        contestant: Who.
        cols: Width of the terminal.
        rows: Height of the terminal; as many lines bring the cursor to its edge, so that each further one scrolls.
    """

    def __init__(self, contestant: Contestant, cols: int, rows: int) -> None:
        self.contestant: Final = contestant
        self.program: Final[Program] = contestant.start(cols, rows)
        self._rows = rows
        self._shown: list[tuple[int, int]] = []
        # The same pauses at every run.
        self._chance = random.Random(40)

    def warm_up(self, key: str) -> None:
        """Go where every further key scrolls."""
        count = 3 if key == PAGE_DOWN else self._rows
        self.program.write(self.contestant.keys[key] * count)
        self.program.settle(0.1, 0.6)
        self.press(key)

    def press(self, key: str) -> float:
        """One isolated key: seconds until the frame that answers it."""
        self.program.drain()
        began = self.program.write(self.contestant.keys[key])
        until = began + PATIENCE
        while (frame := self.program.frame(until - perf_counter())) is not None:
            if self._answers(frame.data):
                self.program.drain(began + self._chance.uniform(*_ISOLATED) - perf_counter())
                return frame.time - began
        raise RuntimeError(f"{self.contestant.name} shows no answer to {key}")

    def _answers(self, data: bytes) -> bool:
        if self.contestant.row is None:
            return True
        rows = self.contestant.rows(data)
        # Frames without rows and frames with the same rows (a refresh, the panel) are no answer.
        if not rows or rows == self._shown:
            return False
        self._shown = rows
        return True

    def hold(self, key: str, count: int) -> list[float]:
        """A key held at 60 Hz: for each repetition, seconds until a frame shows its row or a later one's."""
        first = self._shown[-1][1]
        sent: list[float] = []
        times: list[float] = []
        due = perf_counter()
        while len(times) < count:
            if len(sent) < count and perf_counter() >= due:
                sent.append(self.program.write(self.contestant.keys[key]))
                due += _HOLD
            frame = self.program.frame(due - perf_counter() if len(sent) < count else PATIENCE)
            if frame is None:
                if len(sent) == count:
                    raise RuntimeError(f"{self.contestant.name} shows no answer to the last {key}")
                continue
            if self._answers(frame.data):
                reached = (self._shown[-1][1] - first) // self.contestant.unit
                times.extend(frame.time - when for when in sent[len(times) : reached])
        return times


@dataclass(frozen=True)
class Plan:
    """What is measured at one size of the terminal.

    Attributes:
        cols: Its width.
        rows: Its height.
        keys: Isolated keys of each kind a round.
        held: Repetitions of the held key a round.
        huge: Isolated keys a round on the huge targets.
        order: The keys; page down first, for lines up need room above.
        rounds: Turns that each program has.
    """

    cols: int
    rows: int
    keys: int
    held: int
    huge: int = 0
    order: tuple[str, ...] = (PAGE_DOWN, UP, DOWN)
    rounds: int = 3


Times = dict[str, dict[str, list[float]]]
"""Seconds by key and contestant."""


def tables(*, quick: bool) -> list[Table]:
    """A table a size of the terminal."""
    if quick:
        return [table(Plan(120, 40, keys=40, held=60, rounds=1))]
    return [
        table(Plan(120, 40, keys=70, held=100, huge=30)),
        table(Plan(250, 70, keys=35, held=50, order=(PAGE_DOWN, DOWN))),
    ]


def table(plan: Plan) -> Table:
    """Measure at one size of the terminal."""
    times = measure(plan)
    heading = ["key", "p99 ÷ bare", "p50 ÷ bare", "p99 ÷ pagemon", "pagelens", "bare Textual app", "pagemon"]
    made = Table(
        f"Key to frame at {plan.cols}×{plan.rows}, 200 MB written",
        "From the key to the end of the frame that shows its row; times are p50 / p95 / p99 / most, in ms. Isolated "
        "keys come 35-45 ms apart. pagemon marks no frames: its first output after the key counts.",
        heading,
    )
    for key in filter(times.get, (DOWN, UP, PAGE_DOWN, HELD)):
        ours, plain, peer = (times[key].get(name, []) for name in ("pagelens", "bare", "pagemon"))
        quotients = [ratio(ours, plain, 0.99), ratio(ours, plain, 0.5), ratio(ours, peer, 0.99)]
        made.rows.append([key, *quotients, *map(_spread, (ours, plain, peer))])
    for name in _HUGE if plan.huge else ():
        for key in (DOWN, PAGE_DOWN):
            there, here = times[key][name], times[key]["pagelens"]
            quotients = [f"{ratio(there, here, q)} of 200 MB's" for q in (0.99, 0.5)]
            made.rows.append([f"{key} on {name}", *quotients, "-", _spread(there), "-", "-"])
    return made


def measure(plan: Plan) -> Times:
    """All keys for all contestants, in rounds."""
    times: Times = {key: {} for key in (DOWN, UP, PAGE_DOWN, HELD)}
    with ExitStack() as stack:
        target = stack.enter_context(layout("D"))
        contestants = [bare(), explorer(target.pid), pagemon(target.pid)]
        if plan.huge:
            contestants += [explorer(stack.enter_context(layout(name)).pid, name) for name in _HUGE]
        players = []
        for contestant in filter(None, contestants):
            players.append(Player(contestant, plan.cols, plan.rows))
            stack.enter_context(players[-1].program)
            players[-1].program.settle(0.7, 3)
            players[-1].program.stop()
        for _ in range(plan.rounds):
            for key in plan.order:
                _round(players, key, plan, times)
    return times


def _round(players: Sequence[Player], key: str, plan: Plan, times: Times) -> None:
    for player in players:
        name = player.contestant.name
        if name in _HUGE and key == UP:
            continue
        keys = plan.huge if name in _HUGE else plan.keys
        player.program.resume()
        player.warm_up(key)
        times[key].setdefault(name, []).extend(player.press(key) for _ in range(keys))
        if key == DOWN and player.contestant.row is not None and name not in _HUGE:
            times[HELD].setdefault(name, []).extend(player.hold(key, plan.held))
        player.program.stop()


def _spread(times: Sequence[float]) -> str:
    if not times:
        return "-"
    return " / ".join(f"{value * 1e3:.1f}" for value in (*(quantile(times, q) for q in (0.5, 0.95, 0.99)), max(times)))
