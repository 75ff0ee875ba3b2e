"""What Alertmanager and Prometheus answer is taken only in the form that their APIs promise."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.board import heard

_LABELS = {"alertname": "CacheNodeDown", "severity": "critical", "instance": "10.0.0.1:6379"}


def _status(**by: list[str]) -> dict[str, Any]:
    return {"state": "suppressed" if by else "active", "silencedBy": [], "inhibitedBy": [], **by}


def alert(**parts: Any) -> dict[str, Any]:
    return {
        "labels": _LABELS,
        "annotations": {
            "summary": "down",
            "runbook_url": "http://x/runbooks/CacheNodeDown",
            "dashboard_url": "javascript:alert(1)",
        },
        "status": _status(),
        "fingerprint": "d0b6",
        "startsAt": "2026-11-23T23:00:00.123Z",
        **parts,
    }


def test_an_alert_keeps_what_the_page_shows_and_no_link_that_is_code() -> None:
    (found,) = heard.alerts([alert()])
    assert found == {
        "fingerprint": "d0b6",
        "name": "CacheNodeDown",
        "severity": "critical",
        "shard": "",
        "instance": "10.0.0.1:6379",
        "status": "active",
        "summary": "down",
        "since_unix_seconds": 1795474800,
        "runbook_url": "http://x/runbooks/CacheNodeDown",
        "dashboard_url": None,
    }


def test_silenced_and_inhibited_ones_are_marked_and_come_last() -> None:
    muted = alert(labels=_LABELS | {"instance": "m:1"}, status=_status(silencedBy=["1"]))
    inhibited = alert(labels=_LABELS | {"instance": "i:1"}, status=_status(inhibitedBy=["2"]))
    warning = alert(labels={"alertname": "CacheMemoryHigh", "severity": "warning"})
    found = heard.alerts([muted, inhibited, warning, alert()])
    assert [entry["status"] for entry in found] == ["active", "active", "silenced", "inhibited"]
    assert [entry["severity"] for entry in found[:2]] == ["critical", "warning"]


def test_what_several_prometheus_tell_is_shown_once_as_long_as_one_of_them_is_heard() -> None:
    """Each sends an alert of its own, with its address; the older one counts, unless it is silenced."""
    one, other = (alert(labels=_LABELS | {"prometheus_replica": name}, fingerprint=name) for name in ("a", "b"))
    older = other | {"startsAt": "2026-11-23T22:00:00Z"}
    for body in ([one, older], [older, one]):
        (found,) = heard.alerts(body)
        assert (found["fingerprint"], found["since_unix_seconds"]) == ("b", 1795471200)
    (found,) = heard.alerts([older | {"status": _status(silencedBy=["1"])}, one])
    assert (found["fingerprint"], found["status"]) == ("a", "active")


@pytest.mark.parametrize("body", [{}, "x", [1], [{}], [alert(startsAt="yesterday")], [alert(status=None)], None])
def test_an_answer_of_another_form_is_nonsense(body: Any) -> None:
    with pytest.raises(heard.Nonsense):
        heard.alerts(body)


@pytest.mark.parametrize(
    ("result", "value"),
    [([{"value": [1, "0.25"]}], 0.25), ([{"value": [1, "-3"]}], -3.0), ([], None), ([{"value": [1, "NaN"]}], None)],
)
def test_the_one_value_of_a_query(result: Any, value: float | None) -> None:
    assert heard.number({"data": {"result": result}}) == value


@pytest.mark.parametrize(
    "body", [{}, None, {"data": {"result": [{}]}}, *({"data": {"result": [{"value": [1, v]}]}} for v in ("x", 10**400))]
)
def test_another_answer_to_a_query_is_nonsense(body: Any) -> None:
    with pytest.raises(heard.Nonsense):
        heard.number(body)


@pytest.mark.parametrize("address", ["javascript:x", "data:text/html,x", "//x", "", None, 3, "http://["])
def test_what_is_no_web_address_is_no_link(address: Any) -> None:
    assert heard.web_address(address) is None
