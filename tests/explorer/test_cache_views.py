"""The cache laid open: events, shadows, the comparison, and a scroll of one's own, written and replayed."""

import json
import re
from pathlib import Path

from app.events_pane import EventsPane
from app.screens.compare import CompareScreen
from app.screens.explorer import ExplorerScreen
from pagemap.policies import POLICIES
from pagemap.recording import load
from pagemap.walks import WALKS
from tests.commands.running import error, objects, run
from tests.explorer.driving import Driver, explore, text
from tests.explorer.synthetic import Synthetic
from tests.kit.kernel import PAGE
from tests.kit.syscalls import PagemapReads
from tests.kit.targets import Target
from widgets.bars import TextBar
from widgets.shadow_table import ShadowTable

ROW = re.compile(r"^[▸ ](\S+) +([\d.]+%|-) +([\d,]+) +([\d,]+) .*? ([\d,]+) ")
SMALL = (80, 24)
TALL = (132, 60)


def costs(driver: Driver, table: ShadowTable | None = None) -> dict[str, tuple[str, int, int, int]]:
    """The table on the screen: hit rate, fills, preads and entries of each policy."""
    shown = table or driver.app.screen.query_one(ShadowTable)
    found = {}
    for line in text(shown).splitlines()[1:]:
        match = ROW.match(line + " ")
        assert match is not None, line
        numbers = [int(group.replace(",", "")) for group in match.groups()[2:]]
        found[match[1]] = (match[2], numbers[0], numbers[1], numbers[2])
    return found


def events(driver: Driver) -> EventsPane:
    return driver.app.explorer.query_one(EventsPane)


def event_rows(driver: Driver) -> list[list[str]]:
    return [line.split() for line in text(events(driver)).splitlines()[1:] if line.strip()]


async def versus(driver: Driver) -> dict[str, tuple[str, int, int, int]]:
    driver.app.explorer._show_shadows()
    await driver.settle()
    return costs(driver)


async def test_shadows_say_what_each_policy_really_costs_and_never_read(target: Target) -> None:
    target.do("many_vmas", count=400, pages=[1, 2, 3], gaps=[1])
    async with explore(target.pid, size=TALL, paused=True) as driver:
        height = driver.pages.page_height
        await driver.press("pagedown", "pagedown", "pagedown")
        with PagemapReads() as reads:
            await driver.press("v")
            shown = await versus(driver)
            # More rows are hidden than shown by the table: none becomes visible, so nothing is read at all.
            assert reads.calls == 0
        assert list(shown) == list(POLICIES)
        real = objects(
            *("cache", str(target.pid), "--policy", "all", "--walk", "page-down"),
            *("--rows", str(height), "--steps", "3"),
        )
    for row in real:
        rate = f"{row['hits'] / row['lookups']:.1%}"
        expected = (rate, row["fills"], row["preads"], row["entries_read"])
        assert shown[row["policy"]] == expected, row["policy"]


async def test_the_panel_counts_what_the_command_counts(target: Target) -> None:
    async with explore(target.pid, size=SMALL, paused=True) as driver:
        height = driver.pages.page_height
        await driver.press(*["pagedown"] * 5)
        (row,) = objects("cache", str(target.pid), "--walk", "page-down", "--rows", str(height), "--steps", "5")
        counted = driver.counted
        assert (counted.lookups, counted.hits, counted.misses) == (row["lookups"], row["hits"], row["misses"])
        assert (counted.fills, counted.preads) == (row["fills"], row["preads"])


async def test_shadows_follow_flush_and_reset(target: Target) -> None:
    area = target.do("written", pages=64)
    async with explore(target.pid, size=TALL, paused=True) as driver:
        await driver.go_to(area.page(10))
        await driver.press("v")
        before = await versus(driver)
        assert before["blocks"][2] == driver.counted.preads
        await driver.press("c", "r")
        after = await versus(driver)
        assert {cost[1:] for cost in after.values()} == {(0, 0, 0)}
        await driver.press("down", "pagedown")
        again = await versus(driver)
        assert again["blocks"][2] == driver.counted.preads > 0


async def test_events_are_those_of_the_cache(target: Target) -> None:
    area = target.do("written", pages=1_200)
    async with explore(target.pid, size=SMALL, paused=True) as driver:
        await driver.go_to(area.page(5))
        await driver.press("e")
        assert (events(driver).display, driver.vmas.display) == (True, False)
        log = list(driver.session.cache.events)
        rows = event_rows(driver)
        assert [int(row[0]) for row in rows] == [event.seq for event in log][-len(rows) :]
        assert [row[3] for row in rows] == [event.kind for event in log][-len(rows) :]
        await driver.press("e")
        assert (events(driver).display, driver.vmas.display) == (False, True)


async def test_events_follow_until_one_scrolls_up() -> None:
    async with explore(Synthetic(), size=SMALL, paused=True, policy="page") as driver:
        await driver.press("e", "tab")
        for _ in range(6):
            await driver.press("pagedown")
        pane = events(driver)
        assert "following" in text(pane)
        newest = pane.row_count
        pane.focus()
        await driver.press("pageup", "pageup")
        assert "paused" in text(pane)
        top = event_rows(driver)[0]
        driver.pages.focus()
        await driver.press("pagedown", "pagedown")
        assert event_rows(driver)[0] == top, "a paused view stands still"
        assert pane.row_count > newest
        pane.focus()
        await driver.press("end")
        assert "following" in text(pane)


async def test_events_are_filtered_searched_and_followed_to_their_page(target: Target) -> None:
    area = target.do("written", pages=3_000)
    async with explore(target.pid, size=SMALL, paused=True) as driver:
        for page in (0, 900, 1_800, 2_700):
            await driver.go_to(area.page(page))
        await driver.press("e")
        await driver.ask("slash", "miss")
        assert {row[3] for row in event_rows(driver)} == {"miss"}
        missed = [event.start for event in driver.session.cache.events if event.kind == "miss"]
        await driver.ask("slash", f"miss {missed[2]:#x}")
        (row,) = event_rows(driver)
        assert int(row[4].partition("-")[0], 16) == missed[2]
        events(driver).focus()
        await driver.press("home", "enter")
        assert driver.session.space.row(driver.pages.cursor).address == int(row[4].partition("-")[0], 16)
        await driver.ask("slash", "fill,miss")
        assert {row[3] for row in event_rows(driver)} <= {"fill", "miss"}
        await driver.press("escape")
        assert events(driver).filter_text == ""


async def test_the_window_under_the_cursor_is_told_in_full(target: Target) -> None:
    area = target.do("written", pages=100)
    async with explore(target.pid, size=TALL, paused=True, policy="seed") as driver:
        await driver.go_to(area.page(50))
        story = " ".join(driver.panel.split())
        assert "cold miss at" in story
        assert "from the VMA's start over" in story
        assert "entries used" in story


async def test_the_comparison_runs_every_policy_for_real(target: Target) -> None:
    target.do("many_vmas", count=200, pages=[1, 2], gaps=[1])
    async with explore(target.pid, size=TALL, paused=True) as driver:
        height = driver.pages.page_height
        await driver.press("pagedown", "x")
        assert driver.shows(CompareScreen)
        for at, walk in enumerate(WALKS):
            await driver.press("home", *["down"] * at, "enter")
            shown = costs(driver)
            assert f"{walk}: done" in text(driver.app.screen.query_one(TextBar))
            real = objects(
                *("cache", str(target.pid), "--policy", "all", "--walk", walk, "--rows", str(height)),
            )
            expected = {row["policy"]: (row["fills"], row["preads"], row["entries_read"]) for row in real}
            assert {name: cost[1:] for name, cost in shown.items()} == expected, walk
        await driver.press("end", "enter")
        assert costs(driver)["blocks"][1] == driver.session.cache.counters.fills
        await driver.press("escape")
        assert driver.shows(ExplorerScreen)


async def test_the_comparison_can_be_stopped() -> None:
    async with explore(Synthetic(), size=TALL, paused=True) as driver:
        await driver.press("x")
        screen = driver.app.screen
        assert isinstance(screen, CompareScreen)
        # As if a long walk were under way: what the thread finishes after that must not show.
        screen._running = True
        await driver.press("escape")
        assert driver.shows(CompareScreen)
        assert "stopped" in text(screen.query_one(TextBar))
        screen.post_message(CompareScreen.Progress("blocks", 0.5))
        await driver.settle()
        assert "stopped" in text(screen.query_one(TextBar))
        await driver.press("escape")
        assert driver.shows(ExplorerScreen)


async def test_there_is_nothing_to_compare_without_a_target() -> None:
    async with explore(None, size=SMALL) as driver:
        await driver.press("x")
        assert driver.shows(ExplorerScreen)
        assert "choose a process first" in driver.message


async def test_a_scroll_is_written_and_replayed(target: Target, tmp_path: Path) -> None:
    area = target.do("written", pages=2_000)
    file = tmp_path / "scroll.jsonl"
    async with explore(target.pid, size=SMALL, paused=True) as driver:
        await driver.press("r")
        await driver.go_to(area.page(100))
        await driver.press("pagedown", "pageup", "pagedown")
        await driver.go_to(area.page(1_500))
        await driver.ask("w", str(file))
        assert "wrote 5 steps" in driver.message
        counters = driver.session.cache.counters
        recorded = load(file)
        assert sum(end - start for step in recorded.steps for start, end in step) // PAGE == counters.lookups
        for arguments in (["--replay", str(file)], [str(target.pid), "--replay", str(file)]):
            rows = {row["policy"]: row for row in objects("cache", *arguments, "--policy", "all")}
            assert {row["lookups"] for row in rows.values()} == {counters.lookups}
            assert {row["walk"] for row in rows.values()} == {"replay"}
            assert rows["page"]["preads"] >= rows["blocks"]["preads"]
        await driver.ask("w", str(file))
        assert "cannot write" in driver.message, "a file that exists is left alone"


def test_maps_files_are_counted_without_reading(target: Target, tmp_path: Path) -> None:
    target.do("many_vmas", count=300, pages=[1, 2, 5], gaps=[1, 2])
    file = tmp_path / "maps"
    file.write_bytes(Path(f"/proc/{target.pid}/maps").read_bytes())
    for walk in WALKS:
        real, paper = (
            objects("cache", what, "--policy", "all", "--walk", walk, "--steps", "40")
            for what in (str(target.pid), str(file))
        )
        for one, other in zip(real, paper, strict=True):
            for field in ("policy", "lookups", "hits", "misses", "fills", "preads", "entries_read", "evictions"):
                assert one[field] == other[field], (walk, one["policy"], field)


def test_a_file_that_is_no_maps_file(tmp_path: Path) -> None:
    file = tmp_path / "maps"
    file.write_text("not a maps file\n")
    assert "line 1" in error("cache", str(file), status=2)
    assert "nothing to walk through" in error("cache", status=2)
    assert "cannot read" in error("cache", "--replay", str(tmp_path / "none"), status=2)


def test_the_literal_seed_names_its_defects(target: Target) -> None:
    area = target.do("written", pages=700)
    lines = run("cache", str(target.pid), "--policy", "seed", "--literal", "--json").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert found[0]["event"] == "init"
    names = {event["name"] for event in found if event["event"] == "defect"}
    assert "untrimmed" in names
    assert all(event["text"] for event in found)
    assert area.pages * PAGE > 2 << 20, "the longest VMA is longer than 2 MiB and sets the buffer"
    text_lines = run("cache", str(target.pid), "--policy", "seed", "--literal").stdout.splitlines()
    assert any(" DEFECT 3 untrimmed: " in f" {line}" for line in text_lines)
    assert "--literal shows the 2014 patch" in error("cache", str(target.pid), "--literal", status=2)
