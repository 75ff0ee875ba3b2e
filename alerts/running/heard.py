"""What an Alertmanager tells of an alert that it has: where it is asked, and what keeps it back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from policy.alerts import TOLD_BY


@dataclass(frozen=True, slots=True)
class Heard:
    """An alert that it has: the names of what silences and inhibits it, and which of several Prometheus tells of it."""

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    told_by: str = ""


def page(labels: Mapping[str, str]) -> str:
    """Where an Alertmanager tells of the alerts with these labels."""
    filters = [("filter", f"{name}={json.dumps(value, ensure_ascii=False)}") for name, value in labels.items()]
    return f"/api/v2/alerts?{urlencode(filters)}"


def read(told: Any) -> list[Heard]:
    """The alerts of its answer; none of one that is no list of them."""
    return [_alert(one) for one in told if isinstance(one, Mapping)] if isinstance(told, list) else []


def _alert(told: Mapping[str, Any]) -> Heard:
    state, labels = told.get("status"), told.get("labels")
    by = labels.get(TOLD_BY, "") if isinstance(labels, Mapping) else ""
    return Heard(_names(state, "silencedBy"), _names(state, "inhibitedBy"), str(by))


def _names(state: Any, key: str) -> tuple[str, ...]:
    by = state.get(key) if isinstance(state, Mapping) else None
    return tuple(map(str, by)) if isinstance(by, list) else ()
