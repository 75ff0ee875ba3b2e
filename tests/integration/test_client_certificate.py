"""The exporter's own client certificate where servers ask for one: its end is told before, and as the reason when it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.build import files
from exporter.access import Access
from exporter.app import Exporter
from exporter.failures import NodeError, from_exception
from exporter.survey import survey
from exporter.wire import Connection
from policy.key_files import TlsFiles
from policy.model import Policy
from sandbox.certificates import Authority, ServerTls
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import Prometheus, start_prometheus
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving, shown, watching
from tests.unit.alerts.policies import write
from tests.unit.cli.command import cachewatch
from tests.unit.exporter.helpers import until, value

NAME, TICKET = "cache_tls_client_certificate_expiry_timestamp_seconds", "CacheCertificateExpiring"
EXPIRED = "tls: it refuses the client certificate, which has expired; put a new one in the place of cert_file"
PATIENCE = 60.0
FAST = {
    "collect": {"interval": "250ms", "timeout": "200ms", "connect_interval": "1s"},
    "probe": {"interval": "100ms", "timeout": "1s"},
    "timeouts": {"connection": {"timeout": "1s", "backoff": "100ms"}},
}


@dataclass(frozen=True)
class Room:
    """An authority, and what its servers and clients take."""

    folder: Path
    authority: Authority

    def node(self, name: str = "node", clients: bool = True) -> RedisNode:
        """A server whose own certificate lasts, and which asks for a client's."""
        pair = self.authority.issue(name, days=90)
        return RedisNode(free_port(), self.folder, name=name, tls=ServerTls(self.authority.cert, pair, clients))

    def tls(self, name: str, days: int) -> dict[str, Any]:
        """The policy's `tls` with a client certificate that is good for so many days; again, it takes the other's place."""
        pair = self.authority.issue(name, days=days)
        return {"ca_file": str(self.authority.cert), "cert_file": str(pair.cert), "key_file": str(pair.key)}

    def spoil(self, name: str) -> None:
        """Leave half of a certificate, as somebody who is interrupted."""
        file = self.folder / f"{name}.crt"
        file.write_text(file.read_text()[:100])


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, Authority(tmp_path))


def _days(exporter: Exporter, node: RedisNode) -> float | None:
    ends = value(shown(exporter), NAME, instance=node.instance)
    return None if ends is None else (ends - time.time()) / 86_400


def _about(days: float) -> object:
    return pytest.approx(days, abs=0.01)


async def test_its_end_is_shown_for_each_node_and_followed_while_it_is_changed_in_place(room: Room) -> None:
    """Also when what is put there has ended, and no new connection comes in any more."""
    with room.node() as usual, room.node("other") as other, room.node("none", clients=False) as none:
        overrides = [
            {"match": other.instance, "tls": room.tls("of-other", 20)},
            {"match": none.instance, "tls": {"ca_file": str(room.authority.cert)}},
        ]
        nodes = (usual, other, none)
        fleet = {"nodes": [f"redis://{each.instance}" for each in nodes], "tls": room.tls("client", 3)}
        async with watching({**FAST, "fleet": {**fleet, "overrides": overrides}}) as exporter:

            def enters() -> float | None:
                return value(shown(exporter), "cache_collect_success", instance=usual.instance, part="connect")

            await until(lambda: len(exporter.collector.connections) == len(nodes))
            assert [_days(exporter, node) for node in nodes] == [_about(3), _about(20), None]
            room.tls("client", 90)
            await until(lambda: _days(exporter, usual) == _about(90))
            room.tls("client", -1)
            await until(lambda: enters() == 0)
            assert _days(exporter, usual) == _about(-1)
            told = exporter.state.nodes[usual.instance].connect
            assert told is not None
            assert told.error.startswith(EXPIRED)
            assert value(shown(exporter), "cache_node_up", instance=usual.instance) == 1
            room.spoil("client")
            await until(lambda: "not a certificate" in (exporter.state.nodes[usual.instance].connect or told).error)
            assert _days(exporter, usual) == _about(-1), "the last that was one stays"
            room.tls("client", 30)
            await until(lambda: enters() == 1 and _days(exporter, usual) == _about(30))
            assert _days(exporter, other) == _about(20)


async def test_where_it_has_ended_before_the_start_it_is_shown_all_the_same(room: Room) -> None:
    with room.node() as node:
        tls = room.tls("client", -1)
        async with watching({**FAST, "fleet": {"nodes": [f"redis://{node.instance}"], "tls": tls}}) as exporter:
            await until(lambda: value(shown(exporter), "cache_node_up", instance=node.instance) == 0)
            assert _days(exporter, node) == _about(-1)
            failed = value(shown(exporter), "cache_health_checks_total", instance=node.instance, result="tls")
            assert failed
        answers, _ = await survey(exporter.policy, {})
        (answer,) = answers
        assert answer.error.startswith(EXPIRED)
        assert answer.client_certificate == tls["cert_file"]


async def _refused(node: RedisNode, tls: TlsFiles) -> str:
    """The class and text with which a connection fails; empty when it is answered."""
    try:
        connection = await Connection.open(LOOPBACK, node.port, Access(tls=tls))
        try:
            await connection.ask([("PING",)])
        finally:
            connection.close()
    except (OSError, NodeError) as error:
        return f"{from_exception(error).result}: {from_exception(error)}"
    return ""


async def test_a_server_refuses_an_intermediate_that_has_ended_and_nothing_that_stands_beside_the_chain(
    room: Room,
) -> None:
    """What `chain_ends` takes for the end is what a real server takes for it."""
    good, ended = (Authority(room.folder / f"{days}", "between", room.authority, days) for days in (30, -1))
    below = {each: each.issue("client", days=30) for each in (good, ended)}
    direct = room.authority.issue("direct", days=30)
    chains = {
        "good": (below[good], (good,)),
        "its intermediate has ended": (below[ended], (ended,)),
        "an old one of the same name before the new one": (below[good], (ended, good)),
        "an old one behind it": (below[good], (good, ended)),
        "an old one beside": (direct, (ended,)),
    }
    with room.node() as node:
        for name, (pair, others) in chains.items():
            file = room.folder / "chain.pem"
            file.write_text("".join(path.read_text() for path in (pair.cert, *(other.cert for other in others))))
            tls = TlsFiles(LOOPBACK, ca=str(room.authority.cert), cert=str(file), key=str(pair.key))
            ends, said = Access(tls=tls).own_certificate_ends(), await _refused(node, tls)
            assert ends is not None, name
            assert bool(said) == (ends < time.time()), f"{name}: {said}"
            assert not said or said.startswith(EXPIRED), said


Told = dict[str, dict[str, Any]]
_CACHE = (TICKET, "CacheCollectionFailing", "CacheNodeDown")


@dataclass(frozen=True)
class Watched:
    """An exporter, and the Prometheus that judges what it says."""

    prometheus: Prometheus

    def told(self) -> Told:
        """What fires about the cache, by name and instance."""
        found = [alert for alert in self.prometheus.alerts() if alert["state"] == "firing"]
        named = [(alert["labels"]["alertname"], alert["labels"].get("instance", ""), alert) for alert in found]
        return {f"{name} {instance}".strip(): alert for name, instance, alert in named if name in _CACHE}

    def until(self, what: Callable[[Told], bool], words: str) -> Told:
        wait_until(lambda: what(self.told()), PATIENCE, words)
        return self.told()

    def says(self, alert: str, part: str, words: str) -> None:
        """Wait until the alert's annotation has these words."""
        self.until(lambda found: alert in found and words in found[alert]["annotations"][part], f"{alert}: {words}")


@contextmanager
def _watched(room: Room, *nodes: RedisNode) -> Iterator[Watched]:
    said = {
        **FAST,
        "fleet": {"nodes": [f"redis://{each.instance}" for each in nodes], "tls": room.tls("client", 3)},
        "alerts": {"collection": {"for": "1s"}},
        "rules": {"interval": "500ms", "liveness_interval": "500ms", "liveness_timeout": "500ms", "rate_window": "4s"},
    }
    exporter, port = Serving(room.folder / "serving", said), free_port()
    stack = {"exporter": exporter.url.removeprefix("http://"), "prometheus": f"http://127.0.0.1:{port}"}
    write(files(Policy.model_validate({**said, "stack": stack})), room.folder / "built")
    exporter.start()
    try:
        with start_prometheus(room.folder / "built" / "prometheus.yml", room.folder, port) as prometheus:
            yield Watched(prometheus)
    finally:
        exporter.stop()


def test_one_ticket_comes_before_and_the_page_when_it_has_ended_says_so(room: Room) -> None:
    with room.node() as one, room.node("two") as two, _watched(room, one, two) as watched:
        alert = watched.until(lambda found: list(found) == [TICKET], "the ticket")[TICKET]
        labels = {"alertname": TICKET, "fleet": "cache", "part": "client", "severity": "warning"}
        assert alert["labels"] == {**labels, "action": "investigate"}
        watched.says(TICKET, "summary", "The exporter's client certificate for cache ends in 2d 23h ")
        watched.says(TICKET, "description", "Nodes that it concerns: 2, first 127.0.0.1:")

        room.tls("client", -1)
        each = [f"CacheCollectionFailing {node.instance}" for node in (one, two)]
        found = watched.until(lambda found: set(each) < set(found), "no new connection to come in")
        assert found.keys() == {TICKET, *each}, "nobody is paged"
        watched.says(TICKET, "summary", "The exporter's client certificate for cache has ended")

        for node in (one, two):
            with node.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        for node in (one, two):
            page, reason = (
                f"CacheNodeDown {node.instance}",
                "The client certificate that the exporter shows to it has ended",
            )
            watched.says(page, "description", reason)
            watched.says(page, "description", "health checks in a row of ")
            watched.says(page, "description", " (tls)")
        assert TICKET in watched.told()

        room.tls("client", 90)
        watched.until(lambda found: TICKET not in found, "the new one to be seen")


@pytest.mark.parametrize(("days", "said"), [(3, "ends on "), (-1, "has ended, on ")])
def test_check_warns_of_a_file_that_ends_soon_and_of_one_that_has_ended(days: int, said: str, room: Room) -> None:
    with room.node() as node, room.node("other") as other:
        nodes = [f"redis://{each.instance}" for each in (node, other)]
        policy = {**FAST, "fleet": {"nodes": nodes, "tls": room.tls("client", days)}}
        (room.folder / "cachewatch.yaml").write_text(json.dumps(policy))
        done = cachewatch(room.folder, "check", "--connect", "--json")
        shown = cachewatch(room.folder, "check", "--connect", environ={"COLUMNS": "200"})
    told = json.loads(done.out)
    assert done.status == (1 if days < 0 else 0)
    assert done.err.splitlines() == [f"warning: {warning}" for warning in told["certificate_warnings"]]
    ends = datetime.now(UTC) + timedelta(days=days)
    for answer in told["nodes"]:
        assert answer["client_certificate"] == str(room.folder / "client.crt")
        assert datetime.fromisoformat(answer["client_certificate_ends"]) == pytest.approx(
            ends, abs=timedelta(minutes=5)
        )
    day = told["nodes"][0]["client_certificate_ends"][:10]
    assert shown.out.count(f"ours until {day}") == 2
    whom = f"{told['nodes'][0]['instance']} and 1 more"
    begins = f"the client certificate {room.folder / 'client.crt'}, shown to {whom}, {said}{day}"
    assert [warning.startswith(begins) for warning in told["certificate_warnings"]] == [True]
