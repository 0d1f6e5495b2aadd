"""The command line: which command is meant, and how each ends."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from app import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS: Final = {
    "ps": "the processes, and why some cannot be read",
    "maps": "a process's memory areas (VMAs)",
    "pages": "a process's pages: entry, state, PFN or swap slot, flags",
    "scan": "how many pages of each VMA are present, swapped, zero, file, huge, guard",
    "cache": "what a walk through a process's pages costs under each cache policy",
    "doctor": "what this kernel and this user can see, what not, why, and the remedy",
}
"""Every command and what it gives; each is a module of `app.commands`, imported when it is used."""

INTERRUPTED: Final = 130
USAGE: Final = 2
STATUSES: Final = "exit status: 0; 1 the target is gone or cannot be read; 2 wrong usage; 130 interrupted"


class Command(Protocol):
    """What a module of `app.commands` offers."""

    EPILOG: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it and give the exit status."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and how to find out what is right."""

    def error(self, message: str) -> NoReturn:
        """End with the status for wrong usage."""
        sys.exit(_fail(f"{message}; `{self.prog} --help` explains", USAGE))


def main(argv: Sequence[str] | None = None) -> int:
    """Run `pagelens`.

    Args:
        argv: The arguments, those of the process if None.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    status = _ended(lambda: _run(arguments))
    return _ended(_flush) or status


def _ended(work: Callable[[], int]) -> int:
    """The exit status of some work, whichever way it ends."""
    try:
        # Imported only here, so that ctrl-C during the program's own imports ends like any other.
        from pagemap.errors import PagelensError

        try:
            return work()
        except PagelensError as exc:
            return _fail(str(exc), exc.exit_status)
    except BrokenPipeError:
        # The reader has what it wanted (`| head`).
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as exc:
        # argparse, after --help and --version, or an error it has told of.
        return exc.code if isinstance(exc.code, int) else 0


def _flush() -> int:
    from app.output import flush

    flush()
    return 0


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        name = arguments[0]
        command: Command = import_module(f"app.commands.{name}")
        parser = Parser(
            prog=f"pagelens {name}",
            description=f"{command.__doc__}",
            epilog=f"{command.EPILOG}\n\n{STATUSES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(parser)
        return command.run(parser.parse_args(arguments[1:]))
    return _explore(arguments)


def _explore(arguments: list[str]) -> int:
    commands = "\n".join(f"  pagelens {name:<8} {what}" for name, what in COMMANDS.items())
    parser = Parser(
        prog="pagelens",
        usage="pagelens [OPTIONS] [PID|NAME]\n       pagelens COMMAND --help",
        description="Look through a lens at a Linux process's memory, page by page, and watch the pagemap cache.\n"
        "Without a command it opens the explorer, on a process if one is named.",
        epilog=f"commands, all with --json and --help:\n{commands}\n\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", nargs="?", metavar="PID|NAME", help="the process to open")
    parser.add_argument("--version", action="version", version=f"pagelens {__version__}")
    add_policy_options(parser)
    parser.add_argument(
        "--interval",
        type=_interval,
        default=1.0,
        metavar="SECONDS",
        help="seconds between live refreshes, 0.1 to 3600 (default 1)",
    )
    parser.add_argument("--paused", action="store_true", help="begin with the live refresh paused")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="colours (default dark)")
    args = parser.parse_args(arguments)
    # A stream that was closed before the program began is None.
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        return _fail("the explorer needs a terminal: use a command with --json in scripts; see pagelens --help", USAGE)
    from app.explorer import ExplorerOptions, run

    return run(
        args.target,
        ExplorerOptions(
            policy=args.policy,
            window_size=args.window_size,
            windows=args.windows,
            interval=args.interval,
            paused=args.paused,
            theme=args.theme,
        ),
    )


def add_policy_options(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add `--policy`, `--windows` and `--window-size`.

    Args:
        parser: Where to.
        several: Whether more than one policy can be named.
    """
    from app.arguments import size

    if several:
        parser.add_argument(
            "--policy", action="append", metavar="P", help="cache policy, several by commas, or all (default blocks)"
        )
    else:
        from pagemap.policies import POLICIES

        parser.add_argument("--policy", metavar="P", help=f"cache policy: {', '.join(POLICIES)} (default blocks)")
    parser.add_argument(
        "--windows", type=int, metavar="N", help="windows held, 1 to 65,536 (default: the policy's own)"
    )
    parser.add_argument(
        "--window-size",
        type=size,
        metavar="BYTES",
        help="address space a window is made for, a power of two in bytes or as 64K, 2M (default: the policy's own)",
    )


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no interval: from 0.1 to 3600 seconds")
    return seconds


def _fail(message: str, status: int) -> int:
    from app.output import discard
    from widgets.text import clean

    # If whoever started the program closed it, it is None, and print() would take standard output instead.
    if sys.stderr is not None:
        try:
            print(f"pagelens: {clean(message)}", file=sys.stderr)
        except OSError:
            discard(sys.stderr)
    return status
