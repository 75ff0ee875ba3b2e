"""`cachewatch notify` and whoever can reach it, who need not be Alertmanager: it has no login."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import web
from sandbox.module_child import module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.prometheus import WebChild
from sandbox.sink import Sink
from tests.integration.notifier_support import command, start, tell, write_policy
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


def ended(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side ends it, with or without an answer, within so many seconds."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def test_hundreds_of_clients_that_never_end_their_request_keep_out_no_page(tmp_path: Path, sink: Sink) -> None:
    """Of 256 descriptors none was left, and asyncio wrote megabytes about it."""
    port = free_port()
    serving = command(write_policy(tmp_path, f"{sink.url}/api"), port)
    few = ("sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *serving)
    with WebChild("notifier", few, tmp_path, port, env=module_env()) as notifier, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=60)) for _ in range(300)]
        for one in slow:
            with contextlib.suppress(ConnectionError):  # the first are shown the door by the last
                one.sendall(b"POST /alertmanager HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert tell(notifier, body()) == 200
        assert time.monotonic() - began < 10
        assert all(ended(one, 60) for one in slow)
        log = notifier.log.read_text()
    assert [entry["body"]["text"][:6] for entry in sink.received("slack")] == ["FIRING"]
    assert len(log) < 5000
    assert "Traceback" not in log
