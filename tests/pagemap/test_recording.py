"""Recorded scrolls: what is saved is loaded, what is damaged is named with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.errors import UsageError
from pagemap.recording import STEPS, Recorder, Recording, load
from pagemap.viewport import Viewport
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import Range

LIMIT = 1 << 47
MAPS = (
    b"1000-5000 r-xp 00000000 08:01 77 /tmp/\xff [red]\\012\x1b[31m\r x (deleted)\n"
    b"7000-9000 rw-p 00000000 00:00 0 \n"
    b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
)
NAME = "(\udcff \n\x1b[31m\u2028 \U0001f600"


def recording(steps: list[list[Range]]) -> Recording:
    return Recording(NAME, AddressSpace(MAPS), LIMIT, steps)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.lists(
            st.tuples(st.integers(0, 20), st.integers(1, 20)).map(lambda r: (r[0] * PAGE, (r[0] + r[1]) * PAGE)),
            max_size=4,
        ),
        max_size=10,
    )
)
def test_what_is_saved_is_loaded(tmp_path: Path, steps: list[list[Range]]) -> None:
    path = tmp_path / "scroll"
    path.unlink(missing_ok=True)
    recording(steps).save(path)
    loaded = load(path)
    assert (loaded.name, loaded.space.text, loaded.limit) == (NAME, MAPS, LIMIT)
    assert [list(step) for step in loaded.steps] == steps
    assert len(path.read_bytes().splitlines()) == 1 + len(steps)


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        recording([]).save(path)
    assert path.read_text() == "precious"


def test_a_replay_makes_the_same_lookups() -> None:
    space = AddressSpace.from_ranges([(PAGE * 1000 * i, PAGE * (1000 * i + 700)) for i in range(1, 10)])
    recorder, cache = Recorder(), PagemapCache(CountingReader(LIMIT), space)
    viewport = Viewport(cache)
    for top in [0, 1, 2, 50, 51, 900, 880, 3000, 0]:
        viewport.show(top, 40)
        recorder.add(viewport.looked_up)
    viewport.show(0, 40)
    recorder.add(viewport.looked_up)
    scroll = recorder.recording("x", space, LIMIT)
    assert len(scroll.steps) == 9, "a step that looked nothing up is none"
    again = PagemapCache(CountingReader(LIMIT), space)
    done = list(scroll.replay(again))
    assert done == sorted(done)
    assert done[-1] == 1.0
    same = ("lookups", "hits", "misses", "cold", "fills", "preads", "entries_read", "entries_used")
    assert [getattr(again.counters, n) for n in same] == [getattr(cache.counters, n) for n in same]


def test_a_replay_leaves_out_what_is_mapped_no_more_or_beyond_the_limit() -> None:
    space = AddressSpace.from_ranges([(3 * PAGE, 4 * PAGE), (8 * PAGE, 12 * PAGE)])
    cache = PagemapCache(CountingReader(10 * PAGE), space, "page")
    scroll = recording([[(0, 2 * PAGE)], [(PAGE, 5 * PAGE), (7 * PAGE, 40 * PAGE)], [(11 * PAGE, 12 * PAGE)]])
    assert len(list(scroll.replay(cache))) == 3
    assert [w.start for w in cache.windows] == [9 * PAGE]
    assert cache.counters.lookups == 3


def test_a_recorder_remembers_the_last_steps_only() -> None:
    recorder = Recorder()
    for i in range(STEPS + 5):
        recorder.add([(i * PAGE, (i + 1) * PAGE)])
    steps = recorder.recording("x", AddressSpace(MAPS), LIMIT).steps
    assert (len(steps), steps[0]) == (STEPS, ((5 * PAGE, 6 * PAGE),))
    recorder.clear()
    assert list(recorder.recording("x", AddressSpace(MAPS), LIMIT).steps) == []


# --- Damaged files ----------------------------------------------------------------------------------------------

HEAD = {
    "format": "pagelens-scroll",
    "version": 1,
    "page_size": PAGE,
    "name": "x",
    "limit": "0x7ffffffff000",
    "maps": MAPS.decode("utf-8", "surrogateescape"),
}


def head(**changes: Any) -> str:
    return json.dumps({key: value for key, value in (HEAD | changes).items() if value is not ...})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\x00",
        "{",
        "[]",
        "5",
        "null",
        '"text"',
        "[" * 100_000,
        "9" * 10_000,
        *(head(**{key: ...}) for key in HEAD),
        *(
            head(**{key: wrong})
            for key in ("format", "version", "page_size", "limit", "maps")
            for wrong in (None, 7, "no")
        ),
        head(version=2),
        head(page_size=PAGE * 4),
        head(limit="0x0"),
        head(limit="-0x1000"),
        head(limit="0x123"),
        head(limit="tall"),
        head(maps="junk\n"),
        head(maps="1000-2000 \n"),
        head(maps="1000-2000 rw-p\n"),
        head(maps="1000-2000 rw-p zz 00:00 0 \n"),
        head(maps="2000-1000 rw-p 00000000 00:00 0 \n"),
        head(maps="1001-2000 rw-p 00000000 00:00 0 \n"),
        head(maps="3000-4000 rw-p 00000000 00:00 0 \n1000-2000 rw-p 00000000 00:00 0 \n"),
        head(maps="1000-3000 rw-p 00000000 00:00 0 \n2000-4000 rw-p 00000000 00:00 0 \n"),
        head(maps="1000-ffffffffffffffffffff000 rw-p 00000000 00:00 0 \n"),
        head(maps="1000-2000 rw-p 00000000 00:00 0"),
        head(maps="\ud800\n"),
    ],
    ids=lambda line: line[-50:],
)
def test_a_damaged_head_is_an_error_that_names_line_1(tmp_path: Path, line: str) -> None:
    path = tmp_path / "scroll"
    path.write_text(line + "\n")
    with pytest.raises(UsageError, match="line 1: ") as caught:
        load(path)
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "5", "null", '"ab"', "[5]", "[[]]", '[["0x1000"]]', '[["0x1000", "0x2000", "0x3000"]]'),
        *('[["0x2000", "0x1000"]]', '[["0x1000", "0x1000"]]', '[["0x1000", "0x1001"]]', '[["-0x1000", "0x1000"]]'),
        *("[[4096, 8192]]", '[["here", "there"]]', '{"0x1000": 1}', "[" * 100_000, '[["0x1000", null]]', "9" * 10_000),
    ],
    ids=lambda line: line[:20],
)
def test_a_damaged_step_is_an_error_that_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "scroll"
    path.write_text(f'{head()}\n[["0x1000", "0x2000"]]\n{line}\n[]\n')
    with pytest.raises(UsageError, match="line 3: "):
        load(path)


def test_a_file_that_is_not_text_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "scroll"
    path.write_bytes(head().encode() + b"\n[]\n\xff\xfe\n")
    with pytest.raises(UsageError, match="line 3: "):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="line 1: "):
        load(path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="directory"):
        load(tmp_path)


def test_a_head_without_steps_is_a_scroll_without_steps(tmp_path: Path) -> None:
    path = tmp_path / "scroll"
    path.write_text(head())
    assert list(load(path).replay(PagemapCache(CountingReader(LIMIT), AddressSpace(MAPS)))) == []
