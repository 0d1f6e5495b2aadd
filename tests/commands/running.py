"""Running the program as a person or a script does."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.kit import launch

PROGRAM = (sys.executable, "-m", "app")


def run(
    *arguments: str | bytes, uid: int | None = None, without: Sequence[int] = (), env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `pagelens` to its end; it must not show a traceback, whatever happens."""
    argv = [*PROGRAM, *[a.decode("utf-8", "surrogateescape") if isinstance(a, bytes) else a for a in arguments]]
    done = launch.run(argv, uid=uid, without=without, env=env)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def objects(*arguments: str | bytes, uid: int | None = None, without: Sequence[int] = ()) -> list[dict[str, Any]]:
    """The JSON objects that a command prints; it must succeed and say nothing else."""
    done = run(*arguments, "--json", uid=uid, without=without)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def error(*arguments: str | bytes, status: int) -> str:
    """The one line that a failing command writes to standard error, with the exit status it must have."""
    done = run(*arguments)
    assert done.returncode == status, (done.returncode, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("pagelens: ")
    return lines[0]
