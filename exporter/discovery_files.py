"""Files in the form of Prometheus' file_sd -> nodes. A broken file keeps what it said when it was sound."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
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
_HALF = "has half a character in it (a surrogate, as \\ud800)"


class BrokenFile(Exception):
    """A file that names no nodes as it should; the text says what to mend. `sound` are those that it does name."""

    def __init__(self, text: str, sound: tuple[Target, ...] = ()) -> None:
        self.sound = sound
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class _Read:
    """One file: how it looked when it was read, the nodes that count, and what is wrong with it now.

    `sound` are those that it named last when all of it was sound; `doubt` is what is wrong with some entries, where others
    are sound.
    """

    stamp: tuple[int, int, int] | None
    targets: tuple[Target, ...]
    sound: tuple[Target, ...]
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
        targets = _once(target for read in now.values() for target in read.targets)
        return Found(targets, trouble="; ".join(dict.fromkeys(troubles)), doubt="; ".join(doubts))

    def _look(self, path: Path) -> _Read:
        before = self._read.get(path, _Read(None, (), ()))
        stamp = None
        try:
            status = path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for whoever writes to it
                return replace(before, stamp=stamp, trouble="is no regular file")
            return before if stamp == before.stamp else _Read(stamp, targets := read(path), targets)
        except FileNotFoundError:  # where it is no link the pattern said it already, or says it at the next look
            return replace(before, stamp=None, trouble="is a link that leads nowhere" if path.is_symlink() else "")
        except OSError as error:
            return replace(before, stamp=None, trouble=f"cannot be read: {error.strerror}")
        except BrokenFile as broken:
            if not broken.sound:
                return replace(before, stamp=stamp, trouble=str(broken), doubt="")
            # What cannot be read now may be one of those that it named when all of it could be.
            named = {target.instance: target for target in (*before.sound, *broken.sound)}
            return _Read(stamp, tuple(named.values()), before.sound, doubt=str(broken))


def _once(targets: Iterable[Target]) -> dict[str, Target]:
    """Each node once, as it is named last; by TLS where any names it so."""
    found: dict[str, Target] = {}
    for target in targets:
        tls = target.tls or (target.instance in found and found[target.instance].tls)
        found[target.instance] = replace(target, tls=tls)
    return found


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
    if not isinstance(data, list):
        raise BrokenFile('is not a list, as in [{"targets": ["10.0.0.1:6379"]}]')
    sound, wrong = list[Target](), list[str]()
    for number, group in enumerate(data):
        try:
            texts, shard = _entry(group)
        except ValueError as error:
            wrong.append(f"entry {number}: {error}")
            continue
        for text in texts:
            try:
                sound.append(_target(text, shard))
            except ValueError as error:
                wrong.append(f"entry {number}: {error}")
    if wrong:
        raise BrokenFile("; ".join(wrong[:_MOST_TOLD]) + _more(len(wrong) - _MOST_TOLD), tuple(sound))
    return tuple(sound)


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""


def _entry(group: Any) -> tuple[list[Any], str]:
    """The targets and the shard of an entry; ValueError says what to mend."""
    if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
        raise ValueError("has no list of targets")
    labels = group.get("labels") or {}
    if not isinstance(labels, dict) or not isinstance(labels.get("shard", ""), str):
        raise ValueError("labels must be a mapping of texts")
    shard: str = labels.get("shard", "")
    if not yaml_text.is_text(shard):
        raise ValueError(_HALF)
    return group["targets"], shard


def _target(text: Any, shard: str) -> Target:
    """The node of a target; ValueError says what to mend."""
    if not isinstance(text, str):
        raise ValueError("a target is no text; write it as in 10.0.0.1:6379")
    if not yaml_text.is_text(text):
        raise ValueError(_HALF)
    try:
        node = Node(url=without_database(text if "://" in text else f"redis://{text}"))
    except ValidationError as error:  # without its input: a password may stand in it
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ValueError(said.removeprefix("Value error, ")) from None
    return replace(Target.at(*node.address, shard), tls=node.asks_for_tls)
