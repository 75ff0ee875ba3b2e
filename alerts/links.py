"""Where an alert points: its runbook, and a page that shows the trouble. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from alerts.promql import template_text
from policy.model import Policy

DASHBOARD_UID = "cachewatch-fleet"
INSTANCE_LABEL = "{{ $labels.instance | urlquery }}"


def runbook_url(policy: Policy, name: str) -> str:
    """Address of an alert's runbook, as a Go template."""
    base = policy.stack.runbooks or f"http://{policy.stack.notifier}/runbooks"
    return template_text(f"{base}/{name}")


def dashboard_url(policy: Policy, expr: str, instance: str | None) -> str:
    """Grafana's page of the fleet, else Prometheus' graph of the expression; as a Go template.

    `instance` is the URL-encoded value of that variable, or a template that gives it; None speaks of the whole fleet.
    """
    if policy.stack.grafana is None:
        query = urlencode({"g0.expr": expr, "g0.tab": "0", "g0.range_input": "1h"}, quote_via=quote)
        return template_text(f"{policy.stack.prometheus}/graph?{query}")
    page = template_text(f"{policy.stack.grafana}/d/{DASHBOARD_UID}?var-fleet={encoded(policy.fleet.name)}")
    return page if instance is None else f"{page}&var-instance={instance}"


def encoded(text: str) -> str:
    """A value as it stands in a query of a URL."""
    return quote(text, safe="")
