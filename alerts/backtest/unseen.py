"""What a candidate changes that no history can show: what the exporter, or Alertmanager, decides. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policy.model import Policy

_SECTIONS = ("health", "probe", "collect", "breaker", "notify")
_VERDICT = frozenset(("health.failures", "health.recoveries"))


def unseen(current: Policy, candidate: Policy) -> Iterator[str]:
    """A remark that names the changed keys by which not, or not only, rules decide; nothing where there is none."""
    old, new = (policy.model_dump(include=set(_SECTIONS)) for policy in (current, candidate))
    changed = (key for section in _SECTIONS for key in _changed(section, old[section], new[section]))
    keys = ", ".join(key for key in changed if not key.startswith("health.") or key in _VERDICT)
    if keys:
        yield (
            f"{keys}: the exporter or Alertmanager decides by this, and the history was written under the settings of its "
            "time: it cannot show what the candidate changes, but for what the rules themselves read of it"
        )


def _changed(key: str, old: Any, new: Any) -> Iterator[str]:
    """The dotted keys that differ; a list is one."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _changed(f"{key}.{name}", old.get(name), new.get(name))
    elif old != new:
        yield key
