"""The generated routes in a real Alertmanager: who is told, how often, and of what not."""

import shlex
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest

from alerts.build import files
from alerts.promql import matched
from sandbox import web
from sandbox.process import wait_until
from tests.integration.routing_stage import NODE, OTHER, Stage, alert, annotations, staged, swallow
from tests.integration.test_alerts_tools import run
from tests.unit.alerts.policies import HOSTILE


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Share one Alertmanager; each test speaks of a fleet of its own."""
    with staged(tmp_path_factory.mktemp("routing")) as running:
        yield running


def test_a_critical_alert_pages_and_is_told_to_the_notifier_at_once(stage: Stage) -> None:
    sent = datetime.now(UTC)
    stage.tell(alert("CacheNodeDown", "critical", NODE))
    wait_until(lambda: bool(stage.pages("critical") and stage.notices("critical")), 60, "page and notice")
    assert stage.pages("critical") == [("trigger", "CacheNodeDown", NODE)]
    assert stage.notices("critical") == [("firing", "CacheNodeDown", NODE)]
    (event,) = (e for e in stage.sink.received("pagerduty") if e["body"]["payload"]["group"] == "critical")
    assert event["at"] - sent.timestamp() < 12, "waited as a ticket does"


def test_a_page_names_the_node_and_links_to_runbook_and_dashboard(stage: Stage) -> None:
    """Names with quotes, braces and line breaks come through as they are."""
    stage.tell({**alert("CacheNodeDown", HOSTILE, NODE), "shard": HOSTILE})
    wait_until(lambda: bool(stage.pages(HOSTILE)), 60, "the page")
    (body,) = (e["body"] for e in stage.sink.received("pagerduty") if e["body"]["payload"]["group"] == HOSTILE)
    payload, told = body["payload"], annotations(alert("CacheNodeDown", HOSTILE, NODE))
    assert body["routing_key"] == "a-routing-key"
    assert (payload["severity"], payload["component"], payload["summary"]) == ("critical", NODE, told["summary"])
    details = payload["custom_details"]
    assert (details["fleet"], details["shard"], details["instance"]) == (of_details(HOSTILE), of_details(HOSTILE), NODE)
    assert details["description"] == told["description"]
    assert (details["firing"], details["resolved"] or "") == (f"{of_details(told['summary'])}. ", "")
    assert (details["runbook"], details["dashboard"]) == (told["runbook_url"], told["dashboard_url"])
    assert [link["href"] for link in body["links"]] == [told["runbook_url"], told["dashboard_url"]]
    assert (body["client"], body["client_url"]) == ("Cachewatch", told["dashboard_url"])


def of_details(text: str) -> str:
    """As it stands below a page's title: newer Alertmanagers read that as YAML, and as a template once more."""
    return text.replace("{{", "{ {").replace(": ", ":\N{NO-BREAK SPACE}")


def test_a_sentence_with_a_colon_is_a_sentence_below_a_pages_title(stage: Stage) -> None:
    told = "Nobody answers {{ .Nobody }} here. First: INFO memory"
    stage.tell(alert("CacheNodeDown", "colon", NODE), notes={"summary": "gone: {{ x }}", "description": told})
    wait_until(lambda: bool(stage.pages("colon")), 60, "the page")
    (body,) = (e["body"] for e in stage.sink.received("pagerduty") if e["body"]["payload"]["group"] == "colon")
    assert body["payload"]["summary"] == "gone: {{ x }}"
    assert body["payload"]["custom_details"]["description"] == of_details(told)
    assert body["payload"]["custom_details"]["firing"] == f"{of_details('gone: {{ x }}')}. "


@pytest.mark.parametrize(
    ("notes", "title"), [({"message": "sda1 is full"}, "sda1 is full"), ({}, "DiskFull"), ({"summary": ""}, "DiskFull")]
)
def test_a_critical_alert_of_others_pages_although_it_has_no_summary(
    stage: Stage, notes: dict[str, str], title: str
) -> None:
    """PagerDuty refuses an event without one, and Alertmanager gives a refused event up."""
    fleet = f"others-{len(notes)}-{title}-{'summary' in notes}"
    stage.tell({"alertname": "DiskFull", "severity": "critical", "fleet": fleet}, notes=notes)
    wait_until(lambda: bool(stage.pages(fleet)), 60, "the page")
    (body,) = (e["body"] for e in stage.sink.received("pagerduty") if e["body"]["payload"]["group"] == fleet)
    assert body["payload"]["summary"] == title


def test_each_node_has_a_page_of_its_own(stage: Stage) -> None:
    stage.tell(alert("CacheNodeDown", "two", NODE), alert("CacheNodeDown", "two", OTHER))
    wait_until(lambda: len(stage.pages("two")) == 2, 60, "two pages")
    assert sorted(stage.pages("two")) == [("trigger", "CacheNodeDown", NODE), ("trigger", "CacheNodeDown", OTHER)]


def test_two_causes_on_one_node_are_one_page_that_speaks_of_what_still_fires(stage: Stage) -> None:
    down = alert("CacheNodeDown", "causes", NODE)

    def said() -> list[str]:
        bodies = [entry["body"] for entry in stage.sink.received("pagerduty")]
        mine = [body for body in bodies if body["payload"]["group"] == "causes"]
        assert len({body["dedup_key"] for body in mine}) <= 1
        return [f"{body['event_action']} {body['payload']['custom_details']['description']}" for body in mine]

    stage.tell({**down, "cause": "no_answer"}, {**down, "cause": "vanished"})
    wait_until(lambda: said() == ["trigger What no_answer means"], 60, "the page")
    stage.tell({**down, "cause": "no_answer"}, over=True)
    wait_until(lambda: said()[-1] == "trigger What vanished means", 60, "news of the page")
    stage.tell({**down, "cause": "vanished"}, over=True)
    wait_until(lambda: said()[-1].startswith("resolve"), 60, "the end of the page")


def test_the_end_of_an_alert_is_told_to_all_who_heard_of_it(stage: Stage) -> None:
    down = alert("CacheNodeDown", "over", NODE)
    stage.tell(down)
    wait_until(lambda: bool(stage.pages("over") and stage.notices("over")), 60, "page and notice")
    stage.tell(down, over=True)
    wait_until(lambda: len(stage.pages("over")) == 2 and len(stage.notices("over")) == 2, 60, "the end of both")
    assert stage.pages("over")[1] == ("resolve", "CacheNodeDown", NODE)
    assert stage.notices("over")[1] == ("resolved", "CacheNodeDown", NODE)


def test_what_fires_anew_after_a_silence_that_swallowed_its_end_is_told_at_once(tmp_path: Path) -> None:
    """To Alertmanager it has fired all the while: it waits for a repeat, with the default of hours for people's sake."""
    with staged(tmp_path, pagerduty={"repeat_interval": "2s"}) as stage:
        down = alert("CacheNodeDown", "swallowed", NODE)
        stage.tell(down)
        wait_until(lambda: bool(stage.pages("swallowed") and stage.notices("swallowed")), 60, "page and notice")
        swallow(stage.alertmanager, "CacheNodeDown", lambda: stage.tell(down, over=True))
        before = stage.pages("swallowed")
        assert set(before) == {("trigger", "CacheNodeDown", NODE)}
        stage.started = datetime.now(UTC)
        stage.tell(down)
        wait_until(lambda: len(stage.pages("swallowed")) > len(before), 60, "the page")
        assert len(stage.notices("swallowed")) == 1, (
            "whose repeat_interval is an hour here: else this test shows nothing"
        )


def test_a_warning_pages_nobody_and_a_page_silences_the_warning_about_the_same(stage: Stage) -> None:
    """The pages inhibit warnings that come at the same time; another fleet's and another node's are told."""
    stage.tell(
        alert("CacheLowHitRate", "low"),
        alert("CacheVeryLowHitRate", "low"),
        alert("CacheLowHitRate", "alone"),
        alert("CacheNodeDown", "nodes", NODE),
        alert("CacheHighLatency", "nodes", NODE),
        alert("CacheMemoryHigh", "nodes", NODE),
        alert("CacheHighLatency", "nodes", OTHER),
        alert("CacheVeryHighLatency", "slow", NODE),
        alert("CacheHighLatency", "slow", NODE),
        alert("CacheMemoryHigh", "slow", NODE),
        alert("CacheMetricsMissing", "blind", "127.0.0.1:9121"),
        alert("CacheEvictions", "blind", NODE),
        alert("CacheMemoryHigh", "blind", NODE),
    )
    # Tickets of one moment leave at one moment: once these two have come, the silenced ones would have.
    told = [("alone", "CacheLowHitRate", ""), ("nodes", "CacheHighLatency", OTHER), ("slow", "CacheMemoryHigh", NODE)]
    told.append(("blind", "CacheMemoryHigh", NODE))
    for fleet, name, instance in told:
        wait_until(lambda f=fleet, n=name, i=instance: ("firing", n, i) in stage.notices(f), 60, f"{name} of {fleet}")  # type: ignore[misc]
    assert stage.notices("low") == [("firing", "CacheVeryLowHitRate", "")]
    assert sorted(stage.notices("nodes")) == [("firing", "CacheHighLatency", OTHER), ("firing", "CacheNodeDown", NODE)]
    assert sorted(stage.notices("slow")) == [
        ("firing", "CacheMemoryHigh", NODE),
        ("firing", "CacheVeryHighLatency", NODE),
    ]
    assert sorted(stage.notices("blind")) == [
        ("firing", "CacheMemoryHigh", NODE),
        ("firing", "CacheMetricsMissing", "127.0.0.1:9121"),
    ]
    assert stage.pages("blind") == [("trigger", "CacheMetricsMissing", "127.0.0.1:9121")]
    assert stage.pages("alone") == []
    assert stage.pages("low") == [("trigger", "CacheVeryLowHitRate", "")]


def test_the_end_of_a_page_is_told_while_the_node_that_had_it_is_dead(stage: Stage) -> None:
    """An inhibited alert's end is told to nobody: were slowness inhibited by death, its page would stay open for ever."""
    slow = alert("CacheVeryHighLatency", "dead", NODE)
    stage.tell(slow)
    wait_until(lambda: ("trigger", "CacheVeryHighLatency", NODE) in stage.pages("dead"), 60, "the page for slowness")
    stage.tell(alert("CacheNodeDown", "dead", NODE))
    wait_until(lambda: ("trigger", "CacheNodeDown", NODE) in stage.pages("dead"), 60, "the page for death")
    stage.tell(slow, over=True)
    wait_until(lambda: ("resolve", "CacheVeryHighLatency", NODE) in stage.pages("dead"), 60, "the end of the first")


def test_a_broken_way_to_a_person_is_told_at_once_and_pagerduty_learns_that_the_cache_is_well(stage: Stage) -> None:
    stage.tell(alert("CacheNotifierDown", "ways", "127.0.0.1:9122"), alert("CacheNodeDown", "ways", NODE))
    wait_until(lambda: len(stage.pages("ways")) == 2, 60, "both pages")
    payloads = [entry["body"]["payload"] for entry in stage.sink.received("pagerduty")]
    assert {p["class"]: p["severity"] for p in payloads if p["group"] == "ways"} == {
        "CacheNotifierDown": "warning",
        "CacheNodeDown": "critical",
    }


def test_an_alert_of_a_severity_that_we_do_not_know_is_a_ticket(stage: Stage) -> None:
    stage.tell({**alert("CacheMemoryHigh", "strange", NODE), "severity": "info"})
    wait_until(lambda: ("firing", "CacheMemoryHigh", NODE) in stage.notices("strange"), 60, "the ticket")
    assert stage.pages("strange") == []


def test_two_sources_of_nodes_two_shards_and_two_objectives_are_told_apart(stage: Stage) -> None:
    blind = alert("CacheDiscoveryFailing", "apart")
    down = {
        "alertname": "CacheNodeDown",
        "severity": "critical",
        "action": "page",
        "fleet": "apart",
        "instance": "exporter",
    }
    burn = {"alertname": "CacheErrorBudgetBurnFast", "severity": "critical", "action": "page", "fleet": "apart"}
    stage.tell(
        *({**blind, "part": part} for part in ("dns", "files")),
        *({**down, "shard": shard} for shard in ("a", "b")),
        *({**burn, "slo": slo} for slo in ("availability", "latency")),
    )
    wait_until(lambda: len(stage.notices("apart")) == 6, 60, "six notifications")
    assert len(stage.pages("apart")) == 4


def test_the_watchdog_beats_at_each_interval_and_comes_to_nobody_else(stage: Stage) -> None:
    watchdog, foreign = alert("CacheWatchdog", HOSTILE), alert("CacheWatchdog", "another fleet")
    stage.tell(watchdog, foreign, {**foreign, "alertname": "InfoInhibitor", "fleet": HOSTILE})

    def beats() -> list[float]:
        return [entry["at"] for entry in stage.sink.received("heartbeat")]

    wait_until(lambda: len(beats()) >= 8, 60, "eight beats")
    between = [later - sooner for sooner, later in pairwise(beats())]
    assert sorted(between)[len(between) // 2] < 1.6, "every other one is left out"
    stage.tell(watchdog, over=True)
    wait_until(lambda: time.time() - beats()[-1] > 4, 60, "the beats to end with the alert")
    assert {entry["body"]["status"] for entry in stage.sink.received("heartbeat")} == {"firing"}
    told = {tuple(entry["body"]["groupLabels"].items()) for entry in stage.sink.received("heartbeat")}
    assert told == {(("alertname", "CacheWatchdog"), ("fleet", HOSTILE))}, (
        "those of others would hide that ours is silent"
    )
    assert "CacheWatchdog" not in {name for _, name, _ in stage.notices(HOSTILE)}


def test_a_silence_of_the_whole_fleet_leaves_the_heartbeat(stage: Stage) -> None:
    """As docs/operate.md has it."""
    what = [f"fleet={matched(HOSTILE)}", "alertname!=CacheWatchdog"]
    how = ["--duration=2h", "--author=ME", "--comment=moving racks", f"--alertmanager.url={stage.alertmanager.url}"]
    added = run("amtool", "silence", "add", *what, *how)
    assert added.returncode == 0, added.stderr
    before, both = time.time(), (alert("CacheWatchdog", HOSTILE), alert("CacheNodeDown", HOSTILE, OTHER))
    try:
        stage.tell(*both)
        wait_until(lambda: sum(e["at"] > before for e in stage.sink.received("heartbeat")) >= 3, 60, "three beats")
        assert ("firing", "CacheNodeDown", OTHER) not in stage.notices(HOSTILE)
    finally:
        stage.tell(*both, over=True)
        web.request("DELETE", f"{stage.alertmanager.url}/api/v2/silence/{added.stdout.strip()}")


def test_pagerduty_out_of_breath_costs_no_page(stage: Stage) -> None:
    stage.sink.fail("pagerduty", 429, times=2)
    stage.tell(alert("CacheNodeDown", "busy", NODE))
    wait_until(lambda: bool(stage.pages("busy")), 60, "the page")
    assert stage.pages("busy") == [("trigger", "CacheNodeDown", NODE)]


def test_the_silence_of_a_runbook_silences_this_fleet_and_node(stage: Stage) -> None:
    """The command is run as it stands on the page; the fleet's name holds what shells and matchers trip over."""
    page = files(stage.policy)["runbooks/CacheMemoryHigh.md"]
    (command,) = (line for line in page.splitlines() if line.startswith("amtool "))
    command = f"{command.replace('HOST:PORT', OTHER)} --author=tests"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, f"{shlex.quote(command)}\n{result.stderr}"
    (silence,) = web.get_json(f"{stage.alertmanager.url}/api/v2/silences?filter={quote('alertname=CacheMemoryHigh')}")
    matchers = {matcher["name"]: matcher["value"] for matcher in silence["matchers"]}
    assert matchers == {"alertname": "CacheMemoryHigh", "fleet": HOSTILE, "instance": OTHER}
