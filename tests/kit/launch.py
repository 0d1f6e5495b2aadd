"""Run a program as another user or with fewer capabilities, wherever the repository and the interpreter lie.

A program started through here is executed for real under its new credentials. Where a folder above the
interpreter, the environment or the repository is closed to that user (a checkout in root's home), the
program sees it open, in a mount namespace of its own; nothing outside that namespace changes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kit import boot

CAP_SYS_ADMIN = 21
"""The capability without which PFNs are hidden: include/uapi/linux/capability.h."""
REPOSITORY = Path(__file__).resolve().parents[2]


def command(
    argv: Sequence[str | Path],
    *,
    uid: int | None = None,
    without: Sequence[int] = (),
    reach: Sequence[Path] = (),
    terminal: bool = False,
) -> list[str | bytes]:
    """The command line that starts a program with given rights; anything but a plain start needs root.

    Args:
        argv: The program and its arguments.
        uid: The user (and group) to become, for example `tests.kit.targets.NOBODY`; None to stay.
        without: Numbers of capabilities that the program is not to have: root without `CAP_SYS_ADMIN`
            is one who may read every pagemap and sees no PFN.
        reach: Folders that the user must be able to reach, beside the interpreter's and the repository.
        terminal: Whether standard input becomes the controlling terminal (of a new session).
    """
    order = {
        "argv": [str(argument) for argument in argv],
        "parent": os.getpid(),
        "uid": uid,
        "without": list(without),
        "reach": [str(path) for path in (REPOSITORY, Path(sys.prefix), Path(sys.base_prefix), *reach)],
        "terminal": terminal,
    }
    return boot.command("launch_main", json.dumps(order))


def run(
    argv: Sequence[str | Path],
    *,
    uid: int | None = None,
    without: Sequence[int] = (),
    reach: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path = REPOSITORY,
    timeout: float = 60,
) -> "subprocess.CompletedProcess[str]":
    """Run a program with given rights (see `command`) to its end.

    Returns:
        Its exit status and output; bytes that are not UTF-8 come as lone surrogates.
    """
    return subprocess.run(
        command(argv, uid=uid, without=without, reach=reach),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        env=dict(os.environ) | dict(env or {}),
        # A user may be unable to reach the folder before the launcher has opened the way.
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
