"""What comes after all seems to be over is heard, too."""

from __future__ import annotations

import importlib
import time
from typing import Any, cast

import pytest

from bench.alert_quality.events import nothing
from bench.alert_quality.lab import Lab
from bench.alert_quality.play import play
from bench.alert_quality.scenario import Scenario
from tests.unit.bench.test_alert_quality import page


class Late:
    """A lab that is calm from the start, and whose page comes a moment later."""

    def __init__(self) -> None:
        self._comes = time.monotonic() + 0.2

    def calm(self) -> bool:
        return True

    def received(self) -> list[dict[str, Any]]:
        return [page("trigger")] if time.monotonic() > self._comes else []


def test_a_page_that_comes_just_after_the_end_is_false(monkeypatch: pytest.MonkeyPatch) -> None:
    # Imported by name: the package has the function under the name of its module.
    monkeypatch.setattr(importlib.import_module("bench.alert_quality.play"), "SETTLE", 0.5)
    outcome = play(cast(Lab, Late()), Scenario("x", "harmless", "what", nothing, nothing), watch=0.0)
    assert [alert for alert, _ in outcome.false] == ["CacheNodeDown"]
    assert not outcome.good
