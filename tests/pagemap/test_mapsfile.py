"""A file of VMAs as a source: what it takes, what it refuses and where, and that it counts without reading."""

import os
from pathlib import Path

import pytest

from pagemap.cache import PagemapCache
from pagemap.counting import CountingReader
from pagemap.errors import UsageError
from pagemap.mapsfile import BadMapsError, MapsFile, PaperSpace, RecordedSpace
from pagemap.policies import POLICIES
from pagemap.recording import Recording
from pagemap.scan import ScanRequest
from pagemap.source import Source
from pagemap.vma import AddressSpace
from pagemap.walks import walk
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import LIMIT, LIMIT_32, VSYSCALL

LINE = b"7f0000000000-7f0000004000 rw-p 00000000 00:00 0 \n"
GATE = b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "saved.maps"


def loaded(path: Path, text: bytes) -> MapsFile:
    path.write_bytes(text)
    return MapsFile(path)


def test_the_maps_of_a_real_process_are_taken_as_they_are(path: Path) -> None:
    text = Path(f"/proc/{os.getpid()}/maps").read_bytes()
    source: Source = loaded(path, text)
    assert source.maps().text == text
    assert source.maps() is source.maps()
    assert source.identity.pid == 0
    assert source.identity.name == "saved.maps"
    assert source.condition() == ""
    source.close()


def test_a_missing_last_newline_and_empty_last_lines_do_no_harm(path: Path) -> None:
    for text in (LINE[:-1], LINE, LINE + b"\n\n"):
        assert len(loaded(path, text).maps()) == 1


@pytest.mark.parametrize("text", [b"", b"\n"])
def test_an_empty_file_is_a_process_without_vmas(path: Path, text: bytes) -> None:
    source = loaded(path, text)
    assert len(source.maps()) == 0
    assert source.address_limit == LIMIT


def test_names_may_hold_anything_but_a_line_end(path: Path) -> None:
    name = b"/tmp/[b]\x1b[31m \xff\xfe\r\t (deleted)"
    source = loaded(path, LINE[:-1] + b"  " + name + b"\n" + GATE)
    assert os.fsencode(source.maps().vma(0).path) == name


@pytest.mark.parametrize(
    ("text", "number", "why"),
    [
        (b"hello\n", 1, "'hello' is no VMA"),
        (LINE + b"\n" + LINE, 2, "'' is no VMA"),
        (LINE + b"Size: 16 kB\n", 2, "'Size: 16 kB' is no VMA"),  # smaps
        (b"7f0000000000-7f0000004000\n", 1, "is no VMA"),  # a range alone
        (b"7F0000000000-7F0000004000 rw-p 00000000 00:00 0\n", 1, "is no VMA"),
        (b"7f0000000000-7f0000004000 rwzp 00000000 00:00 0\n", 1, "is no VMA"),
        (b"10000000000000000-10000000000001000 rw-p 00000000 00:00 0\n", 1, "is no VMA"),  # more than 64 bits
        (LINE + LINE.replace(b"7f0", b"7f1").replace(b"4000", b"4001"), 2, "page size"),
        (LINE.replace(b"4000", b"0000"), 1, "is empty"),
        (LINE + LINE, 2, "overlaps"),
        (LINE + LINE.replace(b"7f0", b"7e0"), 2, "out of order"),
        (b"\x1b]0;title\x07" * 20, 1, "'\\x1b]0;title\\x07"),
        (b"\0" * 10_000, 1, "is no VMA"),
    ],
)
def test_what_is_no_maps_file_is_refused_with_the_line(path: Path, text: bytes, number: int, why: str) -> None:
    with pytest.raises(BadMapsError) as caught:
        loaded(path, text)
    line = str(caught.value)
    assert f"line {number}: " in line
    assert why in line
    assert line.isprintable()
    assert len(line) < 400
    assert caught.value.exit_status == 2


def test_what_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path("with\0zero")):
        with pytest.raises(BadMapsError, match="cannot read"):
            MapsFile(path)
    assert issubclass(BadMapsError, UsageError)


@pytest.mark.parametrize(
    ("ends", "gate", "limit", "why"),
    [
        ([0x7F0000004000], False, LIMIT, "4-level"),
        ([LIMIT], True, LIMIT, "4-level"),
        ([LIMIT + PAGE], False, 1 << 48, "48-bit"),
        ([(1 << 48) + PAGE], False, 1 << 52, "52-bit"),
        ([(1 << 52) + PAGE], True, (1 << 56) - PAGE, "5-level"),
        ([1 << 56], False, 1 << 56, "last VMA"),
        ([0x8000, LIMIT_32], False, LIMIT_32, "32-bit"),
        ([0x8000], False, LIMIT_32, "32-bit"),
        ([0x8000], True, LIMIT, "4-level"),  # a 32-bit task has no [vsyscall]
        ([], True, LIMIT, "4-level"),
    ],
)
def test_address_limit_is_the_next_possible_one_and_says_why(
    path: Path, ends: list[int], gate: bool, limit: int, why: str
) -> None:
    text = b"".join(b"%x-%x r--p 00000000 08:01 12 /lib/x\n" % (end - PAGE, end) for end in ends)
    source = loaded(path, text + GATE * gate)
    assert source.address_limit == limit
    assert why in source.limit_reason


def test_reads_give_zeroes_clipped_at_the_limit_with_the_preads_of_a_real_reader(path: Path) -> None:
    source = loaded(path, LINE)
    inside = source.read(LIMIT - 4 * PAGE, LIMIT)
    assert (inside.entries.tolist(), inside.preads, inside.short_reads) == ([0] * 4, 1, 0)
    # The first comes back short, the second with 0 bytes.
    over = source.read(LIMIT - 4 * PAGE, LIMIT + PAGE)
    assert (over.entries.tolist(), over.preads, over.short_reads) == ([0] * 4, 2, 1)
    beyond = source.read(VSYSCALL[0], VSYSCALL[1])
    assert (beyond.entries.tolist(), beyond.preads, beyond.short_reads) == ([], 1, 0)
    assert list(source.scan(ScanRequest(0, LIMIT))) == []


def test_reads_share_one_buffer() -> None:
    reader = CountingReader(LIMIT)
    large = reader.read(0, 1 << 30).entries
    assert reader.read(0, 1 << 20).entries.obj is large.obj
    assert reader.read(1 << 40, (1 << 40) + (1 << 30)).entries.obj is large.obj


@pytest.mark.parametrize("policy", POLICIES)
def test_a_file_counts_what_a_process_with_these_vmas_would(path: Path, policy: str) -> None:
    text = Path(f"/proc/{os.getpid()}/maps").read_bytes()
    source = loaded(path, text)
    cache = PagemapCache(source, source.maps(), policy)
    other = PagemapCache(CountingReader(source.address_limit), AddressSpace(text), policy)
    for each in (cache, other):
        for _ in walk(each, "page-down", steps=100):
            pass
    names = ("lookups", "hits", "misses", "fills", "preads", "entries_read", "entries_used", "evictions", "scans")
    counts, expected = cache.counters.as_json(), other.counters.as_json()
    assert [counts[name] for name in names] == [expected[name] for name in names]
    assert cache.counters.lookups


def test_a_recorded_scroll_brings_its_vmas_along() -> None:
    space = AddressSpace(LINE)
    source: PaperSpace = RecordedSpace(Recording("a name", space, LIMIT_32, ()))
    assert source.maps() is space
    assert source.address_limit == LIMIT_32
    assert source.identity.name == "a name"
