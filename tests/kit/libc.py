"""The system calls that Python does not offer, by way of the C library; a failed one raises `OSError`."""

import ctypes
import os
import signal

PAGE = os.sysconf("SC_PAGE_SIZE")

PROT_NONE, PROT_READ, PROT_WRITE = 0, 1, 2
MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE = 0x01, 0x02, 0x20, 0x4000
MAP_FIXED_NOREPLACE = 0x100000

MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_PAGEOUT, MADV_GUARD_INSTALL = 4, 14, 15, 21, 102

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_CAPBSET_DROP = 1, 4, 15, 24

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)
_WORD, _INT, _TEXT = ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
_FAILED = ctypes.c_size_t(-1).value
_SIGNATURES = {
    "mmap": (_WORD, _WORD, _INT, _INT, _INT, _WORD),
    "munmap": (_WORD, _WORD),
    "mprotect": (_WORD, _WORD, _INT),
    "madvise": (_WORD, _WORD, _INT),
    "prctl": (_INT, _WORD, _WORD, _WORD, _WORD),
    "swapon": (_TEXT, _INT),
    "swapoff": (_TEXT,),
    "unshare": (_INT,),
    "mount": (_TEXT, _TEXT, _TEXT, _WORD, _TEXT),
}
_functions = {}
for _name, _types in _SIGNATURES.items():
    _functions[_name] = getattr(_libc, _name)
    _functions[_name].argtypes = _types
    _functions[_name].restype = _WORD if _name == "mmap" else _INT


def _call(name: str, *arguments: int | bytes | None) -> int:
    result = int(_functions[name](*arguments))
    if result in (-1, _FAILED):
        errno = ctypes.get_errno()
        raise OSError(errno, f"{name}: {os.strerror(errno)}")
    return result


def mmap(address: int, length: int, protection: int, flags: int, fd: int = -1, offset: int = 0) -> int:
    """Map memory (mmap(2)) and return its address; lengths and offsets in bytes."""
    return _call("mmap", address, length, protection, flags, fd, offset)


def munmap(address: int, length: int) -> None:
    """Unmap `length` bytes (munmap(2))."""
    _call("munmap", address, length)


def mprotect(address: int, length: int, protection: int) -> None:
    """Change the protection of `length` bytes (mprotect(2))."""
    _call("mprotect", address, length, protection)


def madvise(address: int, length: int, advice: int) -> None:
    """Advise the kernel about `length` bytes (madvise(2))."""
    _call("madvise", address, length, advice)


def set_name(name: bytes) -> None:
    """Name this thread (prctl PR_SET_NAME); the kernel keeps the first 15 bytes."""
    buffer = ctypes.create_string_buffer(name)
    _call("prctl", PR_SET_NAME, ctypes.addressof(buffer), 0, 0, 0)


def set_dumpable(dumpable: bool) -> None:
    """Set whether the kernel counts this process as dumpable; a non-dumpable one's /proc files belong to root."""
    _call("prctl", PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    To be called again after every change of credentials, which clears it.

    Args:
        parent: The PID of the parent; if it is gone already, this process ends at once.
    """
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def drop_from_bounding_set(capability: int) -> None:
    """Take a capability, by number, away for good: programs executed from here on never have it."""
    _call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)


def become(uid: int) -> None:
    """Turn this root process into one of the user and group `uid`, with no other groups and no capabilities."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def swapon(path: bytes) -> None:
    """Start swapping to a file that holds a swap header (swapon(2), priority left to the kernel)."""
    _call("swapon", path, 0)


def swapoff(path: bytes) -> None:
    """Bring everything back from a swap file and stop using it (swapoff(2))."""
    _call("swapoff", path)


def unshare(flags: int) -> None:
    """Leave namespaces that are shared with the parent (unshare(2))."""
    _call("unshare", flags)


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None) -> None:
    """Mount a filesystem (mount(2))."""
    _call("mount", source, target, kind, flags, data)


def poke(address: int, value: int) -> None:
    """Write one 64-bit word of this process's memory."""
    ctypes.c_uint64.from_address(address).value = value


def peek(address: int) -> int:
    """Read one 64-bit word of this process's memory."""
    return ctypes.c_uint64.from_address(address).value
