"""Everything the board knows at one moment, as the JSON of `/api/v1/fleet`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.board import nodes, ring, rows, verdict
from exporter.board.heard import MOST_ALERTS, Heard
from exporter.board.meters import Sums
from exporter.board.nodes import NodeView, ShardView
from exporter.board.rows import CRITICAL, OK, UNKNOWN, WARNING, Row, Yardstick
from exporter.board.verdict import Problem, Sight
from exporter.breaker import STATES
from policy import links
from policy.model import Policy
from policy.objectives import BUDGET_LOW, BUDGET_SPENT, budget_of
from policy.units import percent_text, seconds

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Answers:
    """What others said. A part that is not asked is None."""

    alerts: Heard | None = None
    alerted: Sequence[Mapping[str, Any]] = ()
    budgets: Heard | None = None
    left: Mapping[int, float | None] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The fleet at one moment. `wall` added to monotonic seconds gives Unix seconds; `began` is when the exporter did."""

    sight: Sight
    yardstick: Yardstick
    sums: Sums
    answers: Answers
    began: float
    wall: float


def by_badness(shards: Iterable[ShardView]) -> list[ShardView]:
    """Shards without a primary, then by state, then by name."""
    return sorted(shards, key=lambda s: (not s.no_primary, -rows.RANK[s.state], s.name))


def fleet_rows(shards: Sequence[ShardView], yardstick: Yardstick) -> dict[str, Row]:
    """The six promises of the whole fleet."""
    return nodes.shard_rows([node for shard in shards for node in shard.nodes], yardstick)


def fleet(view: View, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """The document around the shards' own. A time is Unix seconds or null; a value that nobody knows is null."""
    sight, policy = view.sight, view.sight.state.policy
    heard = view.answers.alerts
    error = heard.error if heard else ""
    found = verdict.with_alerts(sight, verdict.problems(sight), view.answers.alerted, error, view.wall)
    everyone = list(sight.nodes)
    return {
        "fleet": policy.fleet.name,
        "at_unix_seconds": round(sight.now + view.wall, 1),
        "started_at_unix_seconds": round(view.began + view.wall),
        "verdict": _verdict(view, found),
        "counts": _counts(sight.shards, everyone),
        "thresholds": view.yardstick.json(),
        "windows": {
            "rate_seconds": float(seconds(policy.rules.rate_window)),
            "availability_seconds": float(seconds(policy.health.window)),
        },
        "promises": {name: row.json(rows.unit(name)) for name, row in sight.rows.items()},
        "shards": shards,
        "objectives": [_objective(view, index) for index in range(len(policy.slos))],
        "alerts": _alerts(view),
        "breakers": _breakers(everyone),
        "freshness": _freshness(view, everyone),
        "history": {"every_seconds": ring.EVERY, "newest_slot": ring.slot_of(sight.now)},
        "links": _links(policy),
    }


def _verdict(view: View, found: Sequence[Problem]) -> dict[str, Any]:
    head = verdict.headline(view.sight, found)
    more = [_problem(view, problem) for problem in found[1 : 1 + MOST_PROBLEMS]]
    return _problem(view, head) | {"others": more, "others_total": max(0, len(found) - 1)}


def _problem(view: View, problem: Problem) -> dict[str, Any]:
    policy = view.sight.state.policy
    return {
        "state": problem.state,
        "text": problem.text,
        "detail": problem.detail,
        "since_unix_seconds": None if problem.since is None else round(problem.since + view.wall),
        "shard": problem.shard,
        "instance": problem.instance,
        "runbook_url": links.runbook(policy, problem.alert) if problem.alert else None,
    }


def _counts(shards: Sequence[ShardView], everyone: Sequence[NodeView]) -> dict[str, Any]:
    ups = Counter(node.up for node in everyone)
    states = Counter(shard.state for shard in shards)
    return {
        "nodes": {"total": len(everyone), "up": ups[True], "down": ups[False], "unknown": ups[None]},
        "shards": {"total": len(shards), **{state: states[state] for state in rows.RANK}},
    }


def _objective(view: View, index: int) -> dict[str, Any]:
    """An objective with its budget: over its window from Prometheus, else since the exporter started, and labelled so."""
    slo, answers, sums = view.sight.state.policy.slos[index], view.answers, view.sums
    shown: dict[str, Any] = {
        "name": slo.id or slo.name,
        "objective": percent_text(slo.ratio),
        "window": slo.window_text,
        "window_seconds": float(seconds(slo.longest)),
    }
    told = None if answers.left is None else answers.left.get(index)
    if told is not None and answers.budgets is not None:
        return shown | {"source": "prometheus", **_left(told), **_heard(view, answers.budgets)}
    # Latency and pairs of the policy's own are counted by Prometheus alone.
    left = budget_of(slo, sums.good.get(slo.name, 0), sums.every.get(slo.name, 0))
    asked = answers.budgets
    error = (asked.error or ("it has no data yet" if asked.at is not None else "")) if asked else ""
    return shown | {
        "source": "exporter",
        **_left(left),
        "since_unix_seconds": round(view.began + view.wall),
        "prometheus_error": error,
    }


def _left(budget: float | None) -> dict[str, Any]:
    """What is left of an error budget, and how that is."""
    if budget is None:
        return {"state": UNKNOWN, "budget_left_ratio": None}
    state = CRITICAL if budget < BUDGET_SPENT else WARNING if budget < BUDGET_LOW else OK
    return {"state": state, "budget_left_ratio": round(budget, 4)}


def _heard(view: View, heard: Heard) -> dict[str, Any]:
    return {"at_unix_seconds": None if heard.at is None else round(heard.at + view.wall), "error": heard.error}


def _alerts(view: View) -> dict[str, Any]:
    """Alertmanager's alerts of this fleet; those that notify are `active`, others silenced or inhibited."""
    heard, known = view.answers.alerts, view.answers.alerted
    if heard is None:
        return {"configured": False}
    counts = {"total": len(known), "firing": sum(alert["status"] == "active" for alert in known)}
    return {"configured": True, **_heard(view, heard), **counts, "list": list(known[:MOST_ALERTS])}


def _breakers(everyone: Sequence[NodeView]) -> dict[str, Any]:
    counted = Counter(node.breaker for node in everyone)
    return {state: counted[state] for state in STATES}


def _freshness(view: View, everyone: Sequence[NodeView]) -> list[dict[str, Any]]:
    """Each thing that tells, when it last did, and what it failed with. The oldest facts speak for all."""
    state, wall = view.sight.state, view.wall
    told = [node.facts_at for node in everyone]
    known = [at for at in told if at is not None]
    never = len(told) - len(known)
    speaks = state.prober_speaks(view.sight.now)
    return [
        {
            "name": "probes",
            # A prober that speaks is told by the beat of the feed, or this alone would change twice a second.
            "at_unix_seconds": None if speaks or state.probed_at is None else round(state.probed_at + wall),
            "current": speaks,
            "error": "" if speaks or state.probed_at is None else "silent",
        },
        {
            "name": "facts",
            "at_unix_seconds": round(min(known) + wall) if known else None,
            "error": f"{never} of {len(told)} nodes never answered INFO" if never else "",
        },
        *({"name": name, "error": part.error, "current": not part.error} for name, part in state.parts.items()),
    ]


def _links(policy: Policy) -> dict[str, Any]:
    stack = policy.stack
    return {
        "grafana": links.dashboard(policy),
        "prometheus": stack.link("prometheus") if stack.names("prometheus") else None,
        "alertmanager": stack.link("alertmanager") if stack.names("alertmanager") else None,
        "runbooks": links.runbooks(policy),
    }
