"""An address that moves from one real server to another, as a name, a service or a floating IP does: no traffic is made up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.peer import Peer, passes_on
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving
from tests.unit.exporter.helpers import value

PATIENCE = 60.0
POLICY = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "500ms"}}
# Misses of the other server from long ago: many more than the traffic, which is all hits.
OLD = 300_000
_READ = "for step = 1, tonumber(ARGV[1]) do redis.call('get', KEYS[1]) end"
# Seconds that a server must have run to be told from one that was started since the last collection.
_AGE = 5


@dataclass(frozen=True)
class Scene:
    """Two servers, and the address of the first one; who moves it ends the connections, as those who move one do."""

    one: RedisNode
    other: RedisNode
    address: Peer
    folder: Path

    def read(self, node: RedisNode, key: str, times: int) -> None:
        with node.client(timeout=30.0) as client:
            client.eval(_READ, 1, key, times)

    def move(self, node: RedisNode) -> None:
        self.address.talk = passes_on(node.port)
        self.address.hang_up()

    def serving(self, name: str = "exporter") -> Serving:
        return Serving(self.folder / name, {**POLICY, "fleet": {"nodes": [f"redis://{self.address.instance}"]}})

    def counted(self, exporter: Serving) -> tuple[float | None, float | None]:
        page = exporter.page("/metrics/sli")
        return tuple(value(page, f"cache_{what}_total", instance=self.address.instance) for what in ("hits", "misses"))  # type: ignore[return-value]

    def answers(self, exporter: Serving, node: RedisNode) -> bool:
        """Whether the page is of that server."""
        return value(exporter.page(), "redis_instance_info", run_id=str(node.info("server")["run_id"])) == 1

    def looked_on(self, exporter: Serving) -> None:
        """Wait for some more collections."""
        name, instance = "redis_exporter_scrapes_total", self.address.instance
        before = value(exporter.page(), name, instance=instance) or 0
        wait_until(
            lambda: (value(exporter.page(), name, instance=instance) or 0) >= before + 3, PATIENCE, "collections"
        )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(RedisNode(free_port(), tmp_path)) for _ in range(2))
        address = stack.enter_context(Peer(passes_on(one.port)))
        found = Scene(one, other, address, tmp_path)
        for node in (one, other):
            with node.client() as client:
                client.set("here", 1)
        found.read(other, "gone", OLD)
        wait_until(lambda: int(str(other.info("server")["uptime_in_seconds"])) >= _AGE, PATIENCE, "it to be old")
        yield found


def test_what_the_other_server_counted_before_is_no_traffic_and_what_it_serves_is(scene: Scene) -> None:
    with scene.serving() as exporter:
        wait_until(lambda: scene.counted(exporter) == (0, 0), PATIENCE, "the counters")
        scene.read(scene.one, "here", 400)
        wait_until(lambda: scene.counted(exporter) == (400, 0), PATIENCE, "the hits")
        wait_until(lambda: exporter.health()["details"].get("hit_rate") == 1.0, PATIENCE, "the hit rate")
        scene.move(scene.other)
        wait_until(lambda: scene.answers(exporter, scene.other), PATIENCE, "the other server")
        scene.looked_on(exporter)
        assert scene.counted(exporter) == (0, 0)
        found = exporter.health()
        assert (found["status"], found["details"]["hit_rate"]) == ("UP", 1.0)
        assert value(exporter.page(), "redis_keyspace_misses_total") == OLD, "as the server says"
        scene.read(scene.other, "here", 50)
        wait_until(lambda: scene.counted(exporter) == (50, 0), PATIENCE, "what is served there")
        scene.read(scene.one, "gone", OLD)  # to others, under another address
        scene.move(scene.one)
        wait_until(lambda: scene.answers(exporter, scene.one), PATIENCE, "the first server")
        scene.looked_on(exporter)
        assert scene.counted(exporter) == (0, 0)
        assert exporter.health()["status"] == "UP"


def test_what_a_server_counted_since_it_was_started_is_traffic(scene: Scene) -> None:
    with scene.serving() as exporter:
        scene.read(scene.one, "here", 30)
        wait_until(lambda: scene.counted(exporter) == (30, 0), PATIENCE, "the hits")
        scene.one.kill()
        scene.one.start()
        scene.read(scene.one, "gone", 200)
        wait_until(lambda: scene.counted(exporter) == (0, 200), PATIENCE, "what it counted since")
