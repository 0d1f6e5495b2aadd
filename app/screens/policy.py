"""Choosing the cache policy, its window size and the number of its windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from pagemap.errors import UnknownPolicyError
from pagemap.policies import POLICIES, Policy
from widgets.choice_list import ChoiceList
from widgets.numbers import count, size
from widgets.prose import paragraph_rows

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from widgets.choice_list import Piece
    from widgets.virtual_list import VirtualList

_WIDTH: Final = 74
_ROWS: Final = 4
"""Rows that each policy takes: its name, two of what it does, and a blank one."""


class PolicyScreen(ModalScreen["Policy | None"]):
    """Gives the chosen policy, or None if it was called off.

    Args:
        current: The policy in use.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,p", "dismiss", "Back"),
        Binding("plus,equals_sign,right", "resize(1)", "Larger windows"),
        Binding("minus,left", "resize(-1)", "Smaller windows"),
        Binding("greater_than_sign,full_stop", "rewindow(1)", "More windows"),
        Binding("less_than_sign,comma", "rewindow(-1)", "Fewer windows"),
    ]

    def __init__(self, current: Policy) -> None:
        super().__init__()
        self._policies = [current if name == current.name else POLICIES[name]() for name in POLICIES]
        self._current = list(POLICIES).index(current.name)

    def compose(self) -> ComposeResult:
        """The list."""
        with Container():
            yield ChoiceList("Cache policy: enter takes it, + - window size, < > windows, esc back", self._rows())

    def on_mount(self) -> None:
        """Begin on the policy in use."""
        choices = self.query_one(ChoiceList)
        choices.focus()
        choices.set_rows(len(self._policies) * _ROWS, cursor=self._current * _ROWS, reload=True)

    def _rows(self) -> list[list[Piece]]:
        rows: list[list[Piece]] = []
        wide = max(len(policy.name) for policy in self._policies) + 1
        for policy in self._policies:
            settings = f"{count(policy.windows)} window{'s' * (policy.windows != 1)}"
            settings += f" of {size(policy.window_size)}" if policy.window_size else ", size follows from the VMAs"
            summary = paragraph_rows(policy.summary, 3, _WIDTH)
            rows.append([(f" {policy.name:<{wide}}", "strong"), (settings, "plain")])
            rows.extend([*summary, []][: _ROWS - 2])
            rows.append([])
        return rows

    def _chosen(self) -> int:
        return self.query_one(ChoiceList).cursor // _ROWS

    def on_virtual_list_selected(self, message: VirtualList.Selected) -> None:
        """Take the policy under the cursor."""
        message.stop()
        self.dismiss(self._policies[message.row // _ROWS])

    def action_resize(self, step: int) -> None:
        """Double or halve the window size, where the policy has one."""
        policy = self._policies[self._chosen()]
        if policy.window_size is not None:
            wanted = policy.window_size * 2 if step > 0 else policy.window_size // 2
            self._replace(wanted, policy.windows)

    def action_rewindow(self, step: int) -> None:
        """Double or halve the number of windows."""
        policy = self._policies[self._chosen()]
        self._replace(policy.window_size, policy.windows * 2 if step > 0 else policy.windows // 2)

    def _replace(self, window_size: int | None, windows: int) -> None:
        at = self._chosen()
        try:
            self._policies[at] = type(self._policies[at])(window_size, windows)
        except UnknownPolicyError:
            return
        self.query_one(ChoiceList).set_choices(self._rows())
