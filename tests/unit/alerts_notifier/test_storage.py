"""What was told is there after a restart, and no trouble with its file costs more than that."""

import logging
import sqlite3
import time
from pathlib import Path

import pytest

from alerts.notifier import storage
from alerts.notifier.dedup import Said, said
from alerts.notifier.storage import FILE, Storage
from sandbox.process import wait_until
from tests.unit.alerts_notifier.samples import ENDED, alert, notification

FIRING = said(notification())
OVER = said(notification(alert(ended=ENDED)))
_DAY = 86400.0
_PATIENCE = 20.0


class Kept(Storage):
    """Of one channel, and how often its file was in trouble."""

    def __init__(self, folder: Path, channel: str = "#cache", lifetime: float = _DAY) -> None:
        self.failures = 0
        super().__init__(folder, channel, lifetime, self._count)

    def _count(self) -> None:
        self.failures += 1

    def now(self) -> dict[str, Said]:
        """What a process that starts now would read."""
        return {told.group: told.said for told in self.read()}


def _told(folder: Path, *groups: str, known: Said = FIRING, channel: str = "#cache", lifetime: float = _DAY) -> None:
    with Kept(folder, channel, lifetime) as kept:
        for group in groups:
            kept.keep(group, known)


def test_before_anything_was_told_there_is_nothing_and_no_trouble(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "new" / "folder")
    assert (kept.read(), kept.failures) == ([], 0)


def test_what_was_told_is_there_for_the_next_the_newest_of_each_group(tmp_path: Path) -> None:
    _told(tmp_path, "a", "b")
    _told(tmp_path, "a", known=OVER)
    assert [told.group for told in Kept(tmp_path).read()] == ["b", "a"]
    assert Kept(tmp_path).now() == {"a": OVER, "b": FIRING}


def test_another_channel_was_told_nothing(tmp_path: Path) -> None:
    _told(tmp_path, "a")
    assert Kept(tmp_path, "#other").now() == {}


def test_what_is_of_no_use_any_more_goes_with_the_next_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = time.time() - 100
    with monkeypatch.context() as earlier:
        earlier.setattr(time, "time", lambda: then)
        _told(tmp_path, "a")
    assert list(Kept(tmp_path).now()) == ["a"]
    _told(tmp_path, "b", lifetime=99)
    assert list(Kept(tmp_path).now()) == ["b"]


def test_its_age_is_counted_and_no_less_than_nothing_when_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _told(tmp_path, "a")
    (told,) = Kept(tmp_path).read()
    monkeypatch.setattr(time, "time", lambda: told.at + 60)
    assert told.age == pytest.approx(60)
    monkeypatch.setattr(time, "time", lambda: told.at - 3600)
    assert told.age == 0


def test_what_is_heard_later_of_what_was_told_is_as_old_as_that(tmp_path: Path) -> None:
    with Kept(tmp_path) as kept:
        kept.keep("a", FIRING, 60)
    (told,) = Kept(tmp_path).read()
    assert 60 <= told.age < 70


@pytest.mark.parametrize(
    "broken", [b"no database, but as long as the head of one would be" * 9, b""], ids=["else", "empty"]
)
def test_a_file_that_is_no_database_is_put_aside(
    tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(broken)
    assert Kept(tmp_path).read() == []
    _told(tmp_path, "a")
    assert list(Kept(tmp_path).now()) == ["a"]
    assert [path.read_bytes() for path in tmp_path.glob("*.broken")] == ([broken] if broken else [])
    assert ("what fires is told once more" in caplog.text) == bool(broken)


def test_a_database_that_is_broken_in_the_middle_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that lost a page: the head of the file is as it should be."""
    _told(tmp_path, *map(str, range(500)))
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_000)
    kept = Kept(tmp_path)
    assert (kept.read(), kept.failures) == ([], 1)
    assert "malformed; it is told.broken now" in caplog.text
    _told(tmp_path, "a")
    assert list(Kept(tmp_path).now()) == ["a"]


@pytest.mark.parametrize("odd", ["firing = x'00'", "firing = '0123456789abcdef'", "at = 'noon'", "truncated = 'many'"])
def test_a_row_that_somebody_else_wrote_is_left_out(tmp_path: Path, odd: str) -> None:
    _told(tmp_path, "a", "b")
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute(f"UPDATE told_1 SET {odd} WHERE subject = 'a'")  # noqa: S608
    other.close()
    assert list(Kept(tmp_path).now()) == ["b"]


def test_a_folder_that_cannot_be_is_told_once_with_the_cure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with Kept(tmp_path / "file") as kept:
        assert kept.read() == []
        kept.keep("a", FIRING)
        wait_until(lambda: kept.failures == 2, _PATIENCE, "a failure")
        kept.keep("b", FIRING)
        wait_until(lambda: kept.failures == 3, _PATIENCE, "another one")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "name another folder with --storage" in caplog.text
    assert str(tmp_path / "file" / FILE) in caplog.text


def test_what_could_not_be_written_is_written_when_the_trouble_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(storage, "_LOCKED", 0.01)
    _told(tmp_path, "a")
    with Kept(tmp_path) as kept:
        holding = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        holding.execute("BEGIN EXCLUSIVE")
        kept.keep("a", OVER)
        kept.keep("b", FIRING)
        wait_until(lambda: kept.failures > 0, _PATIENCE, "a failure")
        holding.close()
        kept.keep("c", FIRING)
        wait_until(lambda: "what is told is kept again" in caplog.text, _PATIENCE, "the end of the trouble")
    assert Kept(tmp_path).now() == {"a": OVER, "b": FIRING, "c": FIRING}
    assert "database is locked" in caplog.text


def test_it_writes_its_own_news_alone_and_each_once(tmp_path: Path) -> None:
    with Kept(tmp_path) as kept:
        kept.keep("a", FIRING)
        wait_until(lambda: list(Kept(tmp_path).now()) == ["a"], _PATIENCE, "the first")
        _told(tmp_path, "a", known=OVER)  # another process
        kept.keep("b", FIRING)
        wait_until(lambda: "b" in Kept(tmp_path).now(), _PATIENCE, "the second")
    assert Kept(tmp_path).now() == {"a": OVER, "b": FIRING}


def test_a_full_disk_costs_what_is_told_meanwhile_and_not_what_was_told_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _told(tmp_path, "a")
    real = sqlite3.connect

    def full(*arguments: object, **named: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*arguments, **named)  # type: ignore[call-overload]
        connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way to have no room
        return connection

    large = Said(FIRING.firing * 2000, b"", 0)
    with monkeypatch.context() as disk, Kept(tmp_path) as kept:
        disk.setattr(sqlite3, "connect", full)
        kept.keep("b", large)
        wait_until(lambda: kept.failures == 1, _PATIENCE, "a failure")
    assert "database or disk is full" in caplog.text
    assert Kept(tmp_path).now() == {"a": FIRING}


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_LOCKED", _PATIENCE)
    _told(tmp_path, "a")
    holding = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holding.execute("BEGIN EXCLUSIVE")
    kept, began = Kept(tmp_path), time.monotonic()
    with kept:
        for number in range(3 * storage._MOST):
            kept.keep(str(number), FIRING)
        assert kept._queue.qsize() <= storage._MOST
        assert kept.failures >= storage._MOST
    assert time.monotonic() - began < _PATIENCE / 2
    assert kept._thread.is_alive()
    assert kept._thread.daemon  # the interpreter waits for others
    holding.close()
    kept._thread.join(_PATIENCE)
