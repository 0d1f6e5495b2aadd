"""Processes: the list, who they are, whether they live, and why one cannot be read.

Sources: proc_pid_stat(5), proc_pid_status(5), fs/proc/array.c. The list itself is psutil's; what psutil answers
only at a high price (swap, from smaps) or not at all (kernel thread, access to pagemap) is read here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pagemap.errors import (
    AccessDeniedError,
    NoSuchProcessError,
    PagelensError,
    UnsupportedSystemError,
    UsageError,
    from_oserror,
    why_denied,
)
from pagemap.source import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

_PF_KTHREAD: Final = 0x00200000
"""include/linux/sched.h: the task is a kernel thread."""
_PF_EXITING: Final = 0x00000004
"""include/linux/sched.h: the task is getting shut down."""

_PID_DIGITS: Final = 10
"""A PID is a C int; the kernel's own limit, 4,194,304, is lower."""

KERNEL_THREAD: Final = "kernel thread: it has no user memory"
ZOMBIE: Final = "zombie: it has exited and has no memory, its parent has not yet collected it"


class Stat(NamedTuple):
    """What pagelens needs of /proc/PID/stat."""

    name: str
    state: str
    ppid: int
    kernel_thread: bool
    start_time: int
    """Clock ticks from boot."""
    exiting: bool
    """It has begun to exit: its address space goes before it becomes a zombie."""

    @property
    def memoryless(self) -> str:
        """Why the task has no user memory, or an empty string."""
        if self.kernel_thread:
            return KERNEL_THREAD
        return ZOMBIE if self.state in "ZX" else ""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process of the list.

    Attributes:
        pid: Process ID.
        ppid: Its parent's.
        user: Name of its user, or the number where that has no name.
        name: Its name. Never trusted.
        cmdline: Its arguments joined by spaces; empty for kernel threads. Never trusted.
        rss: Resident bytes; None where unknown.
        swap: Swapped bytes (VmSwap, which leaves out shared memory); None where unknown.
        readable: Whether this user can read its pagemap.
        reason: Why not, or an empty string.
        start_time: Clock ticks from boot to its start.
    """

    pid: int
    ppid: int
    user: str
    name: str
    cmdline: str
    rss: int | None
    swap: int | None
    readable: bool
    reason: str
    start_time: int = 0

    def as_json(self) -> dict[str, Any]:
        """The fields of `pagelens ps --json`."""
        return {
            "pid": self.pid,
            "ppid": self.ppid,
            "user": self.user,
            "name": self.name,
            "cmdline": self.cmdline,
            "rss": self.rss,
            "swap": self.swap,
            "readable": self.readable,
            "reason": self.reason or None,
        }


def check_system() -> None:
    """Make sure that there is a pagemap here at all.

    Raises:
        UnsupportedSystemError: Not Linux, or /proc is not mounted, or the kernel has no pagemap.
    """
    if os.uname().sysname != "Linux":
        raise UnsupportedSystemError("pagelens works on Linux only", f"this is {os.uname().sysname}")
    if not os.path.exists("/proc/self/stat"):
        raise UnsupportedSystemError("no /proc here", "it is not mounted", "as root: mount -t proc proc /proc")
    if not os.path.exists("/proc/self/pagemap"):
        raise UnsupportedSystemError("no /proc/PID/pagemap here", "the kernel lacks CONFIG_PROC_PAGE_MONITOR")


def read_stat(pid: int, dir_fd: int | None = None) -> Stat:
    """Read a process's stat line.

    Args:
        pid: The process.
        dir_fd: A descriptor of its /proc directory; by it a reused PID is never mistaken for the process.

    Raises:
        NoSuchProcessError: It is not there.
    """
    path = f"/proc/{pid}/stat" if dir_fd is None else "stat"
    try:
        fd = os.open(path, os.O_RDONLY, dir_fd=dir_fd)
    except OSError as exc:
        raise from_oserror(exc, pid, "read the state of") from exc
    try:
        text = os.read(fd, 4096)
    except OSError as exc:
        raise from_oserror(exc, pid, "read the state of") from exc
    finally:
        os.close(fd)
    # The name stands in parentheses and may hold any byte, also parentheses and spaces.
    head, _, tail = text.rpartition(b")")
    fields = tail.split()
    return Stat(
        name=os.fsdecode(head[head.index(b"(") + 1 :]),
        state=fields[0].decode("ascii"),
        ppid=int(fields[1]),
        kernel_thread=bool(int(fields[6]) & _PF_KTHREAD),
        start_time=int(fields[19]),
        exiting=bool(int(fields[6]) & _PF_EXITING),
    )


def identify(pid: int, dir_fd: int | None = None) -> Identity:
    """Which process has this PID now.

    Raises:
        NoSuchProcessError: None.
    """
    stat = read_stat(pid, dir_fd)
    return Identity(pid, stat.start_time, stat.name)


def owner(pid: int) -> str:
    """The name of the user a process belongs to; empty where it cannot be told."""
    try:
        # The directory's owner: what is in it belongs to root where the process is not dumpable (fs/proc/base.c).
        return user_name(os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return ""


def user_name(uid: int) -> str:
    """The name of a user, or its number where it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def why_unreadable(pid: int) -> str:
    """Why this user cannot read a process's pagemap; empty if it can. Opens it, reads nothing, changes nothing."""
    try:
        stat = read_stat(pid)
        if stat.memoryless:
            return stat.memoryless
        os.close(os.open(f"/proc/{pid}/pagemap", os.O_RDONLY))
    except PagelensError as exc:
        # With hidepid not even the state of another user's process can be read.
        error = exc
    except OSError as exc:
        error = from_oserror(exc, pid, "read")
    else:
        return ""
    if isinstance(error, NoSuchProcessError):
        return "it has ended"
    return why_denied(owner(pid))[0] if isinstance(error, AccessDeniedError) else error.why or error.what


def list_processes() -> Iterator[ProcessInfo]:
    """Every process, by PID, each read as it is reached; those that end meanwhile are left out."""
    import psutil

    check_system()
    for pid in psutil.pids():
        info = describe(pid)
        if info is not None:
            yield info


def describe(pid: int) -> ProcessInfo | None:
    """What the list says of one process, or None if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            try:
                user = process.username()
            except KeyError:
                user = str(process.uids().real)
            name = process.name()
            cmdline = " ".join(process.cmdline())
            rss = process.memory_info().rss
        stat = read_stat(pid)
    except (psutil.NoSuchProcess, psutil.ZombieProcess, NoSuchProcessError):
        return _describe_zombie(pid)
    except psutil.AccessDenied:
        return None
    reason = why_unreadable(pid)
    swap = 0 if stat.memoryless else _swap(pid)
    return ProcessInfo(pid, stat.ppid, user, name, cmdline, rss, swap, not reason, reason, stat.start_time)


def _describe_zombie(pid: int) -> ProcessInfo | None:
    """A zombie, for which psutil gives up on the command line."""
    try:
        stat = read_stat(pid)
    except NoSuchProcessError:
        return None
    reason = why_unreadable(pid)
    return ProcessInfo(pid, stat.ppid, owner(pid), stat.name, "", 0, 0, not reason, reason, stat.start_time)


def _swap(pid: int) -> int | None:
    """Swapped bytes of a process (VmSwap of /proc/PID/status), or None."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmSwap:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def find_process(text: str) -> int:
    """The PID that a person means: a number, or the name of exactly one process.

    Raises:
        NoSuchProcessError: No process has this PID or name.
        UsageError: Several have this name.
    """
    check_system()
    # More digits than any PID has are a name: Python and the kernel would each refuse the number in their own way.
    if text.isascii() and text.isdigit() and len(text) <= _PID_DIGITS:
        pid = int(text)
        read_stat(pid)
        return pid
    matches = [info for info in list_processes() if info.name == text and info.pid != os.getpid()]
    if not matches:
        raise NoSuchProcessError(f"no such process: {text!r}", "no process has this name", "`pagelens ps` lists them")
    if len(matches) > 1:
        pids = ", ".join(str(info.pid) for info in matches[:8])
        raise UsageError(f"several processes are named {text!r}", f"PIDs {pids}", "name one by its PID")
    return matches[0].pid
