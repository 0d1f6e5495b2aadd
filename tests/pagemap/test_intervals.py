"""The map from ranges to values, against one value an address."""

from hypothesis import given
from hypothesis import strategies as st

from pagemap.intervals import IntervalMap

SETS = st.lists(st.tuples(st.integers(0, 60), st.integers(-2, 20), st.sampled_from("abc")), max_size=30)


@given(sets=SETS)
def test_it_holds_for_each_address_what_was_set_last(sets: list[tuple[int, int, str]]) -> None:
    intervals: IntervalMap[str] = IntervalMap()
    plain: dict[int, str] = {}
    for start, length, value in sets:
        intervals.set(start, start + length, value)
        plain |= dict.fromkeys(range(start, start + length), value)
        assert [intervals.get(i) for i in range(-2, 90)] == [plain.get(i) for i in range(-2, 90)]
        # Neighbours of equal value are one range.
        borders = sum(plain.get(i) != plain.get(i - 1) and i in plain for i in range(-1, 90))
        assert len(intervals) == borders


def test_a_scroll_leaves_one_range() -> None:
    intervals: IntervalMap[str] = IntervalMap()
    for i in range(1000):
        intervals.set(i * 10, i * 10 + 10, "evicted")
    assert len(intervals) == 1
    assert intervals.get(9_999) == "evicted"
    assert intervals.get(10_000) is None


def test_its_memory_is_bounded() -> None:
    intervals: IntervalMap[int] = IntervalMap(capacity=100)
    for i in range(1000):
        intervals.set(2 * i, 2 * i + 1, i)
        assert len(intervals) <= 100
    assert intervals.get(2 * 999) == 999
    # What is left is right, what was given up is unknown.
    assert all(intervals.get(2 * i) in (i, None) for i in range(1000))
    intervals.clear()
    assert len(intervals) == 0
    assert intervals.get(0) is None
