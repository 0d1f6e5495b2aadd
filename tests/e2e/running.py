"""The installed command in a pseudo-terminal, and what its screen says."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.explorer.expected import Counted, Explored, Row, parse_row
from tests.kit.terminal import Terminal

_SCRIPT = Path(sys.executable).with_name("pagelens")
PAGELENS: list[str | Path] = [_SCRIPT] if _SCRIPT.exists() else [sys.executable, "-m", "app"]
"""The console script where it is installed; `python -m app` is documented to do the same."""
_HEADING = "win address"


def pagelens(*arguments: object, **options: Any) -> Terminal:
    """Start the explorer in a terminal; `options` are those of `Terminal.start`."""
    return Terminal.start([*PAGELENS, *map(str, arguments)], **options)


def run(*arguments: object, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command without a terminal."""
    return subprocess.run(
        [*PAGELENS, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, env=env
    )


def page_lines(terminal: Terminal) -> list[str]:
    """The lines of the page list, from its left edge to its scrollbar."""
    place = terminal.find(_HEADING)
    assert place is not None, terminal.text
    left, top = place
    # Read by cells: a wide character would shift what stands right of it in the text.
    lines: list[str] = []
    for y in range(top + 1, len(terminal.screen)):
        line = "".join(terminal.cell(x, y).data for x in range(left, len(terminal.screen[0])))
        if line.startswith("Cache  "):
            return lines
        lines.append(line)
    raise AssertionError(f"no cache panel below the page list\n{terminal.text}")


def page_rows(terminal: Terminal) -> list[Row]:
    """The page list's rows, comparable with `Explored.rows`."""
    return [row.stable for line in page_lines(terminal) if (row := parse_row(line)) is not None]


def counted(terminal: Terminal) -> Counted | None:
    """The counters on the screen."""
    return Counted.on(terminal.text)


def check(terminal: Terminal, explored: Explored) -> None:
    """Wait until the counters are as they must be; then the rows must be, too."""
    terminal.wait_for(lambda t: counted(t) == explored.counted)
    assert page_rows(terminal) == explored.rows(), terminal.text


def colours(raw: bytes) -> set[bytes]:
    """The parameters of all colour sequences (SGR) that choose a colour."""
    found = set()
    for sequence in re.findall(rb"\x1b\[([0-9;:]*)m", raw):
        codes = [int(code) for code in re.split(rb"[;:]", sequence) if code]
        if any(30 <= code <= 38 or 40 <= code <= 48 or 90 <= code <= 107 for code in codes):
            found.add(sequence)
    return found


def ask(terminal: Terminal, key: str, answer: str) -> None:
    """Press a key that asks for something, and answer once the prompt is there."""
    terminal.send(key)
    # Keys typed before a pane has handled the first one go to that pane, too.
    terminal.wait_for(lambda t: re.match(r" (go to|show) ?\S", t.screen[-1]))
    terminal.write(answer)
    terminal.wait_for(lambda t: answer in t.screen[-1])
    terminal.send("enter")
    terminal.wait_for(keys_shown)


def keys_shown(terminal: Terminal) -> bool:
    """Whether the last line shows the keys, and no prompt."""
    return terminal.screen[-1].rstrip().endswith("q quit")
