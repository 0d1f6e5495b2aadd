"""A running process as a source: it lives, changes, becomes another program and ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pagemap import PagemapCache
from pagemap.errors import AccessDeniedError, NoMemoryMapError, NoSuchProcessError, ReadFailedError, TargetGoneError
from pagemap.live import LiveProcess
from pagemap.process import KERNEL_THREAD, ZOMBIE
from tests.kit import kernel, launch
from tests.kit.kernel import PAGE
from tests.kit.targets import NOBODY, Target


@pytest.fixture
def live(target: Target) -> Iterator[LiveProcess]:
    with closing(LiveProcess(target.pid)) as source:
        yield source


def descriptors() -> set[str]:
    """Our own open descriptors, without the one that lists them."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:
            continue
    return found


def test_it_is_the_process_that_was_asked_for(target: Target, live: LiveProcess) -> None:
    assert live.identity.pid == target.pid
    assert live.identity.start_time == kernel.start_time(target.pid)
    assert live.condition() == ""
    assert [(v.start, v.end) for v in live.maps()] == [(v.start, v.end) for v in kernel.raw_maps(target.pid)]


def test_maps_are_the_same_object_while_they_are_the_same_text(target: Target, live: LiveProcess) -> None:
    space = live.maps()
    assert live.maps() is space
    area = target.do("untouched", pages=3)
    changed = live.maps()
    assert changed is not space
    index = changed.find(area.start)
    assert index is not None
    assert space.changed_ranges(changed) != []
    # Touching pages changes no VMA.
    target.do("write", start=area.start, end=area.end)
    assert live.maps() is changed


def test_a_cache_over_it_gives_the_kernels_entries(target: Target) -> None:
    area = target.do("reserve", size=8 << 20, touched=[0, 1, 700, 2047])
    with PagemapCache.open(target.pid) as cache:
        words = [word for served in cache.lookup_range(area.start, area.end) for word in served.entries]
        assert words == kernel.raw_entries(target.pid, area.start, area.end)
        assert cache.counters.lookups == 2048
        assert cache.counters.preads == cache.counters.fills


def test_looking_changes_nothing(target: Target, live: LiveProcess) -> None:
    area = target.do("untouched", pages=64)
    before = kernel.smaps_of(target.pid, area.start).fields
    with target.stopped():
        with PagemapCache.open(target.pid, "vma") as cache:
            for start, end in cache.space.mapped_ranges(0, cache.address_limit):
                for _ in cache.lookup_range(start, end):
                    pass
        assert kernel.process_state(target.pid) == "T"
    assert kernel.smaps_of(target.pid, area.start).fields == before


def test_a_target_that_is_stopped_is_read_as_one_that_runs(target: Target, live: LiveProcess) -> None:
    with target.stopped():
        assert live.condition() == ""
        assert len(live.maps())


# --- Ends -------------------------------------------------------------------------------------------------------


def test_a_target_that_ends_and_is_reaped_has_exited(target: Target, live: LiveProcess) -> None:
    start = live.maps().starts[0]
    assert live.address_limit
    target.exit()
    assert live.condition() == f"process {target.pid} has exited"
    with pytest.raises(TargetGoneError, match="has exited"):
        live.maps()
    assert len(live.read(start, start + PAGE).entries) == 0


def test_a_target_that_is_killed_has_exited(target: Target, live: LiveProcess) -> None:
    live.maps()
    target.kill()
    assert live.condition() == f"process {target.pid} has exited"


def test_a_target_that_nobody_reaps_is_a_zombie(target: Target, live: LiveProcess) -> None:
    live.maps()
    target.exit(reap=False)
    assert live.condition() == f"process {target.pid} has exited and is a zombie"
    with pytest.raises(TargetGoneError, match="zombie"):
        live.maps()


@pytest.mark.parametrize("looked", [True, False])
def test_a_target_that_becomes_another_program_says_so(target: Target, live: LiveProcess, looked: bool) -> None:
    if looked:
        live.maps()
    target.exec("/bin/cat")
    assert live.condition() == f"process {target.pid} has become another program (exec): now cat"
    with pytest.raises(TargetGoneError, match="exec"):
        live.maps()
    # Opened anew it is that program.
    with closing(LiveProcess(target.pid)) as again:
        assert again.identity.name == "cat"
        assert again.identity.start_time == live.identity.start_time
        assert len(again.maps()) == len(kernel.raw_maps(target.pid))


def test_a_cache_over_a_target_that_ends_keeps_what_it_holds(target: Target) -> None:
    area = target.do("written", pages=4)
    with PagemapCache.open(target.pid, "page") as cache:
        word = cache.lookup(area.start)
        target.exit()
        assert cache.lookup(area.start) == word
        with pytest.raises(TargetGoneError):
            cache.lookup(area.page(1))
        assert cache.counters.failed_fills == 1


# --- What cannot be opened --------------------------------------------------------------------------------------


def test_what_is_not_there_is_a_named_error() -> None:
    with Target.spawn() as target:
        target.exit()
        with pytest.raises(NoSuchProcessError, match=f"no such process: {target.pid}"):
            LiveProcess(target.pid)


def test_a_zombie_has_no_memory() -> None:
    with Target.spawn() as target:
        target.exit(reap=False)
        with pytest.raises(NoMemoryMapError, match="zombie") as caught:
            LiveProcess(target.pid)
        assert caught.value.why == ZOMBIE


def test_a_kernel_thread_has_no_memory() -> None:
    pid = kernel.kernel_thread()
    if pid is None:
        assert os.readlink("/proc/1/exe"), "in a PID namespace PID 1 is a program"
        return
    with pytest.raises(NoMemoryMapError) as caught:
        LiveProcess(pid)
    assert caught.value.why == KERNEL_THREAD


@pytest.mark.needs_root
def test_another_users_process_is_denied_with_the_owner_and_the_remedy(target: Target) -> None:
    code = (
        "import sys\n"
        "from pagemap.errors import AccessDeniedError\n"
        "from pagemap.live import LiveProcess\n"
        "try:\n    LiveProcess(int(sys.argv[1]))\n"
        "except AccessDeniedError as error:\n    print(error)"
    )
    done = launch.run([sys.executable, "-c", code, str(target.pid)], uid=NOBODY)
    assert AccessDeniedError.exit_status == 1
    assert done.stdout == (
        f"cannot read the memory of process {target.pid}: permission denied: it belongs to root; "
        "run pagelens as that user or as root (CAP_SYS_PTRACE)\n"
    ), done.stderr


def test_what_is_closed_reads_nothing_more_and_never_another_file(target: Target) -> None:
    with PagemapCache.open(target.pid) as cache, Target.spawn() as other:
        start = cache.space.starts[0]
        assert cache.address_limit
        source = LiveProcess(target.pid)
        source.close()
        cache.close()
        # It is given the numbers that have just become free.
        with closing(LiveProcess(other.pid)) as newer:
            cache.close()
            with pytest.raises(OSError, match="Bad file descriptor"):
                source.close()
            with pytest.raises(ReadFailedError, match="Bad file descriptor"):
                cache.lookup(start)
            for ask in (source.maps, lambda: source.read(start, start + PAGE)):
                with pytest.raises(ReadFailedError, match="Bad file descriptor"):
                    ask()
            assert newer.condition() == ""
            assert len(newer.maps())


@pytest.mark.parametrize("end", ["live", "gone", "zombie"])
def test_it_leaves_no_descriptor_behind(end: str) -> None:
    with Target.spawn() as target:
        before = descriptors()
        if end == "live":
            source = LiveProcess(target.pid)
            source.maps()
            assert len(descriptors() - before) == 3
            # For reading only, and not for children.
            for name in os.listdir("/proc/self/fd"):
                info = Path(f"/proc/self/fdinfo/{name}")
                if info.exists() and f"{target.pid}" in os.readlink(f"/proc/self/fd/{name}"):
                    flags = int(info.read_text().split("flags:")[1].split()[0], 8)
                    assert flags & os.O_ACCMODE == os.O_RDONLY
                    assert flags & os.O_CLOEXEC
            source.close()
        else:
            target.exit(reap=end == "gone")
            with pytest.raises((NoSuchProcessError, NoMemoryMapError)):
                LiveProcess(target.pid)
        assert descriptors() <= before
