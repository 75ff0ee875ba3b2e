"""What `cachewatch build` writes for Grafana."""

from __future__ import annotations

from dashboards import provisioning
from dashboards.overview import overview
from policy.model import Policy


def files(policy: Policy) -> dict[str, str]:
    """Relative path -> text; the same policy gives the same bytes."""
    return {
        "dashboards/fleet.json": overview(policy),
        "grafana/provisioning/datasources/cachewatch.yml": provisioning.datasource(policy),
        "grafana/provisioning/dashboards/cachewatch.yml": provisioning.dashboards(policy),
    }
