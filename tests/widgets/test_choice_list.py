"""A short list to choose from, or to read."""

from tests.widgets.host import hosted
from widgets.choice_list import ChoiceList, Piece
from widgets.prose import entry_rows, paragraph_rows
from widgets.virtual_list import VirtualList

ROWS: list[list[Piece]] = [[(" one ", "strong"), ("[/] \x1b[31m", "plain")], [], [(" three", "dim")]]


async def test_shows_and_chooses() -> None:
    choices = ChoiceList("A [title]", ROWS)
    async with hosted(choices) as host:
        choices.focus()
        await host.settle()
        assert host.lines[0] == " A [title]"
        assert host.rows[:3] == [r" one [/] \x1b[31m", "", " three"]
        await host.press("down", "down", "enter")
        (selected,) = host.take(VirtualList.Selected)
        assert isinstance(selected, VirtualList.Selected)
        assert selected.row == 2
        choices.set_choices([*ROWS, [("four", "plain")]])
        assert choices.cursor == 2, "the cursor stays"
        assert host.rows[3] == "four"


def test_prose_is_broken_into_rows() -> None:
    text = "a sentence of some words that has to be broken into more than one row"
    rows = entry_rows("term", text, 10, 40)
    lines = ["".join(piece for piece, _ in row) for row in rows]
    assert lines[0].startswith("  term    a sentence")
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert " ".join(line[10:] for line in lines) == text
    assert ["".join(piece for piece, _ in row) for row in paragraph_rows("a b", 3, 40)] == ["   a b"]
    assert entry_rows("term", "", 10, 40) == [[("  term    ", "plain"), ("", "dim")]]
