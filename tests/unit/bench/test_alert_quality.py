"""What the sink got is read rightly, and scored as somebody on call would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.notifier.message import render
from bench.alert_quality import heartbeat, hurry, report
from bench.alert_quality.heard import UNREADABLE, Told, left_open, told
from bench.alert_quality.scenarios import FAULTS, HARMLESS, SCENARIOS
from bench.alert_quality.score import Outcome, score
from policy.alerts import BY_NAME
from policy.model import Policy
from tests.unit.alerts_notifier.samples import ENDED, alert, notification

NODE = "127.0.0.1:7001"


def page(action: str, name: str = "CacheNodeDown", at: float = 1.0) -> dict[str, Any]:
    payload = {"class": name, "component": NODE, "summary": "s", "source": "x", "severity": "critical"}
    more = {"payload": payload} if action == "trigger" else {}
    return {
        "at": at,
        "service": "pagerduty",
        "path": "/v2/enqueue",
        "body": {"event_action": action, "dedup_key": name, **more},
    }


def message(**other: Any) -> dict[str, Any]:
    found = render(notification(alert(NODE, **other)))
    return {"at": 2.0, "service": "slack", "path": "/api/chat.postMessage", "body": {"blocks": list(found.blocks)}}


def outcome(heard: Iterable[Told], *wanted: tuple[str, str], also: tuple[str, ...] = (), quiet: bool = True) -> Outcome:
    return Outcome("x", "fault", "what", 0.0, HEALED, frozenset(wanted), frozenset(also), tuple(heard), quiet)


def heard(name: str, subject: str, *to: str, at: float = 1.0, firing: bool = True) -> list[Told]:
    return [Told(at, each, name, subject, firing) for each in to]


DOWN = ("CacheNodeDown", NODE)
BOTH = ("pagerduty", "slack")
HEALED = 10.0
PAGED = [*heard(*DOWN, *BOTH), *heard(*DOWN, *BOTH, at=11.0, firing=False)]


def test_a_page_and_its_end_are_known_by_their_key() -> None:
    first, last = told([page("trigger"), page("resolve", at=3.0)])
    assert first == Told(1.0, "pagerduty", "CacheNodeDown", NODE, True)
    assert last == Told(3.0, "pagerduty", "CacheNodeDown", NODE, False)
    assert left_open([first]) == [first]
    assert left_open([first, last]) == []


def test_a_trigger_of_an_incident_that_is_open_wakes_nobody_and_one_that_was_resolved_is_opened_anew() -> None:
    turns = [("trigger", 1.0), ("trigger", 1.5), ("resolve", 3.0), ("resolve", 3.5), ("trigger", 4.0)]
    events = [page(action, at=at) for action, at in turns]
    assert [(each.at, each.firing) for each in told(events)] == [(1.0, True), (3.0, False), (4.0, True)]


def test_a_part_of_the_stack_is_known_by_its_address_alone_as_pagerduty_has_it() -> None:
    (found,) = told([message(labels={"alertname": "CacheProberDown"})])
    assert (found.alert, found.subject) == ("CacheProberDown", NODE)


def test_a_message_of_the_notifier_is_read_by_its_header() -> None:
    (one,) = told([message()])
    assert (one.to, one.firing) == ("slack", True)
    assert one.alert == "CacheNodeDown"
    assert one.subject == NODE


@pytest.mark.parametrize("unseen", ["", "the exporter is gone"])
def test_the_end_of_an_alert_is_read_whether_it_was_seen_to_heal_or_not(unseen: str) -> None:
    (one,) = told([message(ended=ENDED, annotations={"unseen": unseen})])
    assert (one.alert, one.subject, one.firing) == ("CacheNodeDown", NODE, False)


def test_of_an_alert_on_the_fleet_the_part_is_its_subject() -> None:
    labels = {"alertname": "CacheRuleFailures", "part": "routes"}
    plain = {name: value for name, value in alert(labels=labels)["labels"].items() if name not in ("instance", "shard")}
    posted = render(notification({**alert(), "labels": plain}))
    slack = {"at": 2.0, "service": "slack", "path": "/api/chat.postMessage", "body": {"blocks": list(posted.blocks)}}
    event = page("trigger", "CacheRuleFailures")
    event["body"]["payload"] |= {"component": "", "custom_details": {"part": "routes"}}
    assert {each.about for each in told([event, slack])} == {("CacheRuleFailures", "routes")}


def test_of_a_message_on_several_alerts_what_is_new_was_told() -> None:
    other = "127.0.0.1:7002"

    def posted(at: float, *alerts: dict[str, Any]) -> dict[str, Any]:
        blocks = list(render(notification(*alerts)).blocks)
        return {"at": at, "service": "slack", "path": "/api/chat.postMessage", "body": {"blocks": blocks}}

    one, both = posted(1.0, alert(NODE)), posted(2.0, alert(NODE), alert(other))
    assert [(each.subject, each.firing) for each in told([both])] == [(NODE, True), (other, True)]
    assert [each.subject for each in told([one, both])] == [NODE, other]
    assert [each.subject for each in told([both, both])] == [NODE, other, NODE, other], "nothing new: it was told again"
    ended = posted(3.0, alert(NODE), alert(other, ended=ENDED))
    assert list(told([both, ended]))[2:] == [Told(3.0, "slack", "CacheNodeDown", other, False)]


def test_who_waits_for_the_heartbeat_tells_of_its_silence_and_that_it_is_back() -> None:
    beats = [{"at": at, "service": "heartbeat", "path": "/heartbeat", "body": {}} for at in (0.0, 5.0, 100.0)]
    until = 5.0 + heartbeat.SILENCE
    gone = [Told(until, "heartbeat", "CacheWatchdog", "", True)]
    assert list(heartbeat.missed(beats[:2], until)) == []
    assert list(heartbeat.missed(beats[:2], until + 0.1)) == gone
    assert list(heartbeat.missed(beats, 101.0)) == [*gone, Told(100.0, "heartbeat", "CacheWatchdog", "", False)]
    assert list(heartbeat.missed([page("trigger")], 101.0)) == []
    assert outcome(gone, gone[0].about).missed == frozenset()
    assert outcome(gone).false == {gone[0].about}


def test_who_cannot_be_told_is_not_missed_and_still_may_be_told_nothing_else() -> None:
    half = heard(*DOWN, "pagerduty")
    assert replace(outcome(half, DOWN), deaf=frozenset({"slack"})).missed == frozenset()
    assert replace(outcome(half, DOWN), deaf=frozenset({"pagerduty"})).missed == {DOWN}
    healed = replace(outcome([*half, *heard(*DOWN, "slack", at=HEALED)], DOWN), deaf=frozenset({"slack"}))
    assert "CacheNodeDown 1.0 s (pagerduty, when healed slack)" in report.markdown([healed])
    assert replace(healed, deaf=frozenset(BOTH)).seconds(DOWN) == HEALED
    late = [*half, *heard(*DOWN, "slack", at=HEALED), *heard(*DOWN, "slack", at=HEALED)]
    assert replace(outcome(late, DOWN), deaf=frozenset({"slack"})).twice == {("slack", DOWN)}


def test_a_message_that_is_none_of_ours_was_read_by_somebody_all_the_same() -> None:
    text = message() | {"body": {"text": "three kinds of alert"}}
    (one,) = told([text])
    assert (one.alert, one.firing) == (UNREADABLE, True)
    assert outcome([*PAGED, one], DOWN).false == {one.about}
    assert list(told([text | {"path": "/api/auth.test"}])) == []


def test_all_that_should_come_once_and_to_all_is_good() -> None:
    fine = outcome(PAGED, DOWN)
    assert fine.good
    assert fine.seconds(DOWN) == 1.0
    assert (score([fine]).precision, score([fine]).recall) == (1.0, 1.0)


def test_a_page_that_reached_slack_alone_is_missed() -> None:
    half = outcome(heard(*DOWN, "slack"), DOWN)
    assert half.missed == {DOWN}
    assert score([half]).recall == 0.0


def test_what_should_not_come_is_false_and_what_may_come_is_neither() -> None:
    slow = ("CacheHighLatency", NODE)
    more = [*PAGED, *heard(*slow, "slack"), *heard(*slow, "slack", at=11.0, firing=False)]
    assert outcome(more, DOWN).false == {slow}
    assert score([outcome(more, DOWN)]).precision == 0.5
    assert outcome(more, DOWN, also=("CacheHighLatency",)).good


def test_a_warning_that_pages_is_false() -> None:
    slow = ("CacheHighLatency", NODE)
    assert outcome(heard(*slow, *BOTH), slow).false == {slow}


def test_of_the_notifiers_death_pagerduty_must_hear_and_slack_may() -> None:
    gone = ("CacheNotifierDown", "127.0.0.1:9122")
    for to in (("pagerduty",), BOTH):
        assert outcome([*heard(*gone, *to), *heard(*gone, *to, at=HEALED, firing=False)], gone).good
    assert outcome(heard(*gone, "slack"), gone).missed == {gone}


def test_a_page_that_comes_again_is_twice_whatever_was_said_between() -> None:
    again = heard(*DOWN, "pagerduty", at=2.0)
    assert outcome([*heard(*DOWN, *BOTH), *again], DOWN).twice == {("pagerduty", DOWN)}
    assert outcome([*PAGED, *heard(*DOWN, "pagerduty", at=12.0)], DOWN).twice == {("pagerduty", DOWN)}


def test_the_end_of_what_is_not_healed_is_as_bad_as_telling_it_twice() -> None:
    early = heard(*DOWN, "slack", at=HEALED - 0.1, firing=False)
    assert outcome([*heard(*DOWN, *BOTH), *early], DOWN).twice == {("slack", DOWN)}
    other = ("CacheReplicasMissing", "")
    ended = [*PAGED, *heard(*other, "slack", at=2.0), *heard(*other, "slack", at=3.0, firing=False)]
    assert outcome(ended, DOWN, also=(other[0],)).good


def test_a_page_that_stays_open_is_no_good_end() -> None:
    assert not outcome(heard(*DOWN, *BOTH), DOWN).good
    assert score([outcome(heard(*DOWN, *BOTH), DOWN)]).unresolved == 2
    assert not outcome(PAGED, DOWN, quiet=False).good


def test_of_a_page_and_of_a_ticket_slack_must_be_told_the_end_too() -> None:
    ended = heard(*DOWN, "pagerduty", at=11.0, firing=False)
    assert [each.to for each in outcome([*heard(*DOWN, *BOTH), *ended], DOWN).unresolved] == ["slack"]
    ticket = ("CacheReplicaLinkDown", NODE)
    assert not outcome(heard(*ticket, "slack"), ticket).good
    assert outcome([*heard(*ticket, "slack"), *heard(*ticket, "slack", at=11.0, firing=False)], ticket).good


def test_the_figures_say_when_something_was_missed() -> None:
    kept = [figure.kept for figure in report.figures(score([outcome(PAGED, DOWN)]))]
    assert kept == [True, True, True, True]
    assert [figure.kept for figure in report.figures(score([outcome([], DOWN)]))][:2] == [True, False]


def test_the_tables_name_what_came_and_what_did_not() -> None:
    text = report.markdown([outcome(PAGED, DOWN), outcome([], DOWN)])
    assert "CacheNodeDown 1.0 s (pagerduty + slack)" in text
    assert "missed: CacheNodeDown" in text


def test_the_scenarios_are_enough_and_name_alerts_that_exist() -> None:
    assert len(FAULTS) >= 14
    assert len(HARMLESS) >= 10
    assert len(SCENARIOS) == len(FAULTS) + len(HARMLESS)
    assert {name for each in SCENARIOS.values() for name in each.named} <= BY_NAME.keys()
    assert all(each.nodes or each.fleet for each in FAULTS)
    assert not any(each.nodes or each.fleet for each in HARMLESS)


def test_no_threshold_is_softened_and_every_wait_is_shortened() -> None:
    assert not any(key.endswith((".above", ".below", ".target")) for key in hurry.SHORTENED)
    waits = {key for key in hurry.SHORTENED if key.endswith(".for")}
    row = Policy().thresholds.hit_rate.warning.for_
    assert "thresholds.hit_rate.warning.for" in waits
    assert hurry.SHORTENED["thresholds.hit_rate.warning.for"] == f"{row // timedelta(seconds=hurry.FACTOR)}s"


def test_the_page_on_a_budget_has_the_default_s_share_over_a_fifteenth_of_its_windows() -> None:
    short = hurry.listed()
    (found,) = Policy.model_validate(
        {"slos": short["slos"], "rules": {"slo_interval": short["rules.slo_interval"]}}
    ).slos
    (usual,), own = Policy().slos, found.burns[0]
    page = usual.burns[0]
    assert (found.name, found.objective, own.factor, own.severity) == (
        usual.name,
        usual.objective,
        page.factor,
        page.severity,
    )
    assert (own.long, own.short) == (page.long / hurry.FACTOR, page.short / hurry.FACTOR)
