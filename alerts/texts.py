"""What the alerts on measured rows say: summary and description, as Go templates that Prometheus expands.

Each description gives the value now, the policy's threshold and what to do first. Policy text goes through
`template_text`; what comes from a series is printed by the template and not expanded a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from alerts.promql import duration, template_text
from policy import metrics
from policy.fleet import POLICY_PART
from policy.model import Policy
from policy.units import latency_text, percent_text, plain, seconds

VALUE = "{{ $value | humanizePercentage }}"
FLEET = "{{ $labels.fleet }}"
PART = "{{ $labels.part }}"
NODE = "{{ $labels.instance }}"
OF_SHARD = "{{ with $labels.shard }} of shard {{ . }}{{ end }}"


@dataclass(frozen=True, slots=True)
class Text:
    """Summary (a line for the phone's lock screen) and description of an alert."""

    summary: str
    description: str


def lookup(query: str, then: str, *labels: str, otherwise: str = "") -> str:
    """A template that asks Prometheus and prints `then` of the first answer (`.`), `otherwise` without one.

    `%q` in the query is replaced by the alert's labels named, quoted for PromQL.
    """
    arguments = "".join(f" $labels.{label}" for label in labels)
    without = f"{{{{ else }}}}{otherwise}" if otherwise else ""
    return f"{{{{ with printf `{query}`{arguments} | query }}}}{{{{ with first . }}}}{then}{{{{ end }}}}{without}{{{{ end }}}}"


# How long a primary that was started is named where the hit rate is low, and how many: it may fill for as long.
STARTED_LATELY = timedelta(hours=1)
_MOST_STARTED = 3


def started_lately(fleet: str) -> str:
    """For how many seconds those primaries are up that were started lately; `fleet` is its name as PromQL quotes it."""
    age = f"time() - redis_start_time_seconds{{fleet={fleet}}} < {plain(seconds(STARTED_LATELY))}"
    return f'{age} and on (fleet, instance) {metrics.NODE_ROLE.name}{{fleet={fleet},role="primary"}}'


def _started() -> str:
    """A sentence on the primaries that were started lately: one without persistence began empty, and no other alert says so."""
    query = f"bottomk({_MOST_STARTED}, {started_lately('%[1]q')})"
    named = "{{ range . }} {{ .Labels.instance }} ({{ .Value | humanizeDuration }} ago){{ end }}"
    return (
        f"{{{{ with printf `{query}` $labels.fleet | query }}}} Primaries started within {duration(STARTED_LATELY)}:{named}; "
        "without persistence one begins empty, and its replicas with it.{{ end }}"
    )


def hit_rate(policy: Policy, below: Decimal, hold: timedelta) -> Text:
    """Text of the two hit rate alerts."""
    worst = lookup(
        "bottomk(1, instance:cache_hit_ratio:rate{fleet=%q})",
        " Lowest: {{ .Labels.instance }} at {{ .Value | humanizePercentage }}.",
        "fleet",
    )
    return Text(
        f"Hit rate of {FLEET} is {VALUE}, below {percent_text(below)}",
        f"{VALUE} of the reads of the last {duration(policy.rules.rate_window)} were hits, less than the "
        f"{percent_text(below)} of the policy{lasting(hold)}.{worst}{_started()} The database takes the misses: look at its load "
        "first. Then see whether the keys are gone (restart, flush, evictions, expiry) or other keys are asked for.",
    )


def latency(policy: Policy, above: timedelta, share: Decimal, hold: timedelta) -> Text:
    """Text of the two latency alerts. `share` of the probes should be answered within `above`."""
    percentile = f"p{percent_text(share).removesuffix('%')}"
    return Text(
        f"{percentile} latency of {NODE}{OF_SHARD} is above {latency_text(above)}",
        f"Only {VALUE} of the PINGs to {NODE}{OF_SHARD} in the last {duration(policy.rules.rate_window)} were answered "
        f"within {latency_text(above)}; {percent_text(share)} should be{lasting(hold)}. First: SLOWLOG GET 10 on "
        "the node, then the CPU of its machine. When all nodes are slow at once, it is the network or "
        f"the machine of the exporter ({metrics.PROBE_LAG.name}).",
    )


def availability(policy: Policy, below: Decimal, hold: timedelta) -> Text:
    """Text of the two availability alerts."""
    checks = f'{metrics.HEALTH_CHECKS.name}{{fleet=%q,instance=%q,result!~"success|readonly"}}'
    window = duration(policy.health.window)
    most = lookup(
        f"topk(1, increase({checks}[{window}]) > 0)", ", most often {{ .Labels.result }}", "fleet", "instance"
    )
    return Text(
        f"Availability of {NODE}{OF_SHARD} is {VALUE}, below {percent_text(below)}",
        f"Only {VALUE} of the health checks of {NODE}{OF_SHARD} in the last {window} succeeded, less than the "
        f"{percent_text(below)} of the policy{lasting(hold)}. It fails now and then{most}, and never "
        f"{policy.health.failures} times in a row, which would be CacheNodeDown. First: INFO clients and the log of the "
        "node, then the network to it.",
    )


def memory(above: Decimal, hold: timedelta, severity: str) -> Text:
    """Text of the two memory alerts. A node that evicts never has the critical one."""
    full = (
        "With maxmemory-policy noeviction writes fail when it is full, with another policy keys are evicted and the hit "
        "rate falls."
        if severity == "warning"
        else "This node does not make room by itself (noeviction, or a volatile policy and few keys with an expiry): when it is "
        "full, writes fail, or without maxmemory the kernel kills it."
    )
    limit = lookup(
        metrics.MEMORY_LIMIT.name + "{fleet=%q,instance=%q}",
        " of {{ .Value | humanize1024 }}B ({{ .Labels.source }})",
        "fleet",
        "instance",
    )
    return Text(
        f"Memory of {NODE}{OF_SHARD} is {VALUE} full, above {percent_text(above)}",
        f"{NODE}{OF_SHARD} uses {VALUE} of its memory limit{limit}, more than the {percent_text(above)} of the "
        f"policy{lasting(hold)}. First: INFO memory and the eviction rate. {full}",
    )


def discovery(policy: Policy, hold: timedelta) -> Text:
    """Text of the alert on a source of nodes, and on a policy that the exporter refused: what tells both is one series."""
    exporter = template_text(policy.stack.exporter)
    source = Text(
        f"The nodes of {FLEET} are not, or not all, learned from {PART}",
        f"The exporter {exporter} gets no good answer from {PART}, or not a whole one{lasting(hold)}. The nodes that it named "
        "last stay watched. One that joins, or takes another's place, may not be seen, and after a restart of the exporter "
        f"nobody watches or misses what only {PART} names. First: the log of the exporter says what is wrong; "
        "cachewatch -c POLICY check --connect asks again.",
    )
    refused = Text(
        f"The exporter of {FLEET} refused its policy and goes on with the old one",
        f"The exporter {exporter} was told to read its policy again and has refused it{lasting(hold)}. Rules that were built "
        "from the new one may wait for what the exporter does not show, as the bucket of a new latency threshold: they "
        "never fire. First: cachewatch -c POLICY check with the exporter's file, then reload it.",
    )
    return by_part(POLICY_PART, refused, source)


def by_part(part: str, of_it: Text, otherwise: Text) -> Text:
    """The one text where the alert's label `part` is this, else the other: what both tell is one alert."""
    when = f'{{{{ if eq $labels.part "{part}" }}}}'
    both = zip((of_it.summary, of_it.description), (otherwise.summary, otherwise.description), strict=True)
    return Text(*(f"{when}{one}{{{{ else }}}}{other}{{{{ end }}}}" for one, other in both))


def lasting(hold: timedelta) -> str:
    """How long it has been so; nothing where the alert does not wait."""
    return f", for {duration(hold)} and more" if hold else ""
