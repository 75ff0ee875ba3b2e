"""`cachewatch notify` as it runs: a real Alertmanager before it, the stand-in for Slack behind it."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from alerts.notifier.bodies import LARGEST
from alerts.notifier.failures import LONGEST_SILENCE
from policy.alerts import BY_NAME
from sandbox import web
from sandbox.module_child import module_argv, module_env
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import Alertmanager, WebChild, start_alertmanager
from sandbox.sink import Sink, start_sink
from tests.integration.notifier_support import command, counted, start, tell, write_policy
from tests.integration.routing_stage import swallow
from tests.unit.alerts_notifier.samples import ENDED, alert, body

_PATIENCE = 60.0


@pytest.fixture
def notifier(tmp_path: Path, sink: Sink) -> Iterator[WebChild]:
    with start(tmp_path, f"{sink.url}/api") as running:
        # Its introduction to Slack is over, so that a failure ordered by a test meets a message.
        wait_until(lambda: "Slack knows us as" in running.log.read_text(), _PATIENCE, "the introduction")
        yield running


def _messages(sink: Sink) -> list[str]:
    return [entry["body"]["text"] for entry in sink.received("slack")]


def test_the_links_of_a_message_lead_to_the_alertmanager_that_people_reach(tmp_path: Path, sink: Sink) -> None:
    file, port = write_policy(tmp_path, f"{sink.url}/api"), free_port()
    file.write_text(file.read_text() + 'stack: {links: {alertmanager: "https://alerts.example.com/am"}}\n')
    with WebChild("notifier", command(file, port), tmp_path, port, env=module_env()) as notifier:
        assert tell(notifier, body(alert())) == 200
    (message,) = sink.received("slack")[-1:]
    told = json.dumps(message["body"])
    assert "https://alerts.example.com/am/#/silences/new?filter=" in told
    assert "http://127.0.0.1:9093/#" not in told


def test_it_takes_as_many_descriptors_as_it_may_have(tmp_path: Path, sink: Sink) -> None:
    """Each group of alerts has a connection of its own, and 1024 are few."""
    port = free_port()
    few = ("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", *command(write_policy(tmp_path, f"{sink.url}/api"), port))
    with WebChild("notifier", few, tmp_path, port, env=module_env()) as notifier:
        limits = Path(f"/proc/{notifier.pid}/limits").read_text()
    (soft, hard) = next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files"))
    assert soft == hard


# --- with a real Alertmanager -------------------------------------------------------------------------------------


def _start_alertmanager(directory: Path, notifier: WebChild, name: str = "am", repeat: str = "4h") -> Alertmanager:
    folder = directory / name
    folder.mkdir()
    webhook = {"url": f"{notifier.url}/alertmanager", "send_resolved": True}
    waits = {"group_wait": "0s", "group_interval": "2s", "repeat_interval": repeat}
    config = {
        "route": {"receiver": "slack", "group_by": ["alertname", "fleet", "instance"], **waits},
        "receivers": [{"name": "slack", "webhook_configs": [webhook]}],
    }
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    return start_alertmanager(file, folder, free_port())


@pytest.fixture
def alertmanager(tmp_path: Path, notifier: WebChild) -> Iterator[Alertmanager]:
    with _start_alertmanager(tmp_path, notifier) as running:
        yield running


def _report(alertmanager: Alertmanager, began: datetime, *, over: bool = False) -> None:
    """Say, as Prometheus does, that a node is down, or that this is over."""
    one = alert()
    told = {"labels": one["labels"], "annotations": one["annotations"], "startsAt": began.isoformat()}
    told["endsAt"] = (datetime.now(UTC) if over else began + timedelta(hours=1)).isoformat()
    sent = json.dumps([told]).encode()
    web.request("POST", f"{alertmanager.url}/api/v2/alerts", sent, {"Content-Type": "application/json"})


def test_a_dead_node_and_its_recovery_arrive_in_slack(alertmanager: Alertmanager, sink: Sink) -> None:
    began = datetime.now(UTC)
    _report(alertmanager, began)
    wait_until(lambda: len(_messages(sink)) == 1, _PATIENCE, "the firing message")
    _report(alertmanager, began, over=True)
    wait_until(lambda: len(_messages(sink)) == 2, _PATIENCE, "the resolved message")
    firing, resolved = sink.received("slack")
    assert firing["body"]["channel"] == "#cache-alerts"
    assert firing["body"]["text"].startswith("FIRING (critical): Cache node 10.0.0.1:6379 is down")
    assert re.match(r"RESOLVED after \d+s: ", resolved["body"]["text"])
    silence = f"{alertmanager.url}/#/silences/new?filter=%7Balertname%3D%22CacheNodeDown%22"
    assert silence in json.dumps(firing["body"]["blocks"])


def test_repeats_are_swallowed_and_what_fires_anew_after_a_silence_that_swallowed_its_end_is_told(
    tmp_path: Path, notifier: WebChild, sink: Sink
) -> None:
    repeats = 'cachewatch_notifier_notifications_total{result="duplicate"}'
    first = datetime.now(UTC) - timedelta(minutes=20)
    with _start_alertmanager(tmp_path, notifier, repeat="1s") as alertmanager:
        _report(alertmanager, first)
        wait_until(lambda: counted(notifier, repeats) >= 2, _PATIENCE, "two repeats")
        assert len(_messages(sink)) == 1
        swallow(alertmanager, "CacheNodeDown", lambda: _report(alertmanager, first, over=True))
        _report(alertmanager, datetime.now(UTC))
        wait_until(lambda: len(_messages(sink)) == 2, _PATIENCE, "the second page")
    assert [text.split()[0] for text in _messages(sink)] == ["FIRING", "FIRING"]


def test_a_pair_of_alertmanagers_makes_one_message(tmp_path: Path, notifier: WebChild, sink: Sink) -> None:
    began = datetime.now(UTC)
    with _start_alertmanager(tmp_path, notifier, "am1") as one, _start_alertmanager(tmp_path, notifier, "am2") as other:
        _report(one, began)
        _report(other, began)
        both = 'cachewatch_notifier_notifications_total{result="duplicate"}'
        wait_until(lambda: counted(notifier, both) == 1, _PATIENCE, "the second notification")
    assert len(_messages(sink)) == 1


def test_a_page_told_while_slack_is_down_arrives_when_slack_is_back(
    tmp_path: Path, alertmanager: Alertmanager, notifier: WebChild, sink: Sink
) -> None:
    sink.stop()
    _report(alertmanager, datetime.now(UTC))
    failed = 'cachewatch_notifier_slack_failures_total{reason="unreachable"}'
    wait_until(lambda: counted(notifier, failed) >= 1, _PATIENCE, "a failed attempt")
    with start_sink(tmp_path, sink.port) as back:
        wait_until(lambda: len(_messages(back)) == 1, _PATIENCE, "the page")


def test_a_page_told_while_the_token_is_gone_arrives_when_it_is_back(
    tmp_path: Path, alertmanager: Alertmanager, notifier: WebChild, sink: Sink
) -> None:
    token = tmp_path / "slack.token"
    token.unlink()
    _report(alertmanager, datetime.now(UTC))
    wait_until(lambda: "not sent: FIRING" in notifier.log.read_text(), _PATIENCE, "a failed attempt")
    assert f"{token} cannot be read: No such file or directory (token): put the app's bot token" in notifier.log_tail(
        99
    )
    token.write_text("xoxb-new\n")
    wait_until(lambda: len(_messages(sink)) == 1, _PATIENCE, "the page")


# --- Slack's moods ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "times"), [(429, 1), (500, 1), (503, 2)])
def test_a_passing_refusal_of_slack_is_survived_within_one_request(
    notifier: WebChild, sink: Sink, status: int, times: int
) -> None:
    sink.fail("slack", status, times=times, retry_after=1)
    assert tell(notifier, body()) == 200
    assert len(_messages(sink)) == 1


def test_a_refusal_that_lasts_is_told_to_alertmanager_and_the_next_attempt_counts(
    notifier: WebChild, sink: Sink
) -> None:
    sink.fail("slack", 429, times=1, retry_after=3600)
    began = time.monotonic()
    assert tell(notifier, body()) == 503
    # Alertmanager asks again and again; Slack, which wants to hear nothing, is not asked before LONGEST_SILENCE is over.
    wait_until(lambda: tell(notifier, body()) == 200, LONGEST_SILENCE + 60, "the message")
    assert time.monotonic() - began >= LONGEST_SILENCE
    assert len(_messages(sink)) == 1
    assert counted(notifier, 'cachewatch_notifier_slack_failures_total{reason="rate_limited"}') == 1


def test_a_page_whose_client_has_gone_is_not_told_when_its_turn_comes(notifier: WebChild, sink: Sink) -> None:
    """Alertmanager has given it up, because the alert ended: of what it never saw sent it never tells the end."""
    sink.fail("slack", 429, times=1, retry_after=12)
    assert tell(notifier, body()) == 503
    sent, kind = json.dumps(body()).encode(), {"Content-Type": "application/json"}
    with pytest.raises(web.WebError, match="does not answer"):
        web.request("POST", f"{notifier.url}/alertmanager", sent, kind, timeout=2.0)
    wait_until(lambda: counted(notifier, "cachewatch_notifier_in_flight") == 0, 60, "its turn")
    assert _messages(sink) == []
    assert counted(notifier, 'cachewatch_notifier_notifications_total{result="late"}') == 1
    assert tell(notifier, body()) == 200, "asked for again it is told"


def test_the_same_notification_at_the_same_time_and_again_later_is_one_message(notifier: WebChild, sink: Sink) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: tell(notifier, body()), range(4))) == {200}
    assert tell(notifier, body()) == 200
    assert len(_messages(sink)) == 1
    assert tell(notifier, body(alert(ended=ENDED))) == 200
    assert [text.split()[0] for text in _messages(sink)] == ["FIRING", "RESOLVED"]
    assert counted(notifier, "cachewatch_notifier_messages_total") == 2


def test_a_flood_of_two_hundred_alerts_is_one_message_that_slack_takes(notifier: WebChild, sink: Sink) -> None:
    assert tell(notifier, body(*(alert(f"10.0.0.{number}:6379") for number in range(200)))) == 200
    [message] = sink.received("slack")
    assert "185 firing and 0 resolved alerts are not shown here" in json.dumps(message["body"]["blocks"])


# --- the HTTP side ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebChild]:
    """Share a notifier among the tests that never come to Slack."""
    with start(tmp_path_factory.mktemp("quiet"), f"http://127.0.0.1:{free_port()}/api") as running:
        yield running


@pytest.mark.parametrize(
    ("sent", "kind", "told"),
    [
        (b'{"alerts": [', "application/json", "Invalid JSON"),
        (json.dumps(body(alert(startsAt="now"))).encode(), "application/json", "alerts.0.startsAt: Input should be"),
        (
            json.dumps(body(alert(startsAt="0001-01-01T00:00:00+14:00"))).encode(),
            "application/json",
            "alerts.0.startsAt: Value error, lies before the year 1",
        ),
        (json.dumps(body()).encode(), "text/plain", "Content-Type is text/plain, not application/json"),
        (b" " * (LARGEST + 1), "application/json", f"the body is larger than {LARGEST} bytes; set max_alerts"),
    ],
)
def test_what_is_no_notification_is_refused_with_what_is_wrong_and_logged(
    quiet: WebChild, sent: bytes, kind: str, told: str
) -> None:
    invalid = 'cachewatch_notifier_notifications_total{result="invalid"}'
    before = counted(quiet, invalid)
    with pytest.raises(web.WebError, match=told) as refused:
        web.request("POST", f"{quiet.url}/alertmanager", sent, {"Content-Type": kind})
    assert refused.value.status == 400
    assert counted(quiet, invalid) == before + 1
    assert re.search(f"no notification from 127.0.0.1: .*({told})", quiet.log_tail(50))


# What Chromium sends when somebody opens a link.
_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


def _runbook(quiet: WebChild, path: str, headers: dict[str, str]) -> tuple[str, str]:
    """The type of what is answered, and its text."""
    with urlopen(Request(f"{quiet.url}/runbooks/{path}", headers=headers)) as page:  # noqa: S310  # our own address
        assert page.headers["Vary"] == "Accept"
        return page.headers["Content-Type"], page.read().decode()


@pytest.mark.parametrize("name", BY_NAME)
def test_every_alert_has_a_runbook_that_a_browser_shows_as_a_page(quiet: WebChild, name: str) -> None:
    assert f'<a href="runbooks/{name}">' in web.request("GET", f"{quiet.url}/runbooks").decode()
    kind, text = _runbook(quiet, name, _BROWSER)
    assert kind == "text/html; charset=utf-8"
    assert f"<h1>{name}</h1>" in text
    assert "<pre><code" in text
    assert "\n## " not in text


@pytest.mark.parametrize(("path", "headers"), [("CacheNodeDown", {}), ("CacheNodeDown.md", _BROWSER)])
def test_a_runbook_is_markdown_for_curl_and_under_its_name_as_a_file(
    quiet: WebChild, path: str, headers: dict[str, str]
) -> None:
    kind, text = _runbook(quiet, path, headers)
    assert kind == "text/plain; charset=utf-8"
    assert text.startswith("# CacheNodeDown\n")


def test_an_unknown_runbook_names_the_known_ones(quiet: WebChild) -> None:
    with pytest.raises(web.WebError, match="/runbooks/CacheNodeDown") as refused:
        web.request("GET", f"{quiet.url}/runbooks/Nonsense")
    assert refused.value.status == 404


def test_it_says_that_it_is_healthy_and_ready(quiet: WebChild) -> None:
    assert web.request("GET", f"{quiet.url}/-/healthy") == b"healthy\n"
    assert web.request("GET", f"{quiet.url}/-/ready") == b"ready\n"


# --- start and end ------------------------------------------------------------------------------------------------


def _refused(policy: Path, port: int) -> str:
    """Run the command, which must end with status 2; give what it says."""
    ended = subprocess.run(
        command(policy, port), check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_without_slack_in_the_policy_it_says_what_to_add(tmp_path: Path) -> None:
    told = _refused(write_policy(tmp_path, None), free_port())
    assert "notify.slack: is missing" in told
    assert "token_file" in told


def test_a_token_that_cannot_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    policy = write_policy(tmp_path, "http://127.0.0.1:1/api")
    (tmp_path / "slack.token").unlink()
    told = _refused(policy, free_port())
    assert re.search(r"cachewatch.yaml:\d+: notify.slack.token_file: .*slack.token cannot be read: No such file", told)


def test_a_port_in_use_is_told_with_the_cure(notifier: WebChild, tmp_path: Path) -> None:
    told = _refused(tmp_path / "cachewatch.yaml", notifier.port)
    assert f"cannot listen on 127.0.0.1:{notifier.port}: address already in use; " in told
    assert "--listen" in told


def test_the_help_shows_an_example() -> None:
    argv = module_argv("cli", "notify", "--help")
    told = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=True)
    assert "Example: cachewatch -c cachewatch.yaml notify --listen" in told.stdout


def test_a_hang_up_ends_it_not(notifier: WebChild) -> None:
    os.kill(notifier.pid, signal.SIGHUP)
    wait_until(lambda: "SIGHUP changes nothing here" in notifier.log_tail(50), _PATIENCE, "the word of it")
    assert web.request("GET", f"{notifier.url}/-/healthy") == b"healthy\n"


def _ends_within_two_seconds(notifier: WebChild) -> bool:
    asked = time.monotonic()
    notifier.ask_to_stop()
    wait_until(lambda: not notifier.alive, _PATIENCE, "the end", every=0.01)
    return time.monotonic() - asked < 2


@pytest.mark.alone
def test_asked_to_end_it_is_gone_within_two_seconds(notifier: WebChild) -> None:
    assert _ends_within_two_seconds(notifier)
    assert "Traceback" not in notifier.log_tail(99)


@pytest.mark.alone
def test_asked_to_end_it_refuses_what_slack_has_not_taken_so_that_alertmanager_asks_again(
    notifier: WebChild, sink: Sink
) -> None:
    sink.pause()
    try:
        answers: list[int] = []
        request = threading.Thread(target=lambda: answers.append(tell(notifier, body())))
        request.start()
        wait_until(_is_in_flight(notifier), _PATIENCE, "the message to be on its way")
        assert _ends_within_two_seconds(notifier)
        request.join(_PATIENCE)
    finally:
        sink.resume()
    assert answers == [503]


def _is_in_flight(notifier: WebChild) -> Callable[[], bool]:
    return lambda: counted(notifier, "cachewatch_notifier_in_flight") == 1
