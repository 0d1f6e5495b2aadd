"""The cache panel."""

from dataclasses import replace

import pytest

from pagemap.counters import Counters
from tests.widgets.host import hosted
from widgets.cache_panel import CacheFacts, CachePanel, sparkline
from widgets.numbers import count, duration, percent, size
from widgets.ruler import Cell


def counters() -> Counters:
    made = Counters()
    for reason, times in (("cold", 3), ("evicted", 2), ("invalidated", 1)):
        for _ in range(times):
            made.miss(reason)
    made.lookups += 1_000
    made.hits += 1_000
    for _ in range(5):
        made.fill(512, 4096, 2e-5)
        made.preads += 1
    made.entries_used = 1_000
    made.evictions = 2
    return made


FACTS = CacheFacts(
    policy="blocks",
    settings="64 windows × 2.0M",
    held=3,
    counters=counters(),
    live="live, every 1 s",
    oldest=1.25,
    near=[Cell("─", None, False)] * 10 + [Cell("[", 1, False), Cell("╪", 1, True), Cell("]", 1, False)],
    near_label="",
    whole=[Cell("─", None, False)] * 40,
    whole_label="",
    story="miss at 0x1000: cold \x1b[31m",
    history=[(10, 1), (0, 0), (5, 2)],
)


async def text(facts: CacheFacts | None, width: int = 160, height: int = 6) -> list[str]:
    panel = CachePanel()
    async with hosted(panel, (width, height)) as host:
        panel.show(facts)
        await host.settle()
        return host.lines


async def test_says_all_there_is_to_say() -> None:
    lines = await text(FACTS)
    assert lines[0].startswith("Cache  blocks: 64 windows × 2.0M, 3 held, oldest 1.2 s")
    assert lines[0].endswith("live, every 1 s")
    shown = " ".join(" ".join(lines).split())
    for part in (
        *("lookups 1,006", "hits 1,000", "misses 6 (cold 3, evicted 2, invalidated 1)", "rate 99.4%", "fills 5"),
        *("preads 5", "read 20.0K", "used 1,000/2,560", "evicted 2", "refreshes 0", "fill 20 µs", "efficiency 39.1%"),
    ):
        assert part in shown
    assert "failed" not in shown
    assert "──────────[╪]" in shown
    assert r"miss at 0x1000: cold \x1b[31m" in shown


async def test_a_failed_fill_is_counted_where_it_is_seen() -> None:
    failed = counters()
    failed.miss("cold")
    failed.failed_fills += 1
    shown = " ".join(" ".join(await text(replace(FACTS, counters=failed), width=80)).split())
    assert "failed 1" in shown


@pytest.mark.parametrize("width", [80, 86, 100, 132, 250])
@pytest.mark.parametrize("height", [6, 8])
async def test_fits(width: int, height: int) -> None:
    for line in await text(replace(FACTS, story="word " * 100), width, height):
        assert len(line) <= width
    shown = "\n".join(await text(FACTS, width, height))
    for part in ("lookups 1,006", "hits 1,000", "misses 6", "fills 5", "preads 5", "used 1,000/2,560"):
        assert part in shown


async def test_before_anything_was_looked_up_nothing_is_0_percent() -> None:
    shown = " ".join(" ".join(await text(replace(FACTS, counters=Counters(), oldest=None, held=0))).split())
    assert "rate -" in shown
    assert "fill -" in shown
    assert "oldest" not in shown


async def test_without_a_target() -> None:
    assert [line for line in await text(None) if line] == ["Cache"]


async def test_the_windows_and_the_view_have_their_colours() -> None:
    panel = CachePanel()
    async with hosted(panel, (80, 6)) as host:
        panel.show(FACTS)
        await host.settle()
        row = next(n for n, line in enumerate(host.lines) if line.startswith("near"))
        styles = {segment.text: str(segment.style) for segment in host.segments(row)}
        assert len({styles["─" * 10], styles["["], styles["╪"]}) == 3
        assert styles["["] == styles["]"]


@pytest.mark.parametrize(
    ("history", "width", "picture"),
    [
        ([], 10, ""),
        ([(5, 0)], 10, "▁"),
        ([(0, 0), (0, 8), (4, 4), (9, 0)], 10, " █▄▁"),
        ([(0, 1), (0, 2), (0, 4)], 2, "▄█"),
        ([(0, 1)], 0, ""),
        ([(0, 1)], -3, ""),
    ],
)
def test_sparkline(history: list[tuple[int, int]], width: int, picture: str) -> None:
    assert sparkline(history, width) == picture


def test_numbers() -> None:
    assert [size(n) for n in (None, 0, 1023, 1024, 1536, 16 << 40, 1 << 60)] == [
        *("-", "0B", "1023B", "1.0K", "1.5K", "16.0T", "1E"),
    ]
    assert [count(n) for n in (None, 0, 1234567)] == ["-", "0", "1,234,567"]
    assert [percent(n) for n in (None, 0.0, 1.0, 0.12345)] == ["-", "0.0%", "100.0%", "12.3%"]
    assert [duration(n) for n in (None, 2e-6, 0.0015, 2.5)] == ["-", "2 µs", "1.5 ms", "2.5 s"]
    assert all(len(size(1 << n)) <= 7 for n in range(64))
