"""What the generated rule tests cover; that they can fail is shown with promtool itself."""

from functools import cache

from alerts import rule_tests
from policy.alerts import ALERTMANAGER_PEER_DOWN, ALERTS, PROMETHEUS_PEER_DOWN, WATCHDOG
from tests.unit.alerts.policies import DATA, policy


@cache
def cases(name: str) -> tuple[str, ...]:
    suites = rule_tests.suites(policy(name)).values()
    return tuple(test["name"] for suite in suites for test in suite["tests"])


def promises(name: str, alert: str) -> list[str]:
    return [promise.removeprefix(f"{alert}: ") for promise in cases(name) if promise.startswith(f"{alert}: ")]


def test_every_alert_is_tested_for_firing_silence_and_recovery() -> None:
    for spec in ALERTS:
        # Which has several Alertmanagers, and several Prometheus.
        name = "patient" if spec in (ALERTMANAGER_PEER_DOWN, PROMETHEUS_PEER_DOWN) else "static"
        text = " ".join(promises(name, spec.name))
        if spec is WATCHDOG:
            assert text == "fires always, and from the first evaluation on"
            continue
        for word in ("resolves", "silent", "one page" if spec.name == "CacheNodeDown" else "fires"):
            assert word in text, f"{spec.name}: {word}"


def test_an_alert_that_no_count_can_fire_is_only_tested_for_silence() -> None:
    assert {promise.split()[0] for promise in promises("edges", "CacheVeryLowHitRate")} == {"silent"}


def test_one_node_that_vanishes_is_tested_beside_the_others() -> None:
    assert any("beside healthy ones" in promise for promise in promises("static", "CacheNodeDown"))
    assert not any("beside healthy ones" in promise for promise in promises("default", "CacheNodeDown"))


def test_every_policy_promises_that_a_restart_of_the_exporter_pages_nobody() -> None:
    for name in DATA:
        assert any("silent when the exporter restarts" in promise for promise in promises(name, "CacheNodeDown"))
