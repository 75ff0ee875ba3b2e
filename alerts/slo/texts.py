"""What the alerts on error budgets say, as Go templates that Prometheus expands."""

from __future__ import annotations

from alerts.promql import duration, template_text
from alerts.slo.scope import Scope
from alerts.texts import FLEET, VALUE, Text, lookup
from policy import objectives as o
from policy.alerts import BURN_FAST, AlertSpec
from policy.burn import Burn
from policy.units import latency_text, percent_text

SLO = "{{ $labels.slo }}"
_OF = "{fleet=%q,slo=%q}"


def what(scope: Scope) -> str:
    """The events that an objective counts, and which are bad, in words."""
    slo = scope.slo
    if slo.within is not None:
        return f"PINGs that were not answered within {latency_text(slo.within)}"
    if slo.good is not None:
        return f"events of {slo.total} that are none of {slo.good}"
    return "reads that missed" if slo.name == "hit_rate" else "health checks that failed"


def worst_nodes(matchers: str) -> str:
    """The bad events of each node in the last hour, where there are any. `matchers` choose the objective."""
    every, good = (f"sum_over_time({name}{matchers}[1h])" for name in (o.NODE_STEP, o.NODE_GOOD_STEP))
    return f"{every} - {good} > 0"


def burning(scope: Scope, spec: AlertSpec, pairs: tuple[Burn, ...]) -> Text:
    """Text of the two alerts. `pairs` are the burn rates at which it fires."""
    slo, fast = scope.slo, spec is BURN_FAST
    windows = " or ".join(f"{duration(pair.long)} and {duration(pair.short)}" for pair in pairs)
    left = lookup(
        f"{o.BUDGET_LEFT}{_OF}",
        " Budget left: {{ if lt .Value 0.0 }}none, it is overdrawn{{ else }}{{ .Value | humanizePercentage }}{{ end }}.",
        "fleet",
        "slo",
    )
    ends = lookup(
        f"{o.EXHAUSTION}{_OF} > 0",
        " At the pace of the last hour it is spent in {{ .Value | humanizeDuration }}.",
        "fleet",
        "slo",
    )
    worst = lookup(
        f"topk(1, {worst_nodes('{fleet=%[1]q,slo=%[2]q}')})",
        " Most of the last hour's on {{ .Labels.instance }}.",
        "fleet",
        "slo",
    )
    advice = (
        "First: which nodes fail, and since when; a failure that comes and goes is one, too."
        if fast
        else "Within days the promise is broken: find what fails a little all the time."
    )
    return Text(
        f"Objective {SLO} of {FLEET} spends its error budget {'fast' if fast else 'too fast'}: {VALUE} bad",
        f"{VALUE} of the events were {template_text(what(scope))}; {percent_text(slo.budget)} may be (objective "
        f"{percent_text(slo.ratio)} over {slo.window_text}). Seen over {windows}; no other alert has told of it.{left}{ends}"
        f"{worst} {advice}",
    )
