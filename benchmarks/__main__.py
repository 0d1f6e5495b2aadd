"""Run the benchmarks and print their tables; see the package's docstring."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import batch, cost, screen
from benchmarks.table import Table

_PARTS: Final[dict[str, Callable[..., list[Table]]]] = {
    "screen": screen.tables,
    "batch": batch.tables,
    "cost": cost.tables,
}
_RESULTS: Final = Path(__file__).parent / "RESULTS.md"


def shape() -> str:
    """The machine, in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (
        f"{os.cpu_count()} cores, {memory} GiB, Linux {platform.release().partition('-')[0]}, "
        f"Python {platform.python_version()}, Textual {version('textual')}"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*_PARTS, []], help="what to measure (default: everything)")
    parser.add_argument("--quick", action="store_true", help="smaller targets, fewer runs")
    parser.add_argument("--write", action="store_true", help=f"write {_RESULTS.name} too")
    args = parser.parse_args()
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    text = f"# Results\n\n`{command}` on {shape()}. Ratios first: absolute times of a noisy machine prove nothing.\n\n"
    print(text)
    for name in args.part or _PARTS:
        for table in _PARTS[name](quick=args.quick):
            print(table, flush=True)
            text += f"{table}\n"
    if args.write:
        _RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
