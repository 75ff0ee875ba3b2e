"""Files in the form of Prometheus' file_sd -> nodes. A broken file keeps what it said when it was sound."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.discovery import Found
from exporter.targets import Target
from policy import yaml_text
from policy.fleet import Node, without_database

# As many bytes as a policy may have: some ten thousand nodes.
MOST_BYTES = 1024**2
# Of what is wrong with a file so many are told.
_MOST_TOLD = 5


class BrokenFile(Exception):
    """A file that names no nodes as it should; the text says what to mend. `sound` are those that it does name."""

    def __init__(self, text: str, sound: tuple[Target, ...] = ()) -> None:
        self.sound = sound
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class _Read:
    """One file: how it looked when it was read, what it said last when it was sound, and what is wrong with it now.

    `doubt` is what is wrong with some of its targets, where others are sound.
    """

    stamp: tuple[int, int, int] | None
    targets: tuple[Target, ...]
    trouble: str = ""
    doubt: str = ""


class Files:
    """What the files say. They are read again when they change."""

    def __init__(self) -> None:
        self._read: dict[Path, _Read] = {}

    def find(self, patterns: tuple[str, ...]) -> Found:
        """The nodes of all files; reads what has changed, blocking."""
        now: dict[Path, _Read] = {}
        troubles = []
        for pattern in patterns:
            matches = sorted(Path(pattern).parent.glob(Path(pattern).name))
            if not matches:  # a folder that is not mounted must not take every node off the pages
                troubles.append(f"{pattern}: there is no such file")
                matches = [path for path in self._read if path.match(pattern)]
            now.update((path, self._look(path)) for path in matches)
        self._read = now
        troubles += [f"{path}: {read.trouble}" for path, read in now.items() if read.trouble]
        doubts = [f"{path}: {read.doubt}" for path, read in now.items() if read.doubt]
        targets = {target.instance: target for read in now.values() for target in read.targets}
        return Found(targets, trouble="; ".join(dict.fromkeys(troubles)), doubt="; ".join(doubts))

    def _look(self, path: Path) -> _Read:
        before = self._read.get(path, _Read(None, ()))
        stamp = None
        try:
            status = path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for whoever writes to it
                return _Read(stamp, before.targets, "is no regular file")
            return before if stamp == before.stamp else _Read(stamp, read(path))
        except FileNotFoundError:  # where it is no link the pattern said it already, or says it at the next look
            return _Read(None, before.targets, "is a link that leads nowhere" if path.is_symlink() else "")
        except OSError as error:
            return _Read(None, before.targets, f"cannot be read: {error.strerror}")
        except BrokenFile as broken:  # what cannot be read now may be one of those that it named before
            named = {target.instance: target for target in (*before.targets, *broken.sound)}
            trouble, doubt = ("", str(broken)) if broken.sound else (str(broken), "")
            return _Read(stamp, tuple(named.values()), trouble, doubt)


def read(path: Path) -> tuple[Target, ...]:
    """The nodes that a file names. BrokenFile, or OSError."""
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise BrokenFile("is larger than 1 MiB; split it")
    try:
        text = raw.decode("utf-8-sig")
        data = json.loads(text) if path.suffix == ".json" else yaml_text.read(text).data
    except json.JSONDecodeError as error:
        raise BrokenFile(f"is not JSON: {error}") from None
    except RecursionError:
        raise BrokenFile("is nested too deeply") from None
    except yaml_text.NotYaml as error:
        raise BrokenFile(f"is not YAML: line {error.line}: {error.message}") from None
    except UnicodeDecodeError:
        raise BrokenFile("is not UTF-8 text") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise BrokenFile(f"is not JSON that can be read: {error}") from None
    return parse(data)


def parse(data: Any) -> tuple[Target, ...]:
    """The nodes of file_sd's list; BrokenFile when it is another thing, with all that is wrong and what is sound.

    Of the labels only `shard` is read.
    """
    sound, wrong = list[Target](), list[str]()
    for number, text, shard in _named(data):
        try:
            sound.append(_target(text, shard))
        except ValueError as error:
            wrong.append(f"entry {number}: {error}")
    if wrong:
        raise BrokenFile("; ".join(wrong[:_MOST_TOLD]) + _more(len(wrong) - _MOST_TOLD), tuple(sound))
    return tuple(sound)


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""


def _named(data: Any) -> Iterator[tuple[int, Any, str]]:
    """The entry, the text and the shard of each target."""
    if not isinstance(data, list):
        raise BrokenFile('is not a list, as in [{"targets": ["10.0.0.1:6379"]}]')
    for number, group in enumerate(data):
        if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
            raise BrokenFile(f"entry {number} has no list of targets")
        labels = group.get("labels") or {}
        if not isinstance(labels, dict) or not isinstance(labels.get("shard", ""), str):
            raise BrokenFile(f"entry {number}: labels must be a mapping of texts")
        if not all(
            yaml_text.is_text(text) for text in (labels.get("shard", ""), *group["targets"]) if isinstance(text, str)
        ):
            raise BrokenFile(f"entry {number}: has half a character in it (a surrogate, as \\ud800)")
        yield from ((number, text, labels.get("shard", "")) for text in group["targets"])


def _target(text: Any, shard: str) -> Target:
    """The node of a target; ValueError says what to mend."""
    if not isinstance(text, str):
        raise ValueError("a target is no text; write it as in 10.0.0.1:6379")
    try:
        node = Node(url=without_database(text if "://" in text else f"redis://{text}"))
    except ValidationError as error:  # without its input: a password may stand in it
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ValueError(said.removeprefix("Value error, ")) from None
    return replace(Target.at(*node.address, shard), tls=node.asks_for_tls)
