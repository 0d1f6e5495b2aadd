"""Run the benchmarks and print their tables; see the package's docstring."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from benchmarks import batch, cache_cost, latency, startup

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.table import Table

PARTS: Final[dict[str, Callable[..., list[Table]]]] = {
    "cache": cache_cost.tables,
    "batch": batch.tables,
    "latency": latency.tables,
    "start": startup.tables,
}
RESULTS: Final = Path(__file__).parent / "RESULTS.md"


def shape() -> str:
    """The machine, in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}, Textual {version('textual')}"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller targets, fewer runs: under a minute")
    parser.add_argument("--write", action="store_true", help=f"write benchmarks/{RESULTS.name} too")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    began = monotonic()
    parts = [f"# Results\n\n`{shlex.join(['python', '-m', 'benchmarks', *sys.argv[1:]])}` on {shape()}.\n"]
    print(parts[0], flush=True)
    for name in args.parts or PARTS:
        for table in PARTS[name](quick=args.quick):
            parts.append(str(table))
            print(parts[-1], flush=True)
    parts.append(f"Measured in {monotonic() - began:.0f} s.\n")
    print(parts[-1])
    if args.write:
        RESULTS.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
