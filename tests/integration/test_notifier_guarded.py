"""`cachewatch notify` and whoever can reach it, who need not be Alertmanager: it has no login."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import web
from sandbox.module_child import module_env
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
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


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9122", "null", "x" * 5000])
def test_no_web_page_can_post(quiet: WebChild, origin: str) -> None:
    before = len(quiet.log.read_text())
    answer = refused(quiet, json.dumps(body()).encode(), {**KIND, "Origin": origin})
    assert answer.status == 403
    assert answer.content.startswith(b"web pages may not post here, and this one is of ")
    (line,) = quiet.log.read_text()[before:].splitlines()
    assert "no notification from 127.0.0.1: web pages may not post here" in line
    assert len(line) < 250


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
    assert len(log) < 10_000
    assert log.count("out of system resource") <= 1, "told once a minute"


@pytest.mark.parametrize(
    "sent",
    [b"Content-Length: 100\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n"],
    ids=["cut off", "chunks"],
)
def test_a_body_that_breaks_off_is_no_trouble_of_ours(quiet: WebChild, sent: bytes) -> None:
    before = len(quiet.log.read_text())
    for _ in range(5):
        with socket.create_connection((LOOPBACK, quiet.port), timeout=60) as connection:
            connection.sendall(b"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + sent)
            time.sleep(0.2)
    assert web.request("GET", f"{quiet.url}/-/healthy") == b"healthy\n"
    assert "Traceback" not in quiet.log.read_text()[before:]


def test_large_notifications_that_wait_for_slack_take_little_memory(tmp_path: Path, sink: Sink) -> None:
    """Fifty of them took 3.7 GB, each for two minutes."""

    def large(number: int) -> int:
        one = alert(f"n{number}:1", annotations={"description": "x" * 4000})
        return tell(notifier, body(*[one] * 1400, groupKey=f"g{number}"))

    with start(tmp_path, f"{sink.url}/api") as notifier:
        wait_until(lambda: "Slack knows us as" in notifier.log.read_text(), 60, "the introduction")
        before = peak(notifier)
        sink.pause()
        try:
            with ThreadPoolExecutor(16) as pool:
                assert set(pool.map(large, range(16))) == {503}
            assert peak(notifier) - before < 180_000
        finally:
            sink.resume()


def peak(child: WebChild) -> int:
    """The most memory that a process had, kB."""
    lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def test_slow_bodies_hold_up_no_page_and_are_told_to_come_again(tmp_path: Path, sink: Sink) -> None:
    head = (
        b"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 6000000\r\n\r\n"
    )
    with start(tmp_path, f"{sink.url}/api") as notifier, contextlib.ExitStack() as stack:
        before = peak(notifier)
        slow = [stack.enter_context(socket.create_connection((LOOPBACK, notifier.port), timeout=60)) for _ in range(40)]
        for one in slow:
            one.sendall(head + b" " * 2_000_000)
        assert tell(notifier, body()) == 200
        answers = [one.recv(12) for one in slow]
        assert set(answers) == {b"HTTP/1.1 503"}
        assert peak(notifier) - before < 100_000
