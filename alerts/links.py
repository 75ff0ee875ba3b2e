"""Where an alert points: its runbook, and a page that shows the trouble; as Go templates. Pure."""

from __future__ import annotations

from alerts.promql import template_text
from alerts.texts import Text
from policy import links
from policy.model import Policy

INSTANCE_LABEL = "{{ $labels.instance | urlquery }}"
ANY_INSTANCE = "{{ with $labels.instance }}{{ . | urlquery }}{{ else }}$__all{{ end }}"
"""The same of an alert that may speak of the whole fleet: then Grafana's word for all."""


def runbook_url(policy: Policy, name: str) -> str:
    """Address of an alert's runbook, as a Go template."""
    return template_text(links.runbook(policy, name))


def dashboard_url(policy: Policy, expr: str, instance: str | None) -> str:
    """Grafana's page of the fleet, else Prometheus' graph of the expression; as a Go template.

    `instance` is the URL-encoded value of that variable, or a template that gives it; None speaks of the whole fleet.
    """
    page = links.dashboard(policy)
    if page is None:
        return template_text(links.graph(policy, expr))
    page = template_text(page)
    return page if instance is None else f"{page}&var-instance={instance}"


def notes(policy: Policy, name: str, expr: str, text: Text, instance: str | None = None) -> dict[str, str]:
    """The four annotations of an alert; `instance` is that of the dashboard's link."""
    return {
        "summary": text.summary,
        "description": text.description,
        "runbook_url": runbook_url(policy, name),
        "dashboard_url": dashboard_url(policy, expr, instance),
    }
