"""The policy of the demo: the seed's thresholds, with every wait shortened so that an alert can be watched. Pure."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from policy.model import Policy
from policy.units import duration_text

FLEET = "demo"

# Key of the policy -> what the demo has there. Thresholds stay as they are: what the demo proves is the promise.
SHORTENED: dict[str, str] = {
    "fleet.sentinel.refresh": "1s",
    "collect.interval": "2s",
    "probe.interval": "100ms",
    "health.window": "30s",
    "thresholds.hit_rate.warning.for": "20s",
    "thresholds.hit_rate.critical.for": "10s",
    "thresholds.latency_p95.warning.for": "20s",
    "thresholds.latency_p95.critical.for": "10s",
    "thresholds.memory.warning.for": "15s",
    "alerts.node_down.keep_firing_for": "10s",
    "alerts.replica_flapping.within": "2m",
    "rules.interval": "2s",
    "rules.slo_interval": "5s",
    "rules.rate_window": "10s",
    "rules.keep_firing_for": "10s",
    "rules.exporter_grace": "10s",
    "rules.stack_grace": "10s",
    "notify.ticket.group_wait": "5s",
    "notify.ticket.group_interval": "5s",
}


@dataclass(frozen=True)
class Addresses:
    """Where the parts of one demo answer: "host:port" each, base URLs where so named, and the two secret files.

    `fleet` is that section of the policy without its name.
    """

    fleet: Mapping[str, Any]
    exporter: str
    notifier: str
    alertmanager: str
    prometheus_url: str
    sink_url: str
    routing_key_file: str
    token_file: str


def behind_sentinel(sentinels: Sequence[str], shards: Sequence[str]) -> dict[str, Any]:
    """Return the fleet's section for nodes that the sentinels ("host:port") name."""
    return {"sentinel": {"addresses": list(sentinels), "masters": list(shards)}}


def text(addresses: Addresses, short: Mapping[str, Any] = SHORTENED) -> str:
    """Return the YAML of the demo's policy; `short` gives what differs from the defaults, by key."""
    header = (
        "# Written by `cachewatch demo`; gone when it ends. Durations are shortened, thresholds are the defaults.\n"
    )
    return header + yaml.safe_dump(_document(addresses, short), sort_keys=False)


def _document(addresses: Addresses, short: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "fleet": {"name": FLEET, **copy.deepcopy(dict(addresses.fleet))},
        "notify": {
            "pagerduty": {
                "routing_key_file": addresses.routing_key_file,
                "url": f"{addresses.sink_url}/v2/enqueue",
            },
            "slack": {
                "channel": "#cache-alerts",
                "token_file": addresses.token_file,
                "url": f"{addresses.sink_url}/api",
            },
            "heartbeat": {"url": f"{addresses.sink_url}/heartbeat", "interval": "5s"},
        },
        "stack": {
            "exporter": addresses.exporter,
            "notifier": addresses.notifier,
            "alertmanager": addresses.alertmanager,
            "prometheus": addresses.prometheus_url,
        },
    }
    for key, value in short.items():
        _put(document, key.split("."), value)
    return document


def _put(document: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        document = document.setdefault(part, {})
    document[path[-1]] = value


def shortened(short: Mapping[str, str] = SHORTENED) -> Mapping[str, tuple[str, str]]:
    """Return key -> (the default, the demo's value) of everything that is shortened."""
    defaults = Policy.model_validate({"fleet": {"sentinel": {"addresses": ["127.0.0.1"]}}})
    return {key: (duration_text(_value(defaults, key)), value) for key, value in short.items()}


def _value(policy: Policy, key: str) -> timedelta:
    found: Any = policy
    for part in key.split("."):
        found = getattr(found, "for_" if part == "for" else part)
    if not isinstance(found, timedelta):
        raise TypeError(f"{key} of the policy is no duration")
    return found
