"""The health indicator on real servers: what breaks, what it then says, to whom and in which form."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.app import Exporter
from exporter.http import PATHS
from sandbox.cluster import RedisCluster
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import Child, wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving, watching
from tests.unit.exporter.helpers import until

FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "500ms"}}
PATIENCE = 40.0
DRAFT = "application/health+json"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def ask(serving: Serving, path: str = "/health", method: str = "GET", **headers: str) -> Answer:
    """One request; `_` in a header's name is a hyphen."""
    connection = http.client.HTTPConnection(LOOPBACK, serving.port, timeout=10.0)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()


@dataclass(frozen=True)
class World:
    """A shard of two, watched by `cachewatch serve` that asks for a token from whoever comes through a proxy."""

    primary: RedisNode
    replica: RedisNode
    token: Path
    serving: Serving

    def wait(self, status: str, **components: str) -> dict[str, Any]:
        """The report, once the whole is so and the nodes named by role are."""
        found: dict[str, Any] = {}

        def reached() -> bool:
            found.update(self.serving.health())
            nodes = {getattr(self, role).instance: wanted for role, wanted in components.items()}
            return found["status"] == status and all(found["components"][i]["status"] == s for i, s in nodes.items())

        wait_until(reached, PATIENCE, f"{status} with {components}", every=0.1)
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("health")
    with ExitStack() as stack:
        primary = stack.enter_context(RedisNode(free_port(), directory))
        replica = stack.enter_context(RedisNode(free_port(), directory, replica_of=primary.port))
        token = directory / "token"
        token.write_text("s3cret\n")
        nodes = [{"url": f"redis://{node.instance}", "shard": "shard-a"} for node in (primary, replica)]
        policy = {**FAST, "fleet": {"nodes": nodes}, "health": {"token_file": "token", "max_age": "5s"}}
        serving = Serving(directory, policy)
        stack.callback(serving.stop)
        serving.start()
        found = World(primary, replica, token, serving)
        found.wait("UP", primary="UP", replica="UP")
        yield found


def test_a_dead_replica_is_shown_and_is_no_outage(world: World) -> None:
    world.replica.kill()
    found = world.wait("UP", replica="DOWN")
    assert found["details"]["warning"] == f"Nodes down: {world.replica.instance} (refused)"
    assert ask(world.serving).status == 200
    assert ask(world.serving, Accept=DRAFT).json["status"] == "warn"
    assert ask(world.serving, f"/health/{world.replica.instance}").status == 503
    world.replica.start()
    world.wait("UP", replica="UP")


def test_a_dead_primary_is_an_outage_and_503(world: World) -> None:
    world.primary.kill()
    found = world.wait("DOWN", primary="DOWN", replica="OUT_OF_SERVICE")
    assert found["components"][world.replica.instance]["details"]["error"] == "link_down"
    assert found["details"]["error"].startswith("Shards down: shard-a; ")
    assert (found["details"]["nodes"], found["details"]["shards_down"]) == ("DOWN", 1)
    assert ask(world.serving).status == 503
    assert ask(world.serving, Accept=DRAFT).json["status"] == "fail"
    assert ask(world.serving, "/health/liveness").status == 200, "a restart of the exporter mends no Redis"
    assert ask(world.serving, "/health/readiness").status == 200
    world.primary.start()
    world.wait("UP", primary="UP", replica="UP")


def test_a_primary_that_hangs_is_an_outage_too(world: World) -> None:
    world.primary.pause()
    found = world.wait("DOWN", primary="DOWN")
    assert found["components"][world.primary.instance]["details"]["error"] == "timeout"
    world.primary.resume()
    world.wait("UP", primary="UP")


def test_when_the_prober_hangs_the_last_verdict_is_not_believed(world: World) -> None:
    (prober,) = world.serving.children()
    os.kill(prober, signal.SIGSTOP)
    try:
        found = world.wait("UNKNOWN", primary="UNKNOWN", replica="UNKNOWN")
    finally:
        with contextlib.suppress(ProcessLookupError):  # after ten seconds of silence it is ended
            os.kill(prober, signal.SIGCONT)
    details = found["components"][world.primary.instance]["details"]
    assert details["error"] == "stale"
    assert details["age_seconds"] >= 5.0
    world.wait("UP", primary="UP", replica="UP")


async def test_a_node_of_a_cluster_that_is_down_is_down_although_it_answers(tmp_path: Path) -> None:
    with RedisCluster(tmp_path) as cluster:
        node, fleet = cluster.nodes[0], {"cluster": {"addresses": [cluster.nodes[0].instance], "refresh": "500ms"}}
        async with watching({**FAST, "fleet": fleet}) as exporter:
            await until(lambda: len(_said(exporter)) == 7 and _said(exporter)[""] == ("UP", ""), PATIENCE)
            with node.client() as client:  # a slot that nobody serves: by default the whole cluster stops then
                client.execute_command("CLUSTER", "DELSLOTS", "0")
            await until(lambda: _said(exporter)[node.instance] == ("DOWN", "cluster_down"), PATIENCE)
            assert _said(exporter)[""][0] == "DOWN"


def _said(exporter: Exporter) -> dict[str, tuple[str, str]]:
    """Status and error of each node, and of the whole under no name."""
    found = exporter.judge.latest(time.monotonic())
    return {"": (found.status, found.error), **{c.instance: (c.status, c.error) for c in found.components}}


def test_it_speaks_actuators_json_unless_health_json_is_asked_for(world: World) -> None:
    world.wait("UP", primary="UP", replica="UP")
    plain, draft = ask(world.serving), ask(world.serving, Accept=f"{DRAFT}, */*;q=0.5")
    assert plain.headers["Content-Type"] == "application/json"
    assert draft.headers["Content-Type"] == DRAFT
    assert (plain.json["status"], draft.json["status"]) == ("UP", "pass")
    assert set(plain.json["components"]) == {world.primary.instance, world.replica.instance}
    assert {one["componentId"] for one in draft.json["checks"]["nodes:status"]} == set(plain.json["components"])
    for answer in (plain, draft):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Vary"] == "Accept, Authorization"


def test_head_is_answered_wherever_get_is(world: World) -> None:
    for path in (*PATHS, f"/health/{world.primary.instance}"):
        world.wait("UP", primary="UP")
        answer = ask(world.serving, path, "HEAD")
        assert (answer.status, answer.body) == (200, b""), path
        assert int(answer.headers["Content-Length"]) > 0


def test_one_node_has_a_page_of_its_own_in_both_forms(world: World) -> None:
    world.wait("UP", primary="UP", replica="UP")
    path = f"/health/{world.primary.instance}"
    assert ask(world.serving, path).json["details"]["role"] == "primary"
    assert ask(world.serving, path, Accept=DRAFT).json["checks"]["nodes:status"][0]["status"] == "pass"


def test_an_unknown_group_is_404_and_names_those_that_there_are(world: World) -> None:
    for path in ("/health/", "/health/livenes", "/health/10.9.9.9:6379", "/health/%ff"):
        answer = ask(world.serving, path)
        assert answer.status == 404
        assert b"/health/liveness, /health/readiness" in answer.body


def test_a_wrong_method_is_405_and_names_the_right_ones(world: World) -> None:
    for path in ("/health", "/health/liveness", "/health/x"):
        answer = ask(world.serving, path, "POST")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_whoever_comes_through_a_proxy_gets_a_status_and_with_the_token_everything(world: World) -> None:
    far = {"X_Forwarded_For": "198.51.100.7"}
    assert list(ask(world.serving, **far).json) == ["status"]
    assert list(ask(world.serving, Forwarded="for=198.51.100.7").json) == ["status"]
    assert list(ask(world.serving, Accept=DRAFT, **far).json) == ["status"]
    assert ask(world.serving, f"/health/{world.primary.instance}", **far).status == 404
    assert list(ask(world.serving, Authorization="Bearer wrong", **far).json) == ["status"]
    assert "components" in ask(world.serving, Authorization="Bearer s3cret", **far).json


def test_a_token_that_is_replaced_counts_at_once_and_one_that_is_gone_opens_nothing(world: World) -> None:
    def opens(token: str) -> bool:
        answer = ask(world.serving, X_Forwarded_For="198.51.100.7", Authorization=f"Bearer {token}")
        return "components" in answer.json

    world.token.write_text("another\n")
    assert (opens("s3cret"), opens("another")) == (False, True)
    world.token.unlink()
    assert (opens("another"), opens("another")) == (False, False)
    log = world.serving.log.read_text()
    assert log.count("nobody gets health details by token") == 1
    assert "another" not in log
    world.token.write_text("s3cret\n")
    assert opens("s3cret")


def test_a_token_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    serving = Serving(tmp_path, {"health": {"token_file": "none"}})
    serving.argv = (*serving.argv[: serving.argv.index("serve")], "check")
    Child.start(serving)
    try:
        assert serving.wait(30.0) == 2
    finally:
        serving.stop()
    assert f"health.token_file: {tmp_path / 'none'} cannot be read" in serving.log.read_text()
