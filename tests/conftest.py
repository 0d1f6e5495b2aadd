"""Fixtures for all tests: child processes, swap space, a folder on a real disk, and root where it is needed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.system import is_disk, missing, require_root, swap_file
from tests.kit.targets import Target


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ask for root where a test says that it needs it, before anything is set up for it."""
    if item.get_closest_marker("needs_root") is not None:
        require_root()


@pytest.fixture
def target() -> Iterator[Target]:
    """A fresh child process that makes memory states on command."""
    with Target.spawn() as spawned:
        yield spawned


@pytest.fixture(scope="session")
def root() -> None:
    """Root with CAP_SYS_ADMIN; without it a skip, in CI a failure."""
    require_root()


@pytest.fixture(scope="session")
def disk() -> Path:
    """A folder on a disk that everyone can reach: files in it are page cache, not shared memory."""
    # Not pytest's own temporary folders: those are closed to targets that gave up root.
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path(__file__).parent]
    for folder in candidates:
        if os.access(folder, os.W_OK) and is_disk(folder):
            return folder
    return missing(f"none of {', '.join(map(str, candidates))} is on a disk")


def _folder(disk: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pagelens-", dir=disk))
    # Targets that gave up root open files in it.
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(os.fsencode(folder))


@pytest.fixture
def tmp_disk(disk: Path) -> Iterator[Path]:
    """A new folder on a real disk (never tmpfs), removed after the test."""
    yield from _folder(disk)


@pytest.fixture(scope="module")
def swap(root: None, disk: Path) -> Iterator[Path]:
    """64 MiB of swap space for the tests of one module; the path of its file. Needs root."""
    for folder in _folder(disk):
        with swap_file(folder) as path:
            yield path
