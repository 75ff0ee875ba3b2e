"""Questions put to a connection and answers read from it, part by part: one part that fails harms no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.failures import NodeError
from exporter.families import readings
from exporter.families.facts import Collection, Detail, Extra
from exporter.families.questions import RIGHTS, Question
from exporter.wire import Connection


@dataclass(frozen=True, slots=True)
class Answer:
    """What a part said: its reading, or None and why."""

    value: Any
    how: Collection


_READERS: dict[str, Callable[..., Any]] = {
    "commands": readings.commandstats,
    "latencystats": readings.latencystats,
    "cluster_info": readings.cluster_info,
    "slowlog": readings.slowlog,
    "latency": readings.latency_latest,
    "latency_histogram": readings.latency_histogram,
}


def _read(question: Question, replies: Sequence[object]) -> Any:
    if question.part == "config":
        return readings.config(replies)
    if question.part == "masters":
        return readings.masters([command[2] for command in question.commands[1::3]], replies)
    return _READERS[question.part](*replies)


async def answer(connection: Connection, question: Question) -> Answer:
    """Read the replies of a question that was sent. Raises what sockets raise; an error reply is the part's failure."""
    began = time.monotonic()
    replies = await connection.replies(len(question.commands))
    took = time.monotonic() - began
    try:
        return Answer(_read(question, replies), Collection(took))
    except NodeError as error:
        return Answer(None, Collection(took, explained(question.part, error)))


def explained(part: str, error: NodeError) -> str:
    """What was said, and what would cure it."""
    if error.result == "auth":
        return f"{error}; grant the user {RIGHTS[part]}"
    return f"{error}; what this part shows is absent (a managed service may refuse or rename the command)"


def cheap(answers: Mapping[str, Answer], unmapped: tuple[tuple[str, str, str], ...], wall: float) -> Extra:
    """The cheap tier's record."""
    commands, cluster = answers.get("commands"), answers.get("cluster_info")
    parts = {part: one.how for part, one in answers.items() if part != "info"}
    stats = commands.value or "" if commands else ""
    return Extra(parts, stats, cluster.value or {} if cluster else {}, unmapped, wall)


def detail(answers: Mapping[str, Answer], commandstats: str, now: float) -> Detail:
    """The detail tier's record; a summary's count and sum, and a histogram's sum, are those of the same round."""

    def value(part: str, otherwise: Any) -> Any:
        found = answers.get(part)
        return otherwise if found is None or found.value is None else found.value

    return Detail(
        at=now,
        parts={part: one.how for part, one in answers.items()},
        latencystats=value("latencystats", ""),
        commandstats=commandstats,
        histograms=value("latency_histogram", readings.LatencyHistograms()),
        config=value("config", {}),
        slowlog=value("slowlog", None),
        spikes=value("latency", ()),
        masters=value("masters", ()),
    )
