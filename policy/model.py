"""The policy: one typed, frozen record from which everything else follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from policy.base import Fault, Model, refuse
from policy.fleet import Fleet
from policy.health import Health
from policy.notify import Notify
from policy.operations import Breaker, Collect, Probe, Timeouts
from policy.redis_alerts import RedisAlerts
from policy.slos import Slo, duplicates
from policy.stack import Rules, Stack
from policy.thresholds import Thresholds
from policy.units import duration_text, seconds

# Seconds, of a verdict, where the policy names none and probes are not slower: a prober that died is running again by then.
_MAX_AGE = 5.0
# Seconds after which a prober counts as silent: what it said is shown no more.
PROBER_SILENT = 3.0
# Between two reports of one that has no news.
_LONGEST_PAUSE = PROBER_SILENT / 6


def _default_slos() -> tuple[Any, ...]:
    return ({"name": "availability", "objective": "99.99%"},)


def _health_faults(health: Health, collect: Collect | None, probe: Probe | None) -> Iterator[Fault]:
    if collect is not None and health.window < 2 * collect.interval:
        need = duration_text(2 * collect.interval)
        yield "window", f"must be at least {need}, two collections, or the hit rate is never known"
    if probe is not None and health.max_age is not None and health.max_age < probe.slowest:
        need = duration_text(probe.slowest)
        yield "max_age", f"must be at least {need}, two probes and their timeout, or every verdict is too old at times"


def _rules_faults(rules: Rules, collect: Collect | None, probe: Probe | None) -> Iterator[Fault]:
    if probe is not None and rules.rate_window < 4 * probe.interval:
        need = duration_text(4 * probe.interval)
        yield "rate_window", f"must be at least {need}, four probes, or alerts on latency come and go between them"
    if collect is not None:
        slowest = max(collect.interval, rules.liveness_interval)
        if rules.rate_window < 4 * slowest:
            yield "rate_window", f"must be at least {duration_text(4 * slowest)}, four samples, or rates have holes"


def _health_window_faults(rules: Rules, health: Health | None) -> Iterator[Fault]:
    """The share of good checks is a rate over the window, of a counter that comes with the fast scrape."""
    if health is not None and health.window < 4 * rules.liveness_interval:
        need = duration_text(4 * rules.liveness_interval)
        yield "liveness_interval", f"health.window must be at least {need}, four scrapes, or availability has holes"


def _slo_faults(rules: Rules, slos: tuple[Slo, ...] | None) -> Iterator[Fault]:
    """Burn windows that hold fewer than two counts say nothing."""
    shortest = min((pair.short for slo in slos or () for pair in slo.burns), default=None)
    if shortest is not None and rules.slo_interval * 2 > shortest:
        yield "slo_interval", f"must be at most half the shortest burn window ({duration_text(shortest)})"


def _within_faults(rules: Rules, alerts: RedisAlerts | None, collect: Collect | None) -> Iterator[Fault]:
    """Redis' own counters change with each collection and come with the slow scrape."""
    if alerts is not None:
        slowest, what = (rules.interval, "scrapes") if collect is None else _slower(rules, collect)
        counted = ("evictions", "access_denied", "main_thread", "rejected_connections", "replica_flapping")
        short = [f"alerts.{key}.within" for key in counted if getattr(alerts, key).within < 4 * slowest]
        if short:
            need = f"must be at least {duration_text(4 * slowest)}, four {what}"
            yield "interval", f"{' and '.join(short)} {need}, or {'they see' if short[1:] else 'it sees'} nothing"


def _slower(rules: Rules, collect: Collect) -> tuple[timedelta, str]:
    if collect.interval > rules.interval:
        return collect.interval, "collections"
    return rules.interval, "scrapes"


class Policy(Model):
    """The whole policy. Every key has a default; the defaults are the seed's tables."""

    fleet: Fleet = Field(default_factory=Fleet)
    collect: Collect = Collect()
    probe: Probe = Probe()
    health: Health = Health()
    thresholds: Thresholds = Field(default_factory=lambda: Thresholds.model_validate({}))
    alerts: RedisAlerts = Field(default_factory=lambda: RedisAlerts.model_validate({}))
    slos: tuple[Slo, ...] = Field(default_factory=_default_slos)
    timeouts: Timeouts = Field(default_factory=lambda: Timeouts.model_validate({}))
    breaker: Breaker = Breaker()
    rules: Rules = Rules()
    notify: Notify = Field(default_factory=lambda: Notify.model_validate({}))
    stack: Stack = Stack()

    # Checks between sections stand on the later of the two: they speak even when a third section is wrong.
    @field_validator("health")
    @classmethod
    def _fits_collections_and_probes(cls, health: Health, info: ValidationInfo) -> Health:
        refuse(_health_faults(health, info.data.get("collect"), info.data.get("probe")))
        return health

    @field_validator("slos")
    @classmethod
    def _distinct_slos(cls, slos: tuple[Slo, ...]) -> tuple[Slo, ...]:
        refuse(duplicates(slos))
        return slos

    @field_validator("rules")
    @classmethod
    def _windows_hold_samples(cls, rules: Rules, info: ValidationInfo) -> Rules:
        known = info.data
        refuse(
            (
                *_rules_faults(rules, known.get("collect"), known.get("probe")),
                *_within_faults(rules, known.get("alerts"), known.get("collect")),
                *_health_window_faults(rules, known.get("health")),
                *_slo_faults(rules, known.get("slos")),
            )
        )
        return rules

    def verdict_max_age(self) -> float:
        """Seconds after which a node's verdict is believed no more."""
        if self.health.max_age is not None:
            return float(seconds(self.health.max_age))
        return max(_MAX_AGE, float(seconds(self.probe.slowest)) + _LONGEST_PAUSE)

    def news_pause(self) -> float:
        """Seconds that the prober may keep to itself that a node goes on being well: its verdict stays young enough."""
        return max(0.0, min(_LONGEST_PAUSE, self.verdict_max_age() - float(seconds(self.probe.slowest))))

    def page_bound_seconds(self) -> dict[str, float]:
        """Worst time from a fault to the page, `killed` and `hung`, in seconds: the arithmetic, not a measurement.

        A dead node fails `failures` checks, a hung one each after its timeout; then comes a scrape interval, an
        evaluation interval, and group_wait, or group_interval for a node that died before within the last minute.
        """
        probe, rules = self.probe, self.rules
        verdict = self.health.failures * probe.interval
        page = self.notify.page
        chain = rules.liveness_interval + rules.liveness_evaluation + max(page.group_wait, page.group_interval)
        killed = seconds(verdict + chain)
        return {"killed": float(killed), "hung": float(killed + seconds(probe.timeout))}
