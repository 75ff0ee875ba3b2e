"""Policies that the alerts' tests are held against: usual ones, and the corners of what is valid."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alerts.build import files
from policy.model import Policy

# What would break out of PromQL, YAML, a Go template, Markdown or a URL if it could.
HOSTILE = 'a"b{{ query "up" }}c\\d\ne\t{%f%}é☂ `{g}` \'$x\' <!h>&#{'

_SENTINEL = {"addresses": ["10.0.0.9:26379", "10.0.0.10"], "masters": ["shard-a", "shard-b"]}
_PAGERDUTY = {"routing_key_file": "/run/secrets/pagerduty"}
_SLACK = {"channel": "#cache-alerts", "token_file": "/run/secrets/slack"}
_HEARTBEAT = {"url": "https://hc.example.com/2"}
# Where the waits are not what a policy is about: promtool plays each second of them.
_SHORTER = {"nodes_differ": {"for": "10m"}, "replicas": {"for": "1m"}}
_AUTH = {"username": "cachewatch", "password_env": "CACHE_PASSWORD"}

DATA: dict[str, dict[str, Any]] = {
    "default": {},
    "static": {
        "fleet": {
            "name": "prod-cache",
            "nodes": ["redis://10.0.0.1:6379", {"url": "redis://10.0.0.2", "shard": "b"}, "redis://[::1]:7000"],
            "auth": _AUTH,
        },
        "notify": {"pagerduty": _PAGERDUTY, "slack": _SLACK},
        "stack": {"exporter": "exporter.example.com", "grafana": "https://grafana.example.com/x"},
    },
    "sentinel": {
        "fleet": {"name": "prod", "sentinel": {**_SENTINEL, "auth": {"password_env": "S"}}},
        "notify": {"pagerduty": _PAGERDUTY},
        "stack": {"runbooks": "https://wiki.example.com/r"},
    },
    "sentinel, every master": {
        "fleet": {"sentinel": {"addresses": ["[::1]:26379"]}},
        "notify": {"slack": _SLACK},
    },
    "sentinel and static": {"fleet": {"nodes": ["redis://10.0.0.1"], "sentinel": _SENTINEL}},
    "hostile": {
        "alerts": _SHORTER,
        "fleet": {
            "name": HOSTILE,
            "nodes": [
                {"url": "redis://127.0.0.1:7001", "shard": HOSTILE},
                {"url": "redis://127.0.0.1:7002", "shard": f"far|{HOSTILE}"},
            ],
            "primary_elsewhere": [f"far|{HOSTILE}"],
            "sentinel": {**_SENTINEL, "masters": [HOSTILE, "{{", "}}"]},
            "auth": {**_AUTH, "username": HOSTILE},
        },
        "notify": {"pagerduty": _PAGERDUTY, "slack": {**_SLACK, "channel": HOSTILE}, "heartbeat": _HEARTBEAT},
        "stack": {"grafana": "http://127.0.0.1:3000/a%20b"},
    },
    "told": {
        "notify": {
            "slack": _SLACK,
            "webhooks": [
                {
                    "url": "http://127.0.0.1:9/a?b={}".replace("{}", "%7B"),
                    "told": "tickets",
                    "token_file": f"/run/{HOSTILE}",
                },
                {"url": "https://[::1]/", "told": "pages"},
            ],
            "heartbeat": {"url": "https://hc.example.com/1", "interval": "1500ms", "token_file": "/run/'secrets"},
            "time_zone": "Pacific/Auckland",
            "office_hours": {"weekdays": ["monday", "sunday"], "to": "24:00", "holidays": ["2028-02-29"]},
            "maintenance": [{"weekdays": ["sunday"]}, {"dates": ["2027-01-31"], "from": "23:59"}],
        },
    },
    # An exporter that is gone counts as there for longer than a part of the stack may be away.
    "patient": {
        "rules": {"exporter_grace": "2m", "stack_grace": "10s"},
        "alerts": _SHORTER,
        "stack": {
            "alertmanager_peers": ["10.0.0.8", "[::1]:9094"],
            "prometheus_peers": ["http://10.0.0.9:9090", "https://[::2]/eu"],
        },
        # Every way there is, and somebody else's for tickets.
        "notify": {
            "pagerduty": _PAGERDUTY,
            "slack": _SLACK,
            "heartbeat": _HEARTBEAT,
            "webhooks": [{"url": "http://127.0.0.1:9/tickets", "told": "tickets"}],
        },
    },
    "at once": {
        "thresholds": {
            "hit_rate": {"warning": {"for": "0s"}, "critical": {"for": "1us"}},
            "latency_p95": {"warning": {"for": "0s"}, "critical": {"for": "1s"}},
            "latency_p50": {"warning": {"for": "0s"}, "critical": {"for": "1s"}},
            "memory": {"warning": {"for": "0s"}, "critical": {"for": "0s"}},
        },
        "alerts": {
            **{name: {"for": "0s"} for name in ("replica_link", "replication_lag", "replicas", "writes_refused")},
            **{name: {"for": "0s"} for name in ("evictions", "clients", "persistence", "fragmentation", "slots")},
            "writes_to_replica": {"for": "0s"},
            "failover": {"for": "1us"},
            "quorum": {"for": "1us"},
            "nodes_differ": {"for": "0s"},
            "collection": {"for": "0s"},
            "node_down": {"keep_firing_for": "0s"},
        },
        "health": {"failures": 1, "recoveries": 1},
        "rules": {"exporter_grace": "2s", "discovery_grace": "0s", "keep_firing_for": "0s"},
    },
    "cluster": {
        "fleet": {"cluster": {"addresses": ["10.0.0.1:6379"]}},
        "alerts": {"replicas": {"expected": 2}, "failover": {"for": "90s"}},
    },
    "files and names": {"fleet": {"files": ["targets/*.json"], "dns": [{"name": "cache.internal"}]}},
    "not probed": {"fleet": {"nodes": ["redis://10.0.0.1"]}, "collect": {"background": False}},
    "a wide window": {"rules": {"rate_window": "5m"}, "alerts": {"node_down": {"keep_firing_for": "5m"}, **_SHORTER}},
    "uneven": {
        "thresholds": {
            "latency_p95": {"warning": {"for": "61s"}, "critical": {"for": "47s"}},
            "latency_p50": {"warning": {"for": "68s"}, "critical": {"for": "54s"}},
            **{
                row: {"warning": {"for": "131s"}, "critical": {"for": "117s"}}
                for row in ("latency_p99", "availability")
            },
        },
        "alerts": {"nodes_differ": {"for": "331s"}},
        "rules": {
            "interval": "7s",
            "rate_window": "41s",
            "keep_firing_for": "193s",
            "liveness_interval": "700ms",
            "liveness_timeout": "500ms",
            "liveness_evaluation": "300ms",
        },
    },
    "fast and uneven": {
        "collect": {"interval": "100ms", "timeout": "50ms"},
        "probe": {"interval": "100ms"},
        "thresholds": {
            "hit_rate": {"warning": {"for": "10s"}, "critical": {"for": "7s"}},
            "latency_p95": {"warning": {"for": "3333ms"}, "critical": {"for": "5s"}},
            "latency_p50": {"warning": {"for": "3334ms"}, "critical": {"for": "6s"}},
            **{row: {"warning": {"for": "71s"}, "critical": {"for": "66s"}} for row in ("latency_p99", "availability")},
            "memory": {"warning": {"for": "4999999us"}},
        },
        "alerts": {
            "replica_link": {"for": "1801ms"},
            "evictions": {"within": "2801ms", "for": "1s"},
            "rejected_connections": {"within": "3s"},
            "replica_flapping": {"within": "2900ms", "above": 1},
            "access_denied": {"within": "2801ms", "for": "1s"},
            "main_thread": {"within": "2803ms", "for": "1s"},
            "nodes_differ": {"for": "9s"},
            "node_down": {"keep_firing_for": "4321ms"},
            "collection": {"for": "1801ms"},
            **{name: {"for": "6s"} for name in ("failover", "quorum", "slots", "writes_refused", "replicas")},
        },
        "health": {"window": "20s"},
        "rules": {
            "interval": "700ms",
            "liveness_interval": "100ms",
            "liveness_timeout": "100ms",
            "liveness_evaluation": "330ms",
            "rate_window": "401ms",
            "keep_firing_for": "4567ms",
            "exporter_grace": "950ms",
            "discovery_grace": "1999ms",
            "stack_grace": "5s",
        },
    },
    "demo": {
        "collect": {"interval": "2s"},
        "thresholds": {
            "hit_rate": {"warning": {"for": "20s"}, "critical": {"for": "10s"}},
            "latency_p95": {"warning": {"for": "20s"}, "critical": {"for": "10s"}},
            "latency_p50": {"warning": {"for": "24s"}, "critical": {"for": "14s"}},
            **{row: {"warning": {"for": "84s"}, "critical": {"for": "74s"}} for row in ("latency_p99", "availability")},
            "memory": {"warning": {"for": "10s"}, "critical": {"for": "10s"}},
        },
        "health": {"window": "40s"},
        "alerts": {
            **{name: {"for": "10s"} for name in ("replica_link", "replicas", "failover", "writes_refused", "slots")},
            **{
                name: {"for": "12s"}
                for name in (
                    "replication_lag",
                    "clients",
                    "persistence",
                    "fragmentation",
                    "quorum",
                    "writes_to_replica",
                )
            },
            "evictions": {"above": "0/s", "within": "10s", "for": "10s"},
            "rejected_connections": {"within": "20s"},
            "replica_flapping": {"within": "20s"},
            "access_denied": {"above": "0.5/s", "within": "20s", "for": "10s"},
            "main_thread": {"above": "75%", "within": "20s", "for": "10s"},
            "nodes_differ": {"for": "30s"},
            "collection": {"for": "10s"},
        },
        "rules": {"interval": "2s", "rate_window": "10s", "keep_firing_for": "40s", "liveness_evaluation": "5s"},
    },
    "objectives": {
        "slos": [
            {"name": "latency", "within": "3ms", "objective": 99, "window": "month"},
            {"name": "hit_rate", "objective": 97, "window": "28d", "min_events": 5000},
            {
                "name": "checkout",
                "id": "shop",
                "objective": "99.5",
                "window": "1d",
                "good": 'http_requests_total{job="shop",code=~"2..|3..",path="a\\"}|☂{{"}',
                "total": 'http_requests_total{job="shop",path="a\\"}|☂{{"}',
                "burn": [{"factor": 10, "long": "30m", "short": "3m", "severity": "critical"}],
            },
        ],
        "notify": {
            "maintenance": [
                {"weekdays": ["thursday", "sunday"], "from": "02:00", "to": "04:00", "spare_budget": True},
                {"dates": ["1970-01-02", "2026-12-24"], "from": "22:00", "spare_budget": True},
            ]
        },
    },
    "long": {"thresholds": {"hit_rate": {"warning": {"for": "2h"}}}},
    "edges": {
        "thresholds": {
            "hit_rate": {"target": "100%", "warning": {"below": "100%"}, "critical": {"below": "0%"}},
            "memory": {"target": "0%", "warning": {"above": "0%"}, "critical": {"above": "100%"}},
            "latency_p95": {"target": "1us", "warning": {"above": "30us"}, "critical": {"above": "1m"}},
        },
    },
    "fine, seldom evaluated": {
        "rules": {
            "interval": "5m",
            "keep_firing_for": "0s",
            "rate_window": "40s",
            "liveness_interval": "10s",
            "liveness_evaluation": "10s",
        },
        "alerts": {
            "evictions": {"within": "20m", "above": "0.125/s"},
            "access_denied": {"within": "20m", "above": "0/s"},
            "main_thread": {"within": "20m", "above": "99.5%"},
            "rejected_connections": {"within": "21m"},
            "clients": {"above": "87.125%"},
            **_SHORTER,
            "fragmentation": {"above": 1.001, "from": "1B"},
            "replication_lag": {"above": "2500ms"},
        },
        "thresholds": {
            "hit_rate": {
                "target": "100%",
                "warning": {"below": "99.99999999999%"},
                "critical": {"below": "33.333%"},
            },
            "memory": {"warning": {"above": "87.125%"}},
        },
    },
}


def policy(name: str) -> Policy:
    """One of the policies above."""
    return Policy.model_validate(DATA[name])


@cache
def built(name: str) -> Mapping[str, str]:
    """The files of one of the policies above, made once."""
    return MappingProxyType(files(policy(name)))


def write(made: Mapping[str, str], root: Path) -> Path:
    """Write generated files below a folder and return it."""
    for name, text in made.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
