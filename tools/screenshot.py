"""The README's picture: the explorer, really running, on a small process that is started for it.

python -m tools.screenshot [FILE.svg]
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

from app.tui import PagelensApp
from pagemap.live import LiveProcess
from pagemap.policies import make_policy
from widgets.page_list import PageList

_SIZE: Final = (132, 38)
_PICTURE: Final = Path(__file__).parent.parent / "docs" / "screenshot.svg"
# A process with a little of everything: its heap, read and written memory, and a child that shares it.
_TARGET: Final = """
import mmap, os, sys
area = mmap.mmap(-1, 512 * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, 400, 3):
    area[page * mmap.PAGESIZE] = 1
for page in range(1, 300, 7):
    area[page * mmap.PAGESIZE]
print("ready", flush=True)
sys.stdin.read()
"""


async def _take(pid: int) -> str:
    app = PagelensApp(LiveProcess(pid), make_policy("blocks"), interval=3600.0, paused=False)
    async with app.run_test(size=_SIZE) as pilot:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        pages = app.screen.query_one(PageList)
        space = app.explorer.session.space if app.explorer.session is not None else None
        assert space is not None, "the target was opened"
        area = next(vma.index for vma in space if vma.pages >= 512 and vma.kind == "anon")
        pages.move_cursor(space.row_of_vma(area - 1) + 1, center=True)
        for key in ("pagedown", "pagedown", "down", "down", "down"):
            await pilot.press(key)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
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
