"""The rules about Redis itself: below `failover` the records they read, then the alerts. Pure."""

from __future__ import annotations

from alerts.alerting import alert
from alerts.model import Alert, Record
from alerts.server import facts
from alerts.server.conditions import conditions
from alerts.server.texts import TEXTS
from policy.model import Policy


def alerts(policy: Policy, stem: str) -> tuple[Record | Alert, ...]:
    """The rules of a file."""
    records = facts.records(policy) if stem == "failover" else ()
    found = (alert(policy, c.spec, c.expr, c.hold, TEXTS[c.spec.name](policy)) for c in conditions(policy, stem))
    return (*records, *found)
