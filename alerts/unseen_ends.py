"""A page that ends because nobody looks any more has not healed, and its last words say so: the annotation `UNSEEN`. Pure.

What judges measured series loses them when the exporter, its prober or the page of node facts goes, and ends with its window.
Prometheus sends the end with the annotations of the last evaluation at which it was true, and then those are gone already. To
hold the page instead, as CacheNodeDown does, would take the value out of its text, make a backtest of each threshold depend on
what the rules of the time told, and keep it open for as long as an exporter crashes at each start. Tickets need none of it:
what is gone silences them, so that their end is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alerts import targets
from alerts.node_down import exporter_up
from alerts.promql import quote
from alerts.unreachable import VERDICTS
from policy import metrics
from policy.alerts import BURN_FAST, UNSEEN, AlertSpec
from policy.model import Policy
from policy.slos import BUILT_IN


def note(policy: Policy, spec: AlertSpec) -> dict[str, str]:
    """The annotation of an alert, empty while somebody looks; none of one that does not need it."""
    if not spec.ends_unseen:
        return {}
    return _said(_watchers(policy, spec, spec.is_probed or spec.name in VERDICTS))


def note_of_objective(policy: Policy, slo: str) -> dict[str, str]:
    """That of the page on an objective's budget; none where the events are counted by others than the exporter."""
    if slo not in BUILT_IN:
        return {}
    return _said(_watchers(policy, BURN_FAST, slo != "hit_rate"))


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
