"""A page that ends because nobody looks any more has not healed, and its last words say so: the annotation `UNSEEN`. Pure.

What judges measured series loses them when the exporter, its prober or the page of node facts goes, and ends with its window.
Prometheus sends the end with the annotations of the last evaluation at which it was true, and then those are gone already. What
fires goes on by the series `ALERTS` while its threshold was broken lately (`alerts.keeping`), but only where the value is still
measured. To hold the page without it, as CacheNodeDown does, would take the value out of its text and keep it open for as long
as an exporter crashes at each start. Tickets need none of it: what is gone silences them, so that their end is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts import targets
from alerts.node_down import exporter_up
from alerts.promql import quote
from alerts.recording import PROBE_OP
from alerts.unreachable import VERDICTS
from policy import metrics
from policy.alerts import BURN_FAST, UNSEEN, AlertSpec
from policy.model import Policy
from policy.slos import BUILT_IN, Slo
from policy.thresholds import Thresholds
from policy.units import latency_text, seconds


@dataclass(frozen=True, slots=True)
class Gone:
    """Something without which an alert knows nothing: a pipeline that gives something when it is gone, and the words for that."""

    what: str
    query: str
    told: str


def note(policy: Policy, spec: AlertSpec) -> dict[str, str]:
    """The annotation of an alert, empty while somebody looks; none of one that does not need it."""
    if not spec.ends_unseen:
        return {}
    return _said(_of_alert(policy, spec))


def needs(policy: Policy, spec: AlertSpec) -> str:
    """What the alert knows nothing without, in words for its runbook; empty where others count an objective's events."""
    if spec is BURN_FAST:
        gone = [each for slo in policy.slos for each in _of_objective(policy, slo)]
    else:
        gone = list(_of_alert(policy, spec))
    *others, last = dict.fromkeys(each.what for each in gone) or [""]
    return f"{', '.join(others)} or {last}" if others else last


def _of_alert(policy: Policy, spec: AlertSpec) -> Iterator[Gone]:
    yield from _watchers(policy, spec, spec.is_probed or spec.name in VERDICTS)
    if spec.row in Thresholds.PERCENTILES:
        level: Any = getattr(getattr(policy.thresholds, str(spec.row)), spec.severity)
        yield _untold(policy, level.above, "fleet", "instance")


def _of_objective(policy: Policy, slo: Slo) -> Iterator[Gone]:
    if slo.name in BUILT_IN:
        yield from _watchers(policy, BURN_FAST, slo.name != "hit_rate")
        if slo.within is not None:
            yield _untold(policy, slo.within, "fleet")


def note_of_objective(policy: Policy, slo: Slo) -> dict[str, str]:
    """That of the page on an objective's budget; none where the events are counted by others than the exporter."""
    gone = list(_of_objective(policy, slo))
    return _said(gone) if gone else {}


def _said(gone: Iterable[Gone]) -> dict[str, str]:
    chain = " else ".join(f"if {each.query} }}}}{each.told}{{{{" for each in gone)
    return {UNSEEN: f"{{{{ {chain} end }}}}"}


def _watchers(policy: Policy, spec: AlertSpec, probed: bool) -> Iterator[Gone]:
    exporter = policy.stack.exporter
    yield Gone("the exporter", f"query `absent({exporter_up(policy)} == 1)`", f"the exporter {exporter} is gone")
    if policy.collect.background and probed:
        speaks = f"{metrics.PROBE_LAG.name}{{fleet=%q,instance={quote(exporter)}}}"
        silent = f"the prober of the exporter {exporter} is silent"
        yield Gone("its prober", f"printf `absent({speaks})` $labels.fleet | query", silent)
    if spec.row == "memory":
        info = f'{metrics.COLLECT_SUCCESS.name}{{fleet=%q,instance=%q,part="info"}} == 0'
        query = f"printf `{info}` $labels.fleet $labels.instance | query"
        yield Gone("the node's answer to INFO", query, "the node does not answer INFO")
    if spec.reads_metrics:
        facts = targets.up(targets.of_exporter(policy))
        yield Gone("the page `/metrics`", f"query `absent({facts} == 1)`", f"{exporter}/metrics cannot be scraped")


def _untold(policy: Policy, bound: timedelta, *labels: str) -> Gone:
    """The bucket of a latency bound, which an exporter with another policy tells for `rules.rollout_grace` and no longer."""
    own = ",".join(f"{label}=%q" for label in labels)
    bucket = f'{metrics.PROBE_DURATION.name}_bucket{{{own},op="{PROBE_OP}",le="{metrics.le(seconds(bound))}"}}'
    values = " ".join(f"$labels.{label}" for label in labels)
    told = f"the exporter {policy.stack.exporter} has no bucket of {latency_text(bound)} any more"
    return Gone("the bucket of its bound", f"printf `absent({bucket})` {values} | query", told)
