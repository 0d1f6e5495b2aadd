"""What this kernel and this user can see, against what an own read shows, as root and with less."""

import json
import os
import subprocess
import sys

import pytest

from pagemap.probe import HIDDEN, findings, swap_files, visibility
from tests.kit import kernel, launch
from tests.kit.launch import CAP_SYS_ADMIN
from tests.kit.system import is_root
from tests.kit.targets import NOBODY, Target

SEEN = (
    "import json\n"
    "from dataclasses import asdict\n"
    "from pagemap.probe import findings, visibility\n"
    "print(json.dumps([asdict(visibility()), [finding.as_json() for finding in findings()]]))"
)


def parsed(done: "subprocess.CompletedProcess[str]") -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    assert done.returncode == 0, done.stderr
    sight, found = json.loads(done.stdout)
    return sight, {finding["feature"]: finding for finding in found}


@pytest.mark.needs_root
def test_root_sees_pfns_and_the_zero_page(target: Target) -> None:
    area = target.do("zero", pages=1)
    sight = visibility()
    assert sight.pfn
    assert sight.zero_pfn == kernel.pfn(kernel.raw_entries(target.pid, area.start, area.end)[0])
    found = {finding.feature: finding for finding in findings()}
    assert found["PFN"].available
    assert found["other users"].available


@pytest.mark.needs_root
def test_without_cap_sys_admin_pfns_are_hidden_and_the_reason_is_given() -> None:
    sight, found = parsed(launch.run([sys.executable, "-c", SEEN], without=[CAP_SYS_ADMIN]))
    assert sight == {"pfn": False, "zero_pfn": None, "swap_files": swap_files(), "soft_dirty": visibility().soft_dirty}
    assert not found["PFN"]["available"]
    assert HIDDEN in str(found["PFN"]["reason"])
    assert "CAP_SYS_ADMIN" in str(found["PFN"]["remedy"])
    # Reading others' memory maps is another capability, which is still there.
    assert found["other users"]["available"]


@pytest.mark.needs_root
def test_an_ordinary_user_is_told_what_would_help() -> None:
    sight, found = parsed(launch.run([sys.executable, "-c", SEEN], uid=NOBODY))
    assert not sight["pfn"]
    for feature in ("PFN", "other users", "kpageflags", "kpagecount"):
        assert not found[feature]["available"], feature
        assert found[feature]["reason"], feature
        assert "root" in str(found[feature]["remedy"]), feature
    assert found["pagemap"]["available"]


def test_swap_files_are_counted_as_the_kernel_lists_them(swap: object) -> None:
    assert swap_files() == len(kernel.swap_areas()) >= 1
    found = {finding.feature: finding for finding in findings()}
    assert found["swap"].available
    assert str(swap_files()) in found["swap"].detail


def test_every_finding_is_there_or_says_why_not() -> None:
    found = list(findings())
    assert len({finding.feature for finding in found}) == len(found)
    for finding in found:
        if finding.available:
            assert finding.detail, finding
            assert not finding.reason, finding
        else:
            assert finding.reason, finding
            assert finding.remedy, finding
        assert list(finding.as_json()) == ["feature", "available", "detail", "reason", "remedy"]
    assert os.uname().release in found[0].detail


def test_probing_leaves_nothing_behind() -> None:
    def ours() -> list[str]:
        return [vma.path.decode() for vma in kernel.raw_maps(os.getpid())]

    visibility()
    before, opened = ours(), len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        visibility()
    assert len(os.listdir("/proc/self/fd")) == opened
    assert len(ours()) <= len(before) + 2
    assert is_root() == visibility().pfn
