"""The same rules in the forms of other engines."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alerts import engines
from alerts.build import files, read
from alerts.engines import Target, convert, instance, label_problem, lost, object_name
from policy.model import Policy
from tests.unit.alerts.policies import DATA, HOSTILE, policy

CRD = Path(__file__).parents[2] / "data" / "prometheusrule-crd.yaml"
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def closed(schema: Any) -> Any:
    """The schema, no key allowed that it does not name: Kubernetes drops such keys in silence, and with them their meaning."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and "additionalProperties" not in schema:
        found["additionalProperties"] = False
    return found


SCHEMA = closed(read(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def target(form: str, of: Policy, **options: Any) -> Target:
    return Target(form, of.fleet.name, "15s", **options)


BUILT: dict[str, dict[str, str]] = {}


def built_of(of: Policy) -> dict[str, str]:
    """The files of a policy, made once."""
    if repr(of) not in BUILT:
        BUILT[repr(of)] = files(of)
    return BUILT[repr(of)]


def rules(form: str, of: Policy, **options: Any) -> dict[str, Any]:
    made = convert(built_of(of), target(form, of, **options))
    return {path: read(text) for path, text in made.items() if path.startswith("rules/")}


def every_rule(documents: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for document in documents.values():
        for group in document.get("spec", document)["groups"]:
            yield from group["rules"]


def test_prometheus_form_is_what_was_built() -> None:
    built = built_of(Policy())
    assert convert(built, target("prometheus", Policy())) == built


@pytest.mark.parametrize("name", DATA)
def test_the_operators_objects_are_valid_and_hold_the_very_rules(name: str) -> None:
    of = policy(name)
    made = rules("operator", of, labels={"release": "monitoring"}, namespace="cache")
    for document in made.values():
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        assert (document["apiVersion"], document["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
        assert DNS_LABEL.fullmatch(document["metadata"]["name"])
        assert document["metadata"]["labels"] == {
            "app.kubernetes.io/name": "cachewatch",
            "app.kubernetes.io/instance": instance(of.fleet.name),
            "release": "monitoring",
        }
        assert document["metadata"]["namespace"] == "cache"
    assert len({document["metadata"]["name"] for document in made.values()}) == len(made)
    assert list(every_rule(made)) == list(every_rule(rules("prometheus", of)))


def test_the_schema_sees_a_wrong_object() -> None:
    (document, *_) = rules("operator", Policy()).values()
    for spoil in ({"for": "2 minutes"}, {"keep": "1m"}, {"labels": {"severity": 1}}):
        wrong = copy.deepcopy(document)
        wrong["spec"]["groups"][0]["rules"][0].update(spoil)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


def test_mimir_has_a_namespace_a_file_and_the_very_groups() -> None:
    of = policy("hostile")
    made = rules("mimir", of)
    assert all(list(document) == ["namespace", "groups"] for document in made.values())
    assert len({document["namespace"] for document in made.values()}) == len(made)
    assert list(every_rule(made)) == list(every_rule(rules("prometheus", of)))


def test_vmalert_reads_no_series_that_it_records_itself() -> None:
    of = policy("static")
    recorded = {rule["record"] for rule in every_rule(rules("prometheus", of)) if "record" in rule}
    made = list(every_rule(rules("vmalert", of)))
    assert {rule["record"] for rule in made if "record" in rule} == recorded
    # Objectives stand on what was recorded before; whether the newest step is there already is half a minute.
    assert not [name for rule in made for name in recorded if name in rule["expr"] and not name.startswith("slo")]


def test_vmalerts_groups_ask_for_the_newest_samples() -> None:
    for document in rules("vmalert", Policy()).values():
        assert all(group["params"] == {"nocache": ["1"]} for group in document["groups"])


def test_vmalert_counts_changes_as_prometheus_does_and_leaves_texts_alone() -> None:
    expr = 'changes(a{b="changes("}[5m]) - x_changes(c) and `changes(`'
    text = yaml.safe_dump({"groups": [{"name": "g", "interval": "15s", "rules": [{"alert": "A", "expr": expr}]}]})
    found = yaml.safe_load(convert({"rules/x.yml": text}, target("vmalert", Policy()))["rules/x.yml"])
    (rule,) = found["groups"][0]["rules"]
    assert rule["expr"] == 'changes_prometheus(a{b="changes("}[5m]) - x_changes(c) and `changes(`'


def test_what_vmalert_must_read_of_its_own_is_told() -> None:
    records = [
        {"record": "a:step", "expr": "x - last_over_time(a:step[15m] offset 1ms)"},
        {"alert": "A", "expr": "sum_over_time(a:step[1h]) > 1 unless ALERTS"},
    ]
    built = {"rules/x.yml": yaml.safe_dump({"groups": [{"name": "g", "rules": records}]})}
    of = target("vmalert", Policy())
    made = yaml.safe_load(convert(built, of)["rules/x.yml"])["groups"][0]["rules"]
    assert [rule["expr"] for rule in made] == [rule["expr"] for rule in records]
    (said,) = lost(built, of)
    assert said.startswith("vmalert reads ALERTS, a:step as of the round before")


def test_of_two_that_are_no_prometheus_nobody_sets_whose_alerts_they_are() -> None:
    built = {"prometheus.yml": "{}", "prometheus-2.yml": "{}"}
    assert list(convert(built | {"prometheus.yml": "scrape_configs: []"}, target("operator", Policy()))) == [
        "scrape.yml"
    ]
    for engine in ("operator", "mimir", "vmalert"):
        assert f"{engine} sends alerts without the label prometheus_replica" in next(
            lost(built, target(engine, Policy()))
        )
    assert list(lost(built, target("prometheus", Policy()))) == []


def test_mimir_gets_no_group_without_rules() -> None:
    """As that of the prober is where nobody is probed."""
    made = rules("mimir", Policy.model_validate({"collect": {"background": False}, "slos": []}))
    assert [document for document in made.values() if not document["groups"]]
    assert all(group["rules"] for document in made.values() for group in document["groups"])


@pytest.mark.parametrize("form", ["operator", "mimir", "vmalert"])
def test_what_only_prometheus_reads_is_left_out(form: str) -> None:
    made = convert(built_of(Policy()), target(form, Policy()))
    assert not [path for path in made if path.startswith("rule-tests/") or path == "prometheus.yml"]
    jobs = yaml.safe_load(made["scrape.yml"])
    jobs = jobs if form == "operator" else jobs["scrape_configs"]
    assert [job["job_name"] for job in jobs] == [
        "cachewatch-sli",
        "cachewatch",
        "cachewatch-prometheus",
        "cachewatch-alertmanager",
    ]
    assert made["alertmanager.yml"] == built_of(Policy())["alertmanager.yml"]


NAMED = ("CacheAlertmanagerDown", 'CacheNotificationsFailing{part="alertmanager"}', 'CacheRuleFailures{part="reload"}')


@pytest.mark.parametrize(
    ("form", "instead"),
    [
        ("mimir", "cortex_prometheus_rule_evaluation_failures_total"),
        ("vmalert", "vmalert_alerts_send_errors_total"),
    ],
)
def test_alerts_on_prometheus_itself_are_told_where_it_is_not(form: str, instead: str) -> None:
    (said,) = (line for line in lost(built_of(Policy()), target(form, Policy())) if "prometheus_* metrics" in line)
    blind = [rule for rule in every_rule(rules("prometheus", Policy())) if "prometheus_" in rule["expr"]]
    assert len(blind) == 5
    assert all(rule["alert"] in said for rule in blind)
    assert all(name in said for name in NAMED)
    assert instead in said
    assert "CacheNodeDown" not in said


def test_a_metric_of_prometheus_is_found_behind_a_record_and_in_what_cannot_be_read() -> None:
    made = [
        {"record": "a:b", "expr": "prometheus_build_info"},
        {"alert": "Behind", "expr": "a:b > 1"},
        {"alert": "Unread", "expr": '{job="x"} and prometheus_ready'},
        {"alert": "Other", "expr": 'up{job="prometheus_x"} and x_prometheus_y', "labels": {"part": "p"}},
    ]
    built = {"rules/x.yml": yaml.safe_dump({"groups": [{"name": "g", "rules": made}]})}
    said = next(iter(lost(built, target("mimir", Policy()))))
    assert "never fires, in Behind, Unread, a:b; watch" in said


def test_groups_that_mimir_refuses_are_told_with_the_limit_to_raise() -> None:
    made = [("fits", 20), ("long", 21), ("longest", 40)]
    groups = [{"name": name, "rules": [{"record": "a:b", "expr": "up"}] * many} for name, many in made]
    built = {"rules/x.yml": yaml.safe_dump({"groups": groups})}
    (said,) = lost(built, target("mimir", Policy()))
    assert "more than 20 rules (long, longest)" in said
    assert "ruler_max_rules_per_rule_group is 40 or more" in said
    assert not [said for said in lost(built, target("vmalert", Policy())) if "ruler_max" in said]


def test_mimirs_delay_is_told_where_there_are_alerts() -> None:
    def said(rule: dict[str, str]) -> list[str]:
        text = yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]})
        return list(lost({"rules/x.yml": text}, target("mimir", Policy())))

    (late,) = said({"alert": "A", "expr": "up == 0"})
    assert "one minute late" in late
    assert "ruler_evaluation_delay_duration is 0s" in late
    assert said({"record": "a:b", "expr": "up"}) == []


@pytest.mark.parametrize("form", ["prometheus", "operator"])
def test_nothing_is_lost_where_prometheus_itself_evaluates(form: str) -> None:
    assert not list(lost(built_of(Policy()), target(form, Policy())))


FLEETS = ["prod", "Prod", "prod cache", "x" * 200, "☂", HOSTILE, "-", "prod-cache", "x" * 63, "x" * 53 + " y"]


@pytest.mark.parametrize("fleet", FLEETS)
def test_any_fleet_has_a_name_that_kubernetes_takes(fleet: str) -> None:
    assert DNS_LABEL.fullmatch(object_name(fleet, "node_down"))
    assert DNS_LABEL.fullmatch(instance(fleet))
    assert label_problem("app.kubernetes.io/instance", instance(fleet)) == ""


def test_a_users_own_label_of_the_instance_wins() -> None:
    own = {"app.kubernetes.io/instance": "mine", "app.kubernetes.io/name": "other"}
    for document in rules("operator", Policy(), labels=own).values():
        assert document["metadata"]["labels"] == own


def test_different_fleets_have_different_names() -> None:
    fleets = ["prod", "Prod", "PROD", "prod cache", "prod-cache", "prod_cache", "☂", "☃", "x" * 100, "x" * 101]
    assert len({object_name(fleet, "memory") for fleet in fleets}) == len(fleets)
    assert len({instance(fleet) for fleet in fleets}) == len(fleets)
    assert instance("prod") == "prod"
    assert object_name("prod", "memory") == "cachewatch-prod-memory"


@pytest.mark.parametrize(
    ("key", "value", "good"),
    [
        ("release", "prometheus", True),
        ("example.com/a", "", True),
        ("a b", "x", False),
        ("", "x", False),
        ("a", "x y", False),
        ("a", "-x", False),
        ("a", "x" * 64, False),
    ],
)
def test_labels_are_checked_as_kubernetes_does(key: str, value: str, good: bool) -> None:
    assert (label_problem(key, value) == "") is good


def test_the_forms_are_those_of_the_design() -> None:
    assert engines.FORMATS == ("prometheus", "operator", "mimir", "vmalert")
    assert json.dumps(SCHEMA).count('"additionalProperties": false') >= 3


def test_objectives_that_differ_in_a_dash_and_an_underscore_alone_have_objects_of_their_own() -> None:
    stems = ("slo_check_out", "slo_check-out", "slo_maintenance", "slo-maintenance")
    assert len({object_name("prod", stem) for stem in stems}) == len(stems)
    assert object_name("prod", "slo_check_out") == "cachewatch-prod-slo-check-out"
