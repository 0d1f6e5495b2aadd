"""The sanitiser and the fitting of text into cells."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from widgets.text import clean, fit

ANYTHING = st.binary().map(os.fsdecode) | st.text()


@given(ANYTHING)
def test_clean_leaves_nothing_that_acts_on_a_terminal(text: str) -> None:
    safe = clean(text)
    assert not {unicodedata.category(char) for char in safe} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    safe.encode("utf-8")
    assert clean(safe) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("", ""),
        ("[/] [@click=x]$HOME\\n", "[/] [@click=x]$HOME\\n"),
        ("\x1b[31m\x07\x7f\n\t\r\0", r"\x1b[31m\x07\x7f\x0a\x09\x0d\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb\u200b\u2066", r"a\u202eb\u200b\u2066"),
        (os.fsdecode(b"\xff\xfe"), r"\xff\xfe"),
        ("\ud800", r"\ud800"),
        ("\u2028\ue000\U000e0001", r"\u2028\ue000\U000e0001"),
        ("größe 大小 é", "größe 大小 é"),
    ],
)
def test_clean(text: str, safe: str) -> None:
    assert clean(text) == safe


@given(ANYTHING, st.integers(-2, 40), st.sampled_from(["left", "right", "tail"]))
def test_fit_gives_exactly_the_cells_asked_for(text: str, width: int, align: str) -> None:
    assert cell_len(fit(clean(text), width, align)) == max(0, width)


@pytest.mark.parametrize(
    ("text", "width", "align", "fitted"),
    [
        ("abc", 5, "left", "abc  "),
        ("abc", 5, "right", "  abc"),
        ("abc", 5, "tail", "abc  "),
        ("abcdef", 4, "left", "abc…"),
        ("abcdef", 4, "right", "abc…"),
        ("/usr/lib/libc.so", 8, "tail", "…libc.so"),
        ("大小大小", 5, "left", "大小…"),
        ("大小大小", 4, "tail", "…小 "),
        ("abc", 0, "left", ""),
    ],
)
def test_fit(text: str, width: int, align: str, fitted: str) -> None:
    assert fit(text, width, align) == fitted


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_clean_keeps_printable_ascii_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]))
def test_clean_writes_out_what_it_takes_away(char: str) -> None:
    safe = clean(f"a{char}b")
    assert safe[:2] == "a\\"
    assert safe[-1] == "b"
    assert safe.isascii()
    assert safe.isprintable()
    code = int(safe[3:-1], 16)
    # A byte that was no UTF-8 is shown as that byte.
    assert code == (ord(char) - 0xDC00 if 0xDC80 <= ord(char) <= 0xDCFF else ord(char))


@given(ANYTHING, ANYTHING)
def test_clean_looks_at_each_character_alone(one: str, other: str) -> None:
    assert clean(one + other) == clean(one) + clean(other)


CELLS = st.text(st.sampled_from("ab [/]…大한ｱＡ🙂\u0301\u0e33\u20dd\ufe0fé"))
"""Wide, narrow and without width: marks that go on top of what is before them, also of nothing."""


@given(CELLS, st.integers(0, 24), st.sampled_from(["left", "right", "tail"]))
def test_fit_counts_cells_and_not_characters(text: str, width: int, align: str) -> None:
    assert cell_len(fit(text, width, align)) == width


@given(CELLS, st.integers(1, 24), st.sampled_from(["left", "right", "tail"]))
def test_fit_pads_what_has_room_and_cuts_nothing_of_it(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align)
    if cell_len(text) <= width:
        blanks = " " * (width - cell_len(text))
        assert fitted == (blanks + text if align == "right" else text + blanks)
    else:
        assert "…" in fitted


@given(st.text("[]/@=$abc", max_size=30))
def test_brackets_stay_brackets(text: str) -> None:
    assert fit(clean(text), 30).rstrip() == text
