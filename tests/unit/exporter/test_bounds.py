"""A reload that moves latency bounds: those of the policy before go on for a while, and no counter falls."""

from decimal import Decimal

from exporter import samples
from exporter.bounds import MOST_KEPT, Bounds
from exporter.exposition import render
from exporter.state import State
from exporter.targets import static_targets
from policy.buckets import latency_bounds
from policy.model import Policy
from tests.unit.exporter.helpers import Series, check, policy, series, value

NODE = "10.0.0.1:6379"
BUCKET, COUNT = "cache_probe_duration_seconds_bucket", "cache_probe_duration_seconds_count"


def of(bound: str, grace: str = "15m") -> Policy:
    """A policy with a latency bound of its own."""
    row = {"warning": {"above": bound}, "critical": {"above": "20ms"}}
    return policy(fleet={"nodes": [f"redis://{NODE}"]}, thresholds={"latency_p95": row}, rules={"rollout_grace": grace})


def page(state: State) -> Series:
    return series(render(samples.sli(state, 0.0)).decode())


def test_bounds_of_the_policy_before_are_told_for_the_grace_of_the_new_one() -> None:
    bounds = Bounds(of("3ms"))
    bounds.adopt(of("4ms", grace="1m"), 100.0)
    assert bounds.told == tuple(sorted({*latency_bounds(of("4ms")), Decimal("0.003")}))
    assert (bounds.forget(159.9), "0.003" in bounds.texts) == (False, True)
    assert (bounds.forget(160.0), "0.003" in bounds.texts) == (True, False)
    assert bounds.told == latency_bounds(of("4ms"))
    assert not bounds.forget(1000.0)


def test_several_reloads_within_the_grace_keep_each_for_its_own_time() -> None:
    bounds = Bounds(of("3ms"))
    for at, bound in ((0.0, "4ms"), (100.0, "6ms"), (200.0, "6ms"), (300.0, "4ms")):
        bounds.adopt(of(bound), at)
    assert {"0.003", "0.004", "0.006"} <= set(bounds.texts)
    bounds.forget(900.0)
    assert ("0.003" in bounds.texts, "0.006" in bounds.texts) == (False, True), "read again is not left again"
    bounds.forget(1200.0)
    assert bounds.told == latency_bounds(of("4ms"))


def test_however_many_reloads_keep_few_and_the_latest() -> None:
    bounds = Bounds(of("3ms"))
    for number in range(200):
        bounds.adopt(of(f"{3000 + number}us"), float(number))
    assert len(bounds.told) == len(latency_bounds(of("3ms"))) + MOST_KEPT
    assert "0.003198" in bounds.texts


def test_without_a_grace_nothing_is_kept_longer_than_to_the_next_look() -> None:
    bounds = Bounds(of("3ms"))
    bounds.adopt(of("4ms", grace="0s"), 100.0)
    bounds.forget(100.0)
    assert bounds.told == latency_bounds(of("4ms"))


def test_over_a_reload_and_the_end_of_its_grace_each_counter_goes_on() -> None:
    state = State(of("3ms"))
    state.retarget(static_targets(state.policy.fleet))
    check(state, NODE, ["success"] * 3)
    state.wrote(NODE, "success", 0.0035)
    state.adopt(of("4ms"), 0.0)
    check(state, NODE, ["success"])
    found = page(state)
    told = {bound: value(found, BUCKET, op="ping", le=bound) for bound in ("0.0005", "0.001", "0.003", "0.004", "+Inf")}
    assert told == {"0.0005": 0, "0.001": 4, "0.003": 4, "0.004": 4, "+Inf": 4}
    sets = {bound: value(found, BUCKET, op="set", le=bound) for bound in ("0.003", "0.004", "0.005")}
    assert sets == {"0.003": 0, "0.004": 0, "0.005": 1}, "whether it was within 4 ms nobody knows"
    state.forget_bounds(900.0)
    after = page(state)
    assert value(after, BUCKET, op="ping", le="0.003") is None
    assert (value(after, COUNT, op="ping"), value(after, BUCKET, op="set", le="0.005")) == (4, 1)
