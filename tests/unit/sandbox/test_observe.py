"""What is counted as a page, and for whom; and in what order alerts are shown."""

from typing import Any

from sandbox.observe import Alert, alert_rows, is_page, paged_instance


def entry(action: str, component: str | None = None) -> dict[str, Any]:
    payload = {"summary": "also names 10.0.0.2:6379"} | ({"component": component} if component else {})
    return {"service": "pagerduty", "path": "/v2/enqueue", "body": {"event_action": action, "payload": payload}}


def test_a_resolved_page_and_a_message_to_slack_are_no_pages() -> None:
    assert is_page(entry("trigger"))
    assert not is_page(entry("resolve"))
    assert not is_page({"service": "slack", "path": "/api/chat.postMessage", "body": {"text": "trigger"}})


def test_a_page_counts_for_its_own_node_and_not_for_nodes_that_its_text_names() -> None:
    assert paged_instance(entry("trigger", "10.0.0.1:6379")) == "10.0.0.1:6379"
    assert paged_instance(entry("trigger")) == ""


def test_firing_alerts_come_before_pending_ones() -> None:
    alerts = [
        {"state": "pending", "labels": {"alertname": "A", "severity": "warning"}},
        {"state": "firing", "labels": {"alertname": "B", "severity": "critical", "instance": "10.0.0.1:6379"}},
    ]
    assert alert_rows(alerts) == (
        Alert("B", "firing", "critical", "10.0.0.1:6379"),
        Alert("A", "pending", "warning", ""),
    )
