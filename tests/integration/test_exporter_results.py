"""Every class of health check, each produced by a real Redis server, and nothing but that class."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from exporter.access import OPEN, Access
from exporter.probe_key import tag_of
from policy.key_files import TlsFiles
from policy.metrics import HEALTH_RESULTS
from sandbox.certificates import Authority, ServerTls
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.driven_prober import Driven

KEY = "cachewatch:probe"
Case = Callable[["Bench", Path], None]
CASES: dict[str, tuple[str, Case]] = {}


class Bench:
    """A prober in the test's own thread; servers that it starts are gone afterwards."""

    def __init__(self) -> None:
        self.driven = Driven(interval=0.05, timeout=2.0)
        self.stack = ExitStack()

    def server(self, directory: Path, *config: str, tls: ServerTls | None = None, of: int | None = None) -> RedisNode:
        """A running server."""
        node = RedisNode(free_port(), directory, config=config, tls=tls, replica_of=of)
        self.stack.callback(node.kill)
        node.start()
        return node

    def watch(self, node: RedisNode, key: str = "", access: Access = OPEN) -> None:
        """Begin to probe a server."""
        self.driven.watch((node.instance, node.port), key=key, access=access)

    def well(self) -> None:
        """Wait for good checks, and forget them."""
        before = self.driven.count("success")
        self.driven.run(lambda: self.driven.count("success") >= before + 3)
        self.driven.prober.events.clear()

    def end(self) -> None:
        """Leave nothing behind."""
        self.driven.watch()
        self.driven.prober.epoll.close()
        self.stack.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.end()


def case(result: str, name: str) -> Callable[[Case], Case]:
    """Put a case under its name into the table."""

    def add(make: Case) -> Case:
        CASES[name] = (result, make)
        return make

    return add


@case("success", "a primary that takes PING and SET")
def _well(bench: Bench, directory: Path) -> None:
    bench.watch(bench.server(directory), KEY)
    bench.driven.run(lambda: len(bench.driven.durations("set")) >= 3)


@case("timeout", "a server that is stopped")
def _hangs(bench: Bench, directory: Path) -> None:
    bench.driven.order = bench.driven.paced(0.05, 0.3)
    node = bench.server(directory)
    bench.watch(node, KEY)
    bench.well()
    node.pause()


@case("timeout", "writes that wait, as they do while a primary hands over")
def _pauses_writes(bench: Bench, directory: Path) -> None:
    bench.driven.order = bench.driven.paced(0.05, 0.3)
    node = bench.server(directory)
    bench.watch(node, KEY)
    bench.well()
    with node.client() as client:
        client.execute_command("CLIENT", "PAUSE", "120000", "WRITE")
    bench.driven.run_for(0.2)  # checks of before that are on their way
    bench.driven.prober.events.clear()


@case("refused", "a server that is gone")
def _gone(bench: Bench, directory: Path) -> None:
    node = bench.server(directory)
    node.kill()
    bench.watch(node)


@case("refused", "a server that has clients enough")
def _full(bench: Bench, directory: Path) -> None:
    node = bench.server(directory, "maxclients 1")
    client = bench.stack.enter_context(node.client(timeout=60.0))
    client.ping()  # the one place is taken before the prober comes
    bench.watch(node)


@case("reset", "a server that dies with requests unanswered")
def _resets(bench: Bench, directory: Path) -> None:
    bench.driven.order = bench.driven.paced(0.02, 10.0)
    node = bench.server(directory)
    bench.watch(node)
    bench.well()
    node.pause()
    bench.driven.run_for(0.3)
    node.kill()
    bench.driven.order = bench.driven.paced(100.0, 10.0)
    bench.watch(node)  # no more after those: they would be refused


@case("tls", "a port that does not speak TLS")
def _no_tls(bench: Bench, directory: Path) -> None:
    bench.driven.order = bench.driven.paced(0.05, 0.3)
    authority = Authority(directory)
    bench.watch(bench.server(directory), access=Access(tls=TlsFiles(LOOPBACK, ca=str(authority.cert))))


@case("tls", "a certificate of another authority")
def _untrusted(bench: Bench, directory: Path) -> None:
    authority, other = Authority(directory), Authority(directory, "other")
    node = bench.server(directory, tls=ServerTls(authority.cert, authority.issue("server")))
    bench.watch(node, access=Access(tls=TlsFiles(LOOPBACK, ca=str(other.cert))))


@case("auth", "another password")
def _password(bench: Bench, directory: Path) -> None:
    node = bench.server(directory, "user watch on >another-word +ping")
    bench.watch(node, access=Access(username="watch", password="right-word"))


@case("auth", "a user without the right to PING")
def _no_right(bench: Bench, directory: Path) -> None:
    node = bench.server(directory, "user watch on >right-word +info")
    bench.watch(node, access=Access(username="watch", password="right-word"))


@case("loading", "a server that reads its data")
def _loads(bench: Bench, directory: Path) -> None:
    node = bench.server(directory, "enable-debug-command yes")
    with node.client() as client:
        client.mset({f"key:{number}": "x" * 100 for number in range(4000)})
        client.config_set("loading-process-events-interval-bytes", 1024)
        client.config_set(
            "key-load-delay", 3000
        )  # microseconds; 12 s of loading in all, cut short by the end of the test
    bench.watch(node)
    bench.well()
    threading.Thread(target=_reload, args=(node,), daemon=True).start()
    wait_until(lambda: not node.answers(), 60.0, "the server to load")
    bench.driven.run_for(0.3)  # checks of before that are on their way
    bench.driven.prober.events.clear()


def _reload(node: RedisNode) -> None:
    try:
        with node.client(timeout=60.0) as client:
            client.execute_command("DEBUG", "RELOAD")
    except redis.RedisError:
        return  # the server was killed at the end of the test


@case("readonly", "a primary with too few replicas")
def _no_replicas(bench: Bench, directory: Path) -> None:
    bench.watch(bench.server(directory, "min-replicas-to-write 1"), KEY)
    _after_the_first_set(bench)


@case("readonly", "a replica that was taken for a primary")
def _replica(bench: Bench, directory: Path) -> None:
    primary = bench.server(directory)
    bench.watch(bench.server(directory, of=primary.port), KEY)
    _after_the_first_set(bench)


@case("readonly", "a primary that is full and may evict nothing")
def _no_memory(bench: Bench, directory: Path) -> None:
    bench.watch(bench.server(directory, "maxmemory 100kb", "maxmemory-policy noeviction"), KEY)
    _after_the_first_set(bench)


@case("readonly", "a primary that cannot save, even where nothing is written")
def _cannot_save(bench: Bench, directory: Path) -> None:
    node = bench.server(directory, 'dir "/proc"', "save 3600 1")
    with node.client() as client:
        client.execute_command("BGSAVE")
    wait_until(lambda: node.info("persistence")["rdb_last_bgsave_status"] == "err", 60.0, "the save to fail")
    bench.watch(node)


def _after_the_first_set(bench: Bench) -> None:
    """Forget the checks before the first SET: they knew nothing of writes."""
    bench.driven.run(lambda: bench.driven.count("readonly", "set") >= 1)
    bench.driven.prober.events.clear()


@case("cluster_down", "a node of a Cluster that has lost a slot")
def _cluster_down(bench: Bench, directory: Path) -> None:
    node = bench.server(directory, "cluster-enabled yes", "cluster-config-file nodes-one.conf")
    with node.client() as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", "1", "16383")
    bench.watch(node, f"{KEY}:{{{tag_of(16383)}}}")
    bench.driven.run(lambda: bench.driven.count("cluster_down", "set") >= 1)
    bench.driven.prober.events.clear()


@case("link_down", "a replica that has lost its primary and may not serve what is stale")
def _no_primary(bench: Bench, directory: Path) -> None:
    primary = bench.server(directory)
    replica = bench.server(directory, "replica-serve-stale-data no", of=primary.port)
    wait_until(lambda: replica.info("replication")["master_link_status"] == "up", 60.0, "the replica to be in sync")
    bench.watch(replica)
    bench.well()
    primary.kill()
    bench.driven.run(lambda: bench.driven.count("link_down") >= 1)
    bench.driven.prober.events.clear()


@case("protocol", "a server on which PING has another name")
def _renamed(bench: Bench, directory: Path) -> None:
    bench.watch(bench.server(directory, "rename-command PING PONG"))


@pytest.mark.parametrize("name", CASES)
def test_each_class_is_produced_by_a_real_server(name: str, bench: Bench, tmp_path: Path) -> None:
    expected, make = CASES[name]
    make(bench, tmp_path)
    bench.driven.run(lambda: bench.driven.count(expected) >= 3)
    assert bench.driven.results() == {expected}
    if expected != "success":
        assert all(event.result != "success" for event in bench.driven.prober.events if event.op == "ping")


def test_no_class_is_left_out() -> None:
    assert {result for result, _ in CASES.values()} == set(HEALTH_RESULTS)
