"""Page states: the entry of every state the kit can make, and the table behind them."""

from collections.abc import Iterator

import pytest

from pagemap.errors import PagelensError
from pagemap.live import LiveProcess
from pagemap.probe import visibility
from pagemap.state import ENTRY_TESTS, STATES, PageState, Visibility, classify
from tests.kit import kernel
from tests.kit.targets import Target

SEES = Visibility(pfn=True, zero_pfn=0x2A5, swap_files=1)
BLIND = Visibility(pfn=False)
PRESENT, SWAP, FILE = 1 << 63, 1 << 62, 1 << 61
GUARD, UFFD_WP, EXCLUSIVE, SOFT_DIRTY = 1 << 58, 1 << 57, 1 << 56, 1 << 55


@pytest.mark.parametrize(
    ("word", "kind", "seen", "blind"),
    [
        (0, "anon", PageState.ABSENT, PageState.ABSENT),
        (SOFT_DIRTY, "anon", PageState.ABSENT, PageState.ABSENT),
        (0, "vvar", PageState.NOT_WALKABLE, PageState.NOT_WALKABLE),
        (0, "vsyscall", PageState.NOT_WALKABLE, PageState.NOT_WALKABLE),
        (PRESENT | 0x2A5, "anon", PageState.ZERO, PageState.ANON_SHARED),
        (PRESENT | SOFT_DIRTY | 0x2A5, "heap", PageState.ZERO, PageState.ANON_SHARED),
        (PRESENT | 0x2A6, "anon", PageState.COPY_ON_WRITE, PageState.ANON_SHARED),
        (PRESENT | EXCLUSIVE | 7, "anon", PageState.ANONYMOUS, PageState.ANONYMOUS),
        # A private copy of a file's page is anonymous.
        (PRESENT | EXCLUSIVE | 7, "file", PageState.ANONYMOUS, PageState.ANONYMOUS),
        (PRESENT | FILE | 7, "file", PageState.FILE, PageState.FILE),
        (PRESENT | FILE | EXCLUSIVE | 7, "device", PageState.FILE, PageState.FILE),
        (PRESENT | FILE | 7, "memfd", PageState.SHARED_MEMORY, PageState.SHARED_MEMORY),
        (PRESENT | FILE | 7, "shared", PageState.SHARED_MEMORY, PageState.SHARED_MEMORY),
        (PRESENT | FILE | 7, "vdso", PageState.SHARED_MEMORY, PageState.SHARED_MEMORY),
        (PRESENT | FILE | 7, "anon", PageState.HUGE_ZERO, PageState.HUGE_ZERO),
        (PRESENT | FILE | 7, "hugetlb", PageState.HUGETLB, PageState.HUGETLB),
        (SWAP | 3 << 5, "anon", PageState.SWAPPED, PageState.SWAPPED),
        (SWAP | GUARD | 4 << 5 | 31, "anon", PageState.GUARD, PageState.GUARD),
        (SWAP | UFFD_WP | 1 << 5 | 31, "anon", PageState.UFFD_WP, PageState.UFFD_WP),
        (SWAP | 2 << 5 | 31, "anon", PageState.POISON, PageState.SWAPPED),
        (SWAP | 24, "anon", PageState.MIGRATION, PageState.SWAPPED),
        (SWAP | 23, "anon", PageState.HWPOISON, PageState.SWAPPED),
        (1 << 60, "anon", PageState.UNKNOWN, PageState.UNKNOWN),
        (5, "anon", PageState.UNKNOWN, PageState.UNKNOWN),
    ],
)
def test_a_state_follows_from_the_entry(word: int, kind: str, seen: PageState, blind: PageState) -> None:
    assert classify(word, SEES, kind) == seen
    # Who sees no PFN reads the same word without them: swap type and offset 0.
    assert classify(word & ~(SOFT_DIRTY - 1) if word >> 55 else word, BLIND, kind) == blind


def test_the_table_of_states_tells_them_apart() -> None:
    facts = [state.facts for state in PageState]
    for unique in ("name", "letter", "glyph", "sentence"):
        assert len({getattr(f, unique) for f in facts}) == len(facts)
    assert all(len(f.letter) == len(f.glyph) == 1 and f.letter.isascii() for f in facts)
    assert all(f.sentence.endswith(".") for f in facts)
    assert list(STATES) == [f.name for f in facts]
    assert not set(STATES) & set(ENTRY_TESTS)


@pytest.mark.parametrize(
    ("name", "word"),
    [("present", PRESENT), ("swap", SWAP), ("exclusive", EXCLUSIVE), ("soft-dirty", SOFT_DIRTY)],
)
def test_raw_tests_are_about_one_bit(name: str, word: int) -> None:
    assert ENTRY_TESTS[name](word)
    assert not ENTRY_TESTS[name](~word)
    assert ENTRY_TESTS["not-present"](word) == (name != "present")


@pytest.fixture(scope="module")
def pages(swap: object) -> Iterator[Target]:
    with Target.spawn() as target:
        yield target


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("untouched", PageState.ABSENT),
        ("zero", PageState.ZERO),
        ("written", PageState.ANONYMOUS),
        ("shared_anon", PageState.SHARED_MEMORY),
        ("memfd", PageState.SHARED_MEMORY),
        ("swapped", PageState.SWAPPED),
        ("guard", PageState.GUARD),
        ("fork_shared", PageState.COPY_ON_WRITE),
        ("thp_zero", PageState.HUGE_ZERO),
    ],
)
def test_real_pages_are_what_they_were_made(pages: Target, made: str, expected: PageState) -> None:
    area = pages.do(made)
    source = LiveProcess(pages.pid)
    try:
        index = source.maps().find(area.start)
        assert index is not None
        kind = source.maps().vma(index).kind
        states = {classify(word, source.visibility, kind) for word in source.read(area.start, area.end).entries}
        assert states == {expected}
    finally:
        source.close()
    if area.pid:
        pages.do("release", pid=area.pid)


def test_visibility_is_what_an_entry_of_the_tests_own_shows(target: Target) -> None:
    zero, written = target.do("zero", pages=1), target.do("written", pages=1)
    zero_word, word = (kernel.raw_entries(target.pid, a.start, a.end)[0] for a in (zero, written))
    sight = visibility()
    assert sight.pfn == bool(kernel.pfn(word))
    assert sight.zero_pfn == (kernel.pfn(zero_word) if sight.pfn else None)
    assert sight.swap_files == len(kernel.swap_areas())
    assert sight.soft_dirty == kernel.soft_dirty(word)


def test_every_error_says_what_why_and_what_would_help_in_one_line() -> None:
    assert str(PagelensError("what", "why", "remedy")) == "what: why; remedy"
    assert str(PagelensError("what")) == "what"
