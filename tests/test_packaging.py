"""The package's promises: what is locked is what is declared, and nothing is fetched from a named place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import app

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("run", "dev")


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def locked(name: str) -> dict[str, Version]:
    pins = re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock_text(name), re.MULTILINE)
    return {package: Version(version) for package, version in pins}


def declared(name: str) -> list[Requirement]:
    groups = PYPROJECT["dependency-groups"]
    lines = list(PYPROJECT["project"]["dependencies"])
    if name == "dev":
        lines += PYPROJECT["build-system"]["requires"]
        lines += [line for included in groups["dev"] for line in groups[included["include-group"]]]
    return [Requirement(line) for line in lines]


def satisfied(want: Requirement, pins: dict[str, Version]) -> bool:
    return want.name in pins and pins[want.name] in want.specifier


@pytest.mark.parametrize("name", LOCKS)
def test_lock_satisfies_every_declared_dependency(name: str) -> None:
    pins = locked(name)
    unsatisfied = [str(want) for want in declared(name) if not satisfied(want, pins)]
    assert not unsatisfied, "run `make lock`"


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_place(name: str) -> None:
    assert "://" not in lock_text(name)
    assert "index-url" not in lock_text(name)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_hash(name: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", lock_text(name), flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(name))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_development_has_the_very_versions_that_run() -> None:
    assert locked("run").items() <= locked("dev").items()


@pytest.mark.parametrize("line", [line for line in (ROOT / "pyproject.toml").read_text().splitlines() if ">=" in line])
def test_every_dependency_says_why(line: str) -> None:
    assert line.startswith("requires-python") or re.search(r" # \w+", line)


def test_version_is_written_once() -> None:
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert str(Version(app.__version__)) == app.__version__


@pytest.mark.parametrize("package", PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_package_says_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
