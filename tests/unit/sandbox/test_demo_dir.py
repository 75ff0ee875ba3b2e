"""A demo's directory belongs to one demo, and a demo never removes what it did not make."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from sandbox.demo_dir import ENTRIES, LOCK, is_taken, taken
from sandbox.errors import SandboxError
from sandbox.files import write_atomic


def fill(directory: Path) -> None:
    for name in ("build", "run", "secrets"):
        (directory / name / "deep").mkdir(parents=True)
        (directory / name / "deep" / "file").write_text("x")
    for name in ("endpoints.json", "control.json", "cachewatch.yaml"):
        (directory / name).write_text("x")


def test_nothing_is_left_of_a_directory_that_the_demo_made(tmp_path: Path) -> None:
    with taken(tmp_path / "demo"):
        fill(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_was_there_stays_with_what_others_put_into_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with taken(tmp_path):
        fill(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_error_inside_leaves_nothing_either(tmp_path: Path) -> None:
    def fail() -> None:
        with taken(tmp_path / "demo"):
            fill(tmp_path / "demo")
            raise RuntimeError("the start failed")

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_second_demo_is_refused_and_the_first_keeps_its_files(tmp_path: Path) -> None:
    with taken(tmp_path):
        fill(tmp_path)
        with pytest.raises(SandboxError, match=r"a demo runs in .* already \(pid \d+\).*--dir"), taken(tmp_path):
            pass
        assert {path.name for path in tmp_path.iterdir()} == {*ENTRIES, LOCK}


def test_what_a_dead_demo_left_is_cleaned_up_with_the_directory_it_made(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    directory.mkdir()
    fill(directory)
    (directory / ".endpoints.json.4711").write_text("half")
    (directory / LOCK).write_text(json.dumps({"pid": 4711, "made": True}))
    with taken(directory):
        assert [path.name for path in directory.iterdir()] == [LOCK]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("written", ["", '{"pid": 47'])
def test_a_lock_that_cannot_be_read_tells_a_dead_demo_too(tmp_path: Path, written: str) -> None:
    """Whether it made the directory is not known: that stays."""
    fill(tmp_path)
    (tmp_path / LOCK).write_text(written)
    with taken(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert list(tmp_path.iterdir()) == []


def test_files_under_the_same_names_that_no_demo_made_are_left_alone_each_time(tmp_path: Path) -> None:
    (tmp_path / "cachewatch.yaml").write_text("fleet: {name: prod}")
    told = r"holds cachewatch.yaml, not made by a demo: .* Move away what is yours, .* --dir"
    for _ in range(2):
        with pytest.raises(SandboxError, match=told), taken(tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["cachewatch.yaml"]


def test_a_lock_stays_as_long_as_what_it_stands_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "demo"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(PermissionError), taken(directory):
            fill(directory)
        with pytest.raises(SandboxError, match=r"demo cannot be used: Permission denied"), taken(directory):
            pass
        assert (directory / LOCK).exists()
    with taken(directory):
        pass
    assert list(tmp_path.iterdir()) == []


def refuse(path: Path) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_full_disk_is_told_of_the_directory_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(SandboxError, match=r"b cannot be used: No space left on device"), taken(tmp_path / "a" / "b"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(SandboxError, match=r"demo cannot be used: it is not a folder.*--dir"), taken(tmp_path / "demo"):
        pass


def test_what_was_made_above_it_goes_with_it_and_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with taken(tmp_path / "mine" / "a" / "b"):
        fill(tmp_path / "mine" / "a" / "b")
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]
    assert list((tmp_path / "mine").iterdir()) == []


def test_whether_a_demo_holds_it_is_told_from_its_lock_and_not_from_its_files(tmp_path: Path) -> None:
    assert not is_taken(tmp_path / "nowhere")
    with taken(tmp_path / "demo"):
        assert is_taken(tmp_path / "demo")
    (tmp_path / LOCK).write_text("{}")
    assert not is_taken(tmp_path), "it was killed"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"gone/endpoints.json cannot be written: No such file"):
        write_atomic(tmp_path / "gone" / "endpoints.json", "{}")
