"""The next and the previous page in a state, against a brute-force search of the same process."""

from collections.abc import Callable, Iterator

import pytest

from pagemap.errors import TargetGoneError, UsageError
from pagemap.find import SEARCHES, next_page
from pagemap.live import LiveProcess
from pagemap.scan import ALL, Category, ScanCancelledError, ScanUnsupportedError
from tests.kit import kernel
from tests.kit.kernel import PAGE
from tests.kit.targets import Target
from tests.pagemap.scan_kit import Kernel, Mixed, Scanner, spread

TESTS: dict[str, Callable[[int], bool]] = {
    "present": lambda told: bool(told & Category.PRESENT),
    "swapped": lambda told: bool(told & Category.SWAPPED and not told & Category.GUARD),
    "zero": lambda told: bool(told & Category.PFNZERO),
    "huge": lambda told: bool(told & Category.HUGE),
    "guard": lambda told: bool(told & Category.GUARD),
    "file": lambda told: bool(told & Category.FILE),
}
TRIES = 30
"""Whether a page of the interpreter's own file is mapped exactly once changes with every other process that maps it."""


@pytest.fixture(scope="module")
def mixed(swap: object) -> Iterator[Mixed]:
    with Target.spawn() as target:
        yield Mixed(target)


@pytest.fixture(scope="module")
def source(mixed: Mixed) -> Iterator[LiveProcess]:
    live = LiveProcess(mixed.target.pid)
    yield live
    live.close()


@pytest.fixture
def live(target: Target) -> Iterator[LiveProcess]:
    source = LiveProcess(target.pid)
    yield source
    source.close()


def matching(mixed: Mixed, state: str) -> list[int]:
    """Every page in a state, by brute force."""
    if state != "exclusive":
        return sorted(address for address, told in mixed.categories().items() if TESTS[state](told))
    return [
        vma.start + number * PAGE
        for vma in kernel.raw_maps(mixed.target.pid)
        for number, entry in enumerate(kernel.raw_entries(mixed.target.pid, vma.start, vma.end))
        if kernel.present(entry) and kernel.exclusive(entry)
    ]


@pytest.mark.parametrize(
    ("known", "state"),
    [(ALL, state) for state in (*TESTS, "exclusive")]
    # Without the ioctl nothing tells huge pages: test_what_cannot_be_told_is_an_error.
    + [(Category(0), state) for state in (*TESTS, "exclusive") if state != "huge"],
)
def test_the_next_and_the_previous_page_are_those_of_a_brute_force_search(
    mixed: Mixed, source: LiveProcess, state: str, known: Category
) -> None:
    space = source.maps()
    scanner = Scanner(source, Kernel(known))
    for _ in range(TRIES):
        pages = matching(mixed, state)
        borders = {0, space.ends[len(space) - 1] - PAGE, *space.starts, *pages[::97], pages[0], pages[-1]}
        found = {
            address: tuple(next_page(scanner, space, address + 5, state, backwards=back) for back in (False, True))
            for address in sorted(borders)
        }
        if matching(mixed, state) == pages:
            break
    else:
        pytest.fail("the pages never kept still")
    for address, (following, preceding) in found.items():
        assert following == next((page for page in pages if page > address), None)
        assert preceding == next((page for page in reversed(pages) if page < address), None)


def test_on_a_16_tib_reserve_every_page_is_found_in_a_few_calls(target: Target, live: LiveProcess) -> None:
    area = spread(target)
    space = live.maps()
    watched = Kernel()
    scanner = Scanner(live, watched)
    for state in ("present", "exclusive"):
        address, found = area.start, []
        while (following := next_page(scanner, space, address, state)) is not None and following < area.end:
            found.append(address := following)
        assert found == list(area.touched)
        assert len(watched.scans) <= 12 * len(found)
        watched.calls.clear()
        address, found = area.end, []
        while (previous := next_page(scanner, space, address, state, backwards=True)) is not None:
            if previous < area.start:
                break
            found.append(address := previous)
        assert found == list(reversed(area.touched))
        assert len(watched.scans) <= 40 * len(found)
        watched.calls.clear()


def test_a_page_that_is_nowhere_is_not_found_over_gaps_either(target: Target, live: LiveProcess) -> None:
    spread(target)
    space = live.maps()
    watched = Kernel()
    scanner = Scanner(live, watched)
    assert next_page(scanner, space, 0, "guard") is None
    assert next_page(scanner, space, (1 << 64) - 1, "guard", backwards=True) is None
    # 16 TiB in spans of 16 GiB; the gaps of the address space cost nothing.
    assert len(watched.scans) < 2 * ((16 << 40) // (16 << 30) + 100)


def test_written_pages_are_those_under_write_protection_only(target: Target, live: LiveProcess) -> None:
    target.do("written", pages=8)
    assert next_page(live, live.maps(), 0, "written") is None


def test_a_search_can_be_cancelled(target: Target, live: LiveProcess) -> None:
    area = spread(target)
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 20

    for address, backwards in ((area.start, False), (area.end, True)):
        asked.clear()
        with pytest.raises(ScanCancelledError):
            next_page(live, live.maps(), address, "guard", backwards=backwards, cancelled=cancelled)
        assert len(asked) == 21


def test_what_cannot_be_told_is_an_error(target: Target, live: LiveProcess) -> None:
    area = target.do("written", pages=1)
    scanner = Scanner(live, Kernel(Category(0)))
    for state in ("huge", "written"):
        with pytest.raises(ScanUnsupportedError):
            next_page(scanner, live.maps(), area.start, state)
    with pytest.raises(UsageError, match="present"):
        next_page(live, live.maps(), area.start, "purple")
    assert set(SEARCHES) >= {*TESTS, "exclusive", "written"}


@pytest.mark.parametrize("state", ["present", "exclusive", "guard"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_target_that_is_gone_is_an_error_and_not_nothing(
    target: Target, live: LiveProcess, state: str, backwards: bool
) -> None:
    area = target.do("written", pages=4)
    space = live.maps()
    assert live.address_limit
    target.exit()
    with pytest.raises(TargetGoneError):
        next_page(live, space, area.page(2), state, backwards=backwards)
