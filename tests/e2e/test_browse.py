"""The main job on real processes that nobody prepared: every step's rows, boundaries and counters are the kernel's."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.running import ask, check, counted, page_lines, page_rows, pagelens, run
from tests.explorer.expected import BLOCK, Counted, Explored
from tests.kit.kernel import PAGE, process_state
from tests.kit.syscalls import Strace, have_strace
from tests.kit.targets import Target
from tests.kit.terminal import Terminal

pytestmark = pytest.mark.e2e

PROGRAMS = {
    "python": [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
    "node": ["node", "-e", "console.log(''); process.stdin.resume()"],
    "sh": ["/bin/sh", "-c", "echo; read -r line"],
}


@contextmanager
def idle(name: str) -> Iterator[int]:
    """The PID of a program that waits for input, and was not prepared in any way."""
    with subprocess.Popen(PROGRAMS[name], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        while process_state(process.pid) == "R":
            pass
        # Its other threads (node has some) would go on to change its memory while it is compared.
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("size", [(80, 24), (132, 40)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_three_pages_down_and_up_again(name: str, size: tuple[int, int]) -> None:
    if name == "node" and shutil.which("node") is None:
        pytest.skip("node is not installed; python and sh show the same")
    with idle(name) as pid, pagelens(pid, "--paused", cols=size[0], rows=size[1]) as terminal:
        terminal.wait_for(counted)
        explored = Explored(pid)
        height = len(page_lines(terminal))
        explored.show(0, height)
        check(terminal, explored)
        for _ in range(3):
            terminal.send("pagedown")
            explored.scroll(height)
            check(terminal, explored)
        assert walked(pid, height) == explored.counted, "the command counts the same for the same lookups"
        for _ in range(3):
            terminal.send("pageup")
            explored.scroll(-height)
            check(terminal, explored)
        terminal.send("end")
        explored.show(explored.row_count - height, height)
        check(terminal, explored)
        terminal.send("q")
        assert terminal.wait_exit() == 0


def walked(pid: int, rows: int) -> Counted:
    """What `pagelens cache` counts for three pages down."""
    done = run("cache", pid, "--policy", "blocks", "--walk", "page-down", "--rows", rows, "--steps", 3, "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    names = ("lookups", "hits", "misses", "fills", "preads", "entries_read", "entries_used")
    return Counted(**{name: answer[name] for name in names})


def test_pid_1() -> None:
    try:
        os.close(os.open("/proc/1/pagemap", os.O_RDONLY))
        explored = Explored(1)
    except OSError:
        with pagelens(1) as terminal:
            assert terminal.wait_exit() == 1
            assert re.fullmatch(
                r"pagelens: cannot read the memory of process 1: permission denied.*; .+", one_line(terminal)
            )
        return
    with pagelens(1, "--paused") as terminal:
        terminal.wait_for(counted)
        explored.show(0, len(page_lines(terminal)))
        # It lives on: what it holds where may change at any time, what was looked up may not.
        terminal.wait_for(lambda t: counted(t) == explored.counted)


def one_line(terminal: Terminal) -> str:
    """All that was written, the lines that the terminal broke put together."""
    return "".join(terminal.screen).strip()


def driven(terminal: Terminal) -> int:
    """The address of the page list's row under the cursor, the one on another background."""
    place = terminal.find("win address")
    assert place is not None
    left, top = place
    end = next(y for y, line in enumerate(terminal.screen) if line[left:].startswith("Cache "))
    shades = [terminal.cell(left + 5, y).bg for y in range(top + 1, end)]
    y = top + 1 + next(i for i, shade in enumerate(shades) if shades.count(shade) == 1)
    return int(terminal.screen[y][left + 4 : left + 18], 16)


def step_down(terminal: Terminal) -> None:
    """Press down, and wait until the cursor has moved."""
    before = driven(terminal)
    terminal.send("down")
    terminal.wait_for(lambda t: driven(t) != before)


@pytest.mark.skipif(not have_strace, reason="strace is not installed; a test in memory counts the same reads")
def test_within_a_window_nothing_is_read_and_crossing_costs_one_pread() -> None:
    with Target.spawn() as target:
        area = target.do("written", pages=3 * BLOCK // PAGE)
        border = (area.start // BLOCK + 2) * BLOCK
        with pagelens(target.pid, "--paused") as terminal:
            terminal.wait_for(counted)
            height = len(page_lines(terminal))
            ask(terminal, "g", f"{border - 2 * height * PAGE:#x}")
            last = border - PAGE
            with Strace(terminal.pid) as trace:
                while page_rows(terminal)[-1].address < last:
                    step_down(terminal)
                terminal.send("pageup")
                terminal.wait_for(lambda t: page_rows(t)[-1].address == last - height * PAGE)
                terminal.send("pagedown")
                terminal.wait_for(lambda t: page_rows(t)[-1].address == last)
            assert trace.reads == []
            assert page_rows(terminal)[-1].gutter == "┗━"
            before = counted(terminal)
            assert before is not None
            with Strace(terminal.pid) as trace:
                terminal.send("down")
                terminal.wait_for(lambda t: page_rows(t)[-1].address == border)
            assert [(read.pid, read.offset) for read in trace.reads] == [(target.pid, border // PAGE * 8)]
            row = page_rows(terminal)[-1]
            assert (row.gutter, row.mark) == ("┏━", "●")
            after = counted(terminal)
            assert after is not None
            assert (after.preads, after.lookups) == (before.preads + 1, before.lookups + 1)
            with Strace(terminal.pid) as trace:
                terminal.send("pageup")
                terminal.wait_for(lambda t: page_rows(t)[-1].address == border - height * PAGE)
                terminal.send("pagedown")
                terminal.wait_for(lambda t: page_rows(t)[-1].address == border)
            assert trace.reads == [], "both windows are held"


def test_the_live_refresh_shows_what_changes() -> None:
    with Target.spawn() as target:
        area = target.do("untouched", pages=64)
        with pagelens(target.pid, "--interval", "0.1") as terminal:
            terminal.wait_for(counted)
            ask(terminal, "g", f"{area.start:x}")
            terminal.wait_for(re.compile(rf"{area.page(2):#x} · absent"))
            before = counted(terminal)
            target.do("write", start=area.page(2), end=area.page(3))
            terminal.wait_for(re.compile(rf"{area.page(2):#x} ■ anonymous"))
            terminal.wait_for(re.compile(r"refreshes [1-9]"))
            assert counted(terminal) == before, "a refresh is no lookup"
            terminal.send("space")
            terminal.wait_for("paused")
