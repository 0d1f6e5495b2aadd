"""The launcher: gives up rights as its order says, then executes the program in its own place."""

import fcntl
import json
import os
import sys
import termios
from pathlib import Path

from tests.kit import libc


def main() -> None:
    """Carry out the order in the first argument, a JSON object; `tests.kit.launch.command` writes it."""
    order = json.loads(sys.argv[1])
    if order["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if order["uid"] is not None:
        _open_ways([Path(path) for path in order["reach"]])
        if order["terminal"]:
            os.fchown(0, order["uid"], -1)
    for capability in order["without"]:
        libc.drop_from_bounding_set(capability)
    if order["uid"] is not None:
        libc.become(order["uid"])
    libc.die_with_parent(order["parent"])
    argv = order["argv"]
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


def _open_ways(paths: list[Path]) -> None:
    """Cover each closed folder above `paths` with an empty open one, through which just these are seen."""
    closed: dict[Path, list[Path]] = {}
    for path in sorted({path.resolve() for path in paths}):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                closed.setdefault(folder, []).append(path)
                break
    if not closed:
        return
    here = os.getcwd()
    libc.unshare(libc.CLONE_NEWNS)
    libc.mount(b"none", b"/", None, libc.MS_REC | libc.MS_PRIVATE)
    for folder, inside in closed.items():
        # Held open, a folder can still be mounted after it is covered.
        held = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in inside}
        libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"mode=755")
        for path, fd in held.items():
            path.mkdir(parents=True, exist_ok=True)
            libc.mount(f"/proc/self/fd/{fd}".encode(), os.fsencode(path), None, libc.MS_BIND | libc.MS_REC)
            os.close(fd)
    os.chdir(here)
