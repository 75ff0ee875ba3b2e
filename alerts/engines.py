"""The rules in the form of other engines: the Prometheus operator, Mimir, vmalert. Pure: built files in, files out.

Works on the text of the built rule files, so that every part's rules go the same way, whoever generated them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.backtest.inline import Book, Inlined, inline, read_by
from alerts.backtest.plan import recorded_by
from alerts.backtest.selectors import NotUnderstood
from alerts.build import dump, read
from policy.alerts import TOLD_BY

FORMATS = ("prometheus", "operator", "mimir", "vmalert")
_LONGEST_NAME = 63  # of a label's value: the name is used as one, though an object's own may have 253
_INSTANCE = "app.kubernetes.io/instance"
# What an engine tells of itself in place of Prometheus' own metrics, on its own /metrics.
_OF_ITSELF = {
    "mimir": (
        "cortex_prometheus_rule_evaluation_failures_total",
        "cortex_prometheus_rule_group_iterations_missed_total",
        "cortex_ruler_config_last_reload_successful",
        "cortex_prometheus_notifications_errors_total",
    ),
    "vmalert": (
        "vmalert_execution_errors_total",
        "vmalert_iteration_missed_total",
        "vmalert_config_last_reload_successful",
        "vmalert_alerts_send_errors_total",
    ),
}
# The function, and texts, which may hold its name.
_CHANGES = re.compile(r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|\bchanges\(""")
_MIMIR_MOST_RULES = 20  # of a group: the default of -ruler.max-rules-per-rule-group; Mimir refuses a longer one
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """Which form, for which fleet; `labels` and `namespace` go into the operator's objects.

    `interval` is how often groups are evaluated that do not say so themselves.
    """

    format: str
    fleet: str
    interval: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""


def convert(files: Mapping[str, str], target: Target) -> dict[str, str]:
    """The built files as that engine takes them.

    `rules/*.yml` change their form. `rule-tests/` are for promtool, which reads Prometheus' form only, and are left out.
    `prometheus.yml` becomes `scrape.yml`: the jobs alone, for whatever scrapes there. Those of further Prometheus are left out.
    """
    if target.format == "prometheus":
        return dict(files)
    documents = {path: read(text) for path, text in files.items() if path.startswith("rules/")}
    form = _FORMS[target.format]
    left_out = ("rules/", "rule-tests/", "prometheus-")
    found = {path: text for path, text in files.items() if not path.startswith(left_out)}
    if "prometheus.yml" in found:
        found["scrape.yml"] = dump(_scrape(read(found.pop("prometheus.yml")), target))
    every = recorded_by((group for document in documents.values() for group in document["groups"]), target.interval)
    for path, document in documents.items():
        stem = path.removeprefix("rules/").removesuffix(".yml")
        found[path] = dump(form(document["groups"], target, stem, every))
    return found


def lost(files: Mapping[str, str], target: Target) -> Iterator[str]:
    """What that engine does not do as Prometheus does, of these very rules; for a warning."""
    if "prometheus-2.yml" in files and target.format != "prometheus":
        yield (
            f"{target.format} sends alerts without the label {TOLD_BY}: where two tell the same Alertmanagers, give each one of "
            "its own where alerts go out, as prometheus-2.yml of a build for Prometheus has it, or an end and what the other "
            "still sees are told in turn"
        )
    if target.format not in _OF_ITSELF:
        return
    documents = [read(text) for path, text in files.items() if path.startswith("rules/")]
    groups = [group for document in documents for group in document["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    every = recorded_by(groups, target.interval)
    yield from _without_prometheus(rules, target.format, every)
    yield from _lost_by_mimir(groups) if target.format == "mimir" else _lost_by_vmalert(rules, every)


def _without_prometheus(rules: list[dict[str, Any]], engine: str, every: Book) -> Iterator[str]:
    """Alerts, or parts of them, that look at Prometheus itself."""
    found = {_named(rule) for rule in rules if any(name.startswith("prometheus_") for name in _reads(rule, every))}
    if found:
        yield (
            f"{engine} has no prometheus_* metrics: what reads them never fires, in {', '.join(sorted(found))}; "
            f"watch {', '.join(_OF_ITSELF[engine])} instead"
        )


def _named(rule: Mapping[str, Any]) -> str:
    """A record's name, or an alert's with its part: of several alerts of one name a part may be lost."""
    part = rule.get("labels", {}).get("part")
    return str(rule.get("record") or rule["alert"]) + (f'{{part="{part}"}}' if part else "")


def _reads(rule: Mapping[str, Any], every: Book) -> set[str]:
    """The metrics that a rule reads, through records too; every word of what cannot be read."""
    try:
        return {selector.name for selector in read_by(str(rule["expr"]), every)}
    except NotUnderstood:
        return set(re.findall("[A-Za-z_:][A-Za-z0-9_:]*", str(rule["expr"])))


def _lost_by_mimir(groups: list[dict[str, Any]]) -> Iterator[str]:
    long = {group["name"]: len(group["rules"]) for group in groups if len(group["rules"]) > _MIMIR_MOST_RULES}
    if long:
        yield (
            f"mimir refuses groups of more than {_MIMIR_MOST_RULES} rules ({', '.join(sorted(long))}), unless "
            f"ruler_max_rules_per_rule_group is {max(long.values())} or more for the tenant"
        )
    if any("alert" in rule for group in groups for rule in group["rules"]):
        yield (
            "mimir evaluates rules one minute late, and pages come that much later than `check` says, "
            "unless ruler_evaluation_delay_duration is 0s for the tenant"
        )


def _lost_by_vmalert(rules: list[dict[str, Any]], every: Book) -> Iterator[str]:
    late = {name for rule in rules for name in _on_raw_series(rule, every).kept}
    if late:
        yield f"vmalert reads {', '.join(sorted(late))} as of the round before: it writes in the background what it records"


def label_problem(key: str, value: str) -> str:
    """Why Kubernetes would refuse a label; empty when it would not."""
    if not _LABEL_KEY.fullmatch(key):
        return f"{key!r} is no label key of Kubernetes, as in app.kubernetes.io/part-of"
    if not _LABEL_VALUE.fullmatch(value):
        return f"{value!r} is no label value of Kubernetes: at most 63 letters, digits, and -_. between them"
    return ""


def namespace_problem(name: str) -> str:
    """Why Kubernetes would refuse the name of a namespace; empty when it would not."""
    return "" if _NAMESPACE.fullmatch(name) else f"{name!r} is no namespace of Kubernetes: a-z, 0-9, and - between them"


def object_name(fleet: str, stem: str) -> str:
    """A DNS-1123 name for the rules of a fleet. What had to be changed or cut is told apart by a hash of what it was.

    A `-` in the name of a file is an objective's own; of those that have `_` there the plain name is.
    """
    wanted = f"cachewatch-{fleet}-{stem.replace('_', '-')}"
    plain = _slug(wanted)
    if plain == wanted and len(plain) <= _LONGEST_NAME and "-" not in stem:
        return plain
    was = f"{fleet}\0{stem}" if "-" in stem else fleet
    end = f"-{stem.replace('_', '-')}-{_hash(was)}"
    return _slug(f"cachewatch-{fleet}")[: _LONGEST_NAME - len(end)].strip("-") + end


def instance(fleet: str) -> str:
    """The label's value that chooses all objects of a fleet and of no other: its name, or a slug of it with a hash."""
    plain = _slug(fleet)
    if plain == fleet and len(plain) <= _LONGEST_NAME:
        return plain
    end = f"-{_hash(fleet)}"
    return (plain[: _LONGEST_NAME - len(end)].strip("-") + end).strip("-")


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _scrape(config: Mapping[str, Any], target: Target) -> Any:
    """The jobs: a bare list for the operator's additionalScrapeConfigs, else what an agent takes as its configuration."""
    if target.format == "operator":
        return config["scrape_configs"]
    known = {key: value for key, value in config["global"].items() if key != "evaluation_interval"}
    return {"global": known, "scrape_configs": config["scrape_configs"]}


def _operator(groups: list[dict[str, Any]], target: Target, stem: str, _: Book) -> dict[str, Any]:
    namespace = {"namespace": target.namespace} if target.namespace else {}
    labels = {"app.kubernetes.io/name": "cachewatch", _INSTANCE: instance(target.fleet), **target.labels}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": object_name(target.fleet, stem), **namespace, "labels": labels},
        "spec": {"groups": groups},
    }


def _mimir(groups: list[dict[str, Any]], target: Target, stem: str, _: Book) -> dict[str, Any]:
    """One namespace a file: `mimirtool rules sync` refuses one that comes twice, and Mimir a group without rules."""
    return {"namespace": object_name(target.fleet, stem), "groups": [group for group in groups if group["rules"]]}


def _vmalert(groups: list[dict[str, Any]], target: Target, stem: str, every: Book) -> dict[str, Any]:
    return {"groups": [_vmalert_group(group, every) for group in groups]}


def _vmalert_group(group: dict[str, Any], every: Book) -> dict[str, Any]:
    """What vmalert records is not there yet when the next rule reads it: each expression is put on raw series.

    `nocache`: VictoriaMetrics else hides the newest 30 s (-search.latencyOffset) from every query, and pages come later by it.
    """
    rules = [_vmalert_rule(rule, every) for rule in group["rules"]]
    return {**{k: v for k, v in group.items() if k != "rules"}, "params": {"nocache": ["1"]}, "rules": rules}


def _vmalert_rule(rule: dict[str, Any], every: Book) -> dict[str, Any]:
    # Its own `changes` counts the first sample of a series too: a node that is new, or back, would have changed.
    expr = _CHANGES.sub(lambda found: found["text"] or "changes_prometheus(", _on_raw_series(rule, every).text)
    return {**rule, "expr": expr}


def _on_raw_series(rule: dict[str, Any], every: Book) -> Inlined:
    """A rule's expression; what cannot be read stays as it is, and keeps every record that it may read."""
    expr = str(rule["expr"])
    try:
        return inline(expr, every, (rule["record"],) if "record" in rule else ())
    except NotUnderstood as error:
        return Inlined(expr, {rule.get("record") or rule["alert"]: str(error)}, False)


_FORMS: dict[str, Callable[[list[dict[str, Any]], Target, str, Book], dict[str, Any]]] = {
    "operator": _operator,
    "mimir": _mimir,
    "vmalert": _vmalert,
}
