"""Routes: who is told of what, and nobody who is not configured."""

from typing import Any

import pytest

from alerts import alertmanager
from alerts.rules import groups
from policy.alerts import ALERTS, BY_NAME, AlertSpec
from policy.model import Policy
from policy.units import parse_duration
from tests.unit.alerts.policies import DATA, policy

HOOK = {"url": "https://tickets.example.com/in?x=1", "token_file": "/run/secrets/tickets"}


def notifying(**notify: Any) -> dict[str, Any]:
    return alertmanager.config(Policy.model_validate({"notify": notify}))


def receivers(config: dict[str, Any]) -> dict[str, set[str]]:
    """Receiver -> kinds of its integrations."""
    return {receiver["name"]: set(receiver) - {"name"} for receiver in config["receivers"]}


def routed(config: dict[str, Any]) -> dict[str, list[str]]:
    """Matcher -> receivers. Alertmanager looks on after one that says `continue`, and only then."""
    found: dict[str, list[str]] = {}
    for child in config["route"]["routes"]:
        found.setdefault(child.get("matchers", [""])[0], []).append(child["receiver"])
    of = {name: [c for c in config["route"]["routes"] if c.get("matchers", [""])[0] == name] for name in found}
    assert all([bool(c.get("continue")) for c in each] == [True] * (len(each) - 1) + [False] for each in of.values())
    return found


@pytest.mark.parametrize(
    ("name", "page", "ticket"),
    [
        ("static", ["pages-pagerduty", "pages-slack"], ["tickets-slack"]),
        ("sentinel", ["pages-pagerduty"], ["nobody"]),
        ("sentinel, every master", ["pages-slack"], ["tickets-slack"]),
        ("default", ["nobody"], ["nobody"]),
    ],
)
def test_only_what_the_policy_configures_is_told(name: str, page: list[str], ticket: list[str]) -> None:
    found = alertmanager.config(policy(name))
    kinds = {
        each: {"pagerduty_configs" if each.endswith("pagerduty") else "webhook_configs"} for each in [*page, *ticket]
    }
    assert receivers(found) == {**kinds, "nobody": set()}
    assert routed(found) == {
        'alertname="CacheWatchdog"': ["nobody"],
        'severity="none"': ["nobody"],
        'severity="critical"': page,
        'action="page"': page,
        'alertname=~"CacheAccessDenied|CacheCertificateExpiring|CacheMainThreadBusy|CacheMemoryFragmentation"': ticket,
        "": ticket,
    }
    assert found["route"]["receiver"] == "nobody", "an alert always finds one of these before"


def test_a_page_goes_out_at_once_and_a_ticket_waits_for_the_page_that_silences_it() -> None:
    for route in notifying(slack={"channel": "#a", "token_file": "/t"})["route"]["routes"][2:]:
        waits = ("30s", "5m") if route["receiver"] == "tickets-slack" else ("0s", "1s")
        assert (route["group_wait"], route["group_interval"]) == waits


def test_who_knows_a_repeat_from_news_is_told_again_soon_and_others_when_people_are_to_be_reminded() -> None:
    """What fires anew after a silence that swallowed an end waits for a repeat: hours of no page otherwise."""
    slack, pagerduty = {"channel": "#a", "token_file": "/t"}, {"routing_key_file": "/k"}
    found = notifying(slack=slack, pagerduty=pagerduty, webhooks=[HOOK, {**HOOK, "repeat_interval": "20m"}])
    assert {route["receiver"]: route["repeat_interval"] for route in found["route"]["routes"][2:]} == {
        "pages-pagerduty": "10m",
        "pages-slack": "10m",
        "pages-webhook-1": "4h",
        "pages-webhook-2": "20m",
        "tickets-slack": "10m",
        "tickets-webhook-1": "12h",
        "tickets-webhook-2": "20m",
    }
    named = notifying(slack=slack, pagerduty={**pagerduty, "repeat_interval": "4h"}, page={"repeat_interval": "1m"})
    pages = {route["receiver"]: route["repeat_interval"] for route in named["route"]["routes"][2:-2]}
    assert pages == {"pages-pagerduty": "4h", "pages-slack": "1m"}


def test_what_one_cause_does_to_many_nodes_in_one_minute_is_one_message() -> None:
    config = notifying(slack={"channel": "#a", "token_file": "/t"})
    together, others = config["route"]["routes"][-2:]
    several = "CacheAccessDenied|CacheCertificateExpiring|CacheMainThreadBusy|CacheMemoryFragmentation"
    assert together["matchers"] == [f'alertname=~"{several}"']
    assert {key for key in together if together[key] != others.get(key)} == {"matchers", "group_by"}
    assert together["group_by"] == ["alertname", "fleet", "part"], (
        "the exporter's own certificate is a matter of its own"
    )


def test_the_heartbeat_is_repeated_at_each_interval_and_its_end_is_no_beat() -> None:
    found = notifying(heartbeat={"url": "https://hc.example.com/abc", "interval": "30s", "token_file": "/t"})
    beat = found["route"]["routes"][0]
    assert (beat["receiver"], beat["group_wait"], beat["group_interval"]) == ("heartbeat", "0s", "30s")
    assert beat["repeat_interval"] == "15s", "with 30s every other beat is left out"
    (receiver,) = (receiver for receiver in found["receivers"] if receiver["name"] == "heartbeat")
    assert receiver["webhook_configs"] == [
        {
            "url": "https://hc.example.com/abc",
            "send_resolved": False,
            "http_config": {"authorization": {"credentials_file": "/t"}},
        }
    ]


@pytest.mark.parametrize(
    ("told", "kinds"), [("all", ["pages", "tickets"]), ("pages", ["pages"]), ("tickets", ["tickets"])]
)
def test_a_webhook_gets_what_it_is_told_of(told: str, kinds: list[str]) -> None:
    found = notifying(webhooks=[{**HOOK, "told": told}])
    assert [receiver["name"] for receiver in found["receivers"] if len(receiver) > 1] == [
        f"{kind}-webhook-1" for kind in kinds
    ]
    (webhook,) = found["receivers"][0]["webhook_configs"]
    assert webhook["url"] == HOOK["url"]
    assert webhook["http_config"] == {"authorization": {"credentials_file": HOOK["token_file"]}}


def test_a_group_of_thousands_is_cut_to_what_the_notifier_reads_and_whole_for_others() -> None:
    found = notifying(slack={"channel": "#a", "token_file": "/t"}, webhooks=[HOOK])
    posts = [receiver["webhook_configs"][0] for receiver in found["receivers"][:-1]]
    for notifier, other in (posts[:2], posts[2:]):
        assert (notifier["url"], notifier["max_alerts"]) == ("http://127.0.0.1:9122/alertmanager", 1000)
        assert "max_alerts" not in other


def test_office_hours_hold_for_tickets_alone_and_maintenance_for_all_but_the_heartbeat() -> None:
    found = notifying(
        time_zone="Europe/Berlin",
        office_hours={"weekdays": ["monday"], "from": "08:30", "to": "24:00", "holidays": ["2026-12-25"]},
        maintenance=[{"weekdays": ["sunday"], "from": "02:00", "to": "04:00"}, {"dates": ["2027-01-31"]}],
    )
    beat, _, *pages, _, ticket = found["route"]["routes"]
    assert [(p.get("active_time_intervals"), p["mute_time_intervals"]) for p in pages] == [(None, ["maintenance"])] * 2
    assert ticket["active_time_intervals"] == ["office-hours"]
    assert ticket["mute_time_intervals"] == ["holidays", "maintenance"]
    assert not {"active_time_intervals", "mute_time_intervals"} & set(beat)
    berlin = {"location": "Europe/Berlin"}
    whole = {"times": [{"start_time": "00:00", "end_time": "24:00"}]}
    assert {entry["name"]: entry["time_intervals"] for entry in found["time_intervals"]} == {
        "office-hours": [
            {"weekdays": ["monday"], "times": [{"start_time": "08:30", "end_time": "24:00"}], **berlin},
        ],
        "holidays": [{"years": ["2026"], "months": ["12"], "days_of_month": ["25"], **berlin}],
        "maintenance": [
            {"weekdays": ["sunday"], "times": [{"start_time": "02:00", "end_time": "04:00"}], **berlin},
            {"years": ["2027"], "months": ["1"], "days_of_month": ["31"], **whole, **berlin},
        ],
    }


def pairs(config: dict[str, Any]) -> list[tuple[list[str], list[str], list[str]]]:
    """(source, names of the targets, equal labels) of each inhibition."""
    return [
        (rule["source_matchers"], rule["target_matchers"][0].split('"')[1].split("|"), rule["equal"])
        for rule in config["inhibit_rules"]
    ]


@pytest.mark.parametrize("name", DATA)
def test_no_inhibition_holds_by_a_label_that_is_not_there(name: str) -> None:
    """Both lacking it would count as equal: each label is asked for on both sides, but what all have, or none."""
    for rule in alertmanager.config(policy(name))["inhibit_rules"]:
        for label in set(rule["equal"]) - {"fleet", "prometheus_replica"}:
            assert f'{label}!=""' in rule["source_matchers"]
            assert f'{label}!=""' in rule["target_matchers"]


@pytest.mark.parametrize("name", DATA)
def test_a_page_is_inhibited_only_where_an_alert_names_it(name: str) -> None:
    """The end of an inhibited alert is told to nobody: an incident opened for it would stay open."""
    named = {target for spec in ALERTS for target in spec.inhibits}
    for _, targets, _ in pairs(alertmanager.config(policy(name))):
        assert not [target for target in targets if BY_NAME[target].pages and target not in named]


def silenced_by(source: str, config: dict[str, Any]) -> set[str]:
    return {
        target for sources, targets, _ in pairs(config) if sources[0] == f'alertname="{source}"' for target in targets
    }


def test_a_dead_node_silences_every_ticket_about_a_node_and_none_about_the_fleet_or_the_stack() -> None:
    rules = [
        pair
        for pair in pairs(alertmanager.config(Policy()))
        if pair[0] == ['alertname="CacheNodeDown"', 'instance!=""']
    ]
    ((_, targets, equal),) = rules
    assert equal == ["fleet", "instance"]
    assert set(targets) == {spec.name for spec in ALERTS if spec.of_node and not spec.pages}
    assert {"CacheHighLatency", "CacheMemoryHigh"} <= set(targets)


def test_a_dead_node_silences_what_the_others_of_its_shard_miss_in_it() -> None:
    down = ['alertname="CacheNodeDown"', 'shard!=""']
    (found,) = [pair for pair in pairs(alertmanager.config(Policy())) if pair[0] == down]
    assert found[2] == ["fleet", "shard"]
    assert found[1] == [
        "CacheReplicasMissing",
        "CacheReplicaLinkDown",
        "CacheReplicasFlapping",
        "CacheReplicationLag",
    ], "and no page: a failover that is late is worse"


def test_without_the_exporter_no_ticket_is_told_and_without_the_prober_none_on_latency() -> None:
    found = pairs(alertmanager.config(Policy()))
    unwatched = ['alertname="CacheNodeDown"', 'cause="unwatched"']
    (targets,) = [targets for source, targets, _ in found if source == unwatched]
    assert set(targets) == {spec.name for spec in ALERTS if spec.about == "cache" and not spec.pages}
    assert silenced_by("CacheProberDown", alertmanager.config(Policy())) == {
        "CacheHighLatency",
        "CacheHighLatencyP50",
        "CacheHighLatencyP99",
        "CacheLowAvailability",
        "CacheCollectionFailing",
        "CacheReplicasMissing",
    }


def test_without_the_node_facts_no_ticket_is_told_that_is_read_from_them() -> None:
    config = alertmanager.config(Policy())
    rules = [rule for group in groups(Policy()).values() for rule in group.data()["rules"] if "alert" in rule]
    reading = {rule["alert"] for rule in rules if "redis_" in rule["expr"]}
    tickets = {spec.name for spec in ALERTS if spec.name in reading and not spec.pages}
    assert silenced_by("CacheMetricsMissing", config) == tickets
    assert "CacheCollectionFailing" not in tickets
    assert "CacheMemoryHigh" not in tickets


@pytest.mark.parametrize(
    ("notify", "sources"),
    [
        ({"slack": {"channel": "c", "token_file": "t"}}, {"CacheNotifierDown", "CacheNotificationsFailing"}),
        ({"pagerduty": {"routing_key_file": "k"}}, {"CacheNotificationsFailing"}),
        ({"pagerduty": {"routing_key_file": "k"}, "slack": {"channel": "c", "token_file": "t"}}, set()),
        (
            {
                "pagerduty": {"routing_key_file": "k"},
                "slack": {"channel": "c", "token_file": "t"},
                "heartbeat": {"url": "http://beats.example.com/"},
            },
            {"CacheNotificationsFailing"},
        ),
        (
            {
                "pagerduty": {"routing_key_file": "k"},
                "slack": {"channel": "c", "token_file": "t"},
                "heartbeat": {"url": "http://beats.example.com/"},
                "webhooks": [{"url": "http://pager.example.com/"}],
            },
            set(),
        ),
        ({}, set()),
    ],
)
def test_the_heartbeat_stops_when_every_way_to_a_person_is_broken(notify: dict[str, Any], sources: set[str]) -> None:
    found = pairs(notifying(**notify))
    assert {source[0].split('"')[1] for source, targets, _ in found if targets == ["CacheWatchdog"]} == sources


@pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)
def test_two_subjects_of_an_alert_are_two_groups(spec: AlertSpec) -> None:
    assert set(spec.per) <= set(alertmanager.GROUP_BY)
    assert "cause" not in alertmanager.GROUP_BY, "two causes on one node are one page"


def test_the_heartbeat_is_of_our_own_watchdog_alone() -> None:
    """Another one's, or what else has the severity `none`, would hide that ours is silent."""
    found = alertmanager.config(Policy.model_validate({"fleet": {"name": 'a "b"'}}))
    assert found["route"]["routes"][0]["matchers"] == ['alertname="CacheWatchdog"', 'fleet="a \\"b\\""']
    assert found["route"]["routes"][1] == {"receiver": "nobody", "matchers": ['severity="none"']}


def test_an_alert_of_another_severity_keeps_maintenance_too() -> None:
    found = notifying(maintenance=[{"weekdays": ["sunday"], "from": "02:00", "to": "04:00"}])
    *_, rest = found["route"]["routes"]
    assert "matchers" not in rest
    assert rest["mute_time_intervals"]


@pytest.mark.parametrize(("stack", "shown"), [({}, "Graph"), ({"grafana": "https://grafana.example.com"}, "Dashboard")])
def test_a_page_calls_a_graph_of_prometheus_no_dashboard(stack: dict[str, str], shown: str) -> None:
    found = alertmanager.config(
        Policy.model_validate({"notify": {"pagerduty": {"routing_key_file": "/k"}}, "stack": stack})
    )
    (events,) = found["receivers"][0]["pagerduty_configs"]
    assert [link["text"] for link in events["links"]] == ["Runbook", shown]


def test_of_several_alertmanagers_no_turn_of_a_group_comes_with_an_evaluation() -> None:
    """Or one tells of an end that the other has not heard of, and that tells after it that the alert fires."""
    alone = policy("told")
    stack = alone.stack.model_copy(update={"alertmanager_peers": ("10.0.0.8:9093",)})
    for route in alertmanager.config(alone.model_copy(update={"stack": stack}))["route"]["routes"]:
        pages, tickets = (route["receiver"].startswith(kind) for kind in ("pages", "tickets"))
        if not (pages or tickets):
            continue
        wait, turn = (parse_duration(route[key]) for key in ("group_wait", "group_interval"))
        evaluated = alone.rules.liveness_evaluation if pages else alone.rules.interval
        phases = [(wait + turns * turn) / evaluated % 1 for turns in range(1 if pages else 0, 30)]
        assert all(0.01 < phase < 0.99 for phase in phases)
        usual = alone.notify.page if pages else alone.notify.ticket
        assert usual.group_interval - evaluated / 2 < turn <= usual.group_interval
        assert (wait == usual.group_wait) if pages else (0 <= (wait - usual.group_wait) / evaluated < 0.5)
    (first, *_) = [
        route for route in alertmanager.config(alone)["route"]["routes"] if route["receiver"].startswith("tickets")
    ]
    assert (first["group_wait"], first["group_interval"]) == ("30s", "5m")


def test_what_one_of_several_prometheus_does_not_see_holds_back_its_own_tickets_alone() -> None:
    """Labels that all alerts lack are equal: one that is alone has the rules without."""
    alone, several = (
        [rule for rule in alertmanager.config(policy(name))["inhibit_rules"] if "prometheus_replica" in rule["equal"]]
        for name in ("default", "patient")
    )
    assert alone == []
    sources = {rule["source_matchers"][0] for rule in several}
    assert {'alertname="CacheProberDown"', 'alertname="CacheMetricsMissing"', 'alertname="CacheNodeDown"'} <= sources
    assert not any("prometheus_replica" in matcher for rule in several for matcher in rule["target_matchers"])


def test_the_notifier_is_told_of_a_thousand_things_by_two_prometheus_too() -> None:
    for peers, most in (([], 1000), (["http://10.0.0.9:9090"], 2000)):
        data = {"stack": {"prometheus_peers": peers}, "notify": {"slack": {"channel": "#c", "token_file": "/run/s"}}}
        told = alertmanager.config(Policy.model_validate(data))["receivers"]
        assert {hook["max_alerts"] for one in told for hook in one.get("webhook_configs", ())} == {most}
