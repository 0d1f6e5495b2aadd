"""Numbers as people read them: the borders between units, and what is unknown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.numbers import count, duration, percent, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0B"),
        (1, "1B"),
        (1023, "1023B"),
        (1024, "1.0K"),
        (4096, "4.0K"),
        (135_168, "132.0K"),
        (1 << 20, "1.0M"),
        (5 << 30, "5.0G"),
        (16 << 40, "16.0T"),
        (1 << 50, "1P"),
        (3 << 60, "3E"),
    ],
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


@given(st.integers(0, 1 << 64))
def test_a_size_is_close_to_the_number_and_short(number: int) -> None:
    text = size(number)
    match = re.fullmatch(r"(\d+(?:\.\d)?)([BKMGTPE])", text)
    assert match is not None, text
    unit = 1024 ** "BKMGTPE".index(match[2])
    # Rounded to a tenth below 1P and to a whole from there on.
    assert abs(float(match[1]) * unit - number) <= unit * (0.5 if unit >= 1024**5 else 0.05) * 1.001
    assert len(text) <= 7


@given(st.integers(0, 1 << 70))
def test_a_count_loses_nothing(number: int) -> None:
    assert int(count(number).replace(",", "")) == number
    assert all(len(group) == 3 for group in count(number).split(",")[1:])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 µs"),
        (0.000_001, "1 µs"),
        (0.001, "1.0 ms"),
        (0.25, "250.0 ms"),
        (1.0, "1.0 s"),
        (3_600.0, "3600.0 s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "0.0%"), (0.5, "50.0%"), (0.999, "99.9%"), (1.0, "100.0%")])
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_unknown_is_never_0() -> None:
    assert [size(None), count(None), percent(None), duration(None)] == ["-"] * 4
