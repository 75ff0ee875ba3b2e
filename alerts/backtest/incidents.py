"""A file of known incidents, YAML or JSON, and what an incident is. Pure but for reading the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.backtest.history import Window
from alerts.backtest.simulate import Run
from alerts.backtest.times import NotATime, parse
from policy import yaml_text
from policy.alerts import BY_NAME
from policy.loader import Problem

_TEXTS = ("name", "alert", "instance")
_NEEDED = ("name", "from", "to")
_KEYS = ("name", "from", "to", "alert", "instance")
MOST_BYTES = 1024**2


class BadIncidents(Exception):
    """The file cannot be used; the text has a line for every problem."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that was wrong from `start` to `end` (milliseconds since 1970).

    `alert` and `instance`, where they are not empty, say which alert speaks of it.
    """

    name: str
    start: int
    end: int
    alert: str = ""
    instance: str = ""


def judged(
    incidents: Iterable[Incident], window: Window, holes: Sequence[Run]
) -> tuple[tuple[Incident, ...], tuple[str, ...]]:
    """Those that could have been noticed, and what is said of each other one: to call it missed would be wrong."""
    found, said = [], []
    for incident in incidents:
        if incident.end <= window.start or incident.start >= window.end:
            said.append(f"{incident.name} lies outside of the time that was asked for: not counted")
        elif any(start <= incident.start and incident.end <= end for start, end in holes):
            said.append(f"{incident.name} lies where the history has no data: not counted")
        else:
            found.append(incident)
    return tuple(found), tuple(said)


def load(path: Path, now: int) -> tuple[Incident, ...]:
    """Read a list of `{name, from, to, alert, instance}`, the last two optional. BadIncidents with all problems."""
    try:
        text = path.read_bytes()[: MOST_BYTES + 1].decode("utf-8-sig")
        document = yaml_text.read(text)
    except OSError as error:
        raise BadIncidents(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise BadIncidents(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except yaml_text.NotYaml as error:
        raise BadIncidents(str(Problem(str(path), error.line, "", error.message))) from error
    found = document.data.get("incidents") if isinstance(document.data, dict) else document.data
    if not isinstance(found, list) or not found:
        raise BadIncidents(
            f"{path}: must be a list, as in `- {{name: cache-2 died, from: 2025-01-31T03:14:00Z, to: ...}}`"
        )
    above = ("incidents",) if isinstance(document.data, dict) else ()
    problems = [
        Problem(str(path), document.lines.get((*above, index), 0), "", said)
        for index, entry in enumerate(found)
        for said in _problems(entry, now)
    ]
    problems += [
        Problem(str(path), line, "", "a key stands here a second time; keep one") for _, line in document.repeated
    ]
    if problems:
        raise BadIncidents("\n".join(map(str, problems)))
    return tuple(_incident(entry, now) for entry in found)


def _incident(entry: Mapping[str, Any], now: int) -> Incident:
    start, end = (parse(str(entry[key]), now) for key in ("from", "to"))
    return Incident(entry["name"], start, end, entry.get("alert") or "", entry.get("instance") or "")


def _problems(entry: Any, now: int) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"must be a mapping with {', '.join(_KEYS)}"
        return
    for key in entry.keys() - set(_KEYS):
        yield f"unknown key {key}; known here: {', '.join(_KEYS)}"
    yield from (f"{key} is missing" for key in _NEEDED if key not in entry)
    yield from (f"{key} must be text" for key in _TEXTS if not isinstance(entry.get(key, ""), str))
    yield from _alert_problems(entry.get("alert"))
    yield from _time_problems(entry, now)


def _alert_problems(name: object) -> Iterator[str]:
    """A misspelt one would never fire, and its incident read as missed."""
    if name and isinstance(name, str) and name not in BY_NAME:
        near = difflib.get_close_matches(name, BY_NAME, n=1)
        yield f"alert: there is no {name}; " + (
            f"did you mean {near[0]}?" if near else "see `cachewatch alerts catalogue`"
        )


def _time_problems(entry: Mapping[str, Any], now: int) -> Iterator[str]:
    times = {}
    for key in {"from", "to"} & entry.keys():
        try:
            times[key] = parse(str(entry[key]), now)
        except NotATime as error:
            yield f"{key}: {error}"
    if len(times) == 2 and times["from"] >= times["to"]:
        yield "from is not before to"
