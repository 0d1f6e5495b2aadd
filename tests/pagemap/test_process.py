"""Processes: who they are, whether they live, and why one cannot be read; on real ones."""

import os
import pwd
import sys
from collections.abc import Iterator

import pytest

from pagemap.errors import NoSuchProcessError, PagelensError, UsageError
from pagemap.process import (
    KERNEL_THREAD,
    ZOMBIE,
    describe,
    find_process,
    identify,
    list_processes,
    read_stat,
    user_name,
    why_unreadable,
)
from tests.kit import kernel, launch
from tests.kit.targets import NOBODY, Target

HOSTILE = [
    b"",
    b"a b",
    b"(x)",
    b") R 1 2 (",
    b"a\nb",
    b"\xff\xfe",
    b"\x1b[31mred",
    b"[red]x[/]",
    "наме".encode(),
    b"exactly15bytes!",
]


def gone() -> int:
    """A PID that no process has: of one that has just been reaped."""
    with Target.spawn() as target:
        target.exit()
        return target.pid


@pytest.fixture(scope="module")
def child() -> Iterator[Target]:
    with Target.spawn(args=["one", b"\xff", "two words"]) as target:
        yield target


def test_a_process_is_its_pid_and_its_start_time(child: Target) -> None:
    identity = identify(child.pid)
    assert (identity.pid, identity.start_time) == (child.pid, kernel.start_time(child.pid))
    assert identity == identify(child.pid)
    stat = read_stat(child.pid)
    assert (stat.ppid, stat.kernel_thread, stat.memoryless) == (os.getpid(), False, "")
    assert stat.state in "SR"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_taken_as_it_is(child: Target, name: bytes) -> None:
    child.do("set_name", name=name)
    stat = read_stat(child.pid)
    assert os.fsencode(stat.name) == name
    assert (stat.ppid, stat.start_time) == (os.getpid(), kernel.start_time(child.pid))
    info = describe(child.pid)
    assert info is not None
    assert os.fsencode(info.name).startswith(name)
    assert info.readable


def test_a_process_is_described_as_the_kernel_describes_it(child: Target) -> None:
    child.do("written", pages=300)
    info = describe(child.pid)
    assert info is not None
    assert (info.pid, info.ppid, info.swap, info.readable, info.reason) == (child.pid, os.getpid(), 0, True, "")
    assert info.user == pwd.getpwuid(os.geteuid()).pw_name
    assert info.start_time == kernel.start_time(child.pid)
    assert os.fsencode(info.cmdline).endswith(b" one \xff two words")
    # The same pages as smaps counts, but for what per-CPU counters still hold.
    rss = sum(vma["Rss"] for vma in kernel.smaps(child.pid))
    assert info.rss is not None
    assert abs(info.rss - rss) < 1 << 20
    assert info.as_json()["reason"] is None


def test_swapped_pages_are_told(swap: object, target: Target) -> None:
    area = target.do("swapped", pages=64)
    info = describe(target.pid)
    assert info is not None
    assert info.swap is not None
    assert info.swap >= area.pages * kernel.PAGE


def test_a_process_that_is_not_there_is_a_named_error() -> None:
    pid = gone()
    for ask in (read_stat, identify, lambda pid: find_process(str(pid))):
        with pytest.raises(NoSuchProcessError, match=f"no such process: {pid}"):
            ask(pid)
    assert describe(pid) is None
    assert why_unreadable(pid) == "it has ended"
    with pytest.raises(NoSuchProcessError):
        find_process("99999999999999999999")


def test_a_zombie_is_listed_and_says_that_it_is_one() -> None:
    with Target.spawn() as target:
        target.do("set_name", name="undead (Z)")
        target.exit(reap=False)
        assert kernel.process_state(target.pid) == "Z"
        info = describe(target.pid)
        assert info is not None
        assert (info.name, info.readable, info.reason, info.swap) == ("undead (Z)", False, ZOMBIE, 0)
        assert info.ppid == os.getpid()


def test_a_kernel_thread_is_listed_and_says_that_it_is_one() -> None:
    pid = kernel.kernel_thread()
    # In a PID namespace there is none to be seen, and none must be in the list.
    listed = {info.pid for info in list_processes() if info.reason == KERNEL_THREAD}
    assert (pid in listed) if pid is not None else not listed
    if pid is not None:
        info = describe(pid)
        assert info is not None
        assert (info.cmdline, info.readable, info.user) == ("", False, "root")


def test_the_list_has_every_process_once_and_in_order(child: Target) -> None:
    listed = [info.pid for info in list_processes()]
    assert listed == sorted(set(listed))
    assert {child.pid, os.getpid(), 1} <= set(listed)


@pytest.mark.needs_root
def test_another_users_process_says_to_whom_it_belongs() -> None:
    with Target.spawn(uid=NOBODY) as target:
        info = describe(target.pid)
        assert info is not None
        assert (info.user, info.readable) == (user_name(NOBODY), True)
    code = (
        "from pagemap.process import describe\n"
        "info = describe(1)\n"
        "print(info.readable, '|', info.reason, '|', info.user, '|', info.swap is not None)"
    )
    done = launch.run([sys.executable, "-c", code], uid=NOBODY)
    assert done.stdout == "False | permission denied: it belongs to root | root | True\n", done.stderr


@pytest.mark.needs_root
def test_with_hidepid_the_reason_is_given_where_not_even_the_state_can_be_read() -> None:
    # A /proc of our own, in a mount namespace of its own: nothing outside changes.
    code = (
        "import ctypes, os\n"
        "from pagemap.process import why_unreadable\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "libc.unshare(0x20000)\n"  # CLONE_NEWNS
        "libc.mount(b'none', b'/', None, 0x44000, None)\n"  # MS_REC | MS_PRIVATE
        "assert not libc.mount(b'proc', b'/proc', b'proc', 0, b'hidepid=1'), ctypes.get_errno()\n"
        f"os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})\n"
        "print(why_unreadable(1))"
    )
    done = launch.run([sys.executable, "-c", code])
    assert done.stdout == "permission denied: it belongs to root\n", done.stderr


@pytest.mark.needs_root
def test_ones_own_process_that_is_not_dumpable_is_not_called_another_users() -> None:
    code = (
        "import ctypes, os\n"
        "from pagemap.errors import AccessDeniedError\n"
        "from pagemap.live import LiveProcess\n"
        "from pagemap.process import describe, owner\n"
        "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"  # PR_SET_DUMPABLE
        "info = describe(os.getpid())\n"
        "print(info.user == owner(os.getpid()), info.readable, info.reason)\n"
        "try:\n    LiveProcess(os.getpid())\n"
        "except AccessDeniedError as error:\n    print(error.remedy)"
    )
    done = launch.run([sys.executable, "-c", code], uid=NOBODY)
    assert done.stdout == (
        "True False permission denied: it has closed its memory (not dumpable)\nrun pagelens as root (CAP_SYS_PTRACE)\n"
    ), done.stderr


def test_a_user_without_a_name_is_a_number() -> None:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    free = next(uid for uid in range(3_000_000_000, 3_000_000_100) if uid not in taken)
    assert user_name(free) == str(free)


def test_a_process_is_found_by_its_pid_or_its_only_name(child: Target) -> None:
    assert find_process(str(child.pid)) == child.pid
    name = f"only-{os.getpid()}"[:15]
    child.do("set_name", name=name)
    assert find_process(name) == child.pid
    with pytest.raises(NoSuchProcessError, match="no process has this name"):
        find_process(name[:-1])
    with Target.spawn() as other:
        other.do("set_name", name=name)
        with pytest.raises(UsageError, match="several processes") as caught:
            find_process(name)
        assert str(child.pid) in str(caught.value)
        assert str(other.pid) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "1.5", "\n", "²", "\udcff", "[/]", "x" * 10_000, "9" * 300, "9" * 5_000]
)
def test_nonsense_is_no_process(text: str) -> None:
    with pytest.raises(PagelensError) as caught:
        find_process(text)
    assert "\n" not in str(caught.value)
