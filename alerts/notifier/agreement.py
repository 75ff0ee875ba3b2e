"""What a notifier has of its policy, as a fingerprint, so that one that was not restarted after a change is found. Pure.

In it is what it judges and tells by: the runbooks that it serves, to whom it speaks, where its links lead, for how long it knows
what it told. Not where files lie, which rightly differs from machine to machine.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel

from alerts import runbooks
from alerts.notifier.dedup import Lifetimes
from policy.alerts import BY_NAME
from policy.model import Policy

_DIGITS = 12


def fingerprint(policy: Policy) -> str:
    """Twelve hexadecimal digits: the same for all policies by which a notifier does the same, wherever their files lie."""
    text = json.dumps(_held(_anywhere(policy)), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _held(policy: Policy) -> dict[str, Any]:
    slack = policy.notify.slack
    return {
        "slack": None if slack is None else [slack.channel, slack.url],
        "links": policy.stack.links.alertmanager,
        "lifetimes": asdict(Lifetimes.of(policy.notify)),
        "runbooks": {name: runbooks.page(policy, name) for name in BY_NAME},
    }


def _anywhere(policy: Policy) -> Policy:
    """The policy without the folders of its files: certificates and lists of nodes are named in runbooks."""
    patterns = tuple(PurePath(pattern).name for pattern in policy.fleet.files)
    bare: Policy = _bare(policy)
    return bare.model_copy(update={"fleet": bare.fleet.model_copy(update={"files": patterns})})


def _bare(value: Any) -> Any:
    if isinstance(value, Path):
        return Path(value.name)
    if isinstance(value, tuple):
        return tuple(map(_bare, value))
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: _bare(getattr(value, name)) for name in type(value).model_fields})
    return value
