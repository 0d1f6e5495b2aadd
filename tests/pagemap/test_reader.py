"""The reader: whatever a read gives, the same entries or a named error, in a bounded number of calls."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.errors import ReadFailedError
from pagemap.live import LiveProcess
from pagemap.reader import MAX_READ, PagemapReader
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.targets import Target
from tests.pagemap.synthetic import Pagemap, cut_in_two, entry

START = 0x7F1234567000


def entries(start: int, pages: int) -> list[int]:
    return [entry(start + i * PAGE) for i in range(pages)]


@pytest.mark.parametrize("pages", [0, 1, 2, 255, 256, 257, 600])
def test_without_short_reads_one_call_gives_all(pages: int) -> None:
    pagemap = Pagemap()
    reader = PagemapReader(-1, pagemap)
    reading = reader.read(START, START + pages * PAGE)
    assert list(reading.entries) == entries(START, pages)
    assert reading.preads == len(pagemap.calls) == reader.preads == bool(pages)
    assert reading.short_reads == 0
    assert reader.bytes_read == 8 * pages


def test_reads_above_2048_bytes_cut_by_1024() -> None:
    pagemap = Pagemap(cut=cut_in_two)
    reading = PagemapReader(-1, pagemap).read(START, START + 600 * PAGE)
    assert list(reading.entries) == entries(START, 600)
    # 4,800 bytes: 3,776 come, then 1,024.
    assert pagemap.calls == [(4800, START // PAGE * 8), (1024, START // PAGE * 8 + 3776)]
    assert (reading.preads, reading.short_reads) == (2, 1)


@pytest.mark.parametrize("first", [8, 9, 15, 16, 100, 792, 799])
def test_a_read_cut_anywhere_is_continued_at_the_last_whole_entry(first: int) -> None:
    pagemap = Pagemap(cut=lambda size, call: first if call == 1 else size)
    reading = PagemapReader(-1, pagemap).read(START, START + 100 * PAGE)
    assert list(reading.entries) == entries(START, 100)
    assert pagemap.calls[1] == (800 - first // 8 * 8, START // PAGE * 8 + first // 8 * 8)


@pytest.mark.parametrize("partial", [1, 7])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_less_than_an_entry_is_a_named_error(partial: int, at: int) -> None:
    pagemap = Pagemap(cut=lambda size, call: partial if call == at else min(size, 80))
    reader = PagemapReader(-1, pagemap)
    with pytest.raises(ReadFailedError, match=f"gave {partial} of an entry's 8 bytes") as caught:
        reader.read(START, START + 100 * PAGE)
    assert caught.value.preads == reader.preads == len(pagemap.calls) == at


@pytest.mark.parametrize("at", [1, 2, 3])
def test_0_bytes_mean_the_end(at: int) -> None:
    pagemap = Pagemap(cut=lambda size, call: 0 if call == at else min(size, 80))
    reading = PagemapReader(-1, pagemap).read(START, START + 100 * PAGE)
    assert list(reading.entries) == entries(START, 10 * (at - 1))
    assert reading.preads == at


@given(cuts=st.lists(st.integers(0, 900), max_size=8), pages=st.integers(0, 100), room=st.integers(0, 120))
def test_any_short_reads_give_the_same_entries_or_a_named_error(cuts: list[int], pages: int, room: int) -> None:
    pagemap = Pagemap(START + room * PAGE, cut=lambda size, call: cuts[call - 1] if call <= len(cuts) else size)
    try:
        reading = PagemapReader(-1, pagemap).read(START, START + pages * PAGE)
    except ReadFailedError:
        assert any(0 < cut < 8 for cut in cuts)
        return
    got = len(reading.entries)
    assert list(reading.entries) == entries(START, got)
    assert got == min(pages, room) or 0 in cuts
    assert reading.preads == len(pagemap.calls) <= len(cuts) + 2


@pytest.mark.parametrize("number", [errno.EPERM, errno.EIO, errno.ENOMEM, errno.EINVAL])
def test_what_the_kernel_refuses_is_a_named_error(number: int) -> None:
    pagemap = Pagemap()
    pagemap.failing = OSError(number, os.strerror(number))
    with pytest.raises(ReadFailedError, match=os.strerror(number)) as caught:
        PagemapReader(-1, pagemap).read(START, START + PAGE)
    assert caught.value.preads == 1


def test_a_request_above_the_kernels_limit_is_split() -> None:
    calls = []

    def pread(fd: int, size: int, offset: int) -> bytes:
        calls.append((size, offset))
        raise OSError(errno.EIO, "enough")

    # 3 GiB of entries: the first call asks for the most that the kernel gives, in whole entries.
    with pytest.raises(ReadFailedError):
        PagemapReader(-1, pread).read(0, (3 << 30) // 8 * PAGE)
    assert calls == [(0x7FFFF000, 0)]
    assert MAX_READ % 8 == 0


def test_the_entries_of_a_real_process_are_the_kernels(target: Target) -> None:
    area = target.do("reserve", size=4 << 20, touched=[0, 5, 6, 7, 511, 512, 1023])
    source = LiveProcess(target.pid)
    try:
        reading = source.read(area.start - PAGE, area.end + PAGE)
        assert list(reading.entries) == kernel.raw_entries(target.pid, area.start - PAGE, area.end + PAGE)
        assert (reading.preads, reading.short_reads) == (1, 0)
    finally:
        source.close()


def test_the_address_limit_is_where_an_own_read_gives_nothing(target: Target) -> None:
    source = LiveProcess(target.pid)
    try:
        limit = source.address_limit
        assert len(kernel.raw_entries(target.pid, limit - PAGE, limit)) == 1
        assert kernel.raw_entries(target.pid, limit, limit + PAGE) == []
        reading = source.read(limit - 3 * PAGE, limit + 3 * PAGE)
        assert (len(reading.entries), reading.preads, reading.short_reads) == (3, 2, 1)
        # Asked for once: it costs no read from then on, and was counted in none.
        assert source.reader.preads == 2
        assert source.address_limit == limit
    finally:
        source.close()


def test_a_dead_address_space_is_not_alive_and_gives_nothing(target: Target) -> None:
    source = LiveProcess(target.pid)
    try:
        start = source.maps().starts[0]
        assert source.reader.alive(start)
        target.exit()
        assert not source.reader.alive(start)
        assert len(source.read(start, start + PAGE).entries) == 0
    finally:
        source.close()
