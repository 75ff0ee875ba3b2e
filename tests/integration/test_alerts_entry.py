"""From a real node over the exporter to a real Prometheus: who can no longer be entered, or soon will not, has a ticket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alerts.build import files
from policy.model import Policy
from sandbox.certificates import Authority, Pair, ServerTls
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import start_prometheus
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving
from tests.unit.alerts.policies import write

PATIENCE = 60.0


def _policy(node: RedisNode, authority: Authority) -> dict[str, Any]:
    return {
        "fleet": {"nodes": [f"rediss://{node.instance}"], "tls": {"ca_file": str(authority.cert)}},
        "collect": {"interval": "500ms", "timeout": "300ms", "connect_interval": "2s"},
        "alerts": {"collection": {"for": "1s"}},
        "rules": {"interval": "500ms", "liveness_interval": "500ms", "liveness_timeout": "500ms", "rate_window": "4s"},
    }


def _show(node: RedisNode, pair: Pair) -> None:
    with node.client() as client:
        client.execute_command("CONFIG", "SET", "tls-cert-file", str(pair.cert), "tls-key-file", str(pair.key))


def test_a_certificate_that_ends_soon_has_a_ticket_and_one_that_has_ended_another(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    short, long, ended = (authority.issue(f"for{days}", days=days) for days in (3, 90, -1))
    with RedisNode(free_port(), tmp_path, tls=ServerTls(authority.cert, short)) as node:
        said, exporter, port = (
            _policy(node, authority),
            Serving(tmp_path / "serving", _policy(node, authority)),
            free_port(),
        )
        stack = {"exporter": exporter.url.removeprefix("http://"), "prometheus": f"http://127.0.0.1:{port}"}
        write(files(Policy.model_validate({**said, "stack": stack})), tmp_path / "built")
        exporter.start()
        try:
            with start_prometheus(tmp_path / "built" / "prometheus.yml", tmp_path, port) as prometheus:

                def told() -> dict[str, str]:
                    found = [a for a in prometheus.alerts() if a["state"] == "firing" and "instance" in a["labels"]]
                    own = (a for a in found if a["labels"]["instance"] == node.instance)
                    return {a["labels"]["alertname"]: a["annotations"]["summary"] for a in own}

                wait_until(lambda: "CacheCertificateExpiring" in told(), PATIENCE, "the end to be told")
                assert told()["CacheCertificateExpiring"].startswith(
                    f"The certificate of {node.instance} ends in 2d 23h "
                )
                _show(node, long)
                wait_until(lambda: not told(), PATIENCE, "the new certificate to be seen")
                _show(node, ended)
                wait_until(lambda: "CacheCollectionFailing" in told(), PATIENCE, "it to be told")
                entry = f"{node.instance} takes no new connection of the exporter"
                assert told() == {"CacheCollectionFailing": entry}, "nobody is paged"
                _show(node, long)
                wait_until(lambda: not told(), PATIENCE, "it to be well")
                with node.client() as client:
                    client.execute_command("ACL SETUSER default -info")
                info = f"{node.instance} answers PING and not INFO"
                wait_until(lambda: told() == {"CacheCollectionFailing": info}, PATIENCE, "the other one to be told")
        finally:
            exporter.stop()
