"""Targets that end, become something else, or cannot be read any more: named, and the last view kept."""

import os
from collections.abc import Callable

import pytest

from pagemap.errors import AccessDeniedError
from pagemap.live import LiveProcess
from pagemap.vma import AddressSpace
from tests.explorer.driving import Driver, explore
from tests.explorer.synthetic import Synthetic
from tests.kit.system import needs_root
from tests.kit.targets import NOBODY, Target

KEPT = "the last view is kept, o opens what has this PID now"


async def browsed(driver: Driver, target: Target) -> None:
    """Look at some pages, so that there is a last view."""
    area = target.do("written", pages=64)
    await driver.tick()
    await driver.go_to(area.page(8))


class Ended:
    """How a target can end; each with what the explorer must say."""

    @staticmethod
    def killed(target: Target) -> str:
        target.kill()
        return f"process {target.pid} has exited;"

    @staticmethod
    def zombie(target: Target) -> str:
        target.exit(reap=False)
        return f"process {target.pid} has exited and is a zombie;"

    @staticmethod
    def exec(target: Target) -> str:
        target.exec("/bin/cat")
        return f"process {target.pid} has become another program (exec): now cat;"


WAYS = [Ended.killed, Ended.zombie, Ended.exec]


@pytest.mark.parametrize("end", WAYS)
@pytest.mark.parametrize("found", ["by the clock", "by a lookup"])
async def test_the_last_view_is_kept(target: Target, end: Callable[[Target], str], found: str) -> None:
    async with explore(target.pid) as driver:
        await browsed(driver, target)
        rows, counted, vmas = driver.rows, driver.counted, driver.vma_rows
        said = end(target)
        if found == "by the clock":
            await driver.tick()
        else:
            await driver.press("end")
            assert driver.counted.lookups == counted.lookups + 1
            assert driver.counted.misses == counted.misses + 1
            assert driver.counted.fills == counted.fills
            assert "failed 1" in driver.panel
            await driver.go_to(rows[-1].address)
            counted = driver.counted
        assert driver.gone == f"{said} {KEPT}"
        assert "target gone" in driver.panel
        kept = [row for row in rows if row in driver.rows]
        assert len(kept) >= 3
        assert driver.vma_rows[: len(vmas) - 2] == vmas[: len(driver.vma_rows[: len(vmas) - 2])]
        # Whatever one does then, nothing breaks and nothing is read.
        await driver.press("pageup", "pagedown", "space", "c", "r", "home", "tab", "s", "tab")
        await driver.tick()
        assert driver.gone == f"{said} {KEPT}"


async def test_the_clock_says_so_only_once_it_is_true(target: Target) -> None:
    async with explore(target.pid) as driver:
        for _ in range(3):
            await driver.tick()
            assert driver.gone == ""


async def test_after_exec_o_opens_the_new_program(target: Target) -> None:
    async with explore(target.pid) as driver:
        await driver.press("pagedown")
        target.exec()
        await driver.tick()
        assert "exec" in driver.gone
        await driver.press("o")
        assert driver.gone == ""
        assert driver.session.ended == ""
        assert driver.counted.misses >= 1
        assert all(row.word is not None for row in driver.rows if row.mark != "▾")
        await driver.tick()
        assert driver.gone == ""


async def test_after_exit_o_says_that_there_is_nothing(target: Target) -> None:
    async with explore(target.pid) as driver:
        target.kill()
        await driver.tick()
        rows = driver.rows
        await driver.press("o")
        assert driver.message.startswith(f"no such process: {target.pid}")
        assert driver.gone.startswith(f"process {target.pid} has exited")
        assert driver.rows == rows
        await driver.press("escape")
        assert driver.message == ""


async def test_killed_while_paused_is_found_by_the_next_miss(target: Target) -> None:
    area = target.do("written", pages=2048)
    async with explore(target.pid, paused=True) as driver:
        await driver.go_to(area.page(8))
        target.kill()
        await driver.tick()
        assert driver.gone == "", "paused, nothing is read: it cannot be known"
        await driver.press("pagedown")
        assert driver.gone == "", "within a window neither"
        await driver.go_to(area.page(1500))
        assert driver.gone.startswith(f"process {target.pid} has exited")


async def test_opening_another_takes_the_banner_away(target: Target) -> None:
    with Target.spawn() as other:
        async with explore(target.pid) as driver:
            target.kill()
            await driver.tick()
            assert driver.gone
            driver.app.explorer.open_process(other.pid)
            await driver.settle()
            assert driver.gone == ""
            assert f"{other.pid} " in driver.status


async def test_a_reused_pid_is_not_taken_for_the_target() -> None:
    source = Synthetic()
    async with explore(source) as driver:
        source.ended = "process 1234 has exited, and its PID was given to another process, [/]\x1b[31mnew"
        await driver.press("end")
        assert r"given to another process, [/]\x1b[31mnew; the last view is kept" in driver.gone


@needs_root
async def test_one_that_may_not_be_read_is_refused() -> None:
    # Root may read all: what is not permitted is tried in the pseudo-terminal, as another user.
    with Target.spawn(uid=NOBODY) as target:
        async with explore(target.pid) as driver:
            assert driver.counted.lookups > 0
            error = AccessDeniedError("cannot read the memory of process 7", "permission denied", "run it as root")
            source = Synthetic()
            source.maps = _refusing(error)  # type: ignore[method-assign]  # a source that refuses
            with pytest.raises(AccessDeniedError):
                driver.app.explorer._look_at(source)
            assert source.closed
            assert driver.session.source.identity.pid == target.pid


def _refusing(error: Exception) -> Callable[[], AddressSpace]:
    def refuse() -> AddressSpace:
        raise error

    return refuse


async def test_descriptors_are_let_go(target: Target) -> None:
    source = LiveProcess(target.pid)
    fd = source.reader.fd
    async with explore(source) as driver:
        await driver.press("pagedown")
        assert os.readlink(f"/proc/self/fd/{fd}") == f"/proc/{target.pid}/pagemap"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
