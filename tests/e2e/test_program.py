"""The explorer as a program in a terminal: how it begins, looks, bears hostile targets, and ends."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.running import ask, colours, counted, page_lines, page_rows, pagelens, run
from tests.explorer.expected import Explored
from tests.kit.kernel import kernel_thread, stat
from tests.kit.launch import CAP_SYS_ADMIN
from tests.kit.system import missing, needs_root
from tests.kit.targets import NOBODY, Target
from tests.kit.terminal import Terminal

pytestmark = pytest.mark.e2e

HIDDEN = "PFN hidden: needs CAP_SYS_ADMIN"
# Full screen, mouse in every form, bracketed paste, focus events; 25, the cursor, must be on again.
TAKEN = {1049, 1000, 1002, 1003, 1006, 1015, 2004, 1004}


def choose_process(terminal: Terminal, pid: int) -> None:
    """Filter the process list, which has the focus, down to one, and open that."""
    name = stat(pid)[1].decode(errors="replace")
    terminal.wait_for(lambda t: "reading the process list" not in t.text)
    ask(terminal, "/", f"{pid} {name}" if name.isalnum() else f"{pid} target_main")
    terminal.wait_for(lambda t: listed(t) == [str(pid)])
    terminal.send("enter")


def listed(terminal: Terminal) -> list[str]:
    """The PIDs in the process list, which stands at the left."""
    found = []
    for line in terminal.screen[2:]:
        if line.startswith("win address") or not (pid := re.match(r" *(\d+) ", line)):
            break
        found.append(pid[1])
    return found


def test_begins_with_the_processes_and_quits_clean(target: Target) -> None:
    with pagelens() as terminal:
        terminal.wait_for("pagelens: choose a process and press enter")
        assert "no process chosen" in terminal.text
        terminal.wait_for(re.compile(r"^ *\d+ \S", re.MULTILINE))
        choose_process(terminal, target.pid)
        terminal.wait_for(counted)
        terminal.wait_for(f"pagelens  {target.pid} ")
        terminal.send("q")
        assert terminal.wait_exit() == 0
        assert not terminal.modes & TAKEN
        assert 25 in terminal.modes
        assert "Traceback" not in terminal.raw.decode(errors="replace")


@pytest.mark.parametrize("key", ["ctrl+q"])
def test_other_ways_to_quit(target: Target, key: str) -> None:
    with pagelens(target.pid) as terminal:
        terminal.wait_for(counted)
        terminal.send(key)
        assert terminal.wait_exit() == 0
        assert not terminal.modes & TAKEN


def test_a_click_opens_a_process(target: Target) -> None:
    with pagelens(cols=132, rows=40) as terminal:
        terminal.wait_for(lambda t: "reading the process list" not in t.text)
        ask(terminal, "/", f"{target.pid} target_main")
        terminal.wait_for(lambda t: listed(t) == [str(target.pid)])
        terminal.click(4, 2)
        terminal.wait_for(f"pagelens  {target.pid} ")
        terminal.wait_for(counted)
        place = terminal.find("win address")
        assert place is not None
        terminal.wheel(place[0] + 5, place[1] + 3, 2)
        explored = Explored(target.pid)
        height = len(page_lines(terminal))
        for top in (0, 3, 6):
            explored.show(top, height)
        terminal.wait_for(lambda t: counted(t) == explored.counted)
        assert page_rows(terminal) == explored.rows()


def test_sizes(target: Target) -> None:
    with pagelens(target.pid, "--paused") as terminal:
        terminal.wait_for(counted)
        height = len(page_lines(terminal))
        assert height >= 6
        assert len(terminal.screen) == 24
        terminal.resize(60, 20)
        terminal.wait_for("pagelens needs 80×24; this is 60×20")
        assert "lookups" not in terminal.text
        terminal.send("pagedown", "tab")
        terminal.resize(80, 24)
        terminal.wait_for(lambda t: counted(t) and len(page_lines(t)) == height)
        explored = Explored(target.pid)
        assert page_rows(terminal)[0].address == explored.maps[0].start
        for size in ((250, 70), (100, 30), (80, 24)):
            terminal.resize(*size)
            terminal.wait_for(lambda t: t.text.rstrip().endswith("quit") and counted(t) is not None)
        terminal.wait_for(lambda t: len(page_lines(t)) == height)
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_too_small_from_the_start(target: Target) -> None:
    with pagelens(target.pid, cols=40, rows=10) as terminal:
        terminal.wait_for("pagelens needs 80×24; this is 40×10")
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_light_theme(target: Target) -> None:
    def brightness(t: Terminal) -> int:
        place = t.find("absent") or t.find("file") or t.find("anonymous")
        assert place is not None
        return int(t.cell(place[0], place[1]).bg[:2], 16)

    with pagelens(target.pid, "--theme", "light", "--paused") as terminal:
        terminal.wait_for(counted)
        assert brightness(terminal) > 0xA0
        terminal.send("t")
        terminal.wait_for(lambda t: brightness(t) < 0x60)
        terminal.send("t")
        terminal.wait_for(lambda t: brightness(t) > 0xA0)


def test_without_colour(target: Target) -> None:
    with pagelens(target.pid, "--paused", env={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for(counted)
        terminal.send("pagedown", "tab", "tab", "p")
        terminal.wait_for("Cache policy")
        terminal.send("escape", "?")
        terminal.wait_for("a process's memory, page by page")
        terminal.send("escape", "/")
        terminal.wait_for(re.compile("show (processes|VMAs)"))
        terminal.send("escape")
        terminal.wait_for(lambda t: "quit" in t.text)
        # The cursor's row is told from the others, and a heading that has the focus from one that has not.
        place = terminal.find("win address")
        assert place is not None
        styles = {(terminal.cell(20, y).reverse, terminal.cell(20, y).underscore) for y in range(place[1], 17)}
        assert len(styles) > 1
        terminal.send("q")
        assert terminal.wait_exit() == 0
        assert colours(bytes(terminal.raw)) == set()


class TestRefused:
    """Processes that cannot be opened from the command line: one line, and no screen taken over."""

    @staticmethod
    def ends(terminal: Terminal, pattern: str, status: int = 1) -> None:
        assert terminal.wait_exit() == status
        said = "".join(line.rstrip() + " " for line in terminal.text.splitlines()).strip()
        assert re.fullmatch(pattern, said), said
        assert b"\x1b" not in terminal.raw
        assert terminal.raw.count(b"\n") == 1

    def test_no_such_pid(self, target: Target) -> None:
        child = target.do("fork").pid
        target.do("release", pid=child)
        with pagelens(child, cols=200) as terminal:
            self.ends(terminal, rf"pagelens: no such process: {child}: it has ended or never was; .*ps.*")

    def test_no_such_name(self) -> None:
        with pagelens("no/such name\x1b[31m", cols=200) as terminal:
            self.ends(terminal, r"pagelens: no such process: 'no/such name\\+x1b\[31m': .*")

    def test_zombie(self, target: Target) -> None:
        with pagelens(target.do("zombie").pid, cols=200) as terminal:
            self.ends(terminal, r"pagelens: cannot look at process \d+: zombie: it has exited .*")

    def test_kernel_thread(self) -> None:
        thread = kernel_thread()
        if thread is None:
            missing("no kernel thread is visible here")
        with pagelens(thread, cols=200) as terminal:
            self.ends(terminal, rf"pagelens: cannot look at process {thread}: kernel thread: it has no user memory")

    def test_unknown_policy(self, target: Target) -> None:
        with pagelens(target.pid, "--policy", "nosuch", cols=200) as terminal:
            self.ends(terminal, r"pagelens: no such cache policy: nosuch; the policies are blocks.*", status=2)

    @needs_root
    def test_another_users(self, target: Target) -> None:
        with pagelens(target.pid, cols=200, uid=NOBODY) as terminal:
            self.ends(terminal, rf"pagelens: cannot read the memory of process {target.pid}: permission denied.*root.*")


@needs_root
class TestRights:
    """With fewer rights than root's."""

    def test_ones_own_process(self) -> None:
        with Target.spawn(uid=NOBODY) as target:
            target.do("written", pages=8)
            with pagelens(target.pid, "--paused", uid=NOBODY) as terminal:
                self.browse(terminal, target)

    def test_root_without_cap_sys_admin(self, target: Target) -> None:
        target.do("written", pages=8)
        with pagelens(target.pid, "--paused", without=[CAP_SYS_ADMIN]) as terminal:
            self.browse(terminal, target)

    @staticmethod
    def browse(terminal: Terminal, target: Target) -> None:
        terminal.wait_for(counted)
        terminal.wait_for(lambda t: HIDDEN in t.screen[0])
        explored = Explored(target.pid, pfn_visible=False)
        height = len(page_lines(terminal))
        explored.show(0, height)
        for _ in range(3):
            terminal.send("pagedown")
            explored.scroll(height)
            terminal.wait_for(lambda t: counted(t) == explored.counted)
            assert page_rows(terminal) == explored.rows()
        assert "PFN hidden" in {row.frame for row in page_rows(terminal)} | {"PFN hidden"}

    def test_others_are_dimmed_with_the_reason(self, target: Target) -> None:
        with pagelens(uid=NOBODY, cols=132, rows=40) as terminal:
            terminal.wait_for(lambda t: "reading the process list" not in t.text)
            ask(terminal, "/", f"{target.pid} target_main")
            terminal.wait_for(re.compile(rf"^ *{target.pid} root .*permission denied", re.MULTILINE))
            terminal.send("enter")
            terminal.wait_for(re.compile(rf"cannot read the memory of process {target.pid}: permission denied"))
            assert "it belongs to root" in " ".join(terminal.text.split())
            assert "no process chosen" in terminal.text
            terminal.send("escape")
            terminal.wait_for(lambda t: "cannot read" not in t.text)


class TestTheTargetEnds:
    """While it is looked at."""

    def test_killed(self, target: Target) -> None:
        area = target.do("written", pages=64)
        with pagelens(target.pid, "--interval", "0.1") as terminal:
            terminal.wait_for(counted)
            ask(terminal, "g", f"{area.start:x}")
            terminal.wait_for(f"{area.page(1):#x} ■ anonymous")
            rows = {row.address: row.word for row in page_rows(terminal)}
            target.kill()
            # For a moment it is a zombie, until it is reaped.
            terminal.wait_for(re.compile(rf"process {target.pid} has exited( and is a zombie)?; the last view is kept"))
            terminal.wait_for("target gone")
            kept = {row.address: row.word for row in page_rows(terminal)}
            assert len(kept) >= 6
            assert kept.items() <= rows.items()
            terminal.send("pagedown", "o")
            terminal.wait_for(f"no such process: {target.pid}")
            terminal.send("q")
            assert terminal.wait_exit() == 0

    def test_exec(self, target: Target) -> None:
        with pagelens(target.pid, "--interval", "0.1") as terminal:
            terminal.wait_for(counted)
            target.exec("/bin/cat")
            terminal.wait_for(f"process {target.pid} has become another program (exec): now cat;")
            terminal.send("o")
            terminal.wait_for(lambda t: "has become" not in t.text)
            terminal.wait_for(f"pagelens  {target.pid} cat ")
            terminal.wait_for(lambda t: page_rows(t)[1].word is not None)

    def test_zombie(self, target: Target) -> None:
        with pagelens(target.pid, "--interval", "0.1") as terminal:
            terminal.wait_for(counted)
            target.exit(reap=False)
            terminal.wait_for(f"process {target.pid} has exited and is a zombie;")

    def test_what_has_no_memory_is_named_in_the_list(self, target: Target) -> None:
        zombie = target.do("zombie").pid
        with pagelens() as terminal:
            choose_process(terminal, zombie)
            terminal.wait_for(f"cannot look at process {zombie}: zombie")
            thread = kernel_thread()
            if thread is None:
                missing("no kernel thread is visible here")
            terminal.send("escape")
            terminal.wait_for(lambda t: "cannot look" not in t.text)
            choose_process(terminal, thread)
            terminal.wait_for(f"cannot look at process {thread}: kernel thread")


class TestHostile:
    """No string of a target's is trusted."""

    EVIL = b"\x1b]0;owned\x07\x1b[31m[/][@click=app.quit]\xff\n"

    def test_names_never_reach_the_terminal(self) -> None:
        with Target.spawn(args=[self.EVIL, b"[/bold]", b"\x9b31m", "\u202ertl".encode()]) as target:
            target.do("set_name", name=b"\x1b[7m[/]\xff\n\x07")
            target.do("memfd", name="\x1b[7m[/b][@click=app.quit]\n\u202e")
            with pagelens(cols=200, rows=40) as terminal:
                choose_process(terminal, target.pid)
                terminal.wait_for(rf"pagelens  {target.pid} \x1b[7m[/]\xff\x0a\x07")
                terminal.wait_for(counted)
                ask(terminal, "g", "memfd:")
                terminal.wait_for(r"/memfd:\x1b[7m[/b][@click=app.quit]\012\u202e")
                for line, text in enumerate(terminal.screen):
                    if "memfd" in text:
                        terminal.click(text.index("memfd") + 20, line)
                terminal.send("tab", "tab", "pagedown", "end", "home")
                target.kill()
                terminal.wait_for(f"process {target.pid} has exited")
                terminal.send("q")
                assert terminal.wait_exit() == 0
                raw = bytes(terminal.raw)
            for piece in (b"\x1b]0;owned", b"\x1b[7m[/", b"\x9b", "\u202e".encode(), b"\xff"):
                assert piece not in raw

    def test_an_executable_with_a_hostile_path(self, tmp_disk: Path) -> None:
        path = os.path.join(os.fsencode(tmp_disk), b"\x1b[31m[red]\xfe\n.so")
        shutil.copy(b"/bin/cat", path)
        os.chmod(path, 0o755)
        with subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"x\n")
            process.stdin.flush()
            process.stdout.readline()
            with pagelens(process.pid, cols=200, rows=40) as terminal:
                terminal.wait_for(re.compile(r"\\x1b\[31m\[red\]\\xfe\\012\.so"))
                terminal.send("q")
                assert terminal.wait_exit() == 0
                assert b"\x1b[31m[red]" not in terminal.raw
                assert b"\xfe" not in terminal.raw
            process.kill()


def test_into_a_pipe_it_refuses_in_words(target: Target) -> None:
    done = run(target.pid)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert done.stdout == ""
