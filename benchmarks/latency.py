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

ROUNDS: Final = 3
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
        self._shown: bytes | None = None
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
        if self.contestant.sign is None:
            return True
        found = self.contestant.sign.search(data)
        if found is None or found[1] == self._shown:
            return False
        self._shown = found[1]
        return True

    def hold(self, key: str, count: int) -> list[float]:
        """A key held at 60 Hz: for each repetition, seconds until a frame shows its row or a later one's."""
        assert self.contestant.sign is not None, "without rows no frame tells which key it answers"
        assert self._shown is not None, "warmed up"
        first = int(self._shown, self.contestant.base)
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
            found = self.contestant.sign.search(frame.data)
            if found is not None:
                self._shown = found[1]
                reached = (int(found[1], self.contestant.base) - first) // self.contestant.unit
                times.extend(frame.time - when for when in sent[len(times) : reached])
        return times


@dataclass(frozen=True)
class Plan:
    """What is measured at one size of the terminal: how many of each key."""

    cols: int
    rows: int
    keys: int
    held: int
    huge: int


Times = dict[str, dict[str, list[float]]]
"""Seconds by key and contestant."""


def tables(*, quick: bool) -> list[Table]:
    """A table a size of the terminal."""
    if quick:
        return [table(Plan(120, 40, keys=45, held=60, huge=0))]
    return [
        table(Plan(120, 40, keys=240, held=300, huge=120)),
        table(Plan(250, 70, keys=120, held=120, huge=0)),
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
    for key in (DOWN, UP, PAGE_DOWN, HELD):
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
        for _ in range(ROUNDS):
            # Page down first: lines up need room above.
            for key in (PAGE_DOWN, UP, DOWN):
                _round(players, key, plan, times)
    return times


def _round(players: Sequence[Player], key: str, plan: Plan, times: Times) -> None:
    for player in players:
        name = player.contestant.name
        keys = plan.huge if name in _HUGE else plan.keys
        player.program.resume()
        player.warm_up(key)
        times[key].setdefault(name, []).extend(player.press(key) for _ in range(keys // ROUNDS))
        if key == DOWN and player.contestant.sign is not None and name not in _HUGE:
            times[HELD].setdefault(name, []).extend(player.hold(key, plan.held // ROUNDS))
        player.program.stop()


def _spread(times: Sequence[float]) -> str:
    if not times:
        return "-"
    return " / ".join(f"{value * 1e3:.1f}" for value in (*(quantile(times, q) for q in (0.5, 0.95, 0.99)), max(times)))
