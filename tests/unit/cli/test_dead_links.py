"""Links that nobody who is told can open are warned of, and only they."""

from pathlib import Path
from typing import Any

import pytest

from cli.dead_links import lead_to_loopback
from policy.model import Policy
from tests.unit.cli.command import cachewatch

SLACK = {"slack": {"channel": "#a", "token_file": "/run/slack"}}
PAGERDUTY = {"pagerduty": {"routing_key_file": "/run/key"}}
NOTIFIER, PROMETHEUS = "stack.links.notifier (or stack.runbooks)", "stack.links.prometheus (or stack.grafana)"
REACHED = {"notifier": "https://n.example.com", "prometheus": "https://p.example.com"}


def warned(notify: dict[str, Any], **stack: Any) -> list[str]:
    return list(lead_to_loopback(Policy.model_validate({"notify": notify, "stack": stack})))


@pytest.mark.parametrize(
    ("notify", "stack", "where", "keys"),
    [
        (SLACK, {}, "127.0.0.1", f"{NOTIFIER} and {PROMETHEUS}"),
        (PAGERDUTY, {}, "127.0.0.1", PROMETHEUS),
        (PAGERDUTY | SLACK, {"links": {"prometheus": "https://p.example.com"}}, "127.0.0.1", NOTIFIER),
        (SLACK, {"runbooks": "http://localhost/wiki"}, "localhost and 127.0.0.1", f"stack.runbooks and {PROMETHEUS}"),
        (SLACK, {"links": REACHED, "grafana": "http://[::1]:3000"}, "::1", "stack.grafana"),
    ],
)
def test_the_keys_of_links_that_lead_to_loopback_are_named(
    notify: dict[str, Any], stack: dict[str, Any], where: str, keys: str
) -> None:
    told = (
        f"links in alerts lead to {where}, where nobody else reaches them; set {keys} to addresses that people can open"
    )
    assert warned(notify, **stack) == [told]


@pytest.mark.parametrize(
    ("notify", "stack"),
    [
        ({}, {}),
        ({"slack": {**SLACK["slack"], "url": "http://127.0.0.1:8080/api"}}, {}),
        ({"pagerduty": {**PAGERDUTY["pagerduty"], "url": "http://localhost:8080/v2/enqueue"}}, {}),
        (SLACK | PAGERDUTY, {"links": REACHED}),
        (SLACK, {"notifier": "10.0.0.5:9122", "prometheus": "http://10.0.0.5:9090"}),
        (SLACK, {"runbooks": "https://wiki.example.com/r", "grafana": "https://grafana.example.com"}),
    ],
    ids=["nobody is told", "Slack's stand-in", "PagerDuty's", "links", "the parts themselves", "other pages"],
)
def test_where_nobody_is_told_or_the_links_open_nothing_is_said(notify: dict[str, Any], stack: dict[str, Any]) -> None:
    assert warned(notify, **stack) == []


def test_check_and_build_say_so(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-1\n")
    (tmp_path / "cachewatch.yaml").write_text("notify: {slack: {channel: '#a', token_file: token}}\n")
    for command in (("check",), ("build", "-o", "out")):
        ended = cachewatch(tmp_path, *command)
        assert ended.status == 0
        assert "warning: links in alerts lead to 127.0.0.1, where nobody else reaches them; set " in ended.err


def test_the_starter_policy_is_not_warned_of(tmp_path: Path) -> None:
    assert cachewatch(tmp_path, "init").status == 0
    assert "links in alerts" not in cachewatch(tmp_path, "check").err
