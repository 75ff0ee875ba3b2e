"""Where people are sent: the runbook of an alert, the fleet's dashboard, Prometheus' graph of an expression."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlencode, urlsplit

from policy.model import Policy

DASHBOARD_UID = "cachewatch-fleet"
_GRAPH = "/graph"


def runbook(policy: Policy, name: str) -> str:
    """Address of an alert's runbook: the policy's, else the notifier's."""
    return f"{runbooks(policy)}/{name}"


def runbooks(policy: Policy) -> str:
    """Address of all runbooks."""
    return policy.stack.runbooks or f"{policy.stack.link('notifier')}/runbooks"


def dashboard(policy: Policy) -> str | None:
    """Grafana's page of the fleet, None where the policy names no Grafana."""
    if policy.stack.grafana is None:
        return None
    return f"{policy.stack.grafana}/d/{DASHBOARD_UID}?var-fleet={encoded(policy.fleet.name)}"


def graph(policy: Policy, expr: str) -> str:
    """Prometheus' graph of an expression over the last hour."""
    query = urlencode({"g0.expr": expr, "g0.tab": "0", "g0.range_input": "1h"}, quote_via=quote)
    return f"{policy.stack.link('prometheus')}{_GRAPH}?{query}"


def is_graph(url: str) -> bool:
    """Whether a URL leads to a graph of Prometheus, and to no dashboard: without Grafana an alert has no other."""
    return urlsplit(url).path.endswith(_GRAPH)


def encoded(text: str) -> str:
    """A value as it stands in a query of a URL."""
    return quote(text, safe="")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to the machine of whoever opens it: its host is an address of loopback, or its usual name."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
