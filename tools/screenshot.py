"""The README's picture: the explorer, really running, on a small process that is started for it.

python -m tools.screenshot [FILE.svg]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from app.tui import PagelensApp
from app.vma_pane import VmaPane
from pagemap.live import LiveProcess
from pagemap.policies import BLOCK, make_policy
from pagemap.process import ProcessInfo, list_processes
from widgets.page_list import PageList

_SIZE: Final = (132, 44)
_INTERVAL: Final = 1.0
_PICTURE: Final = Path(__file__).parent.parent / "docs" / "screenshot.svg"
# A process with a little of everything: untouched, read and written pages, and pages that a child shares.
_TARGET: Final = """
import mmap, os, sys
area = mmap.mmap(-1, 3 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, 768, 2):
    area[page * mmap.PAGESIZE] = 1
for page in range(1, 768, 6):
    area[page * mmap.PAGESIZE]
child = os.fork()
if child:
    for page in range(0, 768, 8):
        area[page * mmap.PAGESIZE] = 2
    print("ready", flush=True)
sys.stdin.read()
"""


async def _take(pid: int) -> str:
    def processes() -> list[ProcessInfo]:
        # Those that belong to the picture: what else runs on the machine is nobody's business.
        mine = {pid, os.getpid()}
        return [info for info in list_processes() if info.pid in mine or info.ppid in mine or info.ppid == 2]

    source = LiveProcess(pid)
    app = PagelensApp(source, make_policy("blocks"), interval=_INTERVAL, paused=False, processes=processes)
    async with app.run_test(size=_SIZE) as pilot:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        app.screen.query_one(VmaPane).filter("kind:anon")
        pages = app.screen.query_one(PageList)
        space = source.maps()
        area = next(vma for vma in space if vma.size >= 3 << 20 and vma.kind == "anon")
        block = -(-area.start // BLOCK) * BLOCK
        row = space.row_of(block if block < area.end else area.start)
        assert row is not None, "the area is mapped"
        pages.jump(row - 9)
        for key in ("down", "down", "v"):
            await pilot.press(key)
        for _ in range(3):
            await pilot.app.workers.wait_for_complete()
            await pilot.pause(0.1)
        return app.export_screenshot(title="pagelens")


def main() -> None:
    """Start the target, take the picture, end the target."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else _PICTURE
    with subprocess.Popen(
        [sys.executable, "-c", _TARGET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as target:
        assert target.stdin is not None
        assert target.stdout is not None
        target.stdout.readline()
        file.write_text(asyncio.run(_take(target.pid)), encoding="utf-8")
        target.stdin.close()
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
