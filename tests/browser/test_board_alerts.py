"""What Alertmanager says, on the board: every alert, and how many there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.prometheus import Alertmanager, start_alertmanager
from tests.browser import checks
from tests.browser.chromium import Chromium, Tab
from tests.integration.exporter_support import Serving

COUNT = "#alerts-count"
SHOWN = "document.querySelectorAll('#alerts > li').length"


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with start_alertmanager(config, tmp_path, free_port()) as running:
        yield running


def post(alertmanager: Alertmanager, *alerts: dict[str, str]) -> None:
    """Let them fire, all since the same moment."""
    now = datetime.now(UTC)
    span = {"startsAt": (now - timedelta(minutes=5)).isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    body = [{"labels": {"fleet": "cache", "severity": "critical", **labels}, **span} for labels in alerts]
    headers = {"Content-Type": "application/json"}
    web.request("POST", f"{alertmanager.url}/api/v2/alerts", json.dumps(body).encode(), headers)


async def test_alerts_that_differ_in_a_label_that_is_not_shown_are_all_there_and_counted(
    browser: Chromium, alertmanager: Alertmanager, tmp_path: Path
) -> None:
    policy: dict[str, Any] = {"stack": {"alertmanager": f"{LOOPBACK}:{alertmanager.port}"}}
    burns = [{"alertname": "CacheErrorBudgetBurnFast", "slo": slo} for slo in ("availability", "hit_rate")]
    post(alertmanager, *burns)
    with Serving(tmp_path / "exporter", policy) as serving:
        async with Tab(browser) as tab:
            await checks.open_board(tab, serving.url)
            await tab.until(f"{SHOWN} === 2", 60)
            assert await tab.text(COUNT) == "2 firing"
            post(alertmanager, *({"alertname": "CacheNodeDown", "instance": f"10.0.0.{n}:6379"} for n in range(150)))
            await tab.until(f"{SHOWN} === 100", 60)
            assert await tab.text(COUNT) == "152 firing; the first 100 of 152 are shown"
            alertmanager.kill()
            await tab.until("document.getElementById('alerts-note').textContent.includes('cannot be reached')", 60)
            note = await tab.text("#alerts-note")
            assert note.startswith("Alertmanager cannot be reached: cannot connect: ")
            assert note.endswith(" old.")
            assert "%" not in note
