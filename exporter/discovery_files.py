"""Files in the form of Prometheus' file_sd -> nodes. A broken file keeps what it said when it was sound."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exporter.discovery import Found
from exporter.targets import Target
from policy import yaml_text
from policy.fleet import Node

# As many bytes as a policy may have: some ten thousand nodes.
MOST_BYTES = 1024**2


class BrokenFile(Exception):
    """A file that names no nodes as it should; the text says what to mend."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One file: how it looked when it was read, what it said last when it was sound, and what is wrong with it now."""

    stamp: tuple[int, int, int] | None
    targets: tuple[Target, ...]
    trouble: str = ""


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
        targets = {target.instance: target for read in now.values() for target in read.targets}
        return Found(targets, trouble="; ".join(dict.fromkeys(troubles)))

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
        except BrokenFile as broken:
            return _Read(stamp, before.targets, str(broken))


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
    return tuple(parse(data))


def parse(data: Any) -> Iterator[Target]:
    """The nodes of file_sd's list; BrokenFile when it is another thing. Of the labels only `shard` is read."""
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
        yield from (_target(text, labels.get("shard", ""), number) for text in group["targets"])


def _target(text: Any, shard: str, number: int) -> Target:
    if not isinstance(text, str):
        raise BrokenFile(f"entry {number}: a target is no text; write it as in 10.0.0.1:6379")
    if text.startswith("rediss://"):
        raise BrokenFile(
            f"entry {number}: write host:port, and TLS into the policy, under fleet.tls or fleet.overrides"
        )
    try:
        node = Node(url=text if "://" in text else f"redis://{text}")
    except ValidationError as error:  # without its input: a password may stand in it
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise BrokenFile(f"entry {number}: {said.removeprefix('Value error, ')}") from None
    return Target.at(*node.address, shard)
