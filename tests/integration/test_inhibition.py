"""Each generated inhibition in a real Alertmanager: what is not told beside what, when both come in the same second."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts import alertmanager
from alerts.stack import EVERY_WAY
from policy.alerts import BY_NAME, CERTIFICATE_EXPIRING, CLIENT_CERTIFICATE, WATCHDOG
from sandbox.process import StartFailed, wait_until
from tests.integration.routing_stage import NODE, OTHER, Stage, alert, staged
from tests.unit.alerts.policies import HOSTILE

# By which policy, of what is broken: the last way to a person.
BROKEN: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "the notifier, where Slack is alone": (
        {"pagerduty": None},
        alert("CacheNotifierDown", HOSTILE, "127.0.0.1:9122"),
    ),
    "PagerDuty and Slack": ({}, {**alert("CacheNotificationsFailing", HOSTILE), "part": EVERY_WAY}),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("inhibition")) as running:
        yield running


def _named(matcher: str) -> list[str]:
    return matcher.split('"')[1].split("|")


def _labels(name: str, fleet: str, matchers: list[str], instance: str = NODE) -> dict[str, str]:
    """An alert of that name with the labels that its rule gives it and those that the matchers ask for."""
    per = BY_NAME[name].per
    extra = {"part": "dns"} if "part" in per else {"shard": "shard-a"} if "shard" in per else {}
    exact = {m.split("=")[0]: m.split('"')[1] for m in matchers if re.match(r"(cause|part)=", m)}
    slo = {"slo": "availability"} if "slo" in per else {}
    return {**alert(name, fleet, instance if "instance" in per else ""), **extra, **slo, **exact}


def test_each_inhibition_holds_for_its_subject_and_for_no_other(stage: Stage) -> None:
    """All at once: fleet by fleet a source with one target, and the same target of another subject."""
    cases: list[tuple[str, str, dict[str, str]]] = []
    for number, rule in enumerate(alertmanager.config(stage.policy)["inhibit_rules"]):
        (source,) = _named(rule["source_matchers"][0])
        for target in set(_named(rule["target_matchers"][0])) - {WATCHDOG.name}:  # which is the heartbeat's: see below
            fleet = f"{number}-{target}"
            hit = _labels(target, fleet, rule["target_matchers"], OTHER if "shard" in rule["equal"] else NODE)
            other = {**hit, "fleet": f"{fleet}-other"}
            if "instance" in rule["equal"]:
                other = {**hit, "instance": OTHER, "shard": "shard-b"}
            elif "shard" in rule["equal"]:
                other = {**hit, "shard": "shard-b"}
            stage.tell(_labels(source, fleet, rule["source_matchers"]), hit, other)
            cases.append((fleet, target, other))
    assert len(cases) >= 8

    def told(fleet: str, name: str) -> list[tuple[str, str]]:
        alerts = [alert["labels"] for group in stage.inbox.received for alert in group["alerts"]]
        ours = [labels for labels in alerts if (labels["fleet"], labels["alertname"]) == (fleet, name)]
        return [(labels.get("shard", ""), labels.get("instance", "")) for labels in ours]

    def come(of: dict[str, str], name: str) -> None:
        wait_until(lambda: bool(told(of["fleet"], name)), 60, f"{name} of another subject: {of}")

    # Tickets of one moment leave at one moment: once the others have come, the silenced ones would have.
    for fleet, target, other in cases:
        come(other, target)
        expected = [(other.get("shard", ""), other.get("instance", ""))] if other["fleet"] == fleet else []
        assert told(fleet, target) == expected, fleet


def test_nodes_without_a_shard_are_not_one_subject(stage: Stage) -> None:
    """A label that both lack would count as equal."""
    down, full = alert("CacheNodeDown", "no-shard", NODE), alert("CacheMemoryHigh", "no-shard", OTHER)
    for labels in (down, full):
        del labels["shard"]
    stage.tell(down, full)
    wait_until(lambda: ("firing", "CacheMemoryHigh", OTHER) in stage.notices("no-shard"), 60, "the ticket")


def test_the_exporters_own_certificate_is_told_apart_from_a_nodes_and_beside_the_pages_that_it_causes(
    stage: Stage,
) -> None:
    """It is what explains them. Without the exporter nobody knows of it."""

    def own(fleet: str) -> dict[str, str]:
        return {**alert(CERTIFICATE_EXPIRING, fleet), "part": CLIENT_CERTIFICATE}

    def told(fleet: str) -> list[list[tuple[str, str]]]:
        named = {"alertname": CERTIFICATE_EXPIRING, "fleet": fleet}
        groups = [group["alerts"] for group in stage.inbox.received if named.items() <= group["groupLabels"].items()]
        each = [[alert["labels"] for alert in alerts] for alerts in groups]
        return sorted([(labels.get("part", ""), labels.get("instance", "")) for labels in group] for group in each)

    of_nodes = [alert(CERTIFICATE_EXPIRING, "own", instance) for instance in (NODE, OTHER)]
    # First what silences others: of what comes in one moment Alertmanager may tell before it has heard of all.
    stage.tell(alert("CacheNodeDown", "own", NODE))
    stage.tell({**alert("CacheNodeDown", "unwatched", "127.0.0.1:9121"), "cause": "unwatched"})
    wait_until(lambda: bool(stage.pages("own")) and bool(stage.pages("unwatched")), 60, "the pages")
    stage.tell(own("own"), *of_nodes)
    stage.tell(own("unwatched"))
    stage.tell(own("watched"))
    wait_until(lambda: len(told("own")) == 2 and bool(told("watched")), 60, "both")
    assert told("own") == [[("", OTHER)], [(CLIENT_CERTIFICATE, "")]]
    assert told("watched") == [[(CLIENT_CERTIFICATE, "")]]
    assert told("unwatched") == []


@pytest.mark.parametrize("which", BROKEN)
def test_without_another_way_to_a_person_the_heartbeat_stops_until_it_is_mended(which: str, tmp_path: Path) -> None:
    notify, broken = BROKEN[which]
    with staged(tmp_path, **notify) as stage:
        stage.tell(alert("CacheWatchdog", HOSTILE))

        def beats() -> int:
            return len(stage.sink.received("heartbeat"))

        def grows() -> bool:
            before = beats()
            try:
                wait_until(lambda: beats() > before + 1, 6, "two more beats")
            except StartFailed:
                return False
            return True

        wait_until(lambda: beats() > 2, 60, "beats")
        stage.tell(broken)
        wait_until(lambda: not grows(), 60, "the beats to stop")
        stage.tell(broken, over=True)
        wait_until(grows, 60, "the beats to come again")


def test_what_one_of_two_prometheus_does_not_see_holds_back_its_own_alerts_alone(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, peers=("http://10.0.0.9:9090",), pagerduty=None) as stage:
        one, other = ({"prometheus_replica": each} for each in stage.policy.stack.prometheus_addresses)
        gone = alert("CacheMetricsMissing", HOSTILE, "127.0.0.1:9121")
        mute = alert("CacheNotifierDown", HOSTILE, "127.0.0.1:9122")
        tickets = [alert(name, HOSTILE, NODE) for name in ("CacheEvictions", "CacheReplicationLag")]
        alike = [*tickets[1:], alert("CacheWatchdog", HOSTILE)]
        both = [{**each, **by} for each in alike for by in (one, other)]
        stage.tell({**gone, **one}, {**mute, **one}, {**tickets[0], **one}, *both)
        wait_until(
            lambda: ("firing", "CacheReplicationLag", NODE) in stage.notices(HOSTILE), 60, "the other one's ticket"
        )
        held = {
            (alert_["labels"]["alertname"], alert_["labels"]["prometheus_replica"]): bool(
                alert_["status"]["inhibitedBy"]
            )
            for alert_ in stage.alertmanager.alerts()
        }
        mine, theirs = one["prometheus_replica"], other["prometheus_replica"]
        assert {key for key, is_held in held.items() if is_held} == {
            (name, mine) for name in ("CacheEvictions", "CacheReplicationLag", "CacheWatchdog")
        }
        assert {("CacheReplicationLag", theirs), ("CacheWatchdog", theirs)} <= set(held)
        assert ("firing", "CacheEvictions", NODE) not in stage.notices(HOSTILE)
