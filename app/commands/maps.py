"""List a process's memory areas (VMAs), in the order of their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.output import Output
from pagemap.live import LiveProcess
from pagemap.process import find_process
from widgets.numbers import size

if TYPE_CHECKING:
    import argparse

    from pagemap.vma import Vma

EPILOG: Final = """\
fields: start, end (hexadecimal), perms, offset (bytes), dev, inode, path, kind, pages
example: pagelens maps 1234 --json | jq 'select(.kind == "heap")'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("target", metavar="PID|NAME", help="the process")
    parser.add_argument("--json", action="store_true", help="one JSON object a VMA")


def run(args: argparse.Namespace) -> int:
    """List them."""
    output = Output(as_json=args.json)
    source = LiveProcess(find_process(args.target))
    try:
        space = source.maps()
        if not args.json:
            output.text(f"{'ADDRESSES':<33} {'PERM':<4} {'SIZE':>6} {'PAGES':>10} {'KIND':<8} NAME")
        for vma in space:
            if args.json:
                output.object(as_json(vma))
            else:
                place = f"{vma.start:016x}-{vma.end:016x}"
                output.text(f"{place} {vma.perms} {size(vma.size):>6} {vma.pages:>10,} {vma.kind:<8} {vma.path}")
    finally:
        source.close()
    return 0


def as_json(vma: Vma) -> dict[str, Any]:
    """The fields of `pagelens maps --json`."""
    return {
        "start": f"{vma.start:#x}",
        "end": f"{vma.end:#x}",
        "perms": vma.perms,
        "offset": vma.offset,
        "dev": vma.dev,
        "inode": vma.inode,
        "path": vma.path,
        "kind": vma.kind,
        "pages": vma.pages,
    }
