"""What the runbook of the two alerts on error budgets says of a policy's objectives. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from alerts import keeping
from alerts.promql import duration, markdown_code, quote, selector
from alerts.slo import burning, texts
from alerts.slo.scope import scopes
from policy import objectives as o
from policy.alerts import BURN_FAST, AlertSpec
from policy.model import Policy
from policy.units import percent_text, plain


def values(policy: Policy, spec: AlertSpec) -> dict[str, str]:
    """The placeholders of the page that are text."""
    found = tuple(scope for scope in scopes(policy) if burning.pairs_of(scope, spec))
    others = dict.fromkeys(other.name for scope in found for other in burning.told_by(scope, spec))
    return {
        "pace": "much faster" if spec is BURN_FAST else "faster",
        "hold": ", ".join(dict.fromkeys(duration(burning.hold(scope, spec)) for scope in found)) or "no time",
        "burns": "\n".join(_table(policy, spec)) if found else "The policy has no objective with this alert.",
        "told_by": " or ".join(others) or "another alert on them",
        **keeping.ends(policy.rules.keep_firing_for, policy.rules.slo_interval),
    }


def queries(policy: Policy) -> dict[str, str]:
    """The placeholders of the page that are PromQL. They ask for every objective of the fleet."""
    fleet = policy.fleet.name
    return {
        "query_left": f"sort({selector(o.BUDGET_LEFT, fleet=fleet)})",
        "query_ends": f"sort({selector(o.EXHAUSTION, fleet=fleet)})",
        "query_burn": f"sort_desc({selector(o.CURRENT_BURN, fleet=fleet)})",
        "query_worst": f"topk(10, {texts.worst_nodes(f'{{fleet={quote(fleet)}}}')})",
        "query_alerts": selector("ALERTS", fleet=fleet),
    }


def _table(policy: Policy, spec: AlertSpec) -> Iterator[str]:
    yield "| `slo` | bad events | objective | more bad than | over | with at least |"
    yield "|---|---|---|---|---|---|"
    for scope in scopes(policy):
        slo = scope.slo
        for pair in burning.pairs_of(scope, spec):
            yield (
                f"| `{scope.identity}` | {_cell(texts.what(scope))} | {percent_text(slo.ratio)} over {slo.window_text} "
                f"| {percent_text(pair.share(slo.objective))} ({plain(pair.factor)} times the budget) "
                f"| {duration(pair.long)} and {duration(pair.short)} | {slo.least_events(pair)} events |"
            )


def _cell(text: str) -> str:
    """Text in a table: what a selector holds must neither end the cell nor be read as Markdown."""
    return markdown_code(text).replace("|", "\\|") if any(mark in text for mark in '{|"`') else text
