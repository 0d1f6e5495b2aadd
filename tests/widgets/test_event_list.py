"""The event list: it follows, it pauses and keeps the event one looks at, it says what happened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.events import KINDS, Event, EventLog
from tests.widgets.host import Host, hosted
from widgets.event_list import EventList, tell

HEIGHT = 9


def event(seq: int, kind: str = "miss", reason: str = "cold") -> Event:
    return Event(seq, 100.0 + seq / 4, kind, seq * 0x1000, (seq + 1) * 0x1000, reason)


def events(*numbers: int) -> list[Event]:
    return [event(seq) for seq in numbers]


def numbers(host: Host) -> list[int]:
    """The visible events' numbers."""
    return [int(row.split()[0]) for row in host.rows if row]


def under_cursor(listed: EventList) -> int | None:
    found = listed.event_at(listed.cursor)
    return found.seq if found is not None else None


async def test_follows_the_newest() -> None:
    listed = EventList()
    async with hosted(listed) as host:
        for last in (1, 5, HEIGHT, 30, 1_000):
            listed.set_events(events(*range(1, last + 1)), 100.0)
            await host.settle()
            assert listed.following
            assert numbers(host) == list(range(max(1, last - HEIGHT + 1), last + 1))
            assert under_cursor(listed) == last
        assert host.lines[0] == "Events  1,000 shown, following"


async def test_scrolling_up_pauses_and_the_end_follows_again() -> None:
    listed = EventList()
    async with hosted(listed) as host:
        listed.focus()
        listed.set_events(events(*range(1, 51)), 100.0)
        await host.press("pageup")
        assert "paused: end follows again" in host.lines[0]
        seen = numbers(host)
        listed.set_events(events(*range(1, 100)), 100.0)
        await host.settle()
        assert numbers(host) == seen, "what one looks at stays, whatever happens below"
        await host.press("end")
        assert host.lines[0].endswith("following")
        listed.set_events(events(*range(1, 200)), 100.0)
        await host.settle()
        assert numbers(host)[-1] == 199


@pytest.mark.parametrize("gone", [0, 1, 7, 20])
async def test_paused_it_keeps_its_event_while_the_ring_moves_on(gone: int) -> None:
    listed = EventList()
    async with hosted(listed) as host:
        listed.set_events(events(*range(1, 51)), 100.0)
        listed.scroll_to_row(25)
        listed.move_cursor(28)
        await host.settle()
        before, seen = under_cursor(listed), numbers(host)
        assert (before, listed.following) == (29, False)
        listed.set_events(events(*range(1 + gone, 51 + gone)), 100.0)
        await host.settle()
        assert under_cursor(listed) == before
        assert numbers(host) == seen


async def test_an_event_that_has_left_the_ring_gives_way_to_the_oldest() -> None:
    listed = EventList()
    async with hosted(listed) as host:
        listed.set_events(events(*range(1, 51)), 100.0)
        listed.scroll_to_row(10)
        await host.settle()
        listed.set_events(events(*range(1_000, 1_050)), 100.0)
        await host.settle()
        assert under_cursor(listed) == 1_000
        assert numbers(host)[0] == 1_000


async def test_paused_it_keeps_its_event_though_the_filter_leaves_gaps() -> None:
    listed = EventList()
    async with hosted(listed) as host:
        every_tenth = list(range(1, 501, 10))
        listed.set_events(events(*every_tenth), 100.0)
        listed.scroll_to_row(20)
        listed.move_cursor(23)
        await host.settle()
        before, seen = under_cursor(listed), numbers(host)
        assert before == 231
        listed.set_events(events(*every_tenth[3:], 501, 511, 521), 100.0)
        await host.settle()
        assert under_cursor(listed) == before
        assert numbers(host) == seen


async def test_another_filter_keeps_the_event_or_its_successor() -> None:
    listed = EventList()
    async with hosted(listed) as host:
        listed.set_events(events(*range(1, 101)), 100.0)
        listed.scroll_to_row(40)
        listed.move_cursor(44)
        await host.settle()
        assert under_cursor(listed) == 45
        listed.set_events(events(*range(5, 101, 5)), 100.0)
        assert under_cursor(listed) == 45
        listed.scroll_to_row(0)
        listed.move_cursor(8)
        assert under_cursor(listed) == 45
        listed.set_events(events(*range(4, 101, 4)), 100.0)
        assert under_cursor(listed) == 48, "the next one that is left"


@given(st.data())
def test_row_of_any_ring(data: st.DataObject) -> None:
    # Not laid out, a list keeps its cursor all the same: the arithmetic needs no screen.
    seqs = sorted(data.draw(st.sets(st.integers(1, 400), min_size=1, max_size=60)))
    later = sorted(data.draw(st.sets(st.integers(1, 400), min_size=1, max_size=60)))
    row = data.draw(st.integers(0, len(seqs) - 1))
    listed = Paused(events(*seqs), row)
    listed.set_events(events(*later), 0.0)
    assert under_cursor(listed) == next((seq for seq in later if seq >= seqs[row]), later[-1])


class Paused(EventList):
    """One that stands on a row and does not follow; messages have nowhere to go."""

    def __init__(self, shown: list[Event], row: int) -> None:
        super().__init__()
        with self.prevent(self.CursorMoved, self.Scrolled):
            self.set_events(shown, 0.0)
            self.set_rows(len(shown), cursor=row)
        self.following = False


async def test_nothing_has_happened() -> None:
    listed = EventList()
    async with hosted(listed) as host:
        listed.set_events([], 0.0)
        await host.settle()
        assert host.rows[0] == " nothing has happened yet"
        assert listed.event_at(listed.cursor) is None
        listed.set_events(events(1, 2), 100.0)
        listed.set_events([], 100.0)
        await host.settle()
        assert (listed.cursor, listed.following) == (-1, True)


async def test_a_row_tells_number_time_kind_addresses() -> None:
    listed = EventList()
    async with hosted(listed, (120, 12)) as host:
        listed.set_events([event(n, kind) for n, kind in enumerate(KINDS, 1) if kind != "fill"], 100.0)
        await host.settle()
        for row, kind in zip(host.rows, (kind for kind in KINDS if kind != "fill"), strict=False):
            assert kind in row
        first = host.rows[1]
        assert first.split()[:5] == ["2", "0.50s", "●", "miss", "0x000000002000-0x000000003000"]
        signs = [row.split()[2] for row in host.rows if row]
        assert len(set(signs)) == len(signs), "told apart without colour"


@pytest.mark.parametrize("width", [20, 40, 80, 81, 132])
async def test_a_row_fits_and_what_is_said_is_made_safe(width: int) -> None:
    listed = EventList()
    async with hosted(listed, (width, 6)) as host:
        listed.set_events([event(1, "error", "\x1b[31m[/] 大小\u202e" * 9)], 100.0)
        await host.settle()
        for strip in listed.render_lines(listed.size.region):
            assert strip.cell_length == width
            assert strip.text.isprintable()


class TestTell:
    """What there is to say beside the addresses."""

    @pytest.mark.parametrize(
        ("count", "text"), [(1, "1 hit in window 7"), (2, "2 hits in window 7"), (1_234, "1,234 hits in window 7")]
    )
    def test_hit(self, count: int, text: str) -> None:
        assert tell(Event(1, 0.0, "hit", 0, 1, count=count, window=7)) == text

    def test_fill(self) -> None:
        fill = Event(
            1, 0.0, "fill", 0, 1, "cold", window=3, vmas=2, covered=8192, gap=4096, preads=1, microseconds=12.0
        )
        assert tell(fill) == "window 3: 2 VMAs, 8.0K covered, 4.0K of gaps, 1 pread, 12 µs: cold"

    def test_fill_of_one_vma_by_more_reads(self) -> None:
        fill = Event(1, 0.0, "fill", 0, 1, "x", window=3, vmas=1, covered=4096, gap=0, preads=3, microseconds=2_500.0)
        assert tell(fill) == "window 3: 1 VMA, 4.0K covered, 0B of gaps, 3 preads, 2.5 ms: x"

    def test_what_is_unknown_of_a_fill_is_a_dash(self) -> None:
        text = tell(Event(1, 0.0, "fill", 0, 1, "x", window=3))
        assert text == "window 3: - VMAs, - covered, - of gaps, - preads, -: x"

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("hit", "fill")])
    def test_others(self, kind: str) -> None:
        assert tell(Event(1, 0.0, kind, 0, 1, "why")) == "why"
        assert tell(Event(1, 0.0, kind, 0, 1, "why", window=4)) == "window 4 why"
        assert tell(Event(1, 0.0, kind, 0, 1, window=4)) == "window 4"
        assert tell(Event(1, 0.0, kind, 0, 1)) == ""


async def test_a_log_of_the_cache_is_drawn_as_it_is() -> None:
    log = EventLog(5)
    for n in range(12):
        log.add(float(n), "miss", n << 12, (n + 1) << 12, "cold")
    listed = EventList()
    async with hosted(listed) as host:
        listed.set_events(list(log), 0.0)
        await host.settle()
        assert numbers(host) == [8, 9, 10, 11, 12]
