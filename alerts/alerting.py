"""An alert of the policy's list from its expression, duration and text. Pure."""

from __future__ import annotations

from datetime import timedelta

from alerts import links, unseen_ends
from alerts.model import Alert
from alerts.texts import Text
from policy.alerts import CERTIFICATE_EXPIRING, AlertSpec
from policy.model import Policy


def alert(policy: Policy, spec: AlertSpec, expr: str, hold: timedelta, text: Text) -> Alert:
    """The rule, with the labels and annotations that every alert has; other labels come from the expression."""
    label = links.ANY_INSTANCE if spec.name == CERTIFICATE_EXPIRING else links.INSTANCE_LABEL
    instance = label if "instance" in spec.per else None
    notes = {**links.notes(policy, spec.name, expr, text, instance), **unseen_ends.note(policy, spec)}
    return Alert(spec.name, expr, {"severity": spec.severity, "action": spec.action}, notes, hold)
