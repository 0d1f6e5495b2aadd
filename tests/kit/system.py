"""Change the system for the length of a test, and what a test may expect of the machine it runs on.

A change is made, held and undone by a keeper process (`tests.kit.system_main`) that outlives the test
runner just long enough to undo it: after an exception, ctrl-C or a SIGKILL the system is as it was.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.kit import boot
from tests.kit.kernel import swap_areas

Change = list[str | int]
_THP = Path("/sys/kernel/mm/transparent_hugepage")
_CAP_SYS_ADMIN = 21


class CannotChange(Exception):
    """The system does not allow a change, or could not be set back; says why."""


@contextlib.contextmanager
def changed(*changes: Change) -> Iterator[None]:
    """Make changes for the length of a block; see `tests.kit.system_main` for what a change is.

    Raises:
        CannotChange: The kernel refuses one, and the others were undone; or the undoing failed.
    """
    keeper = subprocess.Popen(
        boot.command("system_main", json.dumps(changes)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for the test runner: the keeper sees its pipe close, and undoes.
        start_new_session=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        answer = json.loads(keeper.stdout.readline())
        if answer is not None:
            raise CannotChange(answer)
        yield
    finally:
        keeper.stdin.close()
        problems = keeper.stdout.read().decode()
        keeper.stdout.close()
        keeper.wait()
    if problems:
        raise CannotChange(f"not restored: {problems}")


@contextlib.contextmanager
def swap_file(directory: Path, mib: int = 64) -> Iterator[Path]:
    """Swap to a new file for the length of a block.

    Args:
        directory: Where the file is made, on a filesystem that can swap (`can_swap_on`).
        mib: Its size in MiB.

    Yields:
        The path of the file.
    """
    path = directory / "swap"
    with changed(["swap", str(path), mib]):
        if os.fsencode(path) not in swap_areas():
            raise CannotChange(f"{path} is not listed in /proc/swaps")
        yield path


@contextlib.contextmanager
def hugepages(count: int) -> Iterator[None]:
    """Have a pool of at least `count` huge pages of the default size for the length of a block."""
    path = Path("/proc/sys/vm/nr_hugepages")
    with changed(["write", str(path), str(max(count, int(path.read_text())))]):
        if (got := int(path.read_text())) < count:
            raise CannotChange(f"the kernel finds room for only {got} of {count} huge pages")
        yield


@contextlib.contextmanager
def ksm() -> Iterator[None]:
    """Run kernel samepage merging, in a hurry, for the length of a block; then part what it merged."""
    with changed(
        ["write", "/sys/kernel/mm/ksm/sleep_millisecs", "1"],
        ["write", "/sys/kernel/mm/ksm/pages_to_scan", "10000"],
        ["ksm"],
    ):
        yield


@contextlib.contextmanager
def thp(value: str = "madvise", kib: int | None = None) -> Iterator[None]:
    """Set when transparent huge pages are used for the length of a block.

    Args:
        value: ``always``, ``madvise``, ``never``, or for one size ``inherit``.
        kib: The size in KiB (Linux 6.8); None for the general switch.
    """
    folder = _THP if kib is None else _THP / f"hugepages-{kib}kB"
    if not folder.is_dir():
        raise CannotChange(f"this kernel has no {folder}")
    with changed(["write", str(folder / "enabled"), value]):
        yield


# --- What there is, and what must be there ------------------------------------------------------------------------


def missing(reason: str) -> NoReturn:
    """Give a test up for want of something: a skip for a person, a failure in CI, where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must be able to run this: {reason}")
    pytest.skip(reason)


def is_root() -> bool:
    """Whether this process is root with the capability to administer the system."""
    status = Path("/proc/self/status").read_text()
    effective = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))
    return os.geteuid() == 0 and bool(effective >> _CAP_SYS_ADMIN & 1)


def require_root() -> None:
    """Give a test up that needs root and has not got it; see `missing`."""
    if not is_root():
        missing("needs root with CAP_SYS_ADMIN")


needs_root = pytest.mark.needs_root
"""Marks a test, a class, a module or one parameter that needs root; `tests/conftest.py` sees to it."""


def max_map_count() -> int:
    """How many VMAs the kernel allows one process."""
    return int(Path("/proc/sys/vm/max_map_count").read_text())


def filesystem(path: Path) -> str:
    """The type of the filesystem that a path is on, as /proc/self/mountinfo names it."""
    path = path.resolve()
    best, kind = -1, ""
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split(" ")[4]
        # Later lines are mounted over earlier ones.
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), rest.split(" ")[0]
    return kind


def is_disk(path: Path) -> bool:
    """Whether files in a folder are pages of a real file, not memory under another name."""
    return filesystem(path) not in {"tmpfs", "ramfs", "devtmpfs", "rootfs", "hugetlbfs"}
