"""An Alertmanager's configuration and cluster, held against what is built. Pure.

It prints its configuration in its own form: defaults filled in, durations and quotes as it likes them, secrets masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerts import alertmanager
from alerts.running.answers import Cluster, Status, Unusable
from alerts.running.meaning import differences, meaning
from alerts.running.model import few
from alerts.running.printed import read
from policy.alerts import BY_NAME
from policy.model import Policy

_CURE = "give it alertmanager.yml of this build and reload (SIGHUP); if that changes nothing, its log says why"
# What the names of our receivers begin with, and what is said of their routes.
_ROUTES = {
    "pages": "routes of pages",
    "tickets": "routes of tickets",
    "heartbeat": "route of the heartbeat",
    "nobody": "routes to nobody",
}
_LONGEST = 4 * 1024**2  # characters of a configuration; a company's whole has a tenth
_Json = Mapping[str, Any]


def problems(policy: Policy, told: Status) -> Iterator[str]:
    """What differs, each with its cure. Unusable when what it prints is no configuration."""
    loaded, built = _loaded(told), meaning(alertmanager.config(policy))
    differing = [
        *_routes(built["route"], _mapping(loaded.get("route"))),
        *_receivers(built["receivers"], _named(loaded.get("receivers"))),
        *_inhibitions(built["inhibit_rules"], _list(loaded.get("inhibit_rules"))),
        *_intervals(built.get("time_intervals", []), _named(loaded.get("time_intervals"))),
    ]
    if differing:
        yield f"{'; '.join(differing)}: {_CURE}"
    yield from _members(policy, told.cluster)


def _loaded(told: Status) -> _Json:
    text = told.config.original
    if len(text) > _LONGEST:
        raise Unusable(f"shows a configuration of more than {_LONGEST >> 20} MiB")
    found = read(text)
    if found is None:
        raise Unusable("shows a configuration that is none; is something else listening there?")
    return _mapping(meaning(found))


def _mapping(value: Any) -> _Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[_Json]:
    return [_mapping(one) for one in value] if isinstance(value, list) else []


def _named(value: Any) -> dict[str, _Json]:
    return {str(one.get("name", "")): one for one in _list(value)}


def _routes(built: _Json, loaded: _Json) -> Iterator[str]:
    """The tree has two levels: the root, and one route after the other, the first of which takes an alert."""
    ours, theirs = _list(built["routes"]), _list(loaded.get("routes"))
    if what := _keys(differences(_but_routes(built), _but_routes(loaded), strict=True)):
        yield f"the root of its routes differs in {what}"
    for kind, words in _ROUTES.items():
        one, other = ([route for route in routes if _kind(route) == kind] for routes in (ours, theirs))
        if len(one) != len(other):
            yield f"{words}: has {len(other)}, {len(one)} {'is' if len(one) == 1 else 'are'} built"
        elif what := _keys(differences(one, other, strict=True)):
            yield f"{words}: {what} not as built"
    if foreign := [str(route.get("receiver", "none")) for route in theirs if _kind(route) not in _ROUTES]:
        yield f"has routes that are not built, to {few(foreign)}"
    elif len(ours) == len(theirs) and [r["receiver"] for r in ours] != [r.get("receiver") for r in theirs]:
        yield "its routes stand in another order"


def _but_routes(route: _Json) -> _Json:
    return {key: value for key, value in route.items() if key != "routes"}


def _kind(route: _Json) -> str:
    return str(route.get("receiver", "")).partition("-")[0]


def _keys(found: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(key for key in found))


def _receivers(built: Sequence[_Json], loaded: Mapping[str, _Json]) -> Iterator[str]:
    """Other people's beside ours are their business."""
    if missing := [receiver["name"] for receiver in built if receiver["name"] not in loaded]:
        yield f"has no receiver {few(missing)}"
    for receiver in built:
        there = loaded.get(receiver["name"], receiver)
        others = [key for key, value in there.items() if key.endswith("_configs") and value and key not in receiver]
        if what := ", ".join(dict.fromkeys((*differences(receiver, there), *others))):
            yield f"receiver {receiver['name']} differs in {what}"


def _inhibitions(built: Sequence[_Json], loaded: Sequence[_Json]) -> Iterator[str]:
    """Other people's rules are theirs, unless they silence an alert of ours by its name."""
    ours, theirs = ({_silences(rule): rule for rule in rules} for rules in (built, loaded))
    if missing := [_who(rule) for key, rule in ours.items() if key not in theirs]:
        yield f"inhibition: lacks {len(missing)} of {len(ours)} rules, that of {few(missing)}"
    if extra := [_who(rule) for key, rule in theirs.items() if key not in ours and _is_about_ours(rule)]:
        yield f"inhibition: has {len(extra)} {'rule' if len(extra) == 1 else 'rules'} more, that of {few(extra)}"


def _silences(rule: _Json) -> str:
    return repr([rule.get(key) or [] for key in ("source_matchers", "target_matchers", "equal")])


def _who(rule: _Json) -> str:
    """The alert that silences others."""
    names = [value for label, _, value in rule.get("source_matchers") or () if label == "alertname"]
    return names[0] if names else "unnamed alerts"


def _is_about_ours(rule: _Json) -> bool:
    """Whether it names one of our alerts among those that it silences."""
    for label, op, value in rule.get("target_matchers") or ():
        if label == "alertname" and op in ("=", "=~"):
            return value in BY_NAME or (op == "=~" and any(name in BY_NAME for name in re.split(r"[|()]", value)))
    return False


def _intervals(built: Sequence[_Json], loaded: Mapping[str, _Json]) -> Iterator[str]:
    for interval in built:
        if interval["name"] not in loaded:
            yield f"has no time interval {interval['name']}"
        elif any(differences(interval, loaded[interval["name"]], strict=True)):
            yield f"time interval {interval['name']} differs"


def _members(policy: Policy, cluster: Cluster) -> Iterator[str]:
    """With peers all of them are one cluster, or each tells what the others have told already."""
    wanted = len(policy.stack.alertmanagers)
    if wanted == 1:
        return
    if cluster.status == "disabled":
        yield f"is in no cluster, {wanted} members are named: start it with --cluster.listen-address and --cluster.peer"
    elif len(cluster.peers) != wanted:
        members = "1 member" if len(cluster.peers) == 1 else f"{len(cluster.peers)} members"
        yield (
            f"its cluster has {members}, the policy names {wanted}: see its --cluster.peer and the way between them, "
            "or name all under stack.alertmanager_peers"
        )
