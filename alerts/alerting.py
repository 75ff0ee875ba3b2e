"""An alert of the policy's list from its expression, duration and text. Pure."""

from __future__ import annotations

from datetime import timedelta

from alerts import keeping, links, unseen_ends
from alerts.keeping import Seen
from alerts.model import Alert, Kept
from alerts.texts import Text
from policy.alerts import CERTIFICATE_EXPIRING, AlertSpec
from policy.model import Policy


def alert(policy: Policy, spec: AlertSpec, expr: str, hold: timedelta, text: Text) -> Alert:
    """The rule, with the labels and annotations that every alert has; other labels come from the expression."""
    return Alert(spec.name, expr, _labels(spec), _notes(policy, spec, expr, text), hold)


def kept(policy: Policy, spec: AlertSpec, parts: Kept, seen: Seen, hold: timedelta, text: Text) -> Alert:
    """One that goes on once it fires, see `keeping.expression`; a graph of what breaks it says more than one of the whole."""
    expr, notes = keeping.expression(policy, spec, parts, seen), _notes(policy, spec, parts.broken, text)
    return Alert(spec.name, expr, _labels(spec), notes, hold, parts)


def _labels(spec: AlertSpec) -> dict[str, str]:
    return {"severity": spec.severity, "action": spec.action}


def _notes(policy: Policy, spec: AlertSpec, expr: str, text: Text) -> dict[str, str]:
    label = links.ANY_INSTANCE if spec.name == CERTIFICATE_EXPIRING else links.INSTANCE_LABEL
    instance = label if "instance" in spec.per else None
    return {**links.notes(policy, spec.name, expr, text, instance), **unseen_ends.note(policy, spec)}
