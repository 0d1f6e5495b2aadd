"""The kit's terminal, launcher and counters do what they say."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.kit import keys
from tests.kit.kernel import PAGE, pfn, raw_entries
from tests.kit.launch import CAP_SYS_ADMIN, run
from tests.kit.syscalls import PagemapReads, Strace, ThreadReads, have_strace, strace
from tests.kit.system import needs_root
from tests.kit.targets import NOBODY, Target
from tests.kit.terminal import Terminal

ECHO = """
import os, sys, tty
tty.setraw(0)
print("ready", os.get_terminal_size().columns, end="\\r\\n", flush=True)
while (data := os.read(0, 100)) != b"q":
    print(repr(data), end="\\r\\n", flush=True)
sys.exit(7)
"""
APP = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    BINDINGS = [("q", "quit", "")]
    def compose(self):
        yield Static("nobody yet", markup=False)
    def on_key(self, event):
        self.query_one(Static).update(f"key {event.key}")
    def on_click(self, event):
        self.query_one(Static).update(f"click {event.screen_x} {event.screen_y}")
    def on_resize(self, event):
        self.sub_title = self.query_one(Static).update(f"size {event.size.width} {event.size.height}")
Hello().run()
"""


def echo(**options: object) -> Terminal:
    """A terminal with a program that shows what it receives."""
    return Terminal.start([sys.executable, "-c", ECHO], **options)  # type: ignore[arg-type]  # passed on as they are


class TestTerminal:
    """Programs in a pseudo-terminal."""

    def test_screen_keys_and_exit(self) -> None:
        """Output arrives on the screen, keys at the program, and its exit status is known."""
        with echo(cols=50) as terminal:
            terminal.wait_for("ready 50")
            terminal.send("down", "x", "ctrl+c")
            terminal.wait_for(r"\x03")
            assert r"\x1b[B" in terminal.text
            assert terminal.find("ready") == (0, 0)
            assert len(terminal.screen) == 24
            assert {len(line) for line in terminal.screen} == {50}
            assert terminal.exit_code is None
            terminal.send("q")
            assert terminal.wait_exit() == 7
            assert terminal.exit_code == 7

    def test_the_screen_is_shown_when_a_wait_fails(self) -> None:
        """A wait that fails says for what it was, and what there was instead."""
        with echo() as terminal:
            terminal.wait_for(re.compile(r"ready \d+"))
            with pytest.raises(AssertionError, match=r"(?s)'never'.*did not.*ready 80"):
                terminal.wait_for("never", timeout=0)
            terminal.send("q")
            with pytest.raises(AssertionError, match="ended with 7"):
                terminal.wait_for("never")

    def test_killed(self) -> None:
        """The end of a program by a signal is a negative status."""
        with echo() as terminal:
            terminal.wait_for("ready")
            os.kill(terminal.pid, signal.SIGTERM)
            assert terminal.wait_exit() == -signal.SIGTERM

    def test_sequences_in_pieces(self) -> None:
        """Sequences that pyte does not know, broken-off ones and lone escapes leave the screen clean."""
        script = r"""
import os, sys, tty
tty.setraw(0)  # or the terminal would echo the answer to what looks like a query
for piece in (b"a\x1b", b"[>1ub\x1b]2;tit", b"le\x07c\x1bP+q\x1b\\d\x1b[?1$p", b"\x1b\x1b[1me\x1b[<u", b"\x1b[?2026hf"):
    os.write(1, piece)
os.write(1, b"\x1b[?2026l")
"""
        with Terminal.start([sys.executable, "-c", script]) as terminal:
            terminal.wait_frame()
            assert terminal.text.rstrip() == "abcdef"
            assert terminal.cell(4, 0).bold
            assert not terminal.cell(3, 0).bold
            assert terminal.frames == 1
            assert terminal.raw.endswith(b"\x1b[?2026l")

    @pytest.mark.parametrize("uid", [None, pytest.param(NOBODY, marks=needs_root)])
    def test_textual(self, uid: int | None) -> None:
        """A Textual program marks its frames; keys, mouse and a new size reach it; it leaves the terminal clean."""
        with Terminal.start([sys.executable, "-c", APP], uid=uid) as terminal:
            terminal.wait_for("size 80 24")
            assert {1049, 1000} <= terminal.modes
            for name in ("down", "pageup", "escape", "f5", "ctrl+home", "shift+tab"):
                terminal.send(name)
                terminal.wait_for(f"key {name}")
            terminal.click(3, 0)
            terminal.wait_for("click 3 0")
            terminal.resize(100, 30)
            terminal.wait_for("size 100 30")
            before = terminal.frames
            terminal.send("y")
            terminal.wait_frame()
            assert terminal.frames > before
            terminal.send("q")
            assert terminal.wait_exit() == 0
            assert 1049 not in terminal.modes
            assert 1000 not in terminal.modes

    def test_keys(self) -> None:
        """What the keys are, and that an unknown one is an error."""
        assert keys.key("up", application=True) == "\x1bOA"
        assert keys.key("ctrl+shift+end") == "\x1b[1;6F"
        assert keys.key("ctrl+p") == "\x10"
        with pytest.raises(KeyError):
            keys.key("pgdn")


class TestLaunch:
    """Programs with fewer rights."""

    def test_plain(self) -> None:
        """Output and exit status come back; a program that is not there is told."""
        done = run([sys.executable, "-c", r"import sys; sys.stdout.buffer.write(b'\xff'); sys.exit('no')"])
        assert (done.stdout, done.stderr, done.returncode) == ("\udcff", "no\n", 1)
        done = run(["no-such-program"])
        assert done.returncode == 1
        assert "no-such-program" in done.stderr

    @needs_root
    def test_user(self, target: Target) -> None:
        """Another user's program runs, with the environment's packages, and cannot read what root owns."""
        script = (
            "import os, textual, tests.kit; print(os.getresuid(), os.getgroups());"
            f"print(os.access('/proc/{target.pid}/pagemap', os.R_OK)); print(len(open('/proc/self/maps').read()) > 0);"
            "print(os.pread(os.open('/proc/self/pagemap', 0), 8, id(os) // 4096 * 8)[:6])"
        )
        done = run([sys.executable, "-c", script], uid=NOBODY)
        expected = f"({NOBODY}, {NOBODY}, {NOBODY}) []\nFalse\nTrue\n{bytes(6)!r}\n"
        assert (done.stdout, done.stderr) == (expected, "")

    @needs_root
    def test_without_a_capability(self, target: Target) -> None:
        """Root without CAP_SYS_ADMIN reads every pagemap, and sees no PFN."""
        area = target.do("written", pages=1)
        assert pfn(raw_entries(target.pid, area.start, area.end)[0]) > 0
        script = f"from tests.kit.kernel import *; print(raw_entries({target.pid}, {area.start}, {area.end}))"
        done = run([sys.executable, "-c", script], without=[CAP_SYS_ADMIN])
        assert done.stdout == f"[{0x8100 << 48}]\n"


class TestSyscalls:
    """Counting reads."""

    def test_in_process(self, target: Target, tmp_path: Path) -> None:
        """Reads of a pagemap are recorded with their place; other reads only the kernel counts."""
        (tmp_path / "other").write_bytes(b"other")
        area = target.do("written")
        other = os.open(tmp_path / "other", os.O_RDONLY)
        own = os.open("/proc/self/pagemap", os.O_RDONLY)
        with ThreadReads() as all_reads, PagemapReads() as reads:
            assert os.pread(other, 5, 0) == b"other"
            entries = raw_entries(target.pid, area.start, area.end)
            os.preadv(own, [bytearray(8)], 16)
            with pytest.raises(OSError, match="Invalid argument"):
                os.pread(own, 3, 0)
        os.close(other)
        os.close(own)
        found = [(read.call, read.pid, read.offset, read.got) for read in reads.reads]
        assert found == [
            ("pread", target.pid, area.start // PAGE * 8, len(entries) * 8),
            ("preadv", os.getpid(), 16, 8),
            ("pread", os.getpid(), 0, -1),
        ]
        assert (reads.calls, reads.bytes) == (3, len(entries) * 8 + 8)
        assert all_reads.calls == 4

    def test_nothing_read_is_nothing_counted(self) -> None:
        """The count takes no account of itself."""
        with ThreadReads() as reads:
            pass
        assert reads.calls == 0

    @pytest.mark.skipif(not have_strace, reason="strace is not installed; what it shows, the others show as well")
    def test_strace(self, target: Target) -> None:
        """Another program's pagemap reads, from its start or attached to."""
        area = target.do("written")
        script = f"from tests.kit.kernel import *; print(len(raw_entries({target.pid}, {area.start}, {area.end})))"
        done, reads = strace([sys.executable, "-c", script])
        assert done.stdout == "16\n"
        place = (target.pid, area.start // PAGE * 8, 128)
        assert [(read.pid, read.offset, read.got) for read in reads] == [place]
        with Strace(target.pid) as attached:
            target.do("fork")
        assert attached.reads == []
