"""The health indicator's answers: Actuator's JSON, health+json, which of them, and to whom."""

from typing import Any

import pytest

from exporter.health import accept, actuator, draft
from exporter.health.judge import Judge
from exporter.health.rights import Client, may_see
from exporter.state import State
from policy.health import Health
from tests.unit.exporter.helpers import check, info_of, watching

A, B = "10.0.0.1:6379", "10.0.0.2:6379"
SECRET = "s3cret"
WALL = 1_700_000_000.0


def state_with(b: str, **fields: str) -> State:
    """A primary that is up and told its facts, and a second shard whose checks ended so."""
    state = watching(fleet={"name": "prod", "nodes": [f"redis://{A}", {"url": f"redis://{B}", "shard": "b"}]})
    check(state, A, ["success"] * 3)
    check(state, B, [b] * 3)
    state.collected(A, info_of(role="master", used_memory="30", maxmemory="100") | fields, 0.001, 1.0)
    return state


def test_actuators_json_has_the_seeds_details_and_a_component_per_node_with_the_age_of_what_it_says() -> None:
    assert actuator.whole(Judge(state_with("refused")).look(2.5)) == {
        "status": "DOWN",
        "details": {
            "nodes": "DOWN",
            "hit_rate": None,
            "memory_usage": 0.3,
            "nodes_total": 2,
            "nodes_down": 1,
            "shards_total": 2,
            "shards_down": 1,
            "error": f"Shards down: b; Nodes down: {B} (refused)",
        },
        "components": {
            A: {
                "status": "UP",
                "details": {
                    "shard": None,
                    "role": "primary",
                    "age_seconds": 2.5,
                    "facts_age_seconds": 1.5,
                    "memory_usage": 0.3,
                },
            },
            B: {
                "status": "DOWN",
                "details": {
                    "shard": "b",
                    "role": None,
                    "age_seconds": 2.5,
                    "facts_age_seconds": None,
                    "memory_usage": None,
                    "error": "refused",
                },
            },
        },
        "groups": ["liveness", "readiness"],
    }


def test_the_codes_are_actuators() -> None:
    assert actuator.HTTP_STATUS == {"UP": 200, "UNKNOWN": 200, "DOWN": 503, "OUT_OF_SERVICE": 503}


def test_health_json_has_a_check_per_node_with_the_time_of_its_verdict() -> None:
    state = state_with("success")
    body = draft.whole(Judge(state).look(2.5), state.policy, WALL)
    assert (body["status"], body["description"], "output" in body) == ("pass", "the cache fleet prod", False)
    assert body["checks"]["nodes:status"][0] == {
        "componentId": A,
        "componentType": "datastore",
        "observedValue": "UP",
        "observedUnit": "status",
        "status": "pass",
        "time": "2023-11-14T22:13:17.500Z",
    }
    assert body["checks"]["cache:memory_usage"] == [
        {
            "componentType": "datastore",
            "observedValue": 0.3,
            "observedUnit": "ratio",
            "status": "pass",
            "time": "2023-11-14T22:13:20.000Z",
        }
    ]
    assert body["checks"]["cache:hit_rate"][0]["output"] == "too few requests to tell"
    assert body["checks"]["shards:down"][0]["observedValue"] == 0


def test_health_json_fails_warns_and_says_why() -> None:
    state = state_with("refused")
    down = draft.whole(Judge(state).look(2.5), state.policy, WALL)
    assert (down["status"], down["output"]) == ("fail", f"Shards down: b; Nodes down: {B} (refused)")
    assert (down["checks"]["nodes:status"][1]["status"], down["checks"]["nodes:status"][1]["output"]) == (
        "fail",
        "refused",
    )
    assert down["checks"]["shards:down"][0]["status"] == "fail"
    state = state_with("success", master_link_status="down")
    warned = Judge(state).look(2.5)
    assert draft.bare(warned) == {"status": "warn" if warned.status == "UP" else "fail"}
    unknown = Judge(state).look(60.0)
    assert draft.whole(unknown, state.policy, WALL)["status"] == "warn"
    assert draft.whole(unknown, state.policy, WALL)["checks"]["cache:memory_usage"][0]["output"] == "no node tells"


def test_a_full_node_and_a_low_hit_rate_are_warnings_of_their_own() -> None:
    state = state_with("success")
    state.collected(A, info_of(used_memory="90", maxmemory="100"), 0.001, 1.0)
    state.collected(A, info_of(72, 28, used_memory="90", maxmemory="100"), 0.001, 2.0)
    body = draft.whole(Judge(state).look(2.5), state.policy, WALL)
    assert (body["status"], body["output"]) == ("warn", "Hit rate low; Memory high")
    assert [body["checks"][name][0]["status"] for name in ("cache:hit_rate", "cache:memory_usage")] == ["warn", "warn"]
    state.collected(A, info_of(72, 128, used_memory="90", maxmemory="100"), 0.001, 3.0)
    body = draft.whole(Judge(state).look(3.5), state.policy, WALL)
    assert (body["status"], body["checks"]["cache:hit_rate"][0]["status"]) == ("fail", "fail")


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", accept.ACTUATOR),
        ("*/*", accept.ACTUATOR),
        ("application/*", accept.ACTUATOR),
        ("text/html", accept.ACTUATOR),
        ("application/health+json", accept.DRAFT),
        ("Application/Health+JSON; charset=utf-8", accept.DRAFT),
        ("application/health+json, */*", accept.ACTUATOR),
        ("application/health+json, */*;q=0.9", accept.DRAFT),
        ("application/health+json;q=0.5, application/json;q=0.4", accept.DRAFT),
        ("application/health+json;q=0.4, application/json;q=0.5", accept.ACTUATOR),
        ("application/health+json;q=0, */*;q=0.1", accept.ACTUATOR),
        ("application/json;q=0, application/*", accept.SPRING),
        ("application/vnd.spring-boot.actuator.v3+json, application/json;q=0.9", accept.SPRING),
        ("application/health+json ; q = 1.0", accept.DRAFT),
        ("application/health+json;q=nan, */*;q=0.5", accept.DRAFT),
        ("rubbish;;;q=,/,", accept.ACTUATOR),
    ],
)
def test_the_form_is_the_one_that_is_the_most_welcome(header: str, form: str) -> None:
    assert accept.chosen(header) == form


def seen(client: Client, secret: str = SECRET, **health: Any) -> bool:
    return may_see(Health.model_validate(health), client, lambda: secret)


TOKEN = {"token_env": "T"}


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        *((near, True) for near in ("127.0.0.1", "::1", "192.168.3.4", "172.31.255.1", "10.255.0.1", "fd00::1")),
        *((near, True) for near in ("::ffff:10.0.0.1", "fe80::1%eth0")),
        *((far, False) for far in ("172.32.0.1", "8.8.8.8", "2001:db8::1", "::ffff:8.8.8.8", "", "/run/x.sock")),
    ],
)
def test_by_default_details_are_for_this_machine_and_private_networks(address: str, allowed: bool) -> None:
    assert seen(Client(address)) is allowed


def test_whoever_comes_through_a_proxy_is_not_near_whatever_address_the_proxy_has() -> None:
    assert not seen(Client("127.0.0.1", forwarded=True))
    assert seen(Client("127.0.0.1", forwarded=True, authorization="Bearer s3cret"), **TOKEN)


def test_the_policys_networks_replace_the_default() -> None:
    assert not seen(Client("127.0.0.1"), allow_from=["10.1.0.0/16"])
    assert seen(Client("10.1.2.3"), allow_from=["10.1.0.0/16"])
    assert not seen(Client("127.0.0.1"), allow_from=[])


@pytest.mark.parametrize("mode", ["always", "never"])
def test_always_and_never_ask_nobody_who_he_is(mode: str) -> None:
    for client in (Client("8.8.8.8"), Client("127.0.0.1")):
        assert seen(client, show_details=mode) is (mode == "always")


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        *((right, True) for right in ("Bearer s3cret", "bearer  s3cret ")),
        *((wrong, False) for wrong in ("Bearer s3cre", "Bearer", "Bearer ", "Basic s3cret", "s3cret", "")),
        *((odd, False) for odd in ("Bearer \udcff\udcfe", "Bearer é")),
    ],
)
def test_a_token_must_be_the_right_one(shown: str, right: bool) -> None:
    assert seen(Client("8.8.8.8", authorization=shown), **TOKEN) is right


def test_without_a_token_in_the_policy_or_with_an_empty_one_none_is_right() -> None:
    assert not seen(Client("8.8.8.8", authorization="Bearer s3cret"))
    assert not seen(Client("8.8.8.8", authorization="Bearer x"), secret="", **TOKEN)


def test_an_ipv4_address_that_came_over_ipv6_is_an_ipv4_address() -> None:
    assert seen(Client("::ffff:10.0.0.1"), allow_from=["10.0.0.0/8"])
    assert not seen(Client("::ffff:10.0.0.1"), allow_from=["::/0"])
