"""TLS to real servers: the collector and the prober trust the same certificates, refuse the same ones, and call it `tls`."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.access import Access
from exporter.failures import NodeError, from_exception
from exporter.survey import survey
from exporter.wire import Connection
from policy.key_files import TlsFiles
from policy.model import Policy
from sandbox.certificates import Authority, Pair, ServerTls
from sandbox.ports import LOOPBACK, free_port
from sandbox.redis_node import RedisNode
from sandbox.sentinel import Sentinel, Watch
from tests.integration.driven_prober import Driven
from tests.integration.exporter_support import Peer, Talk, passes_on, requests, shown, watching
from tests.unit.exporter.helpers import until, value

FAST = {"collect": {"interval": "500ms", "timeout": "400ms"}, "probe": {"interval": "100ms", "timeout": "1s"}}


@dataclass(frozen=True)
class World:
    """Servers by what is special about them, and the files that clients use."""

    nodes: dict[str, RedisNode]
    files: dict[str, Path]
    pair: Pair

    def tls(self, **options: str) -> TlsFiles:
        """What a client uses; `ca`, `cert` and `key` name files of this world, "pin" the fingerprint to expect."""
        ca, cert, key = (str(self.files[options[name]]) if name in options else "" for name in ("ca", "cert", "key"))
        pins = (options["pin"].replace(":", "").lower(),) if "pin" in options else ()
        return TlsFiles(options.get("server_name", LOOPBACK), options.get("minimum", "1.3"), ca, cert, key, pins)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("tls")
    authority, other = Authority(directory), Authority(directory, "other")
    pair, client = authority.issue("server"), authority.issue("client")
    usual = ServerTls(authority.cert, pair)
    kinds = {
        "usual": usual,
        "old": replace(usual, versions="TLSv1.2"),
        "strict": replace(usual, clients=True),
        "named": replace(usual, pair=authority.issue("named", "DNS:cache.test")),
        "plain": None,
    }
    with ExitStack() as stack:
        nodes = {k: stack.enter_context(RedisNode(free_port(), directory, name=k, tls=tls)) for k, tls in kinds.items()}
        files = {"ca": authority.cert, "other": other.cert, "client.crt": client.cert, "client.key": client.key}
        yield World(nodes, files, pair)


CLIENT = {"cert": "client.crt", "key": "client.key"}
CASES = {
    "an authority that is known": ("usual", {"ca": "ca"}, "success"),
    "an authority that is not known": ("usual", {"ca": "other"}, "tls"),
    "none but the machine's authorities": ("usual", {}, "tls"),
    "TLS 1.2, which is not spoken by default": ("old", {"ca": "ca"}, "tls"),
    "TLS 1.2 by choice": ("old", {"ca": "ca", "minimum": "1.2"}, "success"),
    "a name that the certificate does not have": ("named", {"ca": "ca"}, "tls"),
    "the name that the certificate has": ("named", {"ca": "ca", "server_name": "cache.test"}, "success"),
    "a client certificate that is asked for": ("strict", {"ca": "ca", **CLIENT}, "success"),
    "a client certificate that is not there": ("strict", {"ca": "ca"}, "tls"),
    "the fingerprint alone": ("usual", {"pin": "own"}, "success"),
    "the fingerprint of another": ("usual", {"pin": "ab" * 32}, "tls"),
    "the right fingerprint of the wrong authority": ("usual", {"pin": "own", "ca": "other"}, "tls"),
    "a port that speaks no TLS": ("plain", {"ca": "ca"}, "tls"),
}


def _case(world: World, name: str) -> tuple[RedisNode, TlsFiles, str]:
    kind, options, expected = CASES[name]
    own = {"pin": world.pair.fingerprint} if options.get("pin") == "own" else {}
    return world.nodes[kind], world.tls(**{**options, **own}), expected


@pytest.fixture
def driven() -> Iterator[Driven]:
    driven = Driven(interval=0.05, timeout=2.0)
    yield driven
    driven.watch()
    driven.prober.epoll.close()


async def _collected(port: int, access: Access) -> str:
    """How the collector's connection ends: "success" or the class of its failure."""
    try:
        connection = await Connection.open(LOOPBACK, port, access)
        try:
            await connection.ask([("PING",)])
        finally:
            connection.close()
    except (OSError, NodeError) as error:
        return from_exception(error).result
    return "success"


@pytest.mark.parametrize("name", CASES)
async def test_the_collector_and_the_prober_agree_on(name: str, world: World, driven: Driven) -> None:
    node, tls, expected = _case(world, name)
    driven.watch(("a", node.port), access=Access(tls=tls))
    driven.run(lambda: len(driven.prober.events) >= 5)
    assert driven.results() == {expected}
    assert await _collected(node.port, Access(tls=tls)) == expected


async def test_the_version_is_1_3(world: World) -> None:
    connection = await Connection.open(LOOPBACK, world.nodes["usual"].port, Access(tls=world.tls(ca="ca")))
    assert connection.tls == "TLSv1.3"
    connection.close()


def _tls_server(pair: Pair, heard: list[bytes], delay: float = 0.0) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)

    def talk(connection: socket.socket) -> None:
        time.sleep(delay)
        with context.wrap_socket(connection, server_side=True) as wrapped:
            for data in requests(wrapped):
                heard.append(data)
                wrapped.sendall(b"+PONG\r\n" * data.count(b"PING"))

    return talk


@pytest.mark.parametrize("options", [{"ca": "other"}, {"pin": "ab" * 32}])
async def test_no_password_is_sent_to_a_server_whose_certificate_is_wrong(
    options: dict[str, str], world: World, driven: Driven
) -> None:
    heard: list[bytes] = []
    access = Access(password="right-word", tls=world.tls(**options))
    with Peer(_tls_server(world.pair, heard)) as peer:
        driven.watch(("a", peer.port), access=access)
        driven.run(lambda: driven.count("tls") >= 3)
        assert await _collected(peer.port, access) == "tls"
        driven.watch()
        await asyncio.sleep(0.05)  # the loop closes an aborted connection only in its next turn
    assert heard == []


def test_the_handshake_is_no_latency(world: World, driven: Driven) -> None:
    with Peer(_tls_server(world.pair, [], delay=1.2)) as peer:
        driven.watch(("a", peer.port), access=Access(tls=world.tls(ca="ca")))
        driven.run(lambda: driven.count("success") >= 10)
        driven.watch()
    slowest = max(event.seconds or 0.0 for event in driven.prober.events)
    assert slowest < 1.0, "the first probes waited 1.2 s for the handshake, and then their answer was quick"


async def test_sentinel_is_asked_over_tls_of_its_own(world: World, tmp_path: Path, redis_node: RedisNode) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.pair.cert, world.pair.key)
    watch = Watch({"shard-a": redis_node.port}, quorum=1, down_after_ms=1000, failover_timeout_ms=3000)
    sentinel = Sentinel(free_port(), tmp_path, watch)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            passes_on(sentinel.port)(wrapped)

    with ExitStack() as stack:
        stack.callback(sentinel.stop)
        sentinel.start()
        peer = stack.enter_context(Peer(talk))
        for ca, found in (("ca", {redis_node.instance}), ("other", set())):
            own = {"addresses": [peer.instance], "tls": {"ca_file": str(world.files[ca])}}
            async with watching({**FAST, "fleet": {"sentinel": own}}) as exporter:
                await until(lambda: "sentinel" in exporter.state.parts, 60.0)
                assert set(exporter.state.nodes) == found
                assert ("cannot be trusted" in exporter.state.parts["sentinel"].error) is not bool(found)


async def test_authorities_and_certificates_are_renewed_in_place_and_nobody_restarts(tmp_path: Path) -> None:
    """The authority's file, the client's pair and the server's certificate change while the exporter runs."""
    first, second = Authority(tmp_path / "1"), Authority(tmp_path / "2")
    ca, client = tmp_path / "ca.crt", first.issue("client")
    ca.write_bytes(first.cert.read_bytes())
    tls = {"ca_file": str(ca), "cert_file": str(client.cert), "key_file": str(client.key)}
    node = RedisNode(free_port(), tmp_path, tls=ServerTls(first.cert, first.issue("server"), clients=True))
    with node:
        async with watching({**FAST, "fleet": {"nodes": [f"redis://{node.instance}"], "tls": tls}}) as exporter:

            def seen(name: str, **labels: str) -> float | None:
                return value(shown(exporter), name, instance=node.instance, **labels)

            await until(lambda: seen("cache_node_up") == 1 and seen("redis_up") == 1, 60.0)
            node.stop()
            node.tls = ServerTls(second.cert, second.issue("server"), clients=True)
            node.start()
            await until(lambda: (seen("cache_health_checks_total", result="tls") or 0) >= 3, 60.0)
            await until(lambda: seen("cache_node_up") == 0 and seen("redis_up") == 0, 60.0)
            renewed = second.issue("client")
            for old, new in ((ca, second.cert), (client.cert, renewed.cert), (client.key, renewed.key)):
                old.write_bytes(new.read_bytes())
            await until(lambda: seen("cache_node_up") == 1 and seen("redis_up") == 1, 60.0)


async def test_a_cluster_whose_certificates_have_host_names_only_is_watched_by_the_names_it_announces(
    tmp_path: Path,
) -> None:
    """Found by address, as CLUSTER NODES tells it, and entered by the name that it announces beside it."""
    authority = Authority(tmp_path)
    tls = ServerTls(authority.cert, authority.issue("member", "DNS:localhost", "DNS:cache-1.test"))
    config = ("cluster-enabled yes", "tls-cluster yes", "cluster-announce-hostname cache-1.test")
    with RedisNode(free_port(), tmp_path, config=config, tls=tls) as node:
        with node.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        found = {"addresses": [f"localhost:{node.port}"], "refresh": "500ms"}
        fleet = {"cluster": found, "tls": {"ca_file": str(authority.cert)}}
        async with watching({**FAST, "fleet": fleet}) as exporter:
            await until(lambda: value(shown(exporter), "cache_node_up", instance=node.instance) == 1, 60)
            await until(lambda: value(shown(exporter), "redis_up", instance=node.instance) == 1, 60)
            assert value(shown(exporter), "cache_health_checks_total", instance=node.instance, result="tls") == 0


async def test_a_plain_login_at_a_port_of_tls_is_told_what_it_may_be(world: World) -> None:
    with pytest.raises(NodeError, match="does the port speak TLS only") as told:
        await _pinged(await Connection.open(LOOPBACK, world.nodes["usual"].port))
    assert told.value.result == "reset"


async def _pinged(connection: Connection) -> None:
    try:
        await connection.ask([("PING",)])
    finally:
        connection.close()


@pytest.mark.parametrize("source", ["sentinel", "cluster"])
async def test_a_source_that_speaks_no_tls_is_told_so_and_not_as_one_that_hangs(world: World, source: str) -> None:
    """Within collect.timeout, which is shorter than what a handshake may take elsewhere."""
    plain = {"addresses": [world.nodes["plain"].instance]}
    tls = {"tls": {"ca_file": str(world.files["ca"])}}
    fleet = {"sentinel": {**plain, **tls}} if source == "sentinel" else {"cluster": plain, **tls}
    _, failure = await survey(Policy.model_validate({"fleet": fleet, **FAST}), {})
    assert "does the port speak TLS?" in failure


async def test_a_node_that_a_file_names_by_rediss_is_entered_by_tls(world: World, tmp_path: Path) -> None:
    """Also one that the same file named without it before, over a connection that stands."""
    node, file = world.nodes["plain"], tmp_path / "nodes.json"
    file.write_text(json.dumps([{"targets": [f"redis://{node.instance}/0"]}]))
    usual = world.nodes["usual"].instance
    override = {"match": usual, "tls": {"ca_file": str(world.files["ca"])}}
    async with watching({"fleet": {"files": [str(file)], "overrides": [override]}, **FAST}) as exporter:
        await until(lambda: value(shown(exporter), "redis_up", instance=node.instance) == 1)
        file.write_text(json.dumps([{"targets": [f"rediss://{node.instance}", f"rediss://{usual}"]}]))
        await until(lambda: value(shown(exporter), "redis_up", instance=usual) == 1)
        await until(lambda: value(shown(exporter), "cache_node_up", instance=usual) == 1)
        await until(lambda: value(shown(exporter), "redis_up", instance=node.instance) == 0)
        await until(
            lambda: (value(shown(exporter), "cache_health_checks_total", instance=node.instance, result="tls") or 0) > 0
        )
        file.write_text(json.dumps([{"targets": [node.instance, usual]}]))
        await until(lambda: value(shown(exporter), "redis_up", instance=node.instance) == 1)
        await until(lambda: value(shown(exporter), "cache_node_up", instance=node.instance) == 1)
