"""The Textual application: theme, system-wide keys, and the one screen everything happens on."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType

from app.screens.explorer import ExplorerScreen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.screen import Screen

    from pagemap.policies import Policy
    from pagemap.source import Source

THEMES = {"dark": "textual-dark", "light": "textual-light"}


class PagelensApp(App[int]):
    """The explorer.

    Args:
        source: The target to begin with, or None to begin with the process list.
        policy: The cache policy to begin with.
        interval: Seconds between live refreshes.
        paused: Whether the live refresh begins paused.
        theme: `dark` or `light`.
    """

    CSS_PATH = "pagelens.tcss"
    TITLE = "pagelens"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+q", "quit", "Quit", show=False),
        Binding("t", "toggle_light", "Light or dark"),
    ]

    def __init__(
        self, source: Source | None, policy: Policy, *, interval: float, paused: bool, theme: str = "dark"
    ) -> None:
        super().__init__()
        self.animation_level = "none"
        self._light = theme == "light"
        self.explorer = ExplorerScreen(source, policy, interval=interval, paused=paused)

    def on_mount(self) -> None:
        """Show the explorer."""
        self._apply_theme()
        self.push_screen(self.explorer)

    def on_ready(self) -> None:
        """The first frame is out: a full collection now keeps later ones, which stall, from walking all of Textual."""
        gc.collect()
        gc.freeze()

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
