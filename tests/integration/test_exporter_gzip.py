"""Gzip on the pages of a running exporter, and with a real Prometheus, which asks for it by itself."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import start_prometheus
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving
from tests.unit.exporter.helpers import series, value

PATIENCE = 60.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisNode]:
    with RedisNode(free_port(), tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory, node: RedisNode) -> Iterator[Serving]:
    policy = {"fleet": {"nodes": [f"redis://{node.instance}"]}}
    with Serving(tmp_path_factory.mktemp("exporter"), policy) as serving:
        wait_until(lambda: _up(serving.text("/metrics"), node) == 1, PATIENCE, "the node to be up")
        yield serving


def _up(text: str, node: RedisNode) -> float | None:
    return value(series(text), "cache_node_up", instance=node.instance)


@pytest.mark.parametrize("path", ["/metrics", "/metrics/sli", "/scrape?target="])
def test_each_page_is_packed_for_whoever_asks_and_for_nobody_else(
    exporter: Serving, node: RedisNode, path: str
) -> None:
    url = f"{exporter.url}{path}{quote(node.instance) if path.endswith('=') else ''}"
    packed = web.request("GET", url, headers={"Accept-Encoding": "gzip"})
    plain = web.request("GET", url, headers={"Accept-Encoding": "identity"})
    assert series(gzip.decompress(packed).decode()).keys() == series(plain.decode()).keys()
    assert len(packed) * 3 < len(plain)


def test_prometheus_reads_the_packed_pages(exporter: Serving, node: RedisNode, tmp_path: Path) -> None:
    target = [{"targets": [f"{LOOPBACK}:{exporter.port}"]}]
    jobs = [
        {"job_name": path, "metrics_path": path, "honor_labels": True, "static_configs": target}
        for path in ("/metrics", "/metrics/sli")
    ]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    with start_prometheus(file, tmp_path, free_port()) as prometheus:
        wait_until(lambda: len(prometheus.query("up == 1")) == 2, PATIENCE, "both jobs to be up")
        assert prometheus.query(f'redis_up{{instance="{node.instance}"}}')[0]["value"][1] == "1"
