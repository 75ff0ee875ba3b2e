"""A page that ends because nobody looks any more has not healed, and its last words say so: the annotation `UNSEEN`. Pure.

What judges measured series loses them when the exporter, its prober or the page of node facts goes, and ends with its window.
Prometheus sends the end with the annotations of the last evaluation at which it was true, and then those are gone already. What
fires goes on by the series `ALERTS` while its threshold was broken lately (`alerts.keeping`), but only where the value is still
measured. To hold the page without it, as CacheNodeDown does, would take the value out of its text and keep it open for as long
as an exporter crashes at each start. Tickets need none of it: what is gone silences them, so that their end is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def note(policy: Policy, spec: AlertSpec) -> dict[str, str]:
    """The annotation of an alert, empty while somebody looks; none of one that does not need it."""
    if not spec.ends_unseen:
        return {}
    gone = list(_watchers(policy, spec, spec.is_probed or spec.name in VERDICTS))
    if spec.row in Thresholds.PERCENTILES:
        level: Any = getattr(getattr(policy.thresholds, str(spec.row)), spec.severity)
        gone.append(_untold(policy, level.above, "fleet", "instance"))
    return _said(gone)


def note_of_objective(policy: Policy, slo: Slo) -> dict[str, str]:
    """That of the page on an objective's budget; none where the events are counted by others than the exporter."""
    if slo.name not in BUILT_IN:
        return {}
    gone = list(_watchers(policy, BURN_FAST, slo.name != "hit_rate"))
    return _said(gone if slo.within is None else [*gone, _untold(policy, slo.within, "fleet")])


def _said(gone: Iterable[tuple[str, str]]) -> dict[str, str]:
    chain = " else ".join(f"if {query} }}}}{told}{{{{" for query, told in gone)
    return {UNSEEN: f"{{{{ {chain} end }}}}"}


def _watchers(policy: Policy, spec: AlertSpec, probed: bool) -> Iterator[tuple[str, str]]:
    """What the alert knows nothing without: a pipeline that gives something when it is gone, and the words for it."""
    exporter = policy.stack.exporter
    yield f"query `absent({exporter_up(policy)} == 1)`", f"the exporter {exporter} is gone"
    if policy.collect.background and probed:
        speaks = f"{metrics.PROBE_LAG.name}{{fleet=%q,instance={quote(exporter)}}}"
        yield f"printf `absent({speaks})` $labels.fleet | query", f"the prober of the exporter {exporter} is silent"
    if spec.row == "memory":
        info = f'{metrics.COLLECT_SUCCESS.name}{{fleet=%q,instance=%q,part="info"}} == 0'
        yield f"printf `{info}` $labels.fleet $labels.instance | query", "the node does not answer INFO"
    if spec.reads_metrics:
        facts = targets.up(targets.of_exporter(policy))
        yield f"query `absent({facts} == 1)`", f"{exporter}/metrics cannot be scraped"


def _untold(policy: Policy, bound: timedelta, *labels: str) -> tuple[str, str]:
    """The bucket of a latency bound, which an exporter with another policy tells for `rules.rollout_grace` and no longer."""
    own = ",".join(f"{label}=%q" for label in labels)
    bucket = f'{metrics.PROBE_DURATION.name}_bucket{{{own},op="{PROBE_OP}",le="{metrics.le(seconds(bound))}"}}'
    values = " ".join(f"$labels.{label}" for label in labels)
    told = f"the exporter {policy.stack.exporter} has no bucket of {latency_text(bound)} any more"
    return f"printf `absent({bucket})` {values} | query", told
