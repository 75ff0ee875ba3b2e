"""The rules of the house that no linter knows. A failure names the place and the cure."""

import ast
import re
from pathlib import Path

import pytest

from tests.house import tree
from tests.house.tree import ROOT

ROOMS = {".ci", "alerts", "bench", "cli", "dashboards", "docker", "docs", "exporter", "policy", "sandbox", "tests"}
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50
SKIPS = ROOT / "tests" / "house" / "skips.txt"
SKIPPING = {"skip", "skipif", "xfail", "importorskip", "skipTest", "expectedFailure"}

# Joined here, or this file would name them itself.
_HOSTS = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("crates", "io"),
    ("rubygems", "org"),
    ("golang", "org"),
    ("anaconda", "org"),
    ("maven", "org"),
]
_INDEX_OPTIONS = ["--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "PIP_INDEX" + "_URL"]
_ADDRESS = re.compile("|".join([*(rf"\b{a}\.{b}\b" for a, b in _HOSTS), *map(re.escape, _INDEX_OPTIONS)]))
_HOME = re.compile(r"(?<![\w.\-/}>])/(?:work|root|Users/\w+|home/\w+)(?=[/\s\"'`:,;)]|$)")


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def test_the_top_level_has_no_folder_that_the_design_does_not_know() -> None:
    found = {path.parts[0] for path in tree.files() if len(path.parts) > 1}
    assert not found - ROOMS, "a new room is a decision: put it into the design and into ROOMS, or the file elsewhere"


def test_no_python_file_is_longer_than_400_lines() -> None:
    long = {
        str(path): count
        for path in tree.python_files()
        if (count := len((ROOT / path).read_text(encoding="utf-8").splitlines())) > MOST_LINES_OF_A_FILE
    }
    assert not long, "split them along what they do"


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{path}:{node.lineno}: {node.name}"
        for path in tree.python_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long, "take a part out that has a name"


def explained_skips() -> dict[str, str]:
    """The list of tests that may be skipped: path -> reason."""
    entries = [line for line in SKIPS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {path.strip(): reason.strip() for path, _, reason in (entry.partition(":") for entry in entries)}


def test_no_test_is_skipped_without_a_reason_in_the_list() -> None:
    found = {
        str(path)
        for path in tree.python_files()
        if path.parts[0] == "tests"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in SKIPPING
    }
    explained = explained_skips()
    assert found == set(explained), f"make it run, or explain it in {SKIPS.relative_to(ROOT)}; take out what is no more"
    assert all(explained.values()), "a reason stands behind the colon"


def test_no_file_names_the_address_of_a_package_index() -> None:
    """The machine that installs decides where packages come from."""
    assert not [f"{path}:{number}" for path, number, line in tree.lines() if _ADDRESS.search(line)]


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert not [f"{path}:{number}: {line.strip()}" for path, number, line in tree.lines() if _HOME.search(line)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see /wo" + "rk/main", True),
        ('"/ro' + 'ot"', True),
        ("cd /ho" + "me/ann/src", True),
        ("root/rules/x.yml", False),
        ("https://example.com/ro" + "ot", False),
        ("/rootfs", False),
        ("docs/work/x", False),
    ],
)
def test_a_folder_of_a_machine_is_told_from_a_path_below_another(line: str, found: bool) -> None:
    assert bool(_HOME.search(line)) is found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("https://files." + "python" + "hosted.org/x", True),
        ("pip install --index" + "-url x", True),
        ("RUN npm install", False),
        ("packages of the index", False),
    ],
)
def test_the_address_of_an_index_is_told_from_talk_of_packages(line: str, found: bool) -> None:
    assert bool(_ADDRESS.search(line)) is found


def test_every_python_file_ends_with_one_line_break_and_has_no_carriage_return() -> None:
    bad = []
    for path in tree.python_files():
        raw = (ROOT / path).read_bytes()
        if b"\r" in raw or (raw and not raw.endswith(b"\n")) or raw.endswith(b"\n\n"):
            bad.append(str(path))
    assert not bad
