"""Longer text broken into rows: no word lost, each row as wide as it may be, the columns kept."""

from hypothesis import given
from hypothesis import strategies as st

from widgets.choice_list import Piece
from widgets.prose import entry_rows, paragraph_rows

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=12), max_size=40).map(" ".join)


def texts(rows: list[list[Piece]]) -> list[str]:
    return ["".join(text for text, _ in row) for row in rows]


@given(WORDS, st.integers(12, 24), st.integers(44, 120))
def test_an_entry_keeps_every_word_and_its_columns(text: str, indent: int, width: int) -> None:
    lines = texts(entry_rows("term", text, indent, width))
    assert lines[0].startswith("  term".ljust(indent))
    assert all(line[:indent].isspace() for line in lines[1:])
    assert [word for line in lines for word in line[indent:].split()] == text.split()
    assert all(len(line) <= width for line in lines)


@given(WORDS, st.integers(0, 20), st.integers(40, 120))
def test_a_paragraph_keeps_every_word(text: str, indent: int, width: int) -> None:
    lines = texts(paragraph_rows(text, indent, width))
    assert all(line[:indent] == " " * indent and len(line) <= width for line in lines)
    assert [word for line in lines for word in line.split()] == text.split()


def test_an_entry_without_explanation_is_still_a_row() -> None:
    assert texts(entry_rows("term", "", 10, 40)) == ["  term    "]


def test_an_empty_paragraph_has_no_rows() -> None:
    assert paragraph_rows("", 2, 40) == []


def test_where_there_is_no_room_rows_stay_readable() -> None:
    text = "some words to break"
    assert texts(paragraph_rows(text, 10, 5)) == [" " * 10 + text], "20 cells at the least; the list cuts the rest"
    assert texts(entry_rows("t", text, 10, 0)) == ["  t".ljust(10) + text]


def test_the_term_stands_out_and_the_explanation_does_not() -> None:
    first, *others = entry_rows("term", "word " * 20, 10, 40)
    assert [style for _, style in first] == ["plain", "dim"]
    assert {style for row in others for _, style in row} == {"dim"}
