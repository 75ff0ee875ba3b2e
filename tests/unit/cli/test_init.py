"""The starter policy: it loads as it is, and its comments tell the truth."""

import re
from importlib import resources
from pathlib import Path

import pytest

from policy import yaml_text
from policy.loader import load, parse
from policy.model import Policy
from tests.unit.cli.command import cachewatch

STARTER = resources.files("cli").joinpath("starter.yaml").read_text(encoding="utf-8")
DEFAULT = re.compile(r"^#(?=\S|  )", re.MULTILINE)  # a # without a space, or in a block of such lines
EXAMPLE = re.compile(r"^ +# (\w+: .*)$", re.MULTILINE)
SECTION = re.compile(r"^#?(\w+):", re.MULTILINE)


def test_the_starter_is_written_and_is_a_good_policy(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "init")
    assert (ended.status, ended.err) == (0, "")
    assert (tmp_path / "cachewatch.yaml").read_text(encoding="utf-8") == STARTER
    assert load(tmp_path / "cachewatch.yaml").policy == Policy()
    assert cachewatch(tmp_path, "check").status == 0


def test_the_starter_can_have_another_name_and_folder(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "init", "conf/prod.yaml")
    assert ended.out == "conf/prod.yaml written: name your nodes in it, then run `cachewatch -c conf/prod.yaml check`\n"
    assert [path.name for path in (tmp_path / "conf").iterdir()] == ["prod.yaml"]


def test_the_defaults_in_the_starters_comments_are_the_built_in_defaults() -> None:
    uncommented = DEFAULT.sub("", STARTER)
    assert parse(uncommented, "starter", Path("/")).policy == Policy()


def test_the_starter_shows_every_key_that_has_a_default() -> None:
    shown = set(yaml_text.read(DEFAULT.sub("", STARTER)).lines)
    dumped = Policy().model_dump(by_alias=True)
    missing = [section for section in dumped if (section,) not in shown]
    missing += [
        f"{section}.{key}"
        for section, keys in dumped.items()
        if isinstance(keys, dict)
        for key, value in keys.items()
        if value is not None and (section, key) not in shown
    ]
    assert not missing


def test_each_example_in_the_starter_is_accepted_in_its_place() -> None:
    found = list(EXAMPLE.finditer(STARTER))
    assert len(found) >= 7
    for example in found:
        section = SECTION.findall(STARTER[: example.start()])[-1]
        parse(f"{section}:\n  {example[1]}\n", example[1], Path("/"))


@pytest.mark.parametrize("kind", ["file", "folder", "link to nowhere"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cachewatch.yaml"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    ended = cachewatch(tmp_path, "init")
    assert ended.status == 2
    assert "cachewatch.yaml" in ended.err
    assert [left.name for left in tmp_path.iterdir()] == ["cachewatch.yaml"]
    assert kind != "file" or path.read_text() == "mine"


def test_a_file_where_a_folder_must_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("mine")
    ended = cachewatch(tmp_path, "init", "conf/prod.yaml")
    assert ended.status == 2
    assert ended.err == "cannot write conf/prod.yaml: conf: is a file, and a folder must stand there\n"


def test_a_full_disk_leaves_no_empty_policy_behind(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "init", before=("prlimit", "--fsize=1000"))
    assert ended.status == 2
    assert ended.err == "cannot write cachewatch.yaml: cachewatch.yaml: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_the_policy_file_that_is_named_before_the_command_is_the_one_that_is_written(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "-c", "prod.yaml", "init")
    assert ended.out == "prod.yaml written: name your nodes in it, then run `cachewatch -c prod.yaml check`\n"
    assert [path.name for path in tmp_path.iterdir()] == ["prod.yaml"]
    assert cachewatch(tmp_path, "-c", "prod.yaml", "init", "test.yaml").status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prod.yaml", "test.yaml"]
