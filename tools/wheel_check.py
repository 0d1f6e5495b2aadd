"""Installs the built wheel where nothing of this checkout is, and uses it from there as a stranger would.

`python -m tools.wheel_check dist/pagelens-*.whl` ends with status 0, or says what is wrong with the wheel.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import time
import venv
import zipfile
from pathlib import Path
from typing import Final

import pyte

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("app", "widgets", "pagemap")
COLUMNS: Final = 120
LINES: Final = 40
PATIENCE: Final = 60.0
"""Seconds any one step may take before it is called hung."""


class WheelError(Exception):
    """What is wrong with the wheel, in one line."""


def check_contents(wheel: Path) -> None:
    """Compare the wheel's files with the checkout's: every file of the three packages, and no other.

    Args:
        wheel: The wheel file.

    Raises:
        WheelError: A file is missing, or one is there that should not be.
    """
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    if missing := sorted(expected - shipped):
        raise WheelError(f"not in the wheel: {', '.join(missing)}")
    if surplus := sorted(shipped - expected):
        raise WheelError(f"in the wheel, but not in the packages: {', '.join(surplus)}")


def install(wheel: Path, folder: Path) -> Path:
    """Make a virtual environment of the locked run requirements and the wheel alone.

    Args:
        wheel: The wheel file.
        folder: Where the environment goes.

    Returns:
        The path of its `pagelens` command.
    """
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-qq"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "run.txt")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "bin" / "pagelens"


def check_version(command: Path, elsewhere: Path) -> None:
    """Compare `pagelens --version` with the one place the version is written.

    Args:
        command: The installed `pagelens`.
        elsewhere: The folder to run it from.

    Raises:
        WheelError: They differ.
    """
    written = re.search(r'^__version__ = "(.+)"$', (ROOT / "app" / "__init__.py").read_text(), re.MULTILINE)
    said = _run(command, "--version", folder=elsewhere).strip()
    if written is None or said != f"pagelens {written[1]}":
        raise WheelError(f"pagelens --version says {said!r}")


def check_processes(command: Path, elsewhere: Path) -> None:
    """Look for this very process in `pagelens ps --json`.

    Args:
        command: The installed `pagelens`.
        elsewhere: The folder to run it from.

    Raises:
        WheelError: A line is not a JSON object, or this process is not among them.
    """
    try:
        pids = [json.loads(line)["pid"] for line in _run(command, "ps", "--json", folder=elsewhere).splitlines()]
    except (ValueError, KeyError, TypeError) as error:
        raise WheelError(f"pagelens ps --json: a line is not an object with a pid: {error!r}") from error
    if os.getpid() not in pids:
        raise WheelError(f"pagelens ps --json: {len(pids)} processes, but not {os.getpid()}, which is running it")


def check_frame(command: Path, elsewhere: Path) -> list[str]:
    """Open the explorer in a pseudo-terminal, wait for its process list, and quit it with `q`.

    Args:
        command: The installed `pagelens`.
        elsewhere: The folder to run it from.

    Returns:
        The frame, a string a line.

    Raises:
        WheelError: No process list came in time, or the explorer did not end with status 0.
    """
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (LINES, COLUMNS))
    explorer = subprocess.Popen(
        [command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=elsewhere,
        env=_environment() | {"TERM": "xterm-256color"},
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    os.close(terminal)
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    deadline = time.monotonic() + PATIENCE
    frame: list[str] = []
    try:
        while output := _read(controller, deadline):
            stream.feed(output)
            if not frame and _shows_processes(screen.display):
                frame = [line.rstrip() for line in screen.display]
                os.write(controller, b"q")
        status = explorer.wait(max(0.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        wanted = "did not end after q" if frame else "showed no process list"
        raise WheelError(
            "\n".join([f"the explorer {wanted} in {PATIENCE:g} s; its screen:", *screen.display])
        ) from error
    finally:
        explorer.kill()
        explorer.wait()
        os.close(controller)
    if not frame or status != 0:
        raise WheelError("\n".join([f"the explorer ended with status {status}; its screen:", *screen.display]))
    return frame


def main(arguments: list[str]) -> int:
    """Run every check on the one wheel named.

    Args:
        arguments: The path of the wheel.

    Returns:
        The exit status: 0 if the wheel is good, 1 if not, 2 on wrong usage.
    """
    if len(arguments) != 1:
        print("usage: python -m tools.wheel_check WHEEL", file=sys.stderr)
        return 2
    wheel = Path(arguments[0]).resolve()
    try:
        check_contents(wheel)
        with tempfile.TemporaryDirectory(prefix="pagelens-wheel-") as name:
            elsewhere = Path(name) / "elsewhere"
            elsewhere.mkdir()
            command = install(wheel, Path(name) / "venv")
            check_version(command, elsewhere)
            check_processes(command, elsewhere)
            frame = check_frame(command, elsewhere)
    except (WheelError, subprocess.SubprocessError) as error:
        print(f"wheel-check: {error}", file=sys.stderr)
        return 1
    print("\n".join(frame))
    print(f"wheel-check: {wheel.name} is good")
    return 0


def _run(command: Path, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [command, *arguments],
        check=True,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        text=True,
    )
    return done.stdout


def _environment() -> dict[str, str]:
    # Neither may lead the clean environment back to the checkout.
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def _shows_processes(lines: list[str]) -> bool:
    # The heading is there before the list is: a row of the list begins with a number.
    return any("PID" in line for line in lines) and any(re.match(r"\W*\d+\s+\w", line) for line in lines)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(descriptor: int, deadline: float) -> bytes:
    """Return the next bytes, or none at the end; TimeoutError at the deadline."""
    ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        raise TimeoutError
    try:
        return os.read(descriptor, 65536)
    except OSError:  # EIO: nobody holds the other side any more
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
