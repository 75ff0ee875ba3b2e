"""Files in Prometheus' file_sd form: read when they change, believed only while they are sound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.discovery_files import MOST_BYTES, Files


def write(path: Path, text: str, at: int = 0) -> None:
    """Write as a careful program does, with a time of its own: two writes may fall into one tick of the clock."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.utime(new, ns=(at, at))
    new.replace(path)


def found(files: Files, *patterns: Path) -> dict[str, str]:
    answer = files.find(tuple(map(str, patterns)))
    return {target.instance: target.shard for target in answer.targets.values()}


def problem(files: Files, pattern: Path) -> str:
    return files.find((str(pattern),)).problem


JSON = '[{"targets": ["10.0.0.1:6379", "redis://cache-2"], "labels": {"shard": "a", "team": "x"}}]'
YAML = "- targets: ['[fd00::1]:7000', 10.0.0.3]\n- targets: []\n"


def test_json_and_yaml_name_nodes_and_their_shard(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(JSON)
    (tmp_path / "b.yml").write_text(YAML)
    both = found(Files(), tmp_path / "*.json", tmp_path / "b.yml")
    assert both == {"10.0.0.1:6379": "a", "cache-2:6379": "a", "[fd00::1]:7000": "", "10.0.0.3:6379": ""}


def test_a_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path) -> None:
    files, path = Files(), tmp_path / "a.yml"
    write(path, "- targets: [one]", at=1)
    assert list(found(files, path)) == ["one:6379"]
    write(path, "- targets: [two]", at=2)
    assert list(found(files, path)) == ["two:6379"]
    stamp = path.stat()
    path.write_text("- targets: [six]")  # the same file, size and time
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert list(found(files, path)) == ["two:6379"]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("[{", "is not JSON: "),
        ("", "is not JSON: "),
        ("{}", 'is not a list, as in [{"targets": ["10.0.0.1:6379"]}]'),
        ('[{"target": ["a"]}]', "entry 0: has no list of targets"),
        ('[{"targets": ["a"], "labels": ["x"]}]', "entry 0: labels must be a mapping of texts"),
        ('[{"targets": ["a"], "labels": {"shard": 5}}]', "entry 0: labels must be a mapping of texts"),
        ('[{"targets": []}, {"targets": [5]}]', "entry 1: a target is no text; write it as in 10.0.0.1:6379"),
        ('[{"targets": ["a b"]}]', "entry 0: 'a b' is not an address"),
        ('[{"targets": ["http://a"]}]', "entry 0: scheme 'http' is not known; write redis://host:port"),
        ('[{"targets": ["a"], "labels": {"shard": "\\ud800"}}]', "entry 0: has half a character in it"),
        ("[" * 100_000, "is nested too deeply"),
        ('[{"targets": [' + "1" * 5000 + "]}]", "is not JSON that can be read"),
        (" " * (MOST_BYTES + 1), "is larger than 1 MiB; split it"),
    ],
)
def test_a_broken_file_is_told_and_keeps_what_it_said_before(tmp_path: Path, broken: str, why: str) -> None:
    files, path = Files(), tmp_path / "a.json"
    write(path, JSON, at=1)
    before = found(files, path)
    write(path, broken, at=2)
    for _ in range(2):  # at the next look, too
        assert problem(files, path).startswith(f"{path}: {why}")
        assert found(files, path) == before
    write(path, "[]", at=3)
    assert problem(files, path) == ""
    assert found(files, path) == {}


def test_a_password_in_a_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"targets": ["redis://:hunter2@a:6379"]}]')
    said = problem(Files(), path)
    assert "has credentials in it" in said
    assert "hunter2" not in said


def test_a_folder_that_vanishes_takes_no_node_away_but_one_file_of_several_does(tmp_path: Path) -> None:
    files, pattern = Files(), tmp_path / "*.yml"
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text(f"- targets: [{name}]")
    assert set(found(files, pattern)) == {"a:6379", "b:6379"}
    (tmp_path / "a.yml").unlink()
    assert set(found(files, pattern)) == {"b:6379"}
    (tmp_path / "b.yml").unlink()
    for _ in range(2):
        assert set(found(files, pattern)) == {"b:6379"}
        assert problem(files, pattern) == f"{pattern}: there is no such file"


def test_a_link_that_leads_nowhere_is_told_under_a_wildcard_too(tmp_path: Path) -> None:
    """As a ConfigMap's, whose folder is gone."""
    files, pattern = Files(), tmp_path / "*.yml"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("- targets: [a]")
    (tmp_path / "a.yml").symlink_to("data/a")
    assert problem(files, pattern) == ""
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    assert problem(files, pattern) == f"{tmp_path / 'a.yml'}: is a link that leads nowhere"
    assert set(found(files, pattern)) == {"a:6379"}


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yml").mkdir()
    assert problem(Files(), tmp_path / "a.yml") == f"{tmp_path / 'a.yml'}: is no regular file"


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """To open it would wait for whoever writes to it, perhaps for ever."""
    os.mkfifo(tmp_path / "a.json")
    assert problem(Files(), tmp_path / "a.json") == f"{tmp_path / 'a.json'}: is no regular file"


@pytest.mark.parametrize("text", [b"\xff", b"- targets: [a\n"])
def test_what_is_no_text_or_no_yaml_is_told(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(text)
    assert problem(Files(), path).startswith(f"{path}: is not ")


def test_targets_are_written_as_for_redis_exporter_and_a_database_behind_them_makes_no_difference(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"targets": ["rediss://a:6380", "redis://b/0", "c:7000/", "redis://d?db=3", "unix:///run/0"]}]')
    found = Files().find((str(path),))
    tls = {target.instance: target.tls for target in found.targets.values()}
    assert found.problem == ""
    assert tls == {"a:6380": True, "b:6379": False, "c:7000": False, "d:6379": False, "unix:///run/0": False}


def test_a_target_that_is_none_costs_itself_only_and_what_was_known_before_stays(tmp_path: Path) -> None:
    files, path = Files(), tmp_path / "a.json"
    write(path, '[{"targets": ["old", "http://a"]}, {"targets": ["b", 5]}]', at=1)
    answer = files.find((str(path),))
    assert list(answer.targets) == ["old:6379", "b:6379"]
    assert answer.is_whole, "who asks for the list gets it: the other two are no nodes for anybody"
    assert (
        "entry 0: scheme 'http' is not known; write redis://host:port; entry 1: a target is no text" in answer.problem
    )
    write(path, '[{"targets": ["one", "two"]}]', at=2)
    assert list(found(files, path)) == ["one:6379", "two:6379"]
    for at, joins in enumerate(("three", "four"), start=3):
        write(path, f'[{{"targets": ["http://one", "{joins}"]}}]', at=at)
        assert list(found(files, path)) == ["one:6379", "two:6379", f"{joins}:6379"], "who joined and left is gone"
    write(path, "[", at=5)
    assert list(found(files, path)) == ["one:6379", "two:6379", "four:6379"]
    write(path, '[{"targets": ["four"]}]', at=6)
    assert list(found(files, path)) == ["four:6379"]


def test_an_entry_that_is_none_costs_its_targets_only(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    labels = '{"targets": ["a"], "labels": {"shard": 5}}'
    path.write_text(f'[{labels}, {{"target": []}}, {{"targets": ["b", "c\\ud800"]}}]')
    assert list(found(Files(), path)) == ["b:6379"]
    said = problem(Files(), path)
    for number, why in enumerate(("labels must be", "has no list", "has half a character")):
        assert f"entry {number}: {why}" in said


def test_a_node_is_tls_where_any_entry_or_file_names_it_so(tmp_path: Path) -> None:
    for name, text in {"a": "rediss://n", "b": "redis://n", "c": "n"}.items():
        (tmp_path / f"{name}.yml").write_text(f"- targets: ['{text}']")
    (target,) = Files().find((str(tmp_path / "*.yml"),)).targets.values()
    assert target.tls


def test_of_many_faults_a_few_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("- targets: [" + ", ".join(["http://a"] * 9) + "]")
    assert problem(Files(), path).count("scheme") == 5
    assert problem(Files(), path).endswith("; and 4 more")
