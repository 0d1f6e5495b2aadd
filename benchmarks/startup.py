"""Start to the first frame with rows, memory, and idle load, beside a bare Textual app in turn."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.contestants import PAGE_DOWN, Contestant, bare, explorer
from benchmarks.driver import PATIENCE
from benchmarks.table import Table
from benchmarks.targets import LAYOUTS, layout

if TYPE_CHECKING:
    from benchmarks.driver import Program

_COLS, _ROWS = 120, 40
_TARGETS: Final = ("D", "S1", "S4")
_PAGES: Final = 100
"""Pages scrolled before memory is read."""
_TURN: Final = 0.02


def tables(*, quick: bool) -> list[Table]:
    """One table: a row a target."""
    pairs, seconds = (3, 2.0) if quick else (7, 8.0)
    table = Table(
        f"Start, memory and idle load at {_COLS}×{_ROWS}",
        f"Start: to the end of the first frame with rows, medians of {pairs} runs in turn. Memory: the most that was "
        f"resident, after {_PAGES} pages of scrolling. Idle: {seconds:.0f} s of live refresh at 1 s, all at once.",
        ["target", "start ÷ bare", "memory ÷ bare", "idle, of a core", "start", "memory"],
    )
    with ExitStack() as stack:
        rivals = {
            name: explorer(stack.enter_context(layout(name, scale=10 if quick else 1)).pid, name)
            for name in (_TARGETS[:1] if quick else _TARGETS)
        }
        rivals["bare Textual app"] = bare()
        starts = {name: [0.0] * pairs for name in rivals}
        for pair in range(pairs):
            for name, rival in rivals.items():
                starts[name][pair] = start(rival)
        peaks, loads = _at_rest(rivals, seconds)
    plain = starts["bare Textual app"]
    for name in rivals:
        quotient = median(ours / theirs for ours, theirs in zip(starts[name], plain, strict=True))
        table.rows.append(
            [
                f"{name}: {LAYOUTS[name]}" if name in LAYOUTS else name,
                f"{quotient:.2f}",
                f"{peaks[name] / peaks['bare Textual app']:.2f}",
                f"{loads[name]:.2%}",
                f"{median(starts[name]) * 1e3:.0f} ms",
                f"{peaks[name] / 1e6:.1f} MB",
            ]
        )
    return [table]


def start(rival: Contestant) -> float:
    """Seconds from its start to the end of the first frame that shows rows."""
    with rival.start(_COLS, _ROWS) as program:
        return first_rows(rival, program) - program.began


def first_rows(rival: Contestant, program: Program) -> float:
    """When the first frame with rows was out."""
    while (frame := program.frame(PATIENCE)) is not None:
        if rival.rows(frame.data):
            return frame.time
    raise RuntimeError(f"{rival.name} shows no rows")


def _at_rest(rivals: dict[str, Contestant], seconds: float) -> tuple[dict[str, int], dict[str, float]]:
    """Peak memory in bytes after some scrolling, and then the share of a core at rest, of all side by side."""
    with ExitStack() as stack:
        programs = {name: stack.enter_context(rival.start(_COLS, _ROWS)) for name, rival in rivals.items()}
        for name, program in programs.items():
            first_rows(rivals[name], program)
            for _ in range(_PAGES):
                program.write(rivals[name].keys[PAGE_DOWN])
                program.frame(1.0)
        for program in programs.values():
            program.settle(0.5, 3.0)
        before = {name: program.cpu_seconds() for name, program in programs.items()}
        until = perf_counter() + seconds
        while perf_counter() < until:
            for program in programs.values():
                # In short turns: a pseudo-terminal holds less than one frame, and its program waits meanwhile.
                program.drain(_TURN)
        loads = {name: (program.cpu_seconds() - before[name]) / seconds for name, program in programs.items()}
        peaks = {name: program.peak_rss() for name, program in programs.items()}
    return peaks, loads
