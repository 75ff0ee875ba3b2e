"""A fleet without Sentinel: a primary and a replica that speak TLS and stand in a file, under a pair of Alertmanagers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.alert_quality import hurry
from sandbox import ports, web
from sandbox.certificates import Authority, ServerTls
from sandbox.files import write_atomic
from sandbox.process import wait_until
from sandbox.prometheus import ALONE, Alertmanager, alertmanager_server, paired
from sandbox.redis_node import RedisNode
from sandbox.stack import Stack

LASTING, ENDING, ENDED = 90, 3, -1
"""Days for which a certificate is good: by far, not for long any more, no more."""
_PATIENCE = 60.0


class ListedLab:
    """Both servers, the file that names them, their stack and its second Alertmanager. All ends with `stack`."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.file = directory / "nodes.json"
        self._run = directory / "run"
        self._authority = Authority(directory / "certificates")
        self.primary = stack.enter_context(self._node("primary"))
        self.replica = stack.enter_context(self._node("replica", self.primary.port))
        self.write_file()
        fleet = {"files": [self.file.name], "tls": {"ca_file": str(self._authority.cert)}}
        mine, other, port = ports.free_ports(3)
        short = {**hurry.cluster(), "stack.alertmanager_peers": [f"{ports.LOOPBACK}:{port}"]}
        self.watchers = stack.enter_context(Stack(directory, fleet, short, cluster=paired(mine, other)))
        # Below the folder of the build, whose paths are relative to it.
        self._config, self._port, self._gossip = directory / "build" / "alertmanager.yml", port, (other, mine)
        self.peer = stack.enter_context(self._other(paired(other, mine)))
        stack.callback(self._stop_peer)
        wait_until(self.together, _PATIENCE, "both Alertmanagers to know of each other", every=0.2)
        self.watchers.wait_for({"count(cache_node_up == 1)": len(self.nodes)})

    @property
    def nodes(self) -> tuple[RedisNode, ...]:
        """Both servers."""
        return self.primary, self.replica

    @property
    def alertmanagers(self) -> tuple[Alertmanager, Alertmanager]:
        """Both, the one that the policy names first before the other."""
        return self.watchers.alertmanager, self.peer

    def _node(self, name: str, replica_of: int | None = None) -> RedisNode:
        tls = ServerTls(self._authority.cert, self._authority.issue(name, days=LASTING))
        return RedisNode(ports.free_port(), self._run, name=name, replica_of=replica_of, tls=tls)

    def write_file(self) -> None:
        """The file as it should be."""
        targets = [node.instance for node in self.nodes]
        write_atomic(self.file, json.dumps([{"targets": targets, "labels": {"shard": "shard-a"}}]))

    def show_certificate(self, node: RedisNode, days: int) -> None:
        """Put a certificate that is good for so many days in the place of a server's, and have the server load it."""
        pair = self._authority.issue(node.name, days=days)
        with node.client() as client:
            client.execute_command("CONFIG", "SET", "tls-cert-file", str(pair.cert), "tls-key-file", str(pair.key))

    def start_peer(self, alone: bool = False) -> None:
        """Start the second Alertmanager on the data that it has; `alone`: as somebody does who forgets the first one."""
        self.peer = self._other(ALONE if alone else paired(*self._gossip))
        self.peer.start()

    def _stop_peer(self) -> None:
        """Whichever it is by then."""
        self.peer.stop()

    def _other(self, cluster: Sequence[str]) -> Alertmanager:
        return alertmanager_server(self._config, self._run / "peer", self._port, cluster)

    def together(self) -> bool:
        """Whether both Alertmanagers are up, know of each other and tell what they are told."""
        return all(map(_joined, self.alertmanagers))


def _joined(alertmanager: Alertmanager) -> bool:
    try:
        cluster = web.get_json(f"{alertmanager.url}/api/v2/status")["cluster"]
    except web.WebError:
        return False
    return cluster["status"] == "ready" and len(cluster["peers"]) == 2
