"""Which window each policy reads, worked out by hand from the description of the policies and not from the code.

All numbers are pages of 4 KiB, counted from a base that is a multiple of 2 MiB (512 pages). The description in short:

- page: the page alone. vma: its whole VMA.
- seed: from the VMA's start on, as long as the longest VMA, at least 512 pages; ends early only at a VMA before which
  the gaps so far exceed what is covered, that VMA included; never beyond the limit.
- criu: the VMA; if it is shorter than 512 pages and begins in the first 128 pages of its block, and a following VMA
  neither starts nor ends beyond the block: to the block's end. Clamped to the limit (not criu-unclamped); never more
  than the VMA with criu-unbatched. scan: the same window as criu.
- blocks: the block of 512 pages, trimmed to its first and last mapped page and to the limit. readahead: the same.
- No window has more than 64 MiB of entries, which is 8,388,608 pages.
"""

from dataclasses import dataclass

import pytest

from pagemap.policies import BUDGET, MAX_WINDOW, POLICIES, make_policy
from pagemap.policy import Plan
from pagemap.vma import AddressSpace
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import LIMIT, LIMIT_32, VSYSCALL

BASE = 0x7F0000000000
TOP = 0x7FFFFFE00000
"""The last block of a 64-bit task: its page 511 is the first one beyond the limit."""
TOP_32 = 0xFFE00000
"""The last block of a 32-bit task, whose end is the limit."""
LOW = 0x7E0000000000
HUGE = 1_094_712_560 // 4
"""Pages of a VMA that one read of less than 2 GiB cannot cover."""
BUDGET_PAGES = 8_388_608


@dataclass(frozen=True)
class Case:
    """One miss, and the window that each policy reads for it."""

    name: str
    vmas: tuple[tuple[int, int], ...]
    """First page and first page after it of each VMA."""
    at: int
    """The page that misses."""
    windows: tuple[tuple[str, int, int, str], ...]
    """Names of policies, the window they all read, and why."""
    base: int = BASE
    limit: int = LIMIT
    vsyscall: bool = False

    @property
    def space(self) -> AddressSpace:
        """The VMAs as an address space."""
        ranges = [(self.base + low * PAGE, self.base + high * PAGE) for low, high in self.vmas]
        return AddressSpace.from_ranges([*ranges, VSYSCALL] if self.vsyscall else ranges)


CASES = (
    Case(
        "the only VMA",
        ((16, 24),),
        18,
        (
            ("page", 18, 19, "the page"),
            ("vma", 16, 24, "the VMA"),
            ("seed", 16, 528, "the list ends, the end is not trimmed: 512 pages from the VMA's start"),
            ("criu criu-unclamped criu-unbatched scan", 16, 24, "small and early in its block, but no neighbour"),
            ("blocks readahead", 16, 24, "block 0-512, of which 16-24 is mapped"),
        ),
    ),
    Case(
        "the first of three VMAs",
        ((0, 4), (6, 8), (520, 528)),
        1,
        (
            ("page", 1, 2, "the page"),
            ("vma", 0, 4, "the VMA"),
            ("seed", 0, 512, "the second: gap 2, covered 6; the third starts above 512: stop, not trimmed"),
            ("criu criu-unclamped scan", 0, 512, "the second fits in the block, so the window ends with the block"),
            ("criu-unbatched", 0, 4, "no batching"),
            ("blocks readahead", 0, 8, "block 0-512, mapped up to 8"),
        ),
    ),
    Case(
        "the middle one of three VMAs",
        ((0, 4), (6, 8), (520, 528)),
        7,
        (
            ("page", 7, 8, "the page"),
            ("vma", 6, 8, "the VMA"),
            ("seed", 6, 518, "the third starts above 518; never downwards, so the first is left out"),
            ("criu criu-unclamped criu-unbatched scan", 6, 8, "the third starts above 512: no neighbour fits"),
            ("blocks readahead", 0, 8, "a block looks both ways: the first VMA is in it"),
        ),
    ),
    Case(
        "the last of three VMAs",
        ((0, 4), (6, 8), (520, 528)),
        521,
        (
            ("page", 521, 522, "the page"),
            ("vma", 520, 528, "the VMA"),
            ("seed", 520, 1032, "the list ends, the end is not trimmed"),
            ("criu criu-unclamped criu-unbatched scan", 520, 528, "8 pages into its block, but no VMA follows"),
            ("blocks readahead", 520, 528, "block 512-1024, of which 520-528 is mapped"),
        ),
    ),
    Case(
        "VMAs without gaps",
        ((0, 2), (2, 4), (4, 6)),
        3,
        (
            ("page", 3, 4, "the page"),
            ("vma", 2, 4, "the VMA, though its neighbours touch it"),
            ("seed", 2, 514, "from the second on: gap 0"),
            ("criu criu-unclamped scan", 2, 512, "the third fits in the block"),
            ("criu-unbatched", 2, 4, "no batching"),
            ("blocks readahead", 0, 6, "all three are in the block"),
        ),
    ),
    Case(
        "the seed's gap limit, one page under it: as much gap as cover",
        ((0, 4), (12, 16)),
        0,
        (
            ("page", 0, 1, "the page"),
            ("vma", 0, 4, "the VMA"),
            ("seed", 0, 512, "gap 8 is not more than the 8 covered, the second VMA being counted: it is taken"),
            ("criu criu-unclamped scan", 0, 512, "gaps are not looked at"),
            ("criu-unbatched", 0, 4, "no batching"),
            ("blocks readahead", 0, 16, "trimmed to the second VMA's end"),
        ),
    ),
    Case(
        "the seed's gap limit, one page over it",
        ((0, 4), (13, 17)),
        0,
        (
            ("page", 0, 1, "the page"),
            ("vma", 0, 4, "the VMA"),
            ("seed", 0, 4, "gap 9 is more than the 8 covered: the end moves back to the first VMA's"),
            ("criu criu-unclamped scan", 0, 512, "gaps are not looked at"),
            ("criu-unbatched", 0, 4, "no batching"),
            ("blocks readahead", 0, 17, "trimmed to the second VMA's end"),
        ),
    ),
    Case(
        "CRIU's gap limit, one page under it: 508 KiB into the block",
        ((127, 129), (130, 132)),
        127,
        (
            ("page", 127, 128, "the page"),
            ("vma", 127, 129, "the VMA"),
            ("seed", 127, 639, "gap 1, covered 4; not trimmed"),
            ("criu criu-unclamped scan", 127, 512, "127 is below 128, and the second VMA fits"),
            ("criu-unbatched", 127, 129, "no batching"),
            ("blocks readahead", 127, 132, "trimmed at both ends"),
        ),
    ),
    Case(
        "CRIU's gap limit reached: 512 KiB into the block",
        ((128, 130), (131, 133)),
        128,
        (
            ("page", 128, 129, "the page"),
            ("vma", 128, 130, "the VMA"),
            ("seed", 128, 640, "the seed does not look at blocks"),
            ("criu criu-unclamped criu-unbatched scan", 128, 130, "128 is not below 128: the VMA alone"),
            ("blocks readahead", 128, 133, "trimmed at both ends"),
        ),
    ),
    Case(
        "a neighbour that ends with the block, and one that ends a page later",
        ((0, 2), (500, 512), (512, 513)),
        0,
        (
            ("page", 0, 1, "the page"),
            ("vma", 0, 2, "the VMA"),
            ("seed", 0, 2, "gap 498 is more than the 14 covered"),
            ("criu criu-unclamped scan", 0, 512, "the second ends at 512, not above; the third does"),
            ("criu-unbatched", 0, 2, "no batching"),
            ("blocks readahead", 0, 512, "the second VMA is mapped up to the block's end"),
        ),
    ),
    Case(
        "a VMA longer than the window",
        ((3, 1027), (1030, 1032)),
        700,
        (
            ("page", 700, 701, "the page"),
            ("vma", 3, 1027, "the VMA"),
            ("seed", 3, 1027, "the longest VMA makes the buffer: 1,024 pages, which it fills; the next starts above"),
            ("criu criu-unclamped criu-unbatched scan", 3, 1027, "not shorter than 512: the VMA alone"),
            ("blocks readahead", 512, 1024, "the block of page 700, wholly mapped"),
        ),
    ),
    Case(
        "a small VMA before a longer one",
        ((0, 2), (3, 1027)),
        1,
        (
            ("page", 1, 2, "the page"),
            ("vma", 0, 2, "the VMA"),
            ("seed", 0, 1024, "the longest VMA makes the buffer, 1,024 pages; it ends above 1024 itself, not trimmed"),
            ("criu criu-unclamped criu-unbatched scan", 0, 2, "the second ends above the block: no neighbour fits"),
            ("blocks readahead", 0, 512, "the second VMA goes on beyond the block"),
        ),
    ),
    Case(
        "a window over the address limit",
        ((4, 8), (10, 12)),
        5,
        (
            ("page", 5, 6, "the page"),
            ("vma", 4, 8, "the VMA"),
            ("seed", 4, 511, "up to 516, clamped to the limit at 511"),
            ("criu scan", 4, 511, "to the block's end, clamped to the limit"),
            ("criu-unclamped", 4, 512, "to the block's end, one page beyond the limit: that read comes back short"),
            ("criu-unbatched", 4, 8, "no batching"),
            ("blocks readahead", 4, 12, "trimmed to mapped pages"),
        ),
        base=TOP,
    ),
    Case(
        "a window over the address limit, with [vsyscall] after it",
        ((4, 8), (10, 12)),
        5,
        (
            ("page", 5, 6, "the page"),
            ("vma", 4, 8, "the VMA"),
            ("seed", 4, 511, "[vsyscall] starts above 516: stop; clamped to the limit"),
            ("criu scan", 4, 511, "[vsyscall] starts above the block; one neighbour was taken before it"),
            ("criu-unclamped", 4, 512, "the same, not clamped"),
            ("criu-unbatched", 4, 8, "no batching"),
            ("blocks readahead", 4, 12, "[vsyscall] is in no block of theirs"),
        ),
        base=TOP,
        vsyscall=True,
    ),
    Case(
        "the last VMA ends at the limit, with [vsyscall] after it",
        ((4, 8), (480, 511)),
        490,
        (
            ("page", 490, 491, "the page"),
            ("vma", 480, 511, "the VMA"),
            ("seed", 480, 511, "up to 992, clamped to the limit"),
            ("criu criu-unclamped criu-unbatched scan", 480, 511, "480 pages into its block: the VMA alone"),
            ("blocks readahead", 4, 511, "the first VMA is in the block too"),
        ),
        base=TOP,
        vsyscall=True,
    ),
    Case(
        "a 32-bit layout up to 0x100000000, from its first VMA",
        ((4, 8), (480, 512)),
        4,
        (
            ("page", 4, 5, "the page"),
            ("vma", 4, 8, "the VMA"),
            ("seed", 4, 8, "gap 472 is more than the 36 covered"),
            ("criu criu-unclamped scan", 4, 512, "the second ends with the block, which ends at the limit"),
            ("criu-unbatched", 4, 8, "no batching"),
            ("blocks readahead", 4, 512, "mapped up to the limit"),
        ),
        base=TOP_32,
        limit=LIMIT_32,
    ),
    Case(
        "a 32-bit layout up to 0x100000000, from its last VMA",
        ((4, 8), (480, 512)),
        511,
        (
            ("page", 511, 512, "the very last page"),
            ("vma", 480, 512, "the VMA"),
            ("seed", 480, 512, "up to 992, clamped to the limit"),
            ("criu criu-unclamped criu-unbatched scan", 480, 512, "480 pages into its block: the VMA alone"),
            ("blocks readahead", 4, 512, "the same block"),
        ),
        base=TOP_32,
        limit=LIMIT_32,
    ),
    Case(
        "a VMA of 1,094,712,560 KiB, in its midst",
        ((5, 5 + HUGE),),
        10_000_005,
        (
            ("page", 10_000_005, 10_000_006, "the page"),
            (
                "vma criu criu-unclamped criu-unbatched scan",
                5 + BUDGET_PAGES,
                5 + 2 * BUDGET_PAGES,
                "above the budget: the second part of 8,388,608 pages, counted from the VMA's start",
            ),
            ("seed", 9_999_872, 9_999_872 + BUDGET_PAGES, "above the budget: from the block of the miss, 19,531 × 512"),
            ("blocks readahead", 9_999_872, 10_000_384, "the block of the miss, wholly mapped"),
        ),
        base=LOW,
    ),
    Case(
        "a VMA of 1,094,712,560 KiB, its last page",
        ((5, 5 + HUGE),),
        4 + HUGE,
        (
            ("page", 4 + HUGE, 5 + HUGE, "the page"),
            (
                "vma criu criu-unclamped criu-unbatched scan",
                5 + 32 * BUDGET_PAGES,
                5 + HUGE,
                "the 33rd part, which ends with the VMA",
            ),
            ("seed", 273_677_824, 273_677_824 + BUDGET_PAGES, "from the block of the miss; the list ends: not trimmed"),
            ("blocks readahead", 273_677_824, 5 + HUGE, "the block of the miss, trimmed to the VMA's end"),
        ),
        base=LOW,
    ),
    Case(
        "a small VMA before one of 1,094,712,560 KiB",
        ((0, 2), (5, 5 + HUGE)),
        1,
        (
            ("page", 1, 2, "the page"),
            ("vma", 0, 2, "the VMA"),
            ("seed", 0, BUDGET_PAGES, "the budget, not the longest VMA, makes the buffer; the second does not fit"),
            ("criu criu-unclamped criu-unbatched scan", 0, 2, "no neighbour fits"),
            ("blocks readahead", 0, 512, "the second VMA goes on beyond the block"),
        ),
        base=LOW,
    ),
)
ROWS = [
    pytest.param(case, policy, low, high, id=f"{case.name}-{policy}")
    for case in CASES
    for names, low, high, _ in case.windows
    for policy in names.split()
]


@pytest.mark.parametrize(("case", "policy", "low", "high"), ROWS)
def test_window_is_the_one_worked_out_by_hand(case: Case, policy: str, low: int, high: int) -> None:
    plan = make_policy(policy).plan(case.space, case.base + case.at * PAGE, case.limit)
    assert ((plan.start - case.base) // PAGE, (plan.end - case.base) // PAGE) == (low, high)
    assert plan.start % PAGE == plan.end % PAGE == 0
    assert plan.why


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_table_has_every_policy_once(case: Case) -> None:
    assert sorted(name for names, *_ in case.windows for name in names.split()) == sorted(POLICIES)


def test_budget_is_what_the_table_takes_it_to_be() -> None:
    assert BUDGET_PAGES * 8 == BUDGET == 64 << 20
    assert MAX_WINDOW == BUDGET_PAGES * PAGE


# --- windows in a row ---------------------------------------------------------------------------------------------


def test_readahead_doubles_downwards_and_upwards_up_to_sixteen_blocks() -> None:
    # 40 blocks, wholly mapped. Counted in blocks: where each miss is, and the window that follows.
    space = AddressSpace.from_ranges([(BASE, BASE + 40 * 512 * PAGE)])
    down = [(0, 0, 1), (1, 1, 3), (3, 3, 7), (7, 7, 15), (15, 15, 31), (31, 31, 40)]  # 16 would be 31-47: trimmed
    up = [(39, 39, 40), (38, 37, 39), (36, 33, 37), (32, 25, 33), (24, 9, 25), (8, 0, 9)]  # 16 would begin at -7
    elsewhere = [(0, 0, 1), (1, 1, 3), (20, 20, 21), (5, 5, 6), (6, 6, 8), (30, 30, 31)]  # not next to it: one again
    for misses in (down, up, elsewhere):
        policy, previous = make_policy("readahead"), None
        for miss, low, high in misses:
            plan: Plan = policy.plan(space, BASE + miss * 512 * PAGE, LIMIT, previous)
            assert ((plan.start - BASE) // (512 * PAGE), (plan.end - BASE) // (512 * PAGE)) == (low, high)
            previous = plan


@pytest.mark.parametrize(
    ("policy", "size", "low", "high"),
    [
        ("blocks", 64 << 10, 32, 48),  # blocks of 16 pages: page 40 is in 32-48
        ("readahead", 64 << 10, 32, 48),
        ("seed", 1 << 20, 2, 258),  # 256 pages from the VMA's start
        ("seed", 64 << 10, 2, 102),  # less than the longest VMA, which has 100: those
        ("criu", 8 << 20, 2, 2048),  # a block of 2,048 pages, of which 2 is in the first quarter
        ("criu", 256 << 10, 2, 102),  # 64 pages: the VMA is not shorter
    ],
)
def test_window_size_is_adjustable(policy: str, size: int, low: int, high: int) -> None:
    space = AddressSpace.from_ranges([(BASE + 2 * PAGE, BASE + 102 * PAGE), (BASE + 103 * PAGE, BASE + 105 * PAGE)])
    plan = make_policy(policy, size).plan(space, BASE + 40 * PAGE, LIMIT)
    assert ((plan.start - BASE) // PAGE, (plan.end - BASE) // PAGE) == (low, high)


def test_sentences_say_what_the_window_came_from() -> None:
    small = AddressSpace.from_ranges([(BASE, BASE + 4 * PAGE), (BASE + 13 * PAGE, BASE + 17 * PAGE)])
    assert make_policy("seed").plan(small, BASE, LIMIT).why == (
        "from the VMA's start over 1 VMA: 16 KiB covered, 0 KiB of gaps; the next gap of 36 KiB would exceed the cover"
    )
    huge = AddressSpace.from_ranges([(LOW, LOW + HUGE * PAGE)])
    assert make_policy("seed").plan(huge, LOW + 10_000_000 * PAGE, LIMIT).why == (
        f"from the 2 MiB block of the miss, {LOW + 9_999_872 * PAGE:#x}, over part of one VMA: "
        "32,768 MiB covered, 0 KiB of gaps; the seed would have allocated 2,087 MiB of entries"
    )
