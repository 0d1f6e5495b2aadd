"""Output and arguments at their edges: full disks, closed streams, bare encodings, odd numbers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.commands.running import PROGRAM, error, run
from tests.kit.launch import REPOSITORY
from tests.kit.targets import Target

CLOSING = "import os, sys; os.close(int(sys.argv[1])); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"


def without_stream(number: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program with a standard stream closed from the beginning."""
    argv = [sys.executable, "-c", CLOSING, str(number), *PROGRAM[1:], *arguments]
    return subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=60, check=False)


@pytest.mark.parametrize("command", [["ps"], ["ps", "--json"], ["doctor", "--json"]])
def test_a_full_disk_is_one_line(command: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "pagelens: cannot write the output: No space left on device\n"


def test_a_closed_standard_output_is_one_line() -> None:
    done = without_stream(1, "ps", "--json")
    assert (done.returncode, done.stderr) == (1, "pagelens: cannot write the output: standard output is closed\n")


@pytest.mark.parametrize(("command", "status"), [(["maps", "4194303"], 1), (["maps"], 2)])
def test_an_error_never_lands_in_the_output(command: Sequence[str], status: int) -> None:
    done = without_stream(2, *command)
    assert (done.returncode, done.stdout) == (status, "")


def test_a_closed_standard_input_is_no_terminal() -> None:
    done = without_stream(0)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


def test_help_into_a_closed_pipe_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as closed:
        done = subprocess.run(
            [*PROGRAM, "--help"], stdout=closed, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_is_130_even_if_the_pipe_closed_before(target: Target) -> None:
    target.do("reserve", size=16 << 40, touched=[])
    argv = [*PROGRAM, "pages", str(target.pid), "--state", "swap"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("ADDRESS")
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""


def test_what_is_there_can_be_told_in_any_encoding() -> None:
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = run("doctor", env={**os.environ, **bare})
    marks = {line[0] for line in done.stdout.splitlines()} - {" "}
    assert "+" in marks
    assert marks <= {"+", "-"}
    assert {line[0] for line in run("doctor").stdout.splitlines()} <= set("✓✗ ")


def test_arguments_reach_the_terminal_as_escapes() -> None:
    assert "\\x1b[31mred" in error("ps", "\x1b[31mred", status=2)
    assert "\\x1b[31mred" in error("maps", b"\x1b[31mred\xff", status=1)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--interval", "soon"], "'soon' is no interval: from 0.1 to 3600 seconds"),
        (["--interval", "nan"], "'nan' is no interval"),
        (["cache", "1", "--rows", "many"], "'many' is no whole number from 1 on"),
        (["cache", "1", "--steps", "-1"], "'-1' is no whole number from 1 on"),
        (["cache", "1", "--policy", "all", "--window-size", "3M"], "bad window size: 3145728"),
        (["cache", "1", "--window-size", "9" * 5000], "is no size"),
        (["pages", "SELF", "--range", "1_000-2000"], "malformed range"),
        (["pages", "SELF", "--range", " 1000-2000"], "malformed range"),
        (["scan", "SELF", "--range="], "malformed range"),
    ],
)
def test_numbers_are_taken_literally(target: Target, arguments: list[str], why: str) -> None:
    assert why in error(*[str(target.pid) if text == "SELF" else text for text in arguments], status=2)


def test_a_window_size_says_where_it_does_not_apply(target: Target) -> None:
    command = ["cache", str(target.pid), "--policy", "all", "--window-size", "64K"]
    last = run(*command).stdout.splitlines()[-1]
    assert last == "--window-size does not apply to vma, page: their windows follow from the VMAs"
    sizes = {row["policy"]: row["window_size"] for row in map(json.loads, run(*command, "--json").stdout.splitlines())}
    assert {name for name, size in sizes.items() if size is None} == {"vma", "page"}
    assert sizes["blocks"] == 64 << 10


@pytest.mark.parametrize("command", ["ps", "maps", "pages", "scan", "cache", "doctor"])
def test_no_command_pays_for_the_explorer(target: Target, command: str) -> None:
    arguments = [command] if command in ("ps", "doctor") else [command, str(target.pid)]
    done = subprocess.run(
        [PROGRAM[0], "-X", "importtime", *PROGRAM[1:], *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "app.output" in imported
    assert not imported & {"textual", "rich.segment", "asyncio"}


def test_the_doctor_tries_what_the_kernel_offers(target: Target) -> None:
    found = {row["feature"]: row for row in map(json.loads, run("doctor", "--json").stdout.splitlines())}
    assert {"PAGEMAP_SCAN", "PROCMAP_QUERY", "cachestat", "guard regions", "userfaultfd"} <= set(found)
    release = tuple(int(part) for part in Path("/proc/sys/kernel/osrelease").read_text().split("-")[0].split(".")[:2])
    # The ioctl has no configuration beside /proc itself: what the version promises the probe must find.
    assert found["PROCMAP_QUERY"]["available"] == (release >= (6, 11))
