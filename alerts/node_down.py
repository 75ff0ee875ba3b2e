"""CacheNodeDown: the alert of the liveness group, in four variants that leave no way to die unseen. Pure.

1. the node's health verdict is down: at once, the verdict has counted the failures already;
2. the exporter and its prober answer and have no verdict for a node that they should have;
3. nor for any node of a shard or fleet that a source should name: of which it was, nobody knows;
4. the exporter itself is gone: one page for the fleet, since nobody is watched.

The label `cause` keeps the variants apart. With equal labels they would be one alert to Alertmanager, and the
"resolved" of one, which Prometheus repeats for a quarter of an hour, would end the other while it fires.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alerts import links, texts
from alerts.model import Alert
from alerts.promql import duration, narrowed, one_of, quote, selector, template_text
from policy import metrics
from policy.alerts import ALERTS, BY_NAME
from policy.fleet import Node
from policy.links import encoded
from policy.model import Policy

SPEC = BY_NAME["CacheNodeDown"]
SLI_JOB = "cachewatch-sli"
NO_ANSWER, VANISHED, UNNAMED, UNWATCHED = "no_answer", "vanished", "unnamed", "unwatched"
OF_EXPORTER = (UNNAMED, UNWATCHED)
"""The causes whose `instance` is the exporter: no node is known then."""


def alerts(policy: Policy) -> tuple[Alert, ...]:
    """Every variant, for every node or shard that the policy expects."""
    return (_verdict(policy), *_vanished(policy), _unwatched(policy))


def exporter_up(policy: Policy) -> str:
    """Prometheus' own verdict on its scrape of the exporter, told from another fleet's by the address."""
    return selector("up", job=SLI_JOB, instance=policy.stack.exporter)


def prober_speaks(policy: Policy) -> str:
    """Something that is there as long as the exporter hears from its prober: a dead prober is one page, not one per node.

    Of this exporter alone: a fleet may be watched in parts, and the other's prober does not probe this one's nodes.
    """
    return selector(metrics.PROBE_LAG.name, fleet=policy.fleet.name, instance=policy.stack.exporter)


def verdict_memory(policy: Policy) -> timedelta:
    """How long the last word of an exporter counts that died: until that has a page of its own."""
    rules = policy.rules
    return rules.exporter_grace + 2 * (rules.liveness_interval + rules.liveness_evaluation)


def down_memory(policy: Policy) -> timedelta:
    """How long a node's page outlives its last bad verdict, whether a good one followed or none."""
    return max(policy.alerts.node_down.keep_firing_for, verdict_memory(policy))


def _verdict(policy: Policy) -> Alert:
    # `min_over_time`, for a node that crashes at each start is one page, and none that is down is reported as resolved
    # in the moment in which the exporter dies or restarts. In the expression, for older vmalerts have no keep_firing_for.
    verdicts = selector(metrics.NODE_UP.name, fleet=policy.fleet.name)
    lately = f"min_over_time({verdicts}[{duration(down_memory(policy))}])"
    expr = f"max by (fleet, shard, instance) ({lately}) == 0 or {_unseen(policy, verdicts)}"
    checks = policy.health.failures
    failed = "The last health check" if checks == 1 else f"{checks} health checks in a row"
    text = texts.Text(
        f"Cache node {texts.NODE}{texts.OF_SHARD} is down",
        f"{failed} of {texts.NODE} failed{_how(policy)}{texts.OF_SHARD.replace(' of shard', '. It belongs to shard')}. "
        f"{_refused(policy)}{_seen_as(policy)} "
        f"First: {_ping(policy)}, then the process and the machine.",
    )
    return _alert(policy, NO_ANSWER, expr, text, links.INSTANCE_LABEL)


def _unseen(policy: Policy, verdicts: str) -> str:
    """The nodes that are told as down and of which nobody can say that they are up: "resolved" would be untrue.

    So for as long as the exporter or its prober is gone, and until they have spoken for most of the time that a page outlives
    its verdict: a node that they do not name then has left.
    """
    own = {"alertname": SPEC.name, "alertstate": "firing", "cause": NO_ANSWER, "fleet": policy.fleet.name}
    told = f"max by (fleet, shard, instance) ({selector('ALERTS', **own)})"
    # Looked for beyond that time: the last bad verdict and a good one after it may leave it with one evaluation.
    fine = f"last_over_time({verdicts}[{duration(2 * down_memory(policy))}]) == 1"
    back = f"count_over_time({prober_speaks(policy)}[{duration(down_memory(policy))}]) > {most_unseen(policy)}"
    return f"{told} unless on (fleet, shard, instance) ({fine}) unless on () ({back})"


def most_unseen(policy: Policy) -> int:
    """So many words of the prober are too few to say that a node has left: three quarters, for a scrape may fail now and then."""
    return 3 * down_memory(policy) // (4 * policy.rules.liveness_interval)


def _ping(policy: Policy) -> str:
    """How to ask the node. A URL in a message stands for no login, TLS, socket or IPv6 address: the runbook's commands do."""
    fleet = policy.fleet
    encrypted = fleet.tls is not None or bool(fleet.overrides) or any(node.asks_for_tls for node in fleet.nodes)
    if fleet.auth is not None or encrypted or any(not set("/:").isdisjoint(node.address[0]) for node in fleet.nodes):
        return "PING it, as the runbook has it"
    return f"redis-cli -u redis://{texts.NODE} PING"


def _how(policy: Policy) -> str:
    checks = f'{metrics.HEALTH_CHECKS.name}{{fleet=%q,instance=%q,result!~"success|readonly"}}'
    query = f"topk(1, rate({checks}[{duration(policy.rules.rate_window)}]) > 0)"
    return texts.lookup(query, " ({{ .Labels.result }})", "fleet", "instance")


def _refused(policy: Policy) -> str:
    """That the exporter's own certificate has ended, where it has and TLS fails: the node may be well, as all that say so."""
    node = "{fleet=%[1]q,instance=%[2]q"
    failed = f'increase({metrics.HEALTH_CHECKS.name}{node},result="tls"}}[{duration(policy.rules.rate_window)}]) > 0'
    ended = f"{metrics.OWN_CERTIFICATE_ENDS.name}{node}}} < time() and on (instance) {failed}"
    said = (
        "The client certificate that the exporter shows to it has ended, so that it refuses the exporter and may be well itself: "
        "put a new one, and its key, in the place of the policy's cert_file (openssl x509 -enddate -noout -in FILE). "
    )
    return texts.lookup(ended, said, "fleet", "instance")


def _seen_as(policy: Policy) -> str:
    """What its death means, by its role, looked up in the past: a dead node reports none. The newest of the last hour counts."""
    role = f"{metrics.NODE_ROLE.name}{{fleet=%[1]q,instance=%[2]q}}"
    query = f"topk(1, timestamp({role}) or max_over_time(timestamp({role})[1h:1m]))"
    primary = (
        f"It was last seen as primary: writes to its keys fail until {_heir(policy)}, or it is back. If it has replicas, one "
        "must have its place before you start it again: a primary that comes back empty empties them."
    )
    replica = "It was last seen as replica: its primary serves on, and callers that read from this one fail."
    either = f'{{{{ if eq .Labels.role "primary" }}}}{primary}{{{{ else }}}}{replica}{{{{ end }}}}'
    unknown = f"If it was the primary, writes to its keys fail until {_heir(policy)}, or it is back."
    asked = f"printf `{query}` $labels.fleet $labels.instance | query"
    return f"{{{{ with {asked} }}}}{{{{ with first . }}}}{either}{{{{ end }}}}{{{{ else }}}}{unknown}{{{{ end }}}}"


def _heir(policy: Policy) -> str:
    if policy.fleet.cluster is not None:
        return "the Cluster has promoted a replica"
    if policy.fleet.sentinel is None:
        return "somebody promotes a replica (no Sentinel stands in the policy)"
    return "Sentinel has promoted a replica"


def _vanished(policy: Policy) -> Iterator[Alert]:
    """One rule per expected node: `absent` of several speaks only when all of them are gone."""
    fleet = policy.fleet
    if not policy.collect.background:
        return  # nobody is probed then, and no verdict is expected
    yield from (_node_vanished(policy, node) for node in fleet.nodes)
    masters = fleet.sentinel.masters if fleet.sentinel is not None else None
    yield from (_shard_vanished(policy, master) for master in masters or ())
    if not fleet.nodes and not masters:
        yield _shard_vanished(policy, "")


def _node_vanished(policy: Policy, node: Node) -> Alert:
    name, shard = template_text(node.instance), template_text(node.shard)
    place = f" of shard {shard}" if shard else ""
    text = texts.Text(
        f"Cache node {name}{place} is not watched",
        f"The exporter answers but has had no verdict on {name}{place} for {duration(policy.rules.exporter_grace)}: "
        "whether the node lives is not known. First: the log of the exporter, and whether it runs with the policy that "
        "these rules were built from.",
    )
    labels = {"shard": shard} if shard else {}
    missing = selector(metrics.NODE_UP.name, fleet=policy.fleet.name, instance=node.instance)
    return _missing(policy, missing, VANISHED, text, {**labels, "instance": name}, encoded(node.instance))


def _shard_vanished(policy: Policy, master: str) -> Alert:
    """Speaks of a shard of Sentinel, or of the whole fleet. No node is known then: `instance` is the exporter's."""
    shard, fleet = template_text(master), template_text(policy.fleet.name)
    whom = f"shard {shard} of {fleet}" if shard else f"fleet {fleet}"
    text = texts.Text(
        f"No node of {whom} is watched",
        f"The exporter answers but has had no verdict on any node of {whom} for "
        f"{duration(policy.rules.exporter_grace)}: {_finder(policy)} names none, or cannot be reached. First: the log "
        f"of the exporter{', then SENTINEL MASTERS on each Sentinel of the policy' if policy.fleet.sentinel else ''}.",
    )
    labels = {"shard": shard} if shard else {}
    missing = selector(metrics.NODE_UP.name, fleet=policy.fleet.name, shard=master)
    return _missing(policy, missing, UNNAMED, text, {**labels, "instance": template_text(policy.stack.exporter)}, None)


def _finder(policy: Policy) -> str:
    """What tells the exporter its nodes."""
    fleet = policy.fleet
    found = {"Sentinel": fleet.sentinel, "the Cluster": fleet.cluster, "a file of nodes": fleet.files, "DNS": fleet.dns}
    return " or ".join(name for name, source in found.items() if source)


def _missing(
    policy: Policy, verdict: str, cause: str, text: texts.Text, labels: dict[str, str], instance: str | None
) -> Alert:
    # Of a dead exporter no series is left, and so none of its prober: that page is `_unwatched`'s alone.
    expr = f"absent({verdict}) and on () {prober_speaks(policy)}"
    return _alert(policy, cause, expr, text, instance, labels, policy.rules.exporter_grace)


def _unwatched(policy: Policy) -> Alert:
    # Down and absent in one expression: as two, the change from one to the other would start `for` anew.
    fleet, exporter = template_text(policy.fleet.name), template_text(policy.stack.exporter)
    text = texts.Text(
        f"Nobody watches {fleet}: the exporter {exporter} is gone",
        f"Prometheus has had no answer from the exporter at {exporter} for {duration(policy.rules.exporter_grace)}. No "
        f"node of {fleet} is watched: until it is back no other alert of this fleet begins, and one that ends has not "
        f"been mended for that; a node that was down is told as down until it is seen to be up.{_open_pages(policy)}"
        f"{template_text(cut_off(policy))} First: start the exporter as it is started here (unit or container), then its log.",
    )
    expr = f"absent({exporter_up(policy)} == 1)"
    return _alert(policy, UNWATCHED, expr, text, None, {"instance": exporter}, policy.rules.exporter_grace)


def cut_off(policy: Policy) -> str:
    """Of several Prometheus one that is cut off tells this alone, and what the others see is true."""
    if not policy.stack.prometheus_peers:
        return ""
    each = ", ".join(policy.stack.prometheus_addresses)
    seen = "where /targets of another one has the exporter up, end the one that does not"
    return f" One Prometheus of {each} may be cut off alone: {seen}."


# A page is cut where it is long, and what to do first stands behind these.
_MOST_OPEN = 5


def _open_pages(policy: Policy) -> str:
    """Pages that nobody can see heal now: PagerDuty is told of their end, and not why. Some may have ended in the grace."""
    names = one_of(spec.name for spec in ALERTS if spec.pages and spec.about == "cache" and spec is not SPEC)
    fires = narrowed(selector("ALERTS", alertstate="firing", fleet=policy.fleet.name), f"alertname=~{names}")
    opened = f"max_over_time({fires}[{duration(policy.rules.exporter_grace)}])"
    each = "{{ .Labels.alertname }}{{ with .Labels.instance }} of {{ . }}{{ end }}"
    listed = f"{{{{ range $at, $open := . }}}}{{{{ if $at }}}}, {{{{ end }}}}{{{{ with $open }}}}{each}{{{{ end }}}}{{{{ end }}}}"
    more = quote(f"count({opened}) > {_MOST_OPEN}")
    count = f"{{{{ with query {more} }}}} and others, {{{{ . | first | value }}}} in all{{{{ end }}}}"
    return f"{{{{ with query {quote(f'topk({_MOST_OPEN}, {opened})')} }}}} Open when it went: {listed}{count}.{{{{ end }}}}"


def _alert(
    policy: Policy,
    cause: str,
    expr: str,
    text: texts.Text,
    instance: str | None,
    labels: dict[str, str] | None = None,
    hold: timedelta | None = None,
) -> Alert:
    """`labels` are those that the expression does not bring; `instance` is that of the dashboard's link."""
    own = {} if labels is None else {"fleet": template_text(policy.fleet.name), **labels}
    notes = links.notes(policy, SPEC.name, expr, text, instance)
    return Alert(
        SPEC.name, expr, {"severity": SPEC.severity, "action": SPEC.action, "cause": cause, **own}, notes, hold
    )
