"""What is installed is what was tested: every dependency pinned, with hashes."""

import re
import tomllib
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT

LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-build.txt"]
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==\S+(?: ; .+?)?((?: --hash=sha256:[0-9a-f]{64})+)")


def requirements(name: str) -> Iterator[str]:
    """The requirements of a lock, each on one line."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield " ".join(line.split())


def normal(name: str) -> str:
    """The name of a package as its index knows it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> set[str]:
    return {normal(match[1]) for line in requirements(name) if (match := PIN.fullmatch(line))}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_pinned_and_has_its_hashes(name: str) -> None:
    lines = list(requirements(name))
    assert lines
    assert not [line[:80] for line in lines if not PIN.fullmatch(line)]


def test_every_lock_is_looked_at() -> None:
    assert sorted(path.name for path in ROOT.glob("requirements*.txt")) == sorted(LOCKS)


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def direct(specs: list[str]) -> set[str]:
        return {normal(re.split(r"[ \[<>=!~;]", spec, maxsplit=1)[0]) for spec in specs}

    assert direct(project["dependencies"]) <= locked("requirements.txt")
    assert direct(project["dependencies"]) <= locked("requirements-dev.txt")
    assert direct(project["optional-dependencies"]["dev"]) <= locked("requirements-dev.txt")


def test_the_same_version_is_run_and_developed_with() -> None:
    def pins(name: str) -> set[str]:
        return {line.split(" ")[0] for line in requirements(name)}

    names = {pin.partition("==")[0] for pin in pins("requirements.txt")}
    of_dev = {pin for pin in pins("requirements-dev.txt") if pin.partition("==")[0] in names}
    assert of_dev == pins("requirements.txt")
