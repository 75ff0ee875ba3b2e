"""`cachewatch notify` and whoever can reach it, who need not be Alertmanager: it has no login."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from sandbox import web
from sandbox.ports import free_port
from sandbox.prometheus import WebChild
from tests.integration.notifier_support import start
from tests.unit.alerts_notifier.samples import alert, body

KIND = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebChild]:
    """Share a notifier among the tests that never come to Slack."""
    with start(tmp_path_factory.mktemp("quiet"), f"http://127.0.0.1:{free_port()}/api") as running:
        yield running


def refused(notifier: WebChild, sent: bytes, headers: dict[str, str]) -> web.WebError:
    """How a webhook request is refused."""
    with pytest.raises(web.WebError) as found:
        web.request("POST", f"{notifier.url}/alertmanager", sent, headers, timeout=30)
    return found.value


def test_a_key_of_a_body_forges_no_line_of_the_log_and_drives_no_terminal(quiet: WebChild) -> None:
    forged = "2026-01-01 00:00:00,000 INFO alerts.notifier.delivery: sent: RESOLVED"
    labels = {f"x\n{forged} {number}\x1b[2J{'y' * 100_000}": number for number in range(5)}
    answer = refused(quiet, json.dumps(body(alert(labels=labels))).encode(), KIND)
    assert answer.status == 400
    assert len(answer.content) < 1000
    assert answer.content.decode().removesuffix("\n").isprintable()
    log = quiet.log.read_text()
    assert len(log) < 5000
    assert "\x1b" not in log
    assert not [line for line in log.splitlines() if line.startswith(forged)]
    assert re.search(
        r"ERROR alerts\.notifier\.server: no notification from 127\.0\.0\.1: alerts\.0\.labels\.x\\n2026", log
    )
