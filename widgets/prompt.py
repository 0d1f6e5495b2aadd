"""A one-line prompt at the bottom of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class Prompt(Input):
    """Asks for one line; enter gives it, escape calls it off.

    There is one for all questions, hidden in between.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False)]

    @dataclass
    class Answered(Message):
        """The answer, while it is typed and when it is given."""

        purpose: str
        """What it is for."""
        text: str
        """What was typed."""
        final: bool
        """Whether enter was pressed."""

    @dataclass
    class Cancelled(Message):
        """The prompt was called off."""

        purpose: str
        """What it was for."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self._purpose = ""

    def ask(self, purpose: str, question: str, value: str = "") -> None:
        """Show itself with a question.

        Args:
            purpose: What the answer is for; comes back with it.
            question: Shown while nothing is typed.
            value: What stands there at first.
        """
        self._purpose, self.placeholder = purpose, question
        with self.prevent(Input.Changed):
            self.value = value
        self.cursor_position = len(value)
        self.display = True

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is typed so far."""
        event.stop()
        self.post_message(self.Answered(self._purpose, event.value, final=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Say that it is final."""
        event.stop()
        self.post_message(self.Answered(self._purpose, event.value, final=True))

    def action_cancel(self) -> None:
        """Call it off."""
        self.post_message(self.Cancelled(self._purpose))
