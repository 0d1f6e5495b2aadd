"""Starting the explorer: what must be set before Textual is imported, and what follows its first frame."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExplorerOptions:
    """How the explorer begins.

    Attributes:
        policy: Name of the cache policy; None takes the default.
        window_size: Bytes of a window; None takes the policy's own.
        windows: Windows held; None takes the policy's own.
        interval: Seconds between live refreshes.
        paused: Whether the live refresh begins paused.
        theme: `dark` or `light`.
    """

    policy: str | None = None
    window_size: int | None = None
    windows: int | None = None
    interval: float = 1.0
    paused: bool = False
    theme: str = "dark"


def run(target: str | None, options: ExplorerOptions | None = None) -> int:
    """Open the explorer, on a process or on the process list, until the person quits.

    Args:
        target: PID or name of a process, or None.
        options: How to begin.

    Returns:
        The exit status.

    Raises:
        PagelensError: The target is not there or cannot be read, or the policy makes no sense: said before
            the screen is taken over.
    """
    # Textual paints at most this often; its default of 60 adds up to 16 ms to every key.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    # No collection while modules and widgets are made, none of which is garbage; the app goes on with it (tui.py).
    gc.disable()
    from app.tui import PagelensApp
    from pagemap.live import LiveProcess
    from pagemap.policies import DEFAULT_POLICY, make_policy
    from pagemap.process import check_system, find_process

    options = options or ExplorerOptions()
    check_system()
    policy = make_policy(options.policy or DEFAULT_POLICY, options.window_size, options.windows)
    source = LiveProcess(find_process(target)) if target is not None else None
    app = PagelensApp(source, policy, interval=options.interval, paused=options.paused, theme=options.theme)
    app.run()
    return app.return_code or 0
