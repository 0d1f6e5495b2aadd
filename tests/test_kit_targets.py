"""The kit's targets are in the states that they say: each is verified with the kit's own reading of the kernel."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import kernel
from tests.kit.kernel import PAGE, kpagecount, kpageflags, pfn, raw_entries, raw_maps, smaps_of, vma_at
from tests.kit.system import (
    CannotChange,
    changed,
    filesystem,
    hugepages,
    is_disk,
    ksm,
    max_map_count,
    missing,
    needs_root,
    swap_file,
    thp,
)
from tests.kit.targets import NOBODY, Area, Target, TargetError, Unavailable

PRESENT, SWAPPED, FILE, EXCLUSIVE = 1 << 63, 1 << 62, 1 << 61, 1 << 56
HIGH_BITS = ~((1 << 55) - 1) & ~(1 << 55) & (1 << 64) - 1
"""All but the PFN and the soft-dirty bit, which not every kernel has."""


def high(target: Target | int, area: Area) -> set[int]:
    """The different values of the high bits over an area."""
    pid = target if isinstance(target, int) else target.pid
    entries = raw_entries(pid, area.start, area.end)
    assert len(entries) == area.pages
    return {entry & HIGH_BITS for entry in entries}


def frames(target: Target, area: Area) -> list[int]:
    """The PFNs of an area."""
    return [pfn(entry) for entry in raw_entries(target.pid, area.start, area.end)]


class TestMemory:
    """States of memory, as any user sees them: the high bits, and the bounds of the VMA."""

    @pytest.mark.parametrize(
        ("state", "bits", "pages"),
        [
            ("untouched", 0, 16),
            ("zero", PRESENT, 16),
            ("written", PRESENT | EXCLUSIVE, 16),
            ("written", PRESENT | EXCLUSIVE, 1),
            ("shared_anon", PRESENT | FILE | EXCLUSIVE, 16),
            ("memfd", PRESENT | FILE | EXCLUSIVE, 16),
            ("fork_shared", PRESENT, 16),
            ("thp", PRESENT | EXCLUSIVE, 1024),
            ("prot_none", 0, 16),
        ],
    )
    def test_anonymous(self, target: Target, state: str, bits: int, pages: int) -> None:
        """Every page of the area has the bits of its state, and the area is a VMA of its own."""
        area = target.do(state, pages=pages)
        assert area.pages == pages
        assert high(target, area) == {bits}
        vma = vma_at(target.pid, area.start)
        assert vma is not None
        assert (vma.start, vma.end) == (area.start, area.end)

    @pytest.mark.parametrize(
        ("state", "bits"),
        [
            ("file_untouched", 0),
            ("file_private_read", PRESENT | FILE | EXCLUSIVE),
            ("file_private_written", PRESENT | EXCLUSIVE),
            ("file_shared_written", PRESENT | FILE | EXCLUSIVE),
        ],
    )
    def test_file(self, target: Target, tmp_disk: Path, state: str, bits: int) -> None:
        """Mapped files, by how they were touched."""
        area = target.do(state, path=tmp_disk / "file")
        assert high(target, area) == {bits}
        assert smaps_of(target.pid, area.start).vma.path == bytes(tmp_disk / "file")

    def test_memfd_mapped_twice_is_not_exclusive(self, target: Target) -> None:
        """Two mappings of one process are two."""
        area = target.do("memfd", mappings=2)
        assert len(area.touched) == 2
        assert high(target, area) == {PRESENT | FILE}

    def test_written_before_access_was_taken_away(self, target: Target) -> None:
        """Permissions do not show in the entries."""
        assert high(target, target.do("prot_none", write=True)) == {PRESENT | EXCLUSIVE}

    def test_guard(self, target: Target) -> None:
        """Guard markers: bit 62 without swap, and bit 58 where the kernel has it."""
        try:
            area = target.do("guard")
        except Unavailable as error:
            missing(str(error))
        assert high(target, area) <= {SWAPPED | 1 << 58, SWAPPED}

    def test_fork(self, target: Target) -> None:
        """Both sides hold the same entries, until one writes."""
        area = target.do("fork_shared")
        assert raw_entries(target.pid, area.start, area.end) == raw_entries(area.pid, area.start, area.end)
        target.do("write", start=area.start, end=area.page(1))
        assert raw_entries(target.pid, area.start, area.page(1))[0] & EXCLUSIVE
        assert not raw_entries(target.pid, area.page(1), area.page(2))[0] & EXCLUSIVE
        target.do("release", pid=area.pid)
        assert not Path(f"/proc/{area.pid}").exists()
        assert high(target, area) == {PRESENT | EXCLUSIVE}

    def test_child_writes(self, target: Target) -> None:
        """After the child wrote, each side has its own."""
        area = target.do("fork_shared", child_writes=True)
        assert high(target, area) == high(area.pid, area) == {PRESENT | EXCLUSIVE}

    def test_reserve(self, target: Target) -> None:
        """16 TiB in one VMA, with exactly the chosen pages present."""
        last = (16 << 40) // PAGE - 1
        area = target.do("reserve", touched=[0, 5, last])
        assert area.end - area.start == 16 << 40
        assert area.touched == (area.start, area.page(5), area.end - PAGE)
        assert [bool(entry) for entry in raw_entries(target.pid, area.start, area.page(7))] == [
            *[True, False, False, False, False, True, False]
        ]
        assert [bool(entry) for entry in raw_entries(target.pid, area.end - 2 * PAGE, area.end)] == [False, True]
        assert smaps_of(target.pid, area.start)["Rss"] == 3 * PAGE

    def test_munmap(self, target: Target) -> None:
        """A hole in the middle of an area."""
        area = target.do("written")
        target.do("munmap", start=area.page(4), end=area.page(8))
        assert vma_at(target.pid, area.page(4)) is None
        assert raw_entries(target.pid, area.page(3), area.page(5))[1] == 0


class TestManyVmas:
    """Processes of very many VMAs."""

    @pytest.mark.parametrize(("gaps", "touch"), [((1,), 1), ((0,), 1), ((0, 3), 2), ((255, 254), 0)])
    def test_layout(self, target: Target, gaps: tuple[int, ...], touch: int) -> None:
        """Lengths, gaps and touched pages are those asked for, and no two VMAs merge."""
        pages = (1, 2, 3, 4)
        area = target.do("many_vmas", count=2_000, pages=pages, gaps=gaps, touch=touch)
        expected, address = [], area.start
        for number in range(2_000):
            expected.append((address, address + pages[number % 4] * PAGE))
            address = expected[-1][1] + gaps[number % len(gaps)] * PAGE
        assert area.count == 2_000
        assert area.end == expected[-1][1]
        found = [(vma.start, vma.end) for vma in raw_maps(target.pid) if area.start <= vma.start < area.end]
        assert found == expected
        for start, end in expected[::97]:
            entries = raw_entries(target.pid, start, end)
            assert [bool(entry) for entry in entries] == [page < touch for page in range(len(entries))]

    def test_as_many_as_allowed(self, target: Target) -> None:
        """Nearly the limit, and the target still answers."""
        area = target.do("many_vmas", count=None, pages=[1], touch=0)
        total = len(raw_maps(target.pid))
        assert max_map_count() - 64 < total <= max_map_count()
        assert total - 200 < area.count < total
        target.do("written")


class TestProcess:
    """States of the process itself."""

    def test_exit_and_zombie(self, target: Target) -> None:
        """An ended target is a zombie until it is reaped, and its pagemap no longer answers with entries."""
        area = target.do("written")
        child = target.do("zombie").pid
        assert kernel.process_state(child) == "Z"
        assert raw_maps(child) == []
        target.exit(reap=False)
        assert kernel.process_state(target.pid) == "Z"
        target.close()
        with pytest.raises(FileNotFoundError):
            raw_entries(target.pid, area.start, area.end)
        with pytest.raises(TargetError):
            target.do("written")

    def test_kill(self, target: Target) -> None:
        """A killed target takes its children with it."""
        child = target.do("fork").pid
        watch = os.pidfd_open(child)
        target.kill()
        assert select.select([watch], [], [], 10)[0]
        os.close(watch)

    def test_exec(self, target: Target) -> None:
        """A new target in the same process; then a program that takes no commands."""
        before = kernel.start_time(target.pid)
        area = target.do("written")
        target.exec()
        assert vma_at(target.pid, area.start) is None
        assert high(target, target.do("written")) == {PRESENT | EXCLUSIVE}
        target.exec("/bin/cat")
        assert kernel.stat(target.pid)[1] == b"cat"
        assert kernel.start_time(target.pid) == before

    def test_hostile_strings(self, tmp_disk: Path) -> None:
        """Names, command lines and paths of any bytes."""
        hostile = b"[@] \x1b[31m\xff\n\xe2\x80\xae (deleted)"
        with Target.spawn(args=[hostile]) as target:
            target.do("set_name", name=b"\x1b]0;\xff) R 1")
            assert kernel.stat(target.pid)[1] == b"\x1b]0;\xff) R 1"
            assert hostile in Path(f"/proc/{target.pid}/cmdline").read_bytes().split(b"\0")
            path = bytes(tmp_disk) + b"/" + hostile
            area = target.do("file_private_read", path=path)
            vma = vma_at(target.pid, area.start)
            assert vma is not None
            assert vma.path == path.replace(b"\n", rb"\012")
            gone = target.do("file_shared_written", path=bytes(tmp_disk) + b"/gone\r", unlink=True)
            vma = vma_at(target.pid, gone.start)
            assert vma is not None
            assert vma.path.endswith(b"/gone\r (deleted)")

    def test_stopped(self, target: Target) -> None:
        """Stopped, and running again."""
        with target.stopped():
            assert kernel.process_state(target.pid) == "T"
        target.do("written")

    def test_errors_are_told(self, target: Target) -> None:
        """A command that fails says how, and the target goes on."""
        with pytest.raises(TargetError, match="munmap"):
            target.do("munmap", start=1, end=PAGE)
        target.do("untouched")

    def test_dies_with_the_test(self) -> None:
        """A target whose spawner is killed ends, although nobody closes it."""
        script = "from tests.kit.targets import Target; t = Target.spawn(); print(t.pid, flush=True); input()"
        root = Path(__file__).parents[1]
        with subprocess.Popen(
            [sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as spawner:
            assert spawner.stdout is not None
            watch = os.pidfd_open(int(spawner.stdout.readline()))
            spawner.send_signal(signal.SIGKILL)
        assert select.select([watch], [], [], 10)[0]
        os.close(watch)


@needs_root
class TestAsRoot:
    """What only root can make, or see."""

    def test_frames(self, target: Target) -> None:
        """Zero pages are one frame, written ones different frames, huge ones consecutive frames."""
        zero, written = target.do("zero"), target.do("written")
        assert len(set(frames(target, zero))) == 1
        assert kpageflags(frames(target, zero)[0]) >> 24 & 1
        assert len(set(frames(target, written))) == 16
        assert {kpagecount(frame) for frame in frames(target, written)} == {1}
        huge = frames(target, target.do("thp"))
        assert huge == list(range(huge[0], huge[0] + 512))
        assert huge[0] % 512 == 0

    def test_huge_zero_page(self, target: Target) -> None:
        """The huge zero page is flagged as such, whatever bit 61 says."""
        area = target.do("thp_zero")
        assert kpageflags(frames(target, area)[0]) >> 24 & 1

    def test_swapped(self, target: Target, swap: Path) -> None:
        """Every page is in swap; read back, none is."""
        area = target.do("swapped")
        entries = raw_entries(target.pid, area.start, area.end)
        assert {entry & HIGH_BITS for entry in entries} == {SWAPPED}
        assert len({kernel.swap_offset(entry) for entry in entries}) == area.pages
        assert smaps_of(target.pid, area.start)["Swap"] == area.pages * PAGE
        target.do("read", start=area.start, end=area.end)
        assert high(target, area) == {PRESENT | EXCLUSIVE}

    def test_user(self) -> None:
        """A target of another user is that user's process."""
        with Target.spawn(uid=NOBODY) as target:
            assert Path(f"/proc/{target.pid}/pagemap").stat().st_uid == NOBODY
            status = Path(f"/proc/{target.pid}/status").read_text()
            assert "CapEff:\t0000000000000000\n" in status
            assert high(target, target.do("written")) == {PRESENT | EXCLUSIVE}
            target.do("set_dumpable", dumpable=False)
            assert Path(f"/proc/{target.pid}/pagemap").stat().st_uid == 0

    def test_users_file(self, tmp_disk: Path) -> None:
        """A target of another user maps files of the test's folder."""
        with Target.spawn(uid=NOBODY) as target:
            area = target.do("file_shared_written", path=tmp_disk / "file")
            assert high(target, area) == {PRESENT | FILE | EXCLUSIVE}


@needs_root
class TestSystem:
    """Changes of the system, undone whatever happens."""

    def test_swap_file(self, tmp_disk: Path) -> None:
        """In use inside the block; gone after it, also after an exception."""
        before = kernel.swap_areas()

        def fails_inside() -> None:
            with swap_file(tmp_disk, mib=8) as path:
                assert kernel.swap_areas() == [*before, bytes(path)]
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fails_inside()
        assert kernel.swap_areas() == before
        assert not list(tmp_disk.iterdir())

    def test_undone_after_a_kill(self, tmp_disk: Path) -> None:
        """A test runner that is killed in the block leaves nothing behind."""
        before = kernel.swap_areas()
        script = (
            "from pathlib import Path; from tests.kit.system import swap_file\n"
            f"with swap_file(Path({str(tmp_disk)!r}), mib=8): print(flush=True); input()"
        )
        # The keeper inherits this pipe: its end of file says that the keeper has ended, too.
        ended, held = os.pipe()
        with subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=held,
        ) as runner:
            os.close(held)
            assert runner.stdout is not None
            runner.stdout.readline()
            assert kernel.swap_areas() != before
            runner.send_signal(signal.SIGKILL)
        assert select.select([ended], [], [], 30)[0]
        assert os.read(ended, 1000) == b""
        os.close(ended)
        assert kernel.swap_areas() == before
        assert not list(tmp_disk.iterdir())

    def test_switches(self) -> None:
        """Huge pages, KSM and THP are switched, and back."""
        files = [
            Path("/proc/sys/vm/nr_hugepages"),
            Path("/sys/kernel/mm/ksm/run"),
            Path("/sys/kernel/mm/ksm/sleep_millisecs"),
            Path("/sys/kernel/mm/transparent_hugepage/enabled"),
        ]
        before = [file.read_text() for file in files]
        with hugepages(2), ksm(), thp("never"):
            assert int(files[0].read_text()) >= 2
            assert files[1].read_text() == "1\n"
            assert "[never]" in files[3].read_text()
        assert [file.read_text() for file in files] == before

    def test_refused(self, tmp_path: Path) -> None:
        """A change that the kernel refuses is told, and those before it are undone."""
        kept = tmp_path / "kept"
        kept.write_text("before")
        with (
            pytest.raises(CannotChange, match="not/there"),
            changed(["write", str(kept), "after"], ["write", "/not/there", "1"]),
        ):
            pass
        assert kept.read_text() == "before"


def test_a_disk_is_told_from_memory(disk: Path) -> None:
    """Files made on the disk fixture are not memory under another name."""
    assert is_disk(disk)
    assert filesystem(Path("/proc")) == "proc"


def test_kernel_threads_have_no_vmas() -> None:
    """A kernel thread, where one can be seen, has empty maps."""
    if (pid := kernel.kernel_thread()) is not None:
        assert raw_maps(pid) == []
