"""`cachewatch notify` that is started anew: what Slack knows is not told again, and all that is new is."""

import contextlib
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox.process import wait_until
from sandbox.prometheus import WebChild
from sandbox.sink import Sink
from tests.integration.notifier_support import counted, start, tell
from tests.unit.alerts_notifier.samples import ENDED, alert, body

_PATIENCE = 30.0
_FAILED = "cachewatch_notifier_storage_failures_total"


def _messages(sink: Sink) -> list[str]:
    return [entry["body"]["text"].split(" ")[0] for entry in sink.received("slack")]


def _kept(directory: Path) -> int:
    """Groups of which the disk knows that they were told."""
    with contextlib.closing(sqlite3.connect(directory / "notifier-data" / "told.sqlite")) as connection:
        return int(connection.execute("SELECT count(*) FROM told_1").fetchone()[0])


def _ended(child: WebChild) -> None:
    child.stop()


def _killed(child: WebChild) -> None:
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not child.alive, _PATIENCE, "the end of it")
    child.stop()


@pytest.mark.parametrize("end", [_ended, _killed], ids=["asked to end", "killed"])
def test_after_a_restart_what_fires_is_not_told_again_and_its_end_and_what_begins_anew_are(
    tmp_path: Path, sink: Sink, end: Callable[[WebChild], None]
) -> None:
    first = start(tmp_path, f"{sink.url}/api")
    assert tell(first, body(alert())) == 200
    wait_until(lambda: _kept(tmp_path) == 1, _PATIENCE, "the disk to have it")
    end(first)
    with start(tmp_path, f"{sink.url}/api") as second:
        assert tell(second, body(alert())) == 200
        assert counted(second, 'cachewatch_notifier_notifications_total{result="duplicate"}') == 1
        assert tell(second, body(alert(ended=ENDED))) == 200
    with start(tmp_path, f"{sink.url}/api") as third:
        assert tell(third, body(alert())) == 200
        assert counted(third, _FAILED) == 0
    assert _messages(sink) == ["FIRING", "RESOLVED", "FIRING"]


def test_another_channel_is_told_what_fires(tmp_path: Path, sink: Sink) -> None:
    with start(tmp_path, f"{sink.url}/api") as first:
        assert tell(first, body(alert())) == 200
    file = tmp_path / "cachewatch.yaml"
    policy = yaml.safe_load(file.read_text())
    policy["notify"]["slack"]["channel"] = "#other"
    file.write_text(yaml.safe_dump(policy))
    first.start()
    with first:
        assert tell(first, body(alert())) == 200
    assert [entry["body"]["channel"] for entry in sink.received("slack")] == ["#cache-alerts", "#other"]


def test_where_nothing_can_be_kept_pages_go_out_and_the_trouble_is_told(tmp_path: Path, sink: Sink) -> None:
    (tmp_path / "notifier-data" / "told.sqlite").mkdir(parents=True)
    with start(tmp_path, f"{sink.url}/api") as notifier:
        assert tell(notifier, body(alert())) == 200
        wait_until(lambda: counted(notifier, _FAILED) == 2, _PATIENCE, "both failures")
        assert "what is told is not kept" in notifier.log_tail(50)
    assert _messages(sink) == ["FIRING"]
