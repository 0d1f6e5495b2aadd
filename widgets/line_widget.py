"""A widget that draws its lines straight into strips: the quickest way through Textual (no cache, no markup)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.geometry import Region, Size


class LineWidget(Widget):
    """Base of the widgets that draw themselves line by line."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._components: dict[str, Style] = {}
        self.base_style = Style()
        self._strips: dict[tuple[Region, Size], list[Strip]] = {}

    def component(self, name: str) -> Style:
        """The style of a component class, kept until the theme changes."""
        style = self._components.get(name)
        if style is None:
            style = self._components[name] = self.get_component_rich_style(name)
        return style

    def shade(self, name: str) -> Style:
        """The style of a component class without its text colour: to be laid over text that keeps its own."""
        style = self._components.get(f"shade {name}")
        if style is None:
            full = self.component(name)
            style = Style(bgcolor=full.bgcolor, bold=full.bold, underline=full.underline, reverse=full.reverse)
            self._components[f"shade {name}"] = style
        return style

    def notify_style_update(self) -> None:
        """Theme or focus changed: styles are looked up anew."""
        super().notify_style_update()
        # Textual calls this already while the base class is being initialised.
        self.__dict__.setdefault("_components", {}).clear()
        self.__dict__.setdefault("_strips", {}).clear()

    def line_strip(self, y: int, width: int) -> Strip:
        """The widget's line `y`, at most `width` cells; the rest is filled with the background."""
        raise NotImplementedError

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> LineWidget:
        """Draw anew: what was drawn before is no longer good."""
        self.__dict__.setdefault("_strips", {}).clear()
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a region, with the app's filters (monochrome, ANSI colours) applied.

        Textual asks for the lines of every widget that a changed region touches; those of a widget that did not change
        itself are kept until it does.
        """
        key = (crop, self.size)
        strips = self._strips.get(key)
        if strips is None:
            strips = self._strips[key] = self._draw(crop)
        return strips

    def _draw(self, crop: Region) -> list[Strip]:
        width = self.size.width
        # Asked for once: it walks up to the screen each time.
        base = self.base_style = self.rich_style
        background = self.background_colors[1]
        filters = self.get_line_filters()
        strips = []
        for y in range(crop.y, crop.bottom):
            strip = self.line_strip(y, width).adjust_cell_length(width, base).apply_style(base)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip if crop.x == 0 and crop.right >= width else strip.crop(crop.x, crop.right))
        return strips
