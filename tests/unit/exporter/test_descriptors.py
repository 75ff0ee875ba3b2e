"""As many file descriptors as the system lets us have, and a word where that is not enough."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import connections, descriptors

_CHECKOUT = Path(__file__).parents[3]
_RAISED = """
import json, resource
from exporter import descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 128))
print(json.dumps([descriptors.raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    done = subprocess.run([sys.executable, "-c", _RAISED], cwd=_CHECKOUT, capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [128, 128, 128]


def test_too_few_are_told_with_the_cure(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 1024))
    descriptors.warn_unless_enough(700, 256)
    assert caplog.text == ""
    descriptors.warn_unless_enough(800, 256)
    assert "800 nodes and 256 clients may need 1120 file descriptors, and the limit is 1024: raise it" in caplog.text


def test_what_asyncio_says_of_each_connection_that_it_cannot_take_is_logged_once_a_minute() -> None:
    seldom = connections._Seldom("socket.accept() out of")
    assert any(isinstance(known, connections._Seldom) for known in logging.getLogger("asyncio").filters)

    def told(message: str, at: float) -> bool:
        record = logging.LogRecord("asyncio", logging.ERROR, "", 0, message, (), None)
        record.created = at
        return seldom.filter(record)

    refused = "socket.accept() out of system resource"
    assert [told(refused, at) for at in (0.0, 0.1, 59.9, 60.0, 60.1)] == [True, False, False, True, False]
    assert [told("another", at) for at in (60.2, 60.3)] == [True, True]
