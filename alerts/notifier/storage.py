"""What was told, on the disk: a notifier that is started anew repeats none of it.

A thread of its own writes: a disk that is full, slow or gone costs the memory of what was told, and never a page.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from alerts.notifier.dedup import Said, is_whole

log = logging.getLogger(__name__)

FILE = "told.sqlite"
# The number is that of the form of what is packed in it: a notifier of another version keeps a table of its own.
_TABLE = "told_1"
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {_TABLE} (
    channel TEXT NOT NULL, subject TEXT NOT NULL, at REAL NOT NULL,
    firing BLOB NOT NULL, ended BLOB NOT NULL, truncated INTEGER NOT NULL,
    PRIMARY KEY (channel, subject)
) WITHOUT ROWID
"""
# Seconds: for another process that writes to the same file, and at the end for what is still to be written.
_LOCKED, _CLOSING = 1.0, 0.15
# Groups that may wait to be written, where the disk takes nothing: some hundred bytes each.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a group (its digest), and when, in Unix seconds."""

    group: str
    said: Said
    at: float

    @property
    def age(self) -> float:
        """Seconds since then; none where the clock was set back meanwhile."""
        return max(time.time() - self.at, 0.0)


class Storage:
    """The file of what was told to one channel. A context manager: inside of it, what is given to `keep` is written.

    Trouble with the file is logged once, until it has passed, and `failed` is called for each attempt. What could not be written
    is written with what comes next. `lifetime` are the seconds after which it is of no use to anybody.
    """

    def __init__(self, folder: Path, channel: str, lifetime: float, failed: Callable[[], None]) -> None:
        self.file = folder / FILE
        self._channel = channel
        self._lifetime = lifetime
        self._failed = failed
        self._queue: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._waiting: dict[str, Told] = {}
        self._troubled = False
        # A daemon: where the disk hangs, the process ends without it.
        self._thread = Thread(target=self._work, name="storage", daemon=True)

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left, but wait for a disk that does not take it no longer than a moment."""
        self._queue.put(None)
        self._thread.join(_CLOSING)

    def read(self) -> list[Told]:
        """What an earlier process told, the oldest first; nothing where the file cannot be read, which is logged."""
        try:
            with self._connected() as connection:
                return self._rows(connection)
        except (OSError, sqlite3.Error) as error:
            self._trouble(error)
            return []

    def keep(self, group: str, known: Said, age: float = 0.0) -> None:
        """Have it written that all this was told of a group `age` seconds ago; does not wait for it."""
        if self._queue.qsize() < _MOST:
            self._queue.put(Told(group, known, time.time() - age))
        else:
            self._failed()

    def _rows(self, connection: sqlite3.Connection) -> list[Told]:
        asked = f"SELECT subject, firing, ended, truncated, at FROM {_TABLE} WHERE channel = ? ORDER BY at"  # noqa: S608
        rows = connection.execute(asked, (self._channel,)).fetchall()
        # SQLite keeps whatever it is given, whatever the column's type: somebody else's is left out.
        kinds = (str, bytes, bytes, int, float)
        sound = [row for row in rows if all(map(isinstance, row, kinds))]
        found = [Told(group, Said(firing, ended, truncated), at) for group, firing, ended, truncated, at in sound]
        return [told for told in found if is_whole(told.said)]

    def _work(self) -> None:
        while (told := self._queue.get()) is not None:
            self._wait(told)
            if self._queue.empty():  # else all of it at once
                self._write_waiting()
        if self._waiting:
            self._write_waiting()

    def _wait(self, told: Told) -> None:
        """Put it behind the others, in place of what was told of its group before."""
        self._waiting.pop(told.group, None)
        self._waiting[told.group] = told
        if len(self._waiting) > _MOST:
            del self._waiting[next(iter(self._waiting))]

    def _write_waiting(self) -> None:
        try:
            with self._connected() as connection:
                self._put(connection)
        except (OSError, sqlite3.Error) as error:
            self._trouble(error)
            return
        self._waiting.clear()
        if self._troubled:
            log.info("%s: what is told is kept again", self.file)
        self._troubled = False

    def _put(self, connection: sqlite3.Connection) -> None:
        put = f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
        rows = [
            (self._channel, told.group, told.at, told.said.firing, told.said.ended, told.said.truncated)
            for told in self._waiting.values()
        ]
        with connection:
            connection.executemany(put, rows)
            connection.execute(f"DELETE FROM {_TABLE} WHERE at < ?", (time.time() - self._lifetime,))  # noqa: S608

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The file, open, with its table; made where it is not there."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.file, timeout=_LOCKED)) as connection:
            connection.execute(_CREATE)
            yield connection

    def _trouble(self, error: Exception) -> None:
        self._failed()
        # Of classes of their own are the errors after which the file is as good as before: locked, full, not permitted.
        if type(error) is sqlite3.DatabaseError and self._put_aside(error):
            return
        if not self._troubled:
            cure = "name another folder with --storage, or mend this one"
            log.error("%s: %s; what is told is not kept, and told again after a restart: %s", self.file, error, cure)
        self._troubled = True

    def _put_aside(self, error: sqlite3.DatabaseError) -> bool:
        """Whether a broken file is out of the way: the next attempt makes another one."""
        aside = self.file.with_suffix(".broken")
        try:
            self.file.replace(aside)
        except OSError:
            return False
        log.error("%s: %s; it is %s now, and what fires is told once more", self.file, error, aside.name)
        return True
