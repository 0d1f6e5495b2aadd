"""Named errors, and the one place that turns an `errno` into one of them.

Every error says what happened, why, and what would help, in one line each. `exit_status` is what the
`pagelens` command ends with when the error reaches it: 1, the target is gone or cannot be read; 2, wrong usage.
"""

from __future__ import annotations

import errno
import os


class PagelensError(Exception):
    """Base of all errors this package raises on purpose.

    Args:
        what: What happened, and to what.
        why: The reason, or an empty string.
        remedy: What would help, or an empty string.
    """

    exit_status = 1

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        """One line: what, why and what would help."""
        line = f"{self.what}: {self.why}" if self.why else self.what
        return f"{line}; {self.remedy}" if self.remedy else line


class UsageError(PagelensError):
    """The request makes no sense, whatever the target (exit status 2)."""

    exit_status = 2


class BadRangeError(UsageError):
    """An empty or malformed address range."""


class UnknownPolicyError(UsageError):
    """No cache policy has this name, or it does not take this setting."""


class UnsupportedSystemError(PagelensError):
    """This system has no pagemap: not Linux, or /proc is not mounted."""


class NoSuchProcessError(PagelensError):
    """No process has this PID."""


class AccessDeniedError(PagelensError):
    """The kernel does not let this user look at this process."""


class NoMemoryMapError(PagelensError):
    """The process has no user memory: a kernel thread or a zombie."""


class TargetGoneError(PagelensError):
    """The address space that was being looked at is no more (exit, exec, PID reuse)."""


class NotMappedError(PagelensError):
    """The address lies in no VMA."""


class NotWalkableError(PagelensError):
    """The address is above what pagemap covers, for example `[vsyscall]`."""


class ReadFailedError(PagelensError):
    """The kernel refused a read, or cut it at something that is not a whole entry.

    Attributes:
        preads: System calls made until then.
    """

    preads = 1


def from_oserror(exc: OSError, pid: int, doing: str, owner: str = "") -> PagelensError:
    """The named error for what the kernel answered about a process.

    Args:
        exc: What the system call raised.
        pid: The process.
        doing: What was being done, as "read the memory map of".
        owner: The user the process belongs to, if known; it makes "permission denied" more helpful.

    Returns:
        An error to raise; it is not raised here.
    """
    what = f"cannot {doing} process {pid}"
    if exc.errno in (errno.ENOENT, errno.ESRCH):
        return NoSuchProcessError(f"no such process: {pid}", "it has ended or never was", "`pagelens ps` lists them")
    if exc.errno in (errno.EACCES, errno.EPERM):
        return AccessDeniedError(what, *why_denied(owner))
    return ReadFailedError(what, exc.strerror or str(exc))


def why_denied(owner: str = "") -> tuple[str, str]:
    """Why the kernel may have denied access to a process, and what would help.

    Args:
        owner: The user the process belongs to, if known.
    """
    if os.geteuid() == 0:
        # Root with all it needs is still refused where a security module or a sandbox guards the process.
        return "permission denied even to root", "a security module or sandbox guards it, or CAP_SYS_PTRACE was dropped"
    # Not above: that module imports this one.
    from pagemap.process import user_name

    if owner and owner == user_name(os.geteuid()):
        return "permission denied: it has closed its memory (not dumpable)", "run pagelens as root (CAP_SYS_PTRACE)"
    why = f"permission denied: it belongs to {owner}" if owner else "permission denied"
    return why, "run pagelens as that user or as root (CAP_SYS_PTRACE)"
