"""The Textual application: theme, system-wide keys, and the one screen everything happens on."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import NoColor

from app.screens.explorer import ExplorerScreen
from pagemap.process import list_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.filter import LineFilter
    from textual.screen import Screen

    from pagemap.policies import Policy
    from pagemap.process import ProcessInfo
    from pagemap.source import Source

THEMES = {"dark": "textual-dark", "light": "textual-light"}

_CALM_SECONDS = 1.0


def _settle_memory() -> None:
    """Collect once, and keep later collections, which stall, from walking all of Textual."""
    gc.enable()
    gc.collect()
    gc.freeze()


class PagelensApp(App[int]):
    """The explorer.

    Args:
        source: The target to begin with, or None to begin with the process list.
        policy: The cache policy to begin with.
        interval: Seconds between live refreshes.
        paused: Whether the live refresh begins paused.
        theme: `dark` or `light`.
        processes: Reads the process list; tests inject one.
        clock: Seconds, monotonic; tests inject one.
    """

    CSS_PATH = "pagelens.tcss"
    TITLE = "pagelens"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+q", "quit", "Quit", show=False),
        Binding("t", "toggle_light", "Light or dark"),
    ]

    def __init__(
        self,
        source: Source | None,
        policy: Policy,
        *,
        interval: float,
        paused: bool,
        theme: str = "dark",
        processes: Callable[[], Iterable[ProcessInfo]] = list_processes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.animation_level = "none"
        self._light = theme == "light"
        self._no_colour: Sequence[LineFilter] = (NoColor(),) if self.no_color else ()
        self.explorer = ExplorerScreen(
            source, policy, interval=interval, paused=paused, processes=processes, clock=clock
        )

    def get_default_screen(self) -> Screen[object]:
        """The explorer is the first screen, not one over an empty one that would be styled and laid out for nothing."""
        return self.explorer

    def on_mount(self) -> None:
        """Begin in the theme asked for."""
        self._apply_theme()

    def on_ready(self) -> None:
        """The first frame is out; when things have calmed down, memory is put in order."""
        self.set_timer(_CALM_SECONDS, _settle_memory)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual answers NO_COLOR with shades of grey; what was asked for is the terminal's own colours."""
        return [*super().get_line_filters(), *self._no_colour]

    def action_toggle_light(self) -> None:
        """Switch between the light and the dark theme."""
        self._light = not self._light
        self._apply_theme()

    def _apply_theme(self) -> None:
        self.theme = THEMES["light" if self._light else "dark"]

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything that has a key, and Textual's own commands, in the command palette."""
        yield from super().get_system_commands(screen)
        if isinstance(screen, ExplorerScreen):
            for title, text, action in screen.commands():
                yield SystemCommand(title, text, action)
