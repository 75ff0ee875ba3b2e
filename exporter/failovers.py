"""The failovers that the exporter saw: how many, how long the shard had no primary, what was lost. Pure.

Redis itself proves who followed whom: a replica that is promoted keeps the replication id of the primary that it followed as
`master_replid2`, and where its own history begins as `second_repl_offset`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter import info
from exporter.heirs import BACK
from exporter.state import Facts, Failover, State

# Seconds for which a promotion waits for its primary's end: who was detached from one that lives on followed nobody.
_UNDECIDED = 60.0


@dataclass(frozen=True, slots=True)
class Word:
    """What an INFO says of replication: `at` in monotonic seconds, `offset` in bytes of the primary's stream."""

    at: float
    role: str | None
    replid: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Promotion:
    """A replica that became a primary, and whom it followed: what that one said then. `shared` is how far both have the same.

    `at` and `down`, since when the former primary was, are monotonic seconds; `shared` is bytes, None where the replica did
    not tell.
    """

    heir: str
    former: str
    reign: Word
    shared: int | None
    at: float
    down: float | None


Reign = tuple[str, str]
"""A node and the replication id of the history that it wrote as primary."""


@dataclass
class Failovers:
    """Looks at the nodes again and again, and counts in the state what is over. `now` is monotonic seconds.

    `_reigns` are the last words that each node said as primary of a history, `_downs` when it went down in the midst of it and
    was last seen so: one that is restarted at once begins another history before anybody is promoted.
    """

    state: State
    _words: dict[str, Word] = field(default_factory=dict)
    _reigns: dict[Reign, Word] = field(default_factory=dict)
    _downs: dict[Reign, tuple[float, float]] = field(default_factory=dict)
    _open: dict[str, Promotion] = field(default_factory=dict)

    def look(self, now: float) -> None:
        """Take what the nodes said since the last look."""
        nodes = self.state.nodes
        self._words = {name: word for name, word in self._words.items() if name in nodes}
        self._reigns = {
            of: word for of, word in self._reigns.items() if now - word.at < _UNDECIDED or self._reigns_on(of)
        }
        self._downs = {of: down for of, down in self._downs.items() if now - down[1] < BACK}
        self._see_who_is_down(now)
        for instance, before, facts in self._news():
            self._hear(instance, facts)
            if before is not None and before.role == "replica" and facts.vitals.role == "primary":
                self._promoted(instance, facts)
        for promotion in list(self._open.values()):
            self._settle(promotion, now)

    def _reigns_on(self, of: Reign) -> bool:
        """Whether it is a node's newest word that it is primary of that history."""
        word = self._words.get(of[0])
        return word is not None and word.role == "primary" and word.replid == of[1]

    def _see_who_is_down(self, now: float) -> None:
        for name, word in self._words.items():
            node = self.state.nodes[name]
            if node.verdict.up is False and node.since is not None and word.role == "primary":
                self._downs[name, word.replid] = node.since, now

    def _news(self) -> Iterator[tuple[str, Word | None, Facts]]:
        """The nodes that answered INFO since the last look, each with its word of then."""
        for instance, node in self.state.nodes.items():
            before = self._words.get(instance)
            if node.facts is not None and (before is None or before.at != node.facts.at):
                yield instance, before, node.facts

    def _hear(self, instance: str, facts: Facts) -> None:
        word = self._words[instance] = _word(facts)
        if word.role == "primary":
            self._reigns[instance, word.replid] = word

    def _promoted(self, heir: str, facts: Facts) -> None:
        """Open what may be a failover: nobody knows yet whether the primary of before is one no more."""
        followed = facts.fields.get("master_replid2", "")
        reigns = ((of[0], word) for of, word in self._reigns.items() if of[0] != heir and of[1] == followed)
        former, reign = next(reigns, ("", None))
        if followed and reign is not None:
            began = info.integer(facts.fields, "second_repl_offset")
            shared = None if began is None else began - 1
            self._open[heir] = Promotion(heir, former, reign, shared, facts.at, self._down(former, reign))

    def _settle(self, promotion: Promotion, now: float) -> None:
        """Count it when its former primary is down or none any more; forget it when that one lives on."""
        heir, fallen = self.state.nodes.get(promotion.heir), self._fallen(promotion)
        if heir is not None and fallen is not None:
            seen = self.state.failovers.get(heir.target.shard, Failover())
            lost = self._lost(promotion)
            self.state.failovers[heir.target.shard] = Failover(seen.count + 1, promotion.at - fallen, lost)
        if heir is None or fallen is not None or now - promotion.at > _UNDECIDED:
            del self._open[promotion.heir]

    def _fallen(self, promotion: Promotion) -> float | None:
        """Since when the shard has had no primary, the promotion where one followed the other at once; None while both are."""
        node = self.state.nodes.get(promotion.former)
        if (
            node is not None
            and node.verdict.up is not False
            and self._reigns_on((promotion.former, promotion.reign.replid))
        ):
            return None
        down = self._down(promotion.former, promotion.reign) if promotion.down is None else promotion.down
        return promotion.at if down is None else min(down, promotion.at)

    def _down(self, former: str, reign: Word) -> float | None:
        """Since when a primary is or was down in the midst of its reign, None where that is over for long."""
        return self._downs.get((former, reign.replid), (None, 0.0))[0]

    def _lost(self, promotion: Promotion) -> int | None:
        """What the former primary told of and the new one has not got. Sentinel lets it take writes for some seconds more."""
        reached = self._reigns.get((promotion.former, promotion.reign.replid), promotion.reign).offset
        return None if reached is None or promotion.shared is None else max(0, reached - promotion.shared)


def _word(facts: Facts) -> Word:
    fields = facts.fields
    return Word(
        facts.at, facts.vitals.role, fields.get("master_replid", ""), info.integer(fields, "master_repl_offset")
    )
