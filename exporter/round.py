"""One collection of one node: one write, replies read part by part. Only a node's first one takes a second round trip."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from exporter import info
from exporter.failures import NodeError
from exporter.families import asking, questions
from exporter.families.asking import Answer
from exporter.families.facts import Collection, Detail, Extra
from exporter.families.questions import Question
from exporter.wire import Connection
from policy.operations import Collect


@dataclass
class Round:
    """`known` are the fields of the last INFO, None for a node that was not read yet; `due` says that detail is."""

    connection: Connection
    collect: Collect
    known: Mapping[str, str] | None
    due: bool
    _later: tuple[Question, ...] = ()
    _maxclients: str | None = None
    _answers: dict[str, Answer] = field(default_factory=dict)

    async def cheap(self) -> tuple[Mapping[str, str], Extra]:
        """INFO's fields and what comes with them each interval. Raises what sockets raise, NodeError without INFO."""
        families = self.collect.families
        asked = questions.cheap(self.known, families)
        if self.known is not None and self.due:
            self._later = questions.detail(self.known, families)
        self._send((*asked, *self._later))
        (raw,) = await self.connection.replies(1)
        fields = info.parse(raw, self.known)
        self._maxclients = info.number(fields, "maxclients")
        await self._read(asked[1:])
        if self.known is None:
            learned = questions.learned(fields)
            self._later = questions.detail(fields, families) if self.due else ()
            self._send((*learned, *self._later))
            await self._read(learned)
        unmapped = info.unmapped(raw) if self.collect.unmapped_info and isinstance(raw, bytes) else ()
        return fields, asking.cheap(self._answers, unmapped, time.time())

    def ask_detail(self, fields: Mapping[str, str]) -> None:
        """Ask for the details after all, in a round trip of their own. `fields` are those of this round's INFO."""
        self.due, self._later = True, questions.detail(fields, self.collect.families)
        self._send(self._later)

    async def detail(self, now: float) -> Detail:
        """What was asked beside the cheap tier. Raises what sockets raise."""
        commands = self._answers.get("commands")
        await self._read(self._later)
        answers = {question.part: self._answers[question.part] for question in self._later}
        detail = asking.detail(answers, commands.value or "" if commands else "", now)
        # Redis 7 tells it in INFO too, where CONFIG is refused: an alert reads it.
        told = {} if self._maxclients is None else {"maxclients": self._maxclients}
        return replace(detail, config={**told, **detail.config})

    def lost(self, error: NodeError, now: float) -> Detail:
        """The detail of a round that broke off while it was read: every part of it failed."""
        how = Collection(0.0, str(error))
        return Detail(now, {question.part: how for question in self._later})

    def _send(self, asked: Iterable[Question]) -> None:
        commands = [command for question in asked for command in question.commands]
        if commands:
            self.connection.send(commands)

    async def _read(self, asked: Iterable[Question]) -> None:
        for question in asked:
            self._answers[question.part] = await asking.answer(self.connection, question)
