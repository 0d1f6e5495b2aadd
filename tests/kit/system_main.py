"""The keeper: makes changes to the system, waits for the end of its standard input, and undoes them in reverse.

Its argument is a JSON list of changes:

- ``["write", PATH, VALUE]``: write to a file of /proc or /sys; undone by writing back what it held.
- ``["swap", PATH, MIB]``: make a swap file and use it; undone by swapping back and removing it.
- ``["ksm"]``: run kernel samepage merging; undone by parting what was merged.

It answers with a line, ``null`` or what failed, and at its end with what could not be undone.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.kit import libc

_KSM = Path("/sys/kernel/mm/ksm")


def _write(undo: Callable[[Callable[[], object]], object], path: str, value: str) -> None:
    file = Path(path)
    before = file.read_text()
    if "[" in before:  # one of several words, the chosen one in brackets
        before = before.partition("[")[2].partition("]")[0]
    undo(lambda: file.write_text(before))
    file.write_text(value)


def _swap(undo: Callable[[Callable[[], object]], object], path: str, mib: int) -> None:
    file = os.fsencode(path)
    pages = (mib << 20) // libc.PAGE
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    undo(lambda: os.unlink(file))
    try:
        # Written to the end: a swap file must have no holes, and not every filesystem
        # takes preallocated blocks for written ones.
        for _ in range(mib):
            os.write(fd, bytes(1 << 20))
        # union swap_header of include/linux/swap.h: version, last page, no bad pages.
        header = b"".join(number.to_bytes(4, sys.byteorder) for number in (1, pages - 1, 0))
        os.pwrite(fd, header, 1024)
        os.pwrite(fd, b"SWAPSPACE2", libc.PAGE - 10)
        os.fsync(fd)
    finally:
        os.close(fd)
    libc.swapon(file)
    undo(lambda: libc.swapoff(file))


def _ksm(undo: Callable[[Callable[[], object]], object]) -> None:
    run = _KSM / "run"
    before = run.read_text().strip()
    merged = int((_KSM / "pages_shared").read_text())
    undo(lambda: run.write_text(before))
    if not merged:
        undo(lambda: run.write_text("2"))  # 2 parts every merged page, and stops
    run.write_text("1")


_CHANGES: dict[str, Callable[..., None]] = {"write": _write, "swap": _swap, "ksm": _ksm}


def main() -> None:
    """Make the changes, wait, undo them."""
    undos: list[Callable[[], object]] = []
    failed = None
    for kind, *arguments in json.loads(sys.argv[1]):
        try:
            _CHANGES[kind](undos.append, *arguments)
        except OSError as error:
            failed = f"{kind} {arguments}: {error}"
            break
    _say(json.dumps(failed))
    if failed is None:
        sys.stdin.buffer.read()
    for undo in reversed(undos):
        try:
            undo()
        except OSError as error:
            _say(str(error))


def _say(line: str) -> None:
    # Whoever started this may be gone: what is left is to undo.
    with suppress(BrokenPipeError):
        os.write(1, line.encode() + b"\n")
