"""The comparison: one walk under every policy, for real, with a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.screen import ModalScreen
from textual.worker import get_current_worker

from app.comparison import Outcome, compare
from pagemap.errors import PagelensError
from pagemap.policies import POLICIES, make_policy
from pagemap.walks import JUMPS, LINES, WALKS
from widgets.bars import TextBar
from widgets.choice_list import ChoiceList
from widgets.shadow_table import Cost, ShadowTable, bar_of

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from app.session import Session
    from pagemap.recording import Recording
    from widgets.virtual_list import VirtualList

_WORDS: Final = {
    "dump": "every page once, in order, as a dump does",
    "down": f"{LINES:,} lines down from the top",
    "up": f"the same {LINES:,} lines, upwards",
    "page-down": f"{JUMPS:,} pages down from the top",
    "jumps": f"{JUMPS:,} jumps to anywhere, the same at each run",
}
_MINE: Final = "my scroll"


class CompareScreen(ModalScreen[None]):
    """Choose a walk; every policy makes it over the live target, each with a cache of its own.

    Args:
        session: The target.
        rows: Rows of the viewport: those of the page list.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Stop, or back")]

    @dataclass
    class Progress(Message):
        """How far it is."""

        policy: str
        """The policy under way."""
        done: float
        """Which part of its walk is done."""

        def can_replace(self, message: Message) -> bool:
            """A newer one replaces one not yet handled."""
            return isinstance(message, CompareScreen.Progress)

    @dataclass
    class Done(Message):
        """A policy is through, or all are, or it failed."""

        outcome: Outcome | None
        """What the policy cost; None at the end."""
        error: str = ""
        """Why it ended early."""

    def __init__(self, session: Session, rows: int) -> None:
        super().__init__()
        self._session = session
        self._lines = rows
        self._recording: Recording = session.recording()
        self._walk = ""
        self._running = False
        self._costs: list[Cost] = []

    def compose(self) -> ComposeResult:
        """The walks, the chart, the progress."""
        with Container():
            yield ChoiceList("Compare the policies: choose a walk, enter runs it, esc stops or leaves", self._choices())
            yield ShadowTable(id="chart")
            yield TextBar(id="progress")

    def on_mount(self) -> None:
        """Keys go to the walks."""
        self.query_one(ChoiceList).focus()
        self.query_one(TextBar).show(f"a viewport of {self._lines} rows; each policy begins with an empty cache")

    def _choices(self) -> list[list[tuple[str, str]]]:
        steps = len(self._recording.steps)
        mine = f"your own {steps:,} steps since the last reset (w saves them)"
        pairs = [*_WORDS.items(), (_MINE, mine)]
        return [[(f" {name:<11}", "strong"), (words, "dim")] for name, words in pairs]

    def on_virtual_list_selected(self, message: VirtualList.Selected) -> None:
        """Run the chosen walk, instead of one that may be running."""
        message.stop()
        self._walk = [*WALKS, _MINE][message.row]
        self._costs = []
        self._running = True
        self.query_one(ShadowTable).show((), f"walk: {self._walk}")
        self.run_worker(self._run, thread=True, exclusive=True, group="compare")

    def _run(self) -> None:
        worker = get_current_worker()
        session = self._session
        policies = [make_policy(name) for name in POLICIES]

        def progress(policy: str, done: float) -> bool:
            self.post_message(self.Progress(policy, done))
            return worker.is_cancelled

        what = self._recording if self._walk == _MINE else self._walk
        error = ""
        try:
            outcomes = compare(session.source, session.space, policies, what, rows=self._lines, progress=progress)
            for outcome in outcomes:
                self.post_message(self.Done(outcome))
        except PagelensError as exc:
            error = str(exc)
        if not worker.is_cancelled:
            self.post_message(self.Done(None, error))

    def on_compare_screen_progress(self, message: Progress) -> None:
        """Draw the bar."""
        if self._running:
            bar = bar_of(int(message.done * 1000), 1000, 30)
            self.query_one(TextBar).show(f"{message.policy:<15} {bar} {message.done:.0%}", "esc stops")

    def on_compare_screen_done(self, message: Done) -> None:
        """Draw the chart with one policy more."""
        if message.outcome is None:
            self._running = False
            self.query_one(TextBar).show(message.error or f"{self._walk}: done")
            return
        outcome, counters = message.outcome, message.outcome.counters
        self._costs.append(
            Cost(
                policy=outcome.policy.name,
                current=outcome.policy.name == self._session.cache.policy.name,
                fills=counters.fills,
                preads=counters.preads,
                entries=counters.entries_read,
                hit_rate=counters.hit_rate,
            )
        )
        self.query_one(ShadowTable).show(tuple(self._costs), f"walk: {self._walk}")

    def action_leave(self) -> None:
        """Stop what is running; with nothing running, leave."""
        if self._running:
            self._running = False
            self.workers.cancel_group(self, "compare")
            self.query_one(TextBar).show("stopped")
        else:
            self.dismiss()
