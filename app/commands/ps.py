"""List the processes: who they are, how much memory they have, and why some cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.output import Output
from pagemap.process import check_system, list_processes
from widgets.numbers import size

if TYPE_CHECKING:
    import argparse

EPILOG: Final = """\
fields: pid, ppid, user, name, cmdline, rss (bytes), swap (bytes), readable, reason
example: pagelens ps --json | jq 'select(.readable)'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object a process")


def run(args: argparse.Namespace) -> int:
    """List them, by PID, each as it is read."""
    check_system()
    output = Output(as_json=args.json)
    if not args.json:
        output.text(f"{'PID':>7} {'PPID':>7} {'USER':<10} {'RSS':>7} {'SWAP':>7} {'NAME':<16} COMMAND")
    for info in list_processes():
        if args.json:
            output.object(info.as_json())
            continue
        told = info.cmdline if info.readable else f"({info.reason}) {info.cmdline}"
        sizes = f"{size(info.rss):>7} {size(info.swap):>7}"
        output.text(f"{info.pid:>7} {info.ppid:>7} {info.user:<10} {sizes} {info.name:<16} {told}")
    return 0
