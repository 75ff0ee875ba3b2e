"""A real Redis Cluster: all of it found from one address, followed through a failover, a resharding, a join and a leave."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.discovery import Unreachable
from exporter.discovery_cluster import discover
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.sources import Sources
from policy.fleet import Cluster
from policy.model import Policy
from sandbox.cluster import RedisCluster
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Peer, half_an_answer, says, shown, watching
from tests.integration.versions import DEBIAN, VALKEY, use
from tests.unit.exporter.helpers import Series, labels_of, until, value

FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "500ms"}}
PATIENCE = 60.0


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RedisCluster]:
    use(getattr(request, "param", DEBIAN), monkeypatch, tmp_path)
    with RedisCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def _fleet(*addresses: str) -> dict[str, object]:
    return {**FAST, "fleet": {"cluster": {"addresses": list(addresses), "refresh": "500ms"}}}


def _shards(page: Series) -> dict[str, str]:
    return {own["instance"]: own["shard"] for own in labels_of(page, "cache_node_up")}


def _role(page: Series, node: RedisNode) -> str | None:
    return next((o["role"] for o in labels_of(page, "cache_node_role") if o["instance"] == node.instance), None)


@pytest.mark.parametrize("cluster", [DEBIAN, VALKEY], indirect=True)
async def test_a_cluster_is_followed_through_all_that_happens_to_it(cluster: RedisCluster) -> None:
    seed, *_ = cluster.nodes
    async with watching(_fleet("127.0.0.1:1", seed.instance)) as exporter:
        everybody = {node.instance for node in cluster.nodes}
        await until(lambda: set(_shards(shown(exporter))) == everybody, PATIENCE)
        before = _shards(shown(exporter))
        for primary in cluster.primaries():
            assert before[primary.instance] == before[cluster.replica_of(primary).instance]
        assert len(set(before.values())) == 3

        replica = cluster.replica_of(seed)  # the one address of the policy that answered is lost: the others tell
        await until(lambda: _role(shown(exporter), replica) == "replica", PATIENCE)
        # A failover is counted of a primary that told which history it writes; it takes up another for its first replica.
        await until(lambda: value(shown(exporter), "redis_connected_slaves", instance=seed.instance) == 1, PATIENCE)
        seed.kill()
        await until(lambda: _role(shown(exporter), replica) == "primary", PATIENCE)
        await until(lambda: value(shown(exporter), "cache_node_up", instance=seed.instance) == 0, PATIENCE)
        assert _shards(shown(exporter)) == before, "the shard keeps its name, and its dead node"
        await until(lambda: value(shown(exporter), "cache_failovers_total", shard=before[seed.instance]) == 1, PATIENCE)
        assert (value(shown(exporter), "cache_failover_duration_seconds", shard=before[seed.instance]) or 0.0) > 0
        seed.start()
        await until(lambda: _role(shown(exporter), seed) == "replica", PATIENCE)
        assert _shards(shown(exporter)) == before

        wait_until(cluster.whole, PATIENCE, "the cluster to be whole again")
        newcomer = cluster.join()
        await until(lambda: newcomer.instance in _shards(shown(exporter)), PATIENCE)
        assert _shards(shown(exporter))[newcomer.instance] not in before.values()
        cluster.move_slots(replica, newcomer, 10)
        await until(lambda: not exporter.state.parts["cluster"].error, PATIENCE)
        named = _shards(shown(exporter))
        assert {instance: named[instance] for instance in before} == before, "slots on the move rename nobody"
        cluster.move_slots(newcomer, replica, 10)
        cluster.remove(newcomer)
        await until(lambda: newcomer.instance not in str(shown(exporter)), PATIENCE)
        assert _shards(shown(exporter)) == before


def _sources(names: Names, address: str, before: Sources | None = None) -> Sources:
    policy = Policy.model_validate(_fleet(address))
    return Sources(policy, Keyring(policy.fleet, {}), names, before)


async def test_the_nodes_of_a_cluster_that_the_policy_names_no_more_are_not_asked_who_they_are(
    cluster: RedisCluster,
) -> None:
    """The new one does not answer: that is to be told, and not hidden behind the old one's answer."""
    names = Names()
    sources = _sources(names, cluster.nodes[0].instance)
    await sources.refresh()
    before = await sources.targets()
    moved = _sources(names, f"{LOOPBACK}:{free_port()}", sources)
    await moved.refresh()
    assert "no node of the cluster answers" in moved.problems
    assert await moved.targets() == before, "what is known stays on show meanwhile"
    back = _sources(names, cluster.nodes[0].instance, moved)
    await back.refresh()
    assert (back.problems, await back.targets()) == ("", before)


async def test_a_cluster_that_nobody_tells_of_takes_no_node_off_the_pages(redis_node: RedisNode) -> None:
    with Peer(half_an_answer) as hung, Peer(says(b"$3\r\nabc\r\n")) as nonsense:
        addresses = [hung.instance, nonsense.instance, redis_node.instance]
        with pytest.raises(Unreachable) as said:
            await discover(Cluster(addresses=tuple(addresses)), {}, None, 0.5, Names())
    told = ("no answer in time", "a line of CLUSTER NODES has no address", "cluster support disabled")
    for address, why in zip(addresses, told, strict=True):
        assert f"{address}: " in str(said.value)
        assert why in str(said.value)


async def test_a_node_that_announces_a_socket_of_this_machine_is_not_given_the_password_there(tmp_path: Path) -> None:
    """Redis takes any text for `cluster-announce-ip`, and whoever may set it would choose where the exporter logs in."""
    port = free_port()
    config = ("cluster-enabled yes", f"cluster-config-file nodes-{port}.conf")
    with ExitStack() as stack:
        # Redis cuts an address after 46 letters.
        path = Path(stack.enter_context(TemporaryDirectory())) / "x.sock"
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        node = stack.enter_context(RedisNode(port, tmp_path, config=config))
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            client.config_set("cluster-announce-ip", str(path))
        found = await discover(Cluster(addresses=(node.instance,)), {}, None, 2.0, Names())
        assert found.targets == {}
        assert found.problem == f"no address of a node: {str(path)!r} port '{port}'"
        async with watching(_fleet(node.instance)) as exporter:
            await until(lambda: "no address of a node" in str(exporter.state.parts.get("cluster")), PATIENCE)
        with pytest.raises(BlockingIOError):
            listener.accept()
