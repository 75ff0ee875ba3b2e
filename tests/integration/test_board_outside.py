"""The board and a real Alertmanager and Prometheus: what they say, what they do not, and that nobody waits for them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.board import outside
from exporter.board.outside import Outside
from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.prometheus import Alertmanager, start_alertmanager, start_prometheus
from tests.integration.exporter_support import Peer, says, silent
from tests.integration.routing_stage import silence
from tests.unit.exporter.helpers import policy, until


@asynccontextmanager
async def asking(stack: Mapping[str, object], **parts: Any) -> AsyncIterator[Outside]:
    own = Outside(policy(stack=stack, fleet={"name": 'shop "eu"'}, **parts))
    try:
        yield own
    finally:
        await own.close()


def alert(name: str, **labels: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": name, "severity": "critical", "fleet": 'shop "eu"', **labels},
        "annotations": {"summary": f"{name} fires", "runbook_url": "http://127.0.0.1:9122/runbooks/x"},
        "startsAt": (now - timedelta(minutes=5)).isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }


@pytest.fixture
def alertmanager(tmp_path: Path) -> Any:
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with start_alertmanager(config, tmp_path, free_port()) as running:
        yield running


async def test_alerts_of_this_fleet_are_shown_with_who_silenced_them(alertmanager: Alertmanager) -> None:
    fired = [alert("CacheNodeDown", instance="a:1"), alert("CacheMemoryHigh", instance="b:1"), alert("Else", fleet="x")]
    web_post(alertmanager, fired)
    silence(alertmanager, "instance", "b:1")
    async with asking({"alertmanager": f"{LOOPBACK}:{alertmanager.port}"}) as own:

        def shown() -> list[tuple[str, str]]:
            own._due["alerts"] = 0.0
            own.refresh(time.monotonic())
            return [(entry["name"], entry["status"]) for entry in own.alerts]

        await until(lambda: shown() == [("CacheNodeDown", "active"), ("CacheMemoryHigh", "silenced")], 60)
        assert own.alerts_heard.error == ""
        assert own.alerts_heard.at is not None


async def test_while_one_alertmanager_is_gone_another_one_is_asked(alertmanager: Alertmanager) -> None:
    web_post(alertmanager, [alert("CacheNodeDown", instance="a:1")])
    parts = {"alertmanager": f"{LOOPBACK}:{free_port()}", "alertmanager_peers": [f"{LOOPBACK}:{alertmanager.port}"]}
    async with asking(parts) as own:
        own.refresh(time.monotonic())
        await until(lambda: [entry["name"] for entry in own.alerts] == ["CacheNodeDown"], 60)
        assert own.alerts_heard.error == ""
    alertmanager.kill()
    async with asking(parts) as own:
        own.refresh(time.monotonic())
        await until(lambda: own.alerts_heard.error.startswith("cannot connect"), 60)


def web_post(alertmanager: Alertmanager, alerts: list[dict[str, Any]]) -> None:
    web.request(
        "POST", f"{alertmanager.url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    )


async def test_what_the_policy_does_not_name_is_not_asked() -> None:
    async with asking({}) as own:
        own.refresh(time.monotonic())
        assert not own._running
        assert (own.asks_alerts, own.asks_budgets) == (False, False)


async def test_an_alertmanager_that_ends_is_said_and_what_it_said_last_stays(
    tmp_path: Path, alertmanager: Alertmanager
) -> None:
    web_post(alertmanager, [alert("CacheNodeDown")])
    async with asking({"alertmanager": f"{LOOPBACK}:{alertmanager.port}"}) as own:

        def again() -> Outside:
            own._due["alerts"] = 0.0
            own.refresh(time.monotonic())
            return own

        await until(lambda: again().alerts, 60)
        heard = own.alerts_heard.at
        alertmanager.kill()
        await until(lambda: again().alerts_heard.error, 60)
        assert "cannot connect" in own.alerts_heard.error
        assert own.alerts[0]["name"] == "CacheNodeDown"
        assert own.alerts_heard.at is not None
        assert heard is not None
        assert own.alerts_heard.at >= heard


HTTP = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HTTP % (b"200 OK", 5, b"[1,2]"), "the answer is no list of alerts"),
        (HTTP % (b"200 OK", 4, b"oops"), "the answer is no JSON"),
        (HTTP % (b"200 OK", 200_000, b"[" * 200_000), "the answer is nested too deeply"),
        (HTTP % (b"302 Found", 0, b""), "answered 302"),
        (HTTP % (b"500 Internal Server Error", 0, b""), "answered 500"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (outside.MOST_BYTES + 10), "answered more than 4 MiB"),
    ],
)
async def test_an_answer_that_is_none_is_told_in_a_few_words(answer: bytes, error: str) -> None:
    with Peer(says(answer)) as peer:
        async with asking({"alertmanager": f"{LOOPBACK}:{peer.port}"}) as own:
            own.refresh(time.monotonic())
            await until(lambda: own.alerts_heard.error, 30)
            assert own.alerts_heard.error == error
            assert own.alerts_heard.at is None


async def test_one_that_hangs_costs_nobody_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.5)
    with Peer(silent) as peer:
        stack = {"alertmanager": f"{LOOPBACK}:{peer.port}", "prometheus": f"http://{LOOPBACK}:{peer.port}"}
        async with asking(stack) as own:
            own.refresh(time.monotonic())
            assert not own.alerts_heard.asked, "refresh has not waited"
            await until(lambda: own.alerts_heard.error and own.budgets_heard.error, 30)
            assert own.alerts_heard.error == own.budgets_heard.error == "no answer within 0.5 s"


async def test_the_first_look_after_a_pause_has_alertmanagers_word_and_the_next_ones_wait_for_nobody(
    alertmanager: Alertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "FIRST_LOOK", 30.0)
    web_post(alertmanager, [alert("CacheNodeDown")])
    async with asking({"alertmanager": f"{LOOPBACK}:{alertmanager.port}"}) as own:
        own.refresh(time.monotonic())
        await own.settle(time.monotonic())
        assert [entry["name"] for entry in own.alerts] == ["CacheNodeDown"]
        own._due["alerts"] = 0.0
        own.refresh(time.monotonic())
        await own.settle(time.monotonic())
        assert own._running, "a second look took what was known"
        own._alerts_told -= 3600
        await own.settle(time.monotonic())
        assert not own._running, "after a pause it is an old word, and the first look waits again"


async def test_the_first_look_waits_for_one_that_hangs_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "FIRST_LOOK", 0.2)
    with Peer(silent) as peer:
        async with asking({"alertmanager": f"{LOOPBACK}:{peer.port}"}) as own:
            own.refresh(time.monotonic())
            await own.settle(time.monotonic())
            assert own._running
            assert not own.alerts_heard.asked


async def test_a_prometheus_without_data_says_nothing(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s}\n")
    with start_prometheus(config, tmp_path, free_port()) as prometheus:
        async with asking({"prometheus": prometheus.url}) as own:
            own.refresh(time.monotonic())
            await until(lambda: own.budgets_heard.asked, 60)
            assert own.budgets_heard.error == ""
            assert own.budgets == {0: None}
            assert own._due["budgets"] - time.monotonic() <= outside.ALERTS_EVERY, "it may have begun just now"
        parts = {"prometheus": f"http://{LOOPBACK}:{free_port()}", "prometheus_peers": [prometheus.url]}
        async with asking(parts) as own:
            own.refresh(time.monotonic())
            await until(lambda: own.budgets == {0: None}, 60)
            assert own.budgets_heard.error == "", "while one is gone another one is asked"
    async with asking(parts) as own:
        own.refresh(time.monotonic())
        await until(lambda: own.budgets_heard.error.startswith("cannot connect"), 60)


@pytest.mark.parametrize(("adopts", "told"), [(False, ["Late"]), (True, [])])
async def test_another_policy_forgets_what_others_said_and_what_they_say_late(adopts: bool, told: list[str]) -> None:
    release = threading.Event()

    def late(connection: socket.socket) -> None:
        connection.recv(65536)
        release.wait(30)
        body = json.dumps([{**alert("Late"), "status": {"state": "active"}, "fingerprint": "f", "receivers": []}])
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    with Peer(late) as peer:
        async with asking({"alertmanager": f"{LOOPBACK}:{peer.port}"}) as own:
            own.refresh(time.monotonic())
            own.alerts = [{"name": "old"}]
            if adopts:
                own.adopt(policy())
                assert (own.alerts, own.asks_alerts) == ([], False)
            release.set()
            await until(lambda: not own._running, 30)
            assert [one["name"] for one in own.alerts] == told
