"""`n` and `N`: the next and the previous page in a chosen state, across the whole address space."""

from tests.explorer.driving import Driver, explore
from tests.explorer.synthetic import Synthetic
from tests.kit.targets import Target

SIZE = 16 << 40


def cursor(driver: Driver) -> int:
    return driver.session.space.row(driver.pages.cursor).address


async def test_touched_pages_of_a_16_tib_reserve(target: Target) -> None:
    area = target.do("reserve", size=SIZE, touched=[5, 6, 1 << 30, (1 << 32) - 2])
    async with explore(target.pid, paused=True) as driver:
        await driver.go_to(area.start)
        lookups = driver.counted.lookups
        await driver.ask("f", "present")
        found = [cursor(driver)]
        for _ in range(3):
            await driver.press("n")
            found.append(cursor(driver))
        assert found == list(area.touched)
        for _ in range(2):
            await driver.press("N")
        assert cursor(driver) == area.touched[1]
        # What was searched through was not looked up: only the rows that became visible were.
        assert driver.counted.lookups - lookups <= 7 * driver.pages.page_height
        assert driver.row(cursor(driver)).state == "anonymous"


async def test_states_are_told_apart(target: Target) -> None:
    guard = target.do("guard", pages=4)
    zero = target.do("zero", pages=4)
    async with explore(target.pid, paused=True) as driver:
        await driver.ask("f", "guard")
        assert cursor(driver) == guard.start
        await driver.press("home")
        await driver.ask("f", "zero")
        assert cursor(driver) == zero.start
        await driver.press("n")
        assert cursor(driver) == zero.page(1)


async def test_the_first_key_asks_what_to_look_for() -> None:
    async with explore(Synthetic(), paused=True) as driver:
        await driver.ask("n", "blue")
        assert "cannot look for 'blue': it is one of present, swapped" in driver.message
        await driver.press("escape")
        assert driver.message == ""


async def test_none_found_says_so(target: Target) -> None:
    async with explore(target.pid, paused=True) as driver:
        await driver.ask("f", "guard")
        assert "no guard page after" in driver.message
