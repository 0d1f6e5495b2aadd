"""Page states: one named state for each entry, with its sentence, colour, letter and glyph, all from one table.

The entry alone tells most states. Some need a fact from elsewhere (the zero page's PFN, the VMA's kind, kpageflags);
where that fact is hidden from this user, the state says so instead of guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pagemap import entry as e

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class StateFacts:
    """What there is to say of a page state.

    Attributes:
        name: The word used in JSON, on the command line and on the screen.
        letter: One ASCII letter, unique.
        glyph: One character one cell wide, unique: readable without colour.
        colour: A colour role that the screen's theme maps to a colour.
        sentence: What it means, for someone who sees it for the first time.
    """

    name: str
    letter: str
    glyph: str
    colour: str
    sentence: str


class PageState(Enum):
    """Every state a page's entry can be in."""

    ABSENT = StateFacts(
        "absent", ".", "·", "absent", "Nothing here yet: no frame and no swap slot. The first touch brings the page."
    )
    ZERO = StateFacts(
        "zero", "z", "0", "zero", "Read but never written: it maps the one frame of zeroes that all processes share."
    )
    HUGE_ZERO = StateFacts("huge-zero", "Z", "Ø", "zero", "Part of the huge zero page: 2 MiB of shared zeroes.")
    ANONYMOUS = StateFacts(
        "anonymous", "a", "■", "anonymous", "Private memory of this process alone, backed by no file."
    )
    COPY_ON_WRITE = StateFacts(
        "cow", "c", "◧", "cow", "An anonymous page mapped more than once (fork or KSM): a write makes a private copy."
    )
    ANON_SHARED = StateFacts(
        "anon-shared",
        "n",
        "◫",
        "cow",
        "Anonymous but not exclusive: zero page, fork or KSM. Which one is hidden: needs CAP_SYS_ADMIN.",
    )
    FILE = StateFacts("file", "f", "▤", "file", "A page of a file, from the page cache.")
    SHARED_MEMORY = StateFacts(
        "shared-memory", "m", "▦", "shared", "Shared on purpose: shared anonymous, memfd, tmpfs, System V, or the vdso."
    )
    HUGE = StateFacts("huge", "H", "█", "huge", "Part of a transparent huge page.")
    HUGETLB = StateFacts("hugetlb", "T", "▉", "huge", "Part of a page from the hugetlb pool.")
    KSM = StateFacts("ksm", "k", "◈", "cow", "Merged with equal pages by KSM: a write makes a private copy.")
    SWAPPED = StateFacts("swapped", "s", "▽", "swapped", "Out in a swap slot: the next touch reads it back.")
    SWAP_CACHED = StateFacts(
        "swap-cached", "S", "▼", "swapped", "In memory and still in its swap slot: it can be dropped without writing."
    )
    MIGRATION = StateFacts("migration", "M", "⇄", "marker", "Being moved to another frame at this very moment.")
    HWPOISON = StateFacts("hwpoison", "X", "✖", "poison", "Its frame is broken memory: touching it raises SIGBUS.")
    UFFD_WP = StateFacts(
        "uffd-wp", "w", "◌", "marker", "A userfaultfd write-protect marker: no page, but the first write is reported."
    )
    POISON = StateFacts("poison", "p", "✗", "poison", "Poisoned through userfaultfd: touching it raises SIGBUS.")
    GUARD = StateFacts("guard", "g", "◇", "marker", "A guard region: touching it raises SIGSEGV.")
    DEVICE = StateFacts("device", "d", "▣", "marker", "The page lives in a device's own memory.")
    NOT_WALKABLE = StateFacts(
        "not-walkable", "-", "─", "absent", "pagemap does not describe this memory: the kernel maps it without pages."
    )
    BEYOND_EOF = StateFacts("beyond-eof", "b", "⊘", "absent", "Beyond the end of the file: touching it raises SIGBUS.")
    UNKNOWN = StateFacts("unknown", "?", "?", "poison", "Bits that this program does not know; see the raw word.")

    @property
    def facts(self) -> StateFacts:
        """The state's row of the table."""
        return self.value


STATES: Final = {state.facts.name: state for state in PageState}


@dataclass(frozen=True, slots=True)
class Visibility:
    """What this kernel shows to this user, as far as entries go; `probe.visibility` finds out.

    Attributes:
        pfn: PFNs, swap types and offsets are shown.
        zero_pfn: The zero page's PFN, or None where hidden.
        swap_files: Rows of /proc/swaps.
        soft_dirty: The kernel tracks soft-dirty (bit 55).
    """

    pfn: bool
    zero_pfn: int | None = None
    swap_files: int = 0
    soft_dirty: bool = False


_SWAP_STATES: Final = {
    e.SwapKind.SWAP: PageState.SWAPPED,
    e.SwapKind.MIGRATION: PageState.MIGRATION,
    e.SwapKind.HWPOISON: PageState.HWPOISON,
    e.SwapKind.UFFD_WP: PageState.UFFD_WP,
    e.SwapKind.POISON: PageState.POISON,
    e.SwapKind.GUARD: PageState.GUARD,
    e.SwapKind.DEVICE: PageState.DEVICE,
    e.SwapKind.UNKNOWN: PageState.UNKNOWN,
}


def classify(word: int, sight: Visibility, vma_kind: str = "anon") -> PageState:
    """The state of a page, from its entry and what is known of its VMA.

    Args:
        word: The entry.
        sight: What this user can see.
        vma_kind: `Vma.kind`; it tells shared memory from files, and memory that pagemap does not describe.
    """
    if not e.is_plausible(word):
        return PageState.UNKNOWN
    if word & e.PRESENT:
        return _classify_present(word, sight, vma_kind)
    if word & e.SWAP:
        return _SWAP_STATES[e.swap_kind(word, pfn_visible=sight.pfn, swap_files=sight.swap_files)]
    return PageState.NOT_WALKABLE if vma_kind in ("vvar", "vsyscall") else PageState.ABSENT


def _classify_present(word: int, sight: Visibility, vma_kind: str) -> PageState:
    if vma_kind == "hugetlb":
        return PageState.HUGETLB
    if word & e.FILE:
        # The kernel sets bit 61 for the huge zero page too, but never in a private anonymous VMA otherwise.
        if vma_kind in ("anon", "heap", "stack"):
            return PageState.HUGE_ZERO
        return PageState.SHARED_MEMORY if vma_kind in ("shared", "memfd", "vdso") else PageState.FILE
    if word & e.EXCLUSIVE:
        return PageState.ANONYMOUS
    if not sight.pfn:
        return PageState.ANON_SHARED
    return PageState.ZERO if word & e.PFN_MASK == sight.zero_pfn else PageState.COPY_ON_WRITE


def _bit(mask: int) -> Callable[[int], bool]:
    return lambda word: bool(word & mask)


ENTRY_TESTS: Final[dict[str, Callable[[int], bool]]] = {
    "present": _bit(e.PRESENT),
    "not-present": lambda word: not word & e.PRESENT,
    "swap": _bit(e.SWAP),
    "exclusive": _bit(e.EXCLUSIVE),
    "soft-dirty": _bit(e.SOFT_DIRTY),
}
"""Tests on the raw entry that `--state` takes beside the names of states."""
