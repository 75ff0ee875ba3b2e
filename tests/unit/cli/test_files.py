"""Writing a tree of files: whole or not at all, and nothing left over."""

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from cli import files
from cli.files import LOCK, MANIFEST, CannotWrite, create, replace, write_tree
from tests.unit.cli.command import tree

OLD = {"alerts": {"prometheus.yml": "old\n", "rules/a.yml": "old\n", "rules/b.yml": "old\n"}}
NEW = {"alerts": {"prometheus.yml": "new\n", "rules/a.yml": "new\n", "rules/c.yml": "new\n"}}


def names(root: Path) -> set[str]:
    return set(tree(root)) - {MANIFEST}


def test_files_of_an_earlier_policy_go_and_others_stay(tmp_path: Path) -> None:
    write_tree(tmp_path, OLD)
    (tmp_path / "rules" / "mine.yml").write_text("mine")
    write_tree(tmp_path, NEW)
    assert names(tmp_path) == {"prometheus.yml", "rules/a.yml", "rules/c.yml", "rules/mine.yml"}
    assert json.loads((tmp_path / MANIFEST).read_text()) == {"alerts": ["prometheus.yml", "rules/a.yml", "rules/c.yml"]}


def test_one_part_does_not_take_away_what_another_part_wrote(tmp_path: Path) -> None:
    write_tree(tmp_path, OLD)
    write_tree(tmp_path, {"dashboards": {"fleet.json": "{}\n"}})
    write_tree(tmp_path, NEW)
    assert names(tmp_path) == {"prometheus.yml", "rules/a.yml", "rules/c.yml", "fleet.json"}


def test_a_file_can_move_from_one_part_to_another(tmp_path: Path) -> None:
    write_tree(tmp_path, OLD)
    write_tree(tmp_path, {"alerts": {}, "dashboards": OLD["alerts"]})
    assert names(tmp_path) == set(OLD["alerts"])


def test_a_pipe_or_a_device_is_left_alone(tmp_path: Path) -> None:
    """A picture to /dev/null, as root, would leave a file there."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotWrite, match="is a device or a pipe"):
        replace(tmp_path / "pipe", "<svg/>")
    assert (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) <= {"pipe"}


@pytest.mark.parametrize("blocked", ["prometheus.yml", "rules/a.yml", "rules/c.yml"])
def test_a_folder_where_a_file_must_be_leaves_everything_as_it_was(tmp_path: Path, blocked: str) -> None:
    write_tree(tmp_path, OLD)
    (tmp_path / blocked).unlink(missing_ok=True)
    (tmp_path / blocked).mkdir()
    before = tree(tmp_path)
    with pytest.raises(CannotWrite) as refused:
        write_tree(tmp_path, NEW)
    assert str(refused.value) == (
        f"cannot write below {tmp_path}: {tmp_path / blocked}: is a folder, and a file must stand there; nothing was changed"
    )
    assert tree(tmp_path) == before


def test_a_file_where_a_folder_must_be_leaves_everything_as_it_was(tmp_path: Path) -> None:
    write_tree(tmp_path, {"alerts": {"prometheus.yml": "old\n"}})
    (tmp_path / "rules").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(CannotWrite, match="rules: is a file, and a folder must stand there; nothing was changed"):
        write_tree(tmp_path, NEW)
    assert tree(tmp_path) == before


def test_a_rename_that_fails_tells_of_the_mixture_and_the_next_build_mends_it(tmp_path: Path) -> None:
    """A file that is the folder of another one can be written under its passing name, and not be renamed."""
    write_tree(tmp_path, OLD)
    with pytest.raises(CannotWrite, match="some files are of this build, some of the one before; mend it and build"):
        write_tree(tmp_path, {"alerts": {"rules/d.yml": "new\n", "x": "new\n", "x/y": "new\n"}})
    assert "rules/d.yml" in names(tmp_path)
    write_tree(tmp_path, NEW)
    assert names(tmp_path) == set(NEW["alerts"])


def test_a_build_that_was_killed_is_mended_by_the_next_one(tmp_path: Path) -> None:
    """Killed in the middle of its renames it leaves a file under its passing name and one that only the manifest knows."""
    write_tree(tmp_path, OLD)
    either = sorted({*OLD["alerts"], *NEW["alerts"], "rules/of-the-killed.yml"})
    (tmp_path / MANIFEST).write_text(json.dumps({"alerts": either}))
    (tmp_path / "rules" / "of-the-killed.yml").write_text("pages for ever")
    (tmp_path / "rules" / ".a.yml.cachewatch-new").write_text("half of")
    write_tree(tmp_path, NEW)
    assert names(tmp_path) == set(NEW["alerts"])


def test_a_link_in_place_of_a_file_is_replaced_and_what_it_points_to_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "prometheus.yml").symlink_to(tmp_path / "precious")
    write_tree(out, OLD)
    assert (tmp_path / "precious").read_text() == "mine"
    assert (out / "prometheus.yml").read_text() == "old\n"
    assert not (out / "prometheus.yml").is_symlink()


def test_a_link_in_place_of_a_folder_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "etc-prometheus-rules"
    real.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "rules").symlink_to(real)
    write_tree(out, OLD)
    write_tree(out, NEW)
    assert {path.name for path in real.iterdir()} == {"a.yml", "c.yml"}


def test_a_folder_behind_a_link_can_be_the_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    write_tree(tmp_path / "out", OLD)
    assert names(tmp_path / "real") == set(OLD["alerts"])


@pytest.mark.parametrize("name", ["../precious", "{absolute}", "rules/../../precious"])
def test_a_list_of_files_that_was_tampered_with_takes_nothing_away_outside(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    out = tmp_path / "out"
    (out / "rules").mkdir(parents=True)
    (out / MANIFEST).write_text(json.dumps({"alerts": [name.format(absolute=precious)]}))
    write_tree(out, OLD)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{", "[]", '["a"]', '{"alerts": 5}', '{"alerts": [5]}', '"a"', "null"])
def test_a_list_of_files_that_is_none_is_refused_and_nothing_is_written(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CannotWrite, match="is not a list of files; remove it, and look for leftovers by hand"):
        write_tree(tmp_path, OLD)
    assert names(tmp_path) == set()


def test_files_can_be_read_by_prometheus_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_tree(tmp_path / "out", OLD)
    finally:
        os.umask(before)
    assert (tmp_path / "out" / "prometheus.yml").stat().st_mode & 0o777 == 0o644


def test_a_build_waits_for_the_one_that_writes_to_the_same_folder(tmp_path: Path) -> None:
    with (tmp_path / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=write_tree, args=(tmp_path, OLD))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert names(tmp_path) == set()
    waiting.join(20)
    assert names(tmp_path) == set(OLD["alerts"])


def test_a_build_that_does_not_end_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_PATIENCE_SECONDS", 0.1)
    with (tmp_path / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotWrite, match="another build writes here and does not end; nothing was changed"):
            write_tree(tmp_path, OLD)


def test_create_never_writes_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    (tmp_path / "b").symlink_to("nowhere")
    for name in ("a", "b"):
        with pytest.raises(FileExistsError):
            create(tmp_path / name, "text")
    create(tmp_path / "c", "text")
    assert tree(tmp_path) == {"a": b"mine", "c": b"text"}
