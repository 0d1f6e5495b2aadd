"""Say what this kernel and this user can see, what not, why, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.output import Output
from pagemap.probe import findings

if TYPE_CHECKING:
    import argparse

EPILOG: Final = """\
fields: feature, available, detail, reason, remedy
Everything is tried on pagelens's own memory; no other process is touched."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object a feature")


def run(args: argparse.Namespace) -> int:
    """Report."""
    output = Output(as_json=args.json)
    yes, no = ("✓", "✗") if output.can_show("✓✗") else ("+", "-")
    for finding in findings():
        if args.json:
            output.object(finding.as_json())
            continue
        output.text(f"{yes if finding.available else no} {finding.feature:<18} {finding.detail or finding.reason}")
        if not finding.available and finding.detail:
            output.text(f"  {'':<18} {finding.reason}")
        if finding.remedy:
            output.text(f"  {'':<18} remedy: {finding.remedy}")
    return 0
