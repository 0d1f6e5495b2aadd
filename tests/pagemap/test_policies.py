"""What every policy's plan promises, for any VMAs; the windows themselves are in `test_policy_tables`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemap.errors import UnknownPolicyError
from pagemap.policies import BLOCK, DEFAULT_POLICY, MAX_WINDOW, POLICIES, Plan, make_policy
from tests.kit.kernel import PAGE
from tests.pagemap.synthetic import Layout, layouts

ALL_POLICIES = pytest.mark.parametrize("name", POLICIES)


@ALL_POLICIES
@given(layout=layouts(), parts=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20))
def test_a_plan_holds_the_page_and_keeps_its_bounds(name: str, layout: Layout, parts: list[float]) -> None:
    policy, space, pages = make_policy(name), layout.space, layout.pages
    previous: Plan | None = None
    for part in parts:
        page = pages[int(part * len(pages))]
        plan = policy.plan(space, page, layout.limit, previous)
        assert plan.start <= page < plan.end
        assert plan.start % PAGE == plan.end % PAGE == 0
        assert plan.end - plan.start <= MAX_WINDOW
        # CRIU without the clamp reaches beyond the limit, by less than its window.
        assert plan.end <= layout.limit or (name == "criu-unclamped" and plan.end < layout.limit + BLOCK)
        assert plan.why
        assert "\n" not in plan.why
        previous = plan


@ALL_POLICIES
@given(layout=layouts(), part=st.floats(0, 1, exclude_max=True))
def test_the_same_miss_has_the_same_plan(name: str, layout: Layout, part: float) -> None:
    page = layout.pages[int(part * len(layout.pages))]
    first, second = (make_policy(name).plan(layout.space, page, layout.limit) for _ in range(2))
    assert first == second


def test_the_default_is_blocks_with_64_windows_and_comes_first() -> None:
    assert DEFAULT_POLICY == next(iter(POLICIES)) == "blocks"
    policy = make_policy("blocks")
    assert policy.key == ("blocks", BLOCK, 64)


def test_every_policy_is_registered_under_its_own_name_and_says_what_it_does() -> None:
    for name, policy in POLICIES.items():
        assert policy.name == name
        assert policy.summary.endswith(".")


@pytest.mark.parametrize("size", [0, -4096, 1, PAGE // 2, 3 * PAGE, PAGE + 1, 2 * MAX_WINDOW])
def test_a_window_size_is_a_power_of_two_of_pages_within_the_budget(size: int) -> None:
    with pytest.raises(UnknownPolicyError, match="power of two"):
        make_policy("blocks", window_size=size)


@pytest.mark.parametrize("name", ["page", "vma"])
def test_a_policy_without_a_window_size_takes_none(name: str) -> None:
    with pytest.raises(UnknownPolicyError, match="has no window size"):
        make_policy(name, window_size=BLOCK)


@pytest.mark.parametrize("windows", [0, -1, 65_537])
def test_the_number_of_windows_has_bounds(windows: int) -> None:
    with pytest.raises(UnknownPolicyError, match="number of windows"):
        make_policy("blocks", windows=windows)


def test_an_unknown_policy_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownPolicyError, match=r"no such cache policy: lru; .*blocks.*seed") as caught:
        make_policy("lru")
    assert caught.value.exit_status == 2
