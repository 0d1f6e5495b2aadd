"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from app import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="pagelens")
    parser.add_argument("--version", action="version", version=f"pagelens {__version__}")
    parser.parse_args(argv)
    return 0
