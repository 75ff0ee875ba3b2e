"""What the demo's screen shows, asked from outside: Prometheus' query API and the sink, so that it is the whole chain."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sandbox.prometheus import Prometheus
from sandbox.sink import Sink
from sandbox.web import WebError

WINDOW = "10s"
# One query per column, each with one value per instance.
_COLUMNS = {
    "up": "max by (instance, shard) (cache_node_up)",
    "hit_rate": (
        f"sum by (instance) (rate(cache_hits_total[{WINDOW}])) / (sum by (instance) (rate(cache_hits_total[{WINDOW}])) "
        f"+ sum by (instance) (rate(cache_misses_total[{WINDOW}])) > 0)"
    ),
    "p95": (
        "histogram_quantile(0.95, sum by (instance, le) "
        f'(rate(cache_probe_duration_seconds_bucket{{op="ping"}}[{WINDOW}])))'
    ),
    "memory": "max by (instance) (cache_memory_used_bytes) / max by (instance) (cache_memory_limit_bytes)",
}
_ROLES = "cache_node_role == 1"


@dataclass(frozen=True)
class NodeRow:
    """One node as Prometheus knows it; None where it knows nothing. Ratios 0 to 1, `p95` in seconds, pages sent for it."""

    instance: str
    shard: str = ""
    role: str = ""
    up: bool | None = None
    hit_rate: float | None = None
    p95: float | None = None
    memory: float | None = None
    pages: int = 0


@dataclass(frozen=True)
class Alert:
    """An alert as Prometheus has it: `state` is "pending" or "firing"."""

    name: str
    state: str
    severity: str
    instance: str


@dataclass(frozen=True)
class Observation:
    """One look at the stack. `trouble` says what did not answer; empty when all did."""

    nodes: tuple[NodeRow, ...] = ()
    alerts: tuple[Alert, ...] = ()
    pages: int = 0
    messages: int = 0
    trouble: str = ""


def look(prometheus: Prometheus, sink: Sink, instances: Iterable[str]) -> Observation:
    """Ask Prometheus and the sink; the rows are the given nodes in that order."""
    trouble: list[str] = []
    received = _asked(sink.received, trouble)
    columns = {name: _asked(partial(prometheus.query, expr), trouble) for name, expr in _COLUMNS.items()}
    roles = _asked(partial(prometheus.query, _ROLES), trouble)
    alerts = _asked(prometheus.alerts, trouble)
    pages = [paged_instance(entry) for entry in received if is_page(entry)]
    return Observation(
        nodes=tuple(_row(instance, columns, roles, pages) for instance in instances),
        alerts=alert_rows(alerts),
        pages=len(pages),
        messages=sum(entry["path"] == "/api/chat.postMessage" for entry in received),
        trouble="; ".join(dict.fromkeys(trouble)),
    )


def _asked(ask: Callable[[], list[dict[str, Any]]], trouble: list[str]) -> list[dict[str, Any]]:
    try:
        return ask()
    except WebError as error:
        trouble.append(str(error).partition("?")[0])
        return []


def is_page(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of the sink is a page, and not the end of one."""
    return bool(entry["service"] == "pagerduty" and entry["body"].get("event_action") == "trigger")


def paged_instance(page: Mapping[str, Any]) -> str:
    """Return the node that a page is for, empty when it is for the fleet; a text may name other nodes."""
    return str(page["body"]["payload"].get("component", ""))


def alert_rows(alerts: Iterable[Mapping[str, Any]]) -> tuple[Alert, ...]:
    """Return Prometheus' alerts, firing ones first."""
    rows = (
        Alert(
            name=alert["labels"]["alertname"],
            state=alert["state"],
            severity=alert["labels"].get("severity", ""),
            instance=alert["labels"].get("instance", ""),
        )
        for alert in alerts
        if alert["labels"].get("severity") != "none"  # the Watchdog fires while all is well
    )
    return tuple(sorted(rows, key=lambda row: (row.state != "firing", row.name, row.instance)))


def _row(
    instance: str,
    columns: Mapping[str, list[dict[str, Any]]],
    roles: list[dict[str, Any]],
    pages: Sequence[str],
) -> NodeRow:
    values = {name: _number(results, instance) for name, results in columns.items()}
    up = values.pop("up")
    return NodeRow(
        instance=instance,
        shard=_label(columns["up"], instance, "shard"),
        role=_label(roles, instance, "role"),
        up=None if up is None else up == 1,
        pages=pages.count(instance),
        **values,
    )


def _label(results: Iterable[Mapping[str, Any]], instance: str, name: str) -> str:
    return next((str(r["metric"].get(name, "")) for r in results if r["metric"].get("instance") == instance), "")


def _number(results: Iterable[Mapping[str, Any]], instance: str) -> float | None:
    found = next((r["value"][1] for r in results if r["metric"].get("instance") == instance), None)
    return None if found in (None, "NaN", "+Inf") else float(found)
