"""What is not said beside what: inhibition rules, from the alerts' own data. Pure.

Alertmanager tells nobody of the end of an alert that is inhibited when it ends: an incident that was opened for it stays
open for ever (measured; alertmanager #2754). So what silences by a rule of its own silences tickets alone. A page that
another fault explains is kept from firing by its expression instead; `AlertSpec.inhibits` may still name one.

A label that both alerts lack counts as equal: every label of `equal` must be there on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from alerts.node_down import UNWATCHED
from alerts.promql import matched
from alerts.stack import EVERY_WAY
from alerts.unreachable import VERDICTS
from policy.alerts import (
    ALERTS,
    BY_NAME,
    DISCOVERY_FAILING,
    METRICS_MISSING,
    NOTIFICATIONS_FAILING,
    NOTIFIER_DOWN,
    POLICY_DIFFERS,
    PROBER_DOWN,
    TOLD_BY,
    WATCHDOG,
    AlertSpec,
)
from policy.fleet import POLICY_PART
from policy.model import Policy

_NODE_DOWN = BY_NAME["CacheNodeDown"]


def rules(policy: Policy) -> list[dict[str, Any]]:
    """Every inhibition rule of a policy."""
    milder = (_rule(_is(spec.name), spec.inhibits, spec.per) for spec in ALERTS if spec.inhibits)
    faults = (*_a_node_is_down(), *_nobody_watches(policy), _a_policy_was_refused(), *_nobody_can_be_told(policy))
    return [rule for rule in (*milder, *faults) if rule]


def _a_node_is_down() -> Iterator[dict[str, Any]]:
    """A dead node explains all tickets about it, and what other nodes of its shard miss in it."""
    down = _is(_NODE_DOWN.name)
    yield _rule(down, _tickets(lambda spec: spec.of_node), ("fleet", "instance"))
    shared = _tickets(lambda spec: spec.follows_its_shard or spec.per == ("fleet", "shard"))
    yield _rule(down, shared, ("fleet", "shard"))


def _nobody_watches(policy: Policy) -> Iterator[dict[str, Any]]:
    """Without the exporter no ticket about the cache is known to be true, or mended.

    Without the prober none on latency is, nor on whether a node lives, and without the page of node facts none on what they say.
    """
    gone = [*_is(_NODE_DOWN.name), f"cause={matched(UNWATCHED)}"]
    sees = _of_who_sees_it(policy)
    yield _rule(gone, _tickets(lambda spec: spec.about == "cache"), sees)
    yield _rule(_is(PROBER_DOWN.name), _tickets(lambda spec: spec.is_probed or spec.name in VERDICTS), sees)
    yield _rule(_is(METRICS_MISSING.name), _tickets(lambda spec: spec.reads_metrics), sees)


def _of_who_sees_it(policy: Policy) -> tuple[str, ...]:
    """What one of several Prometheus does not see, or reach, takes nothing from what another one tells."""
    return ("fleet", TOLD_BY) if policy.stack.prometheus_peers else ("fleet",)


def _a_policy_was_refused() -> dict[str, Any]:
    """An exporter that refused its policy has another one than the rules: what it refused has to be mended first."""
    refused = [*_is(DISCOVERY_FAILING.name), f"part={matched(POLICY_PART)}"]
    return _rule(refused, (POLICY_DIFFERS.name,), ("fleet",))


def _nobody_can_be_told(policy: Policy) -> Iterator[dict[str, Any]]:
    """When every way by which a page leaves is broken, the heartbeat stops, so that whoever waits for it tells."""
    channels, watchdog = policy.notify.page_channels, (WATCHDOG.name,)
    if policy.notify.stops_when_both_fail:
        channels = (EVERY_WAY,)
    if len(channels) != 1:
        return
    if channels == ("slack",):
        yield _rule(_is(NOTIFIER_DOWN.name), watchdog, _of_who_sees_it(policy))
    yield _rule([*_is(NOTIFICATIONS_FAILING.name), f"part={matched(channels[0])}"], watchdog, ("fleet",))


def _tickets(choose: Callable[[AlertSpec], bool]) -> tuple[str, ...]:
    return tuple(spec.name for spec in ALERTS if not spec.pages and spec.severity != "none" and choose(spec))


def _is(name: str) -> list[str]:
    return [f"alertname={matched(name)}"]


def _rule(source: list[str], targets: tuple[str, ...], equal: tuple[str, ...]) -> dict[str, Any]:
    if not targets:
        return {}
    there = [f'{label}!=""' for label in equal if label not in ("fleet", TOLD_BY)]  # which every alert has, or none
    return {
        "source_matchers": [*source, *there],
        "target_matchers": [f"alertname=~{matched('|'.join(targets))}", *there],
        "equal": list(equal),
    }
