"""How commands end: errors that say what, why and what would help; closed pipes; ctrl-C; targets that go."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.commands.running import PROGRAM, error, run
from tests.kit import kernel, launch
from tests.kit.launch import REPOSITORY
from tests.kit.targets import NOBODY, Target

NO_PROC = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 1 << 18, 2
assert libc.unshare(CLONE_NEWNS) == 0
assert libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
assert libc.umount2(b"/proc", MNT_DETACH) == 0
os.execv(sys.executable, [sys.executable, "-m", "app", *sys.argv[1:]])
"""
READING = [["maps"], ["pages"], ["scan"], ["cache"]]


@pytest.mark.parametrize("command", READING)
def test_no_such_process(command: list[str]) -> None:
    line = error(*command, "4194303", status=1)
    assert "no such process: 4194303" in line
    assert "pagelens ps" in line
    assert "no such process: 'no-such-name'" in error(*command, "no-such-name", status=1)


@pytest.mark.parametrize("command", READING)
def test_a_zombie(target: Target, command: list[str]) -> None:
    assert "zombie" in error(*command, str(target.do("zombie").pid), status=1)


@pytest.mark.parametrize("command", READING)
def test_a_kernel_thread(command: list[str]) -> None:
    thread = kernel.kernel_thread()
    if thread is None:
        # A container's PID namespace has none; then PID 2, if there is one, is an ordinary process.
        return
    assert "kernel thread" in error(*command, str(thread), status=1)


@pytest.mark.needs_root
@pytest.mark.parametrize("command", READING)
def test_somebody_elses(target: Target, command: list[str]) -> None:
    done = run(*command, str(target.pid), uid=NOBODY)
    assert done.returncode == 1
    assert "permission denied: it belongs to root" in done.stderr
    assert "run pagelens as that user or as root" in done.stderr


@pytest.mark.needs_root
@pytest.mark.parametrize("command", [["ps"], ["doctor"], ["maps", "1"], ["cache", "1"]])
def test_no_proc(command: list[str]) -> None:
    done = launch.run([sys.executable, "-c", NO_PROC, *command])
    assert done.returncode == 1
    assert done.stderr == "pagelens: no /proc here: it is not mounted; as root: mount -t proc proc /proc\n"
    assert done.stdout == ""


def test_wrong_usage_is_one_line() -> None:
    assert "unrecognized arguments: --frobnicate" in error("ps", "--frobnicate", status=2)
    assert "PID|NAME" in error("maps", status=2)
    assert "--interval" in error("--interval", "0", status=2)
    assert "needs a terminal" in error("1", status=2)


def test_several_processes_of_one_name() -> None:
    with Target.spawn() as one, Target.spawn() as other:
        for target in (one, other):
            target.do("set_name", name="pagelens-twin")
        line = error("maps", "pagelens-twin", status=2)
        assert str(one.pid) in line
        assert str(other.pid) in line


@pytest.mark.parametrize("command", ["", *("ps", "maps", "pages", "scan", "cache", "doctor")])
def test_help_says_how_it_ends(command: str) -> None:
    done = run(*([command] if command else []), "--help")
    assert done.returncode == 0
    assert "exit status: 0; 1 the target is gone or cannot be read; 2 wrong usage; 130 interrupted" in done.stdout
    assert "--version" in done.stdout or "--json" in done.stdout


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    )


@pytest.mark.parametrize("command", [["pages"], ["maps"], ["pages", "--json"], ["maps", "--json"]])
def test_the_first_line_comes_at_once_and_a_closed_pipe_ends_quietly(target: Target, command: list[str]) -> None:
    """16 TiB have four billion pages: whoever computed the last before the first would never come back."""
    target.do("reserve", size=16 << 40, touched=[0, 5])
    with start(*command, str(target.pid)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert json.loads(first) if "--json" in command else first.startswith("ADDRESS")
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_ctrl_c(target: Target) -> None:
    target.do("reserve", size=16 << 40, touched=[0])
    with start("pages", str(target.pid), "--state", "swap", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # No page is swapped here, so no line ever comes: it is under way once it has the target's pagemap open.
        while f"/proc/{target.pid}/pagemap" not in links(process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "Traceback" not in process.stderr.read()


def links(pid: int) -> list[str]:
    """What a process has open."""
    folder = f"/proc/{pid}/fd"
    found = []
    for fd in os.listdir(folder):
        try:
            found.append(os.readlink(f"{folder}/{fd}"))
        except FileNotFoundError:
            continue
    return found


def test_the_target_goes_in_the_middle(target: Target) -> None:
    target.do("reserve", size=16 << 40, touched=[0])
    with start("pages", str(target.pid), "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())
        target.kill()
        for line in process.stdout:
            assert json.loads(line)
        assert process.wait(60) == 1
        assert "gone" in process.stderr.read()
