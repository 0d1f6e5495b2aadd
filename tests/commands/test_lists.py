"""`pagelens ps`, `maps` and `doctor`: the contract's fields, told of real processes."""

import os
from pathlib import Path

import pytest

from tests.commands.running import objects, run
from tests.kit import kernel
from tests.kit.launch import CAP_SYS_ADMIN
from tests.kit.targets import NOBODY, Target

PS = ["pid", "ppid", "user", "name", "cmdline", "rss", "swap", "readable", "reason"]
MAPS = ["start", "end", "perms", "offset", "dev", "inode", "path", "kind", "pages"]


def test_ps_tells_of_this_process_and_the_target(target: Target) -> None:
    rows = objects("ps")
    assert {tuple(row) for row in rows} == {tuple(PS)}
    by_pid = {row["pid"]: row for row in rows}
    assert by_pid[target.pid]["ppid"] == os.getpid()
    assert by_pid[target.pid]["readable"] is True
    assert by_pid[target.pid]["reason"] is None
    assert by_pid[os.getpid()]["rss"] > 0
    assert sorted(by_pid) == [row["pid"] for row in rows]


@pytest.mark.needs_root
def test_ps_counts_swap(target: Target, swap: Path) -> None:
    area = target.do("swapped", pages=32)
    row = next(row for row in objects("ps") if row["pid"] == target.pid)
    assert row["swap"] >= area.end - area.start


def test_ps_says_why_one_cannot_be_read(target: Target) -> None:
    zombie = target.do("zombie").pid
    rows = {row["pid"]: row for row in objects("ps")}
    assert rows[zombie]["readable"] is False
    assert "zombie" in rows[zombie]["reason"]
    thread = kernel.kernel_thread()
    if thread is not None:
        assert "kernel thread" in rows[thread]["reason"]


@pytest.mark.needs_root
def test_ps_as_an_unprivileged_user(target: Target) -> None:
    with Target.spawn(uid=NOBODY) as own:
        rows = {row["pid"]: row for row in objects("ps", uid=NOBODY)}
        assert rows[own.pid]["readable"] is True
        assert rows[target.pid]["readable"] is False
        assert "permission denied: it belongs to root" in rows[target.pid]["reason"]


@pytest.mark.parametrize("name", [b"[/bold]", b"\x1b[31mred", b"\xff\xfe", b"a) R 1", b"two words", b"new\nline"])
def test_names_are_never_trusted(target: Target, name: bytes) -> None:
    target.do("set_name", name=name.decode("utf-8", "surrogateescape"))
    row = next(row for row in objects("ps") if row["pid"] == target.pid)
    assert os.fsencode(row["name"]) == name
    text = run("ps").stdout
    assert "\x1b" not in text
    assert text.isprintable() or all(char.isprintable() or char == "\n" for char in text)
    assert len(text.splitlines()) == text.count("\n")


def test_maps_is_what_the_kernel_says(target: Target) -> None:
    target.do("many_vmas", count=300, pages=[1, 2, 3], gaps=[1])
    rows = objects("maps", str(target.pid))
    assert {tuple(row) for row in rows} == {tuple(MAPS)}
    vmas = kernel.raw_maps(target.pid)
    assert len(rows) == len(vmas)
    for row, vma in zip(rows, vmas, strict=True):
        assert (int(row["start"], 16), int(row["end"], 16)) == (vma.start, vma.end)
        assert row["start"].startswith("0x")
        assert os.fsencode(row["path"]) == vma.path
        assert row["pages"] == (vma.end - vma.start) // kernel.PAGE
        assert isinstance(row["offset"], int)
        assert isinstance(row["inode"], int)
        assert len(row["perms"]) == 4
    kinds = {row["path"]: row["kind"] for row in rows}
    assert (kinds["[stack]"], kinds["[vdso]"]) == ("stack", "vdso")


@pytest.mark.parametrize(
    "name", [b"a b", b"tab\there", b"\x1b]0;owned\x07", b"\xff\xff", b"[red]x[@click=q]y", b"l\nf"]
)
def test_paths_are_never_trusted(target: Target, tmp_disk: Path, name: bytes) -> None:
    path = os.fsencode(tmp_disk) + b"/" + name
    area = target.do("file_private_read", pages=1, path=os.fsdecode(path), unlink=True)
    row = next(row for row in objects("maps", str(target.pid)) if int(row["start"], 16) == area.start)
    assert os.fsencode(row["path"]) == path.replace(b"\n", b"\\012") + b" (deleted)"
    assert row["kind"] == "file"
    text = run("maps", str(target.pid)).stdout
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_process_is_found_by_its_name(target: Target) -> None:
    target.do("set_name", name="pagelens-kin")
    assert objects("maps", "pagelens-kin")[0] == objects("maps", str(target.pid))[0]


@pytest.mark.needs_root
def test_doctor_tells_what_is_hidden() -> None:
    seen = {row["feature"]: row for row in objects("doctor")}
    hidden = {row["feature"]: row for row in objects("doctor", without=[CAP_SYS_ADMIN])}
    assert list(seen["PFN"]) == ["feature", "available", "detail", "reason", "remedy"]
    assert seen["PFN"]["available"] is True
    assert hidden["PFN"]["available"] is False
    assert "hidden: needs CAP_SYS_ADMIN" in hidden["PFN"]["reason"]
    assert hidden["PFN"]["remedy"]
    assert all(row["reason"] for row in [*seen.values(), *hidden.values()] if not row["available"])


@pytest.mark.needs_root
def test_doctor_sees_swap_come(swap: Path) -> None:
    seen = {row["feature"]: row for row in objects("doctor")}
    assert seen["swap"]["available"] is True


@pytest.mark.needs_root
def test_doctor_as_an_unprivileged_user() -> None:
    rows = {row["feature"]: row for row in objects("doctor", uid=NOBODY)}
    assert rows["other users"]["available"] is False
    assert "root" in rows["other users"]["remedy"]
    assert "remedy:" in run("doctor", uid=NOBODY).stdout
