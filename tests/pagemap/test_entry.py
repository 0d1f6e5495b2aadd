"""The 64-bit word, against pagemap.rst as the test kit reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.entry import BITS, SwapKind, decode, is_plausible, swap_kind
from pagemap.live import LiveProcess
from tests.kit import kernel
from tests.kit.targets import Target

WORDS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.builds(lambda top, low: top << 55 | low, st.integers(0, 511), st.integers(0, 255)),
)
SWAP, PRESENT = 1 << 62, 1 << 63


@given(word=WORDS)
def test_an_entry_is_taken_apart_as_the_document_says(word: int) -> None:
    entry = decode(word)
    assert entry.word == word
    assert entry.present == kernel.present(word)
    assert entry.swapped == kernel.swapped(word)
    assert entry.file == kernel.file_or_shared(word)
    assert entry.guard == kernel.guard(word)
    assert entry.uffd_wp == kernel.uffd_wp(word)
    assert entry.exclusive == kernel.exclusive(word)
    assert entry.soft_dirty == kernel.soft_dirty(word)
    assert entry.pfn == (kernel.pfn(word) if entry.present else None)
    swapped = entry.swapped and not entry.present
    assert entry.swap_type == (kernel.swap_type(word) if swapped else None)
    assert entry.swap_offset == (kernel.swap_offset(word) if swapped else None)


@given(word=WORDS)
def test_what_is_hidden_is_unknown_and_never_0(word: int) -> None:
    entry = decode(word, pfn_visible=False)
    assert entry.pfn is entry.swap_type is entry.swap_offset is None
    shown = decode(word)
    for name in ("present", "swapped", "file", "exclusive", "soft_dirty", "uffd_wp", "guard"):
        assert getattr(entry, name) == getattr(shown, name)


def test_the_table_of_bits_covers_all_64_once() -> None:
    bits = [bit for field in BITS for bit in range(field.low, field.high + 1)]
    assert sorted(bits) == list(range(64))


@pytest.mark.parametrize(
    ("word", "plausible"),
    [
        (0, True),
        (1, False),
        (1 << 55, True),
        (PRESENT, True),
        (PRESENT | 0x1234, True),
        (SWAP | 5, True),
        (PRESENT | 1 << 59, False),
        (1 << 60, False),
        (1 << 54, False),
    ],
)
def test_what_the_kernel_cannot_write_is_told(word: int, plausible: bool) -> None:
    assert is_plausible(word) == plausible


@pytest.mark.parametrize(
    ("kind", "offset", "expected"),
    [
        (0, 0, SwapKind.SWAP),
        (1, 77, SwapKind.SWAP),
        (22, 0, SwapKind.SWAP),
        # With CONFIG_DEVICE_PRIVATE the special types stand four lower.
        (23, 5, SwapKind.HWPOISON),
        (24, 5, SwapKind.MIGRATION),
        (26, 5, SwapKind.MIGRATION),
        (31, 1, SwapKind.UFFD_WP),
        (31, 2, SwapKind.POISON),
        (31, 4, SwapKind.GUARD),
        (31, 0, SwapKind.UNKNOWN),
        (31, 8, SwapKind.UNKNOWN),
    ],
)
def test_bit_62_stands_for_more_than_swap(kind: int, offset: int, expected: SwapKind) -> None:
    assert swap_kind(SWAP | offset << 5 | kind) == expected


def test_a_type_below_the_number_of_swap_files_is_swap() -> None:
    assert swap_kind(SWAP | 25, swap_files=26) == SwapKind.SWAP
    assert swap_kind(SWAP | 3, swap_files=0) == SwapKind.SWAP, "an earlier swap file can have been switched off"


def test_markers_without_swap_types_are_known_by_their_own_bits() -> None:
    assert swap_kind(SWAP, pfn_visible=False) == SwapKind.SWAP
    assert swap_kind(SWAP | 1 << 57, pfn_visible=False) == SwapKind.UFFD_WP
    assert swap_kind(SWAP | 1 << 58, pfn_visible=False) == SwapKind.GUARD


def test_the_entries_of_a_real_process_are_plausible(target: Target) -> None:
    for state in ("written", "zero", "shared_anon", "memfd", "prot_none"):
        target.do(state)
    source = LiveProcess(target.pid)
    try:
        seen = set()
        for vma in source.maps():
            if vma.end <= source.address_limit:
                seen |= set(source.read(vma.start, vma.end).entries)
        assert len(seen) > 100
        assert all(is_plausible(word) for word in seen)
    finally:
        source.close()
