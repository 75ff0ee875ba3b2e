"""`/scrape`, `/sd` and wrong requests, with a real Prometheus that uses them as the documentation says."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import Child, wait_until
from sandbox.prometheus import Prometheus, start_prometheus
from sandbox.redis_node import RedisNode
from tests.house.tree import ROOT
from tests.integration.exporter_support import Peer, Serving, half_an_answer, requests, silent
from tests.unit.exporter.helpers import Series, labels_of, series, value

PATIENCE = 60.0
ON_DEMAND = {"collect": {"background": False}}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisNode]]:
    """Four servers; a test that breaks one heals it."""
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("nodes")
        yield [stack.enter_context(RedisNode(free_port(), directory)) for _ in range(4)]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory, nodes: list[RedisNode]) -> Iterator[Serving]:
    """An exporter on the first of them, by name, that asks only when it is asked."""
    fleet = {"name": "f", "nodes": [{"url": f"redis://localhost:{nodes[0].port}", "shard": "s"}]}
    with Serving(tmp_path_factory.mktemp("exporter"), {"fleet": fleet, **ON_DEMAND}) as serving:
        wait_until(lambda: asked(serving, "/-/ready")[0] == 200, PATIENCE, "the exporter to be ready")
        yield serving


def asked(serving: Serving, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    try:
        return 200, web.request(method, serving.url + path, headers=headers, timeout=15.0).decode()
    except web.WebError as error:
        return error.status, error.content.decode()


def scraped(serving: Serving, target: str, timeout: str = "10") -> Series:
    header = {"X-Prometheus-Scrape-Timeout-Seconds": timeout}
    status, text = asked(serving, f"/scrape?target={quote(target)}", **header)
    assert status == 200, text
    return series(text)


@pytest.mark.parametrize(
    "form", ["localhost:{}", "redis://localhost:{}", "127.0.0.1:{}", "redis://127.0.0.1:{}", "redis://127.0.0.1:{}/0"]
)
def test_a_node_of_the_fleet_answers_live_and_without_our_labels(
    exporter: Serving, nodes: list[RedisNode], form: str
) -> None:
    before = value(scraped(exporter, form.format(nodes[0].port)), "redis_commands_processed_total") or 0.0
    with nodes[0].client() as client:
        for _ in range(7):
            client.ping()
    page = scraped(exporter, form.format(nodes[0].port))
    assert (value(page, "redis_commands_processed_total") or 0.0) >= before + 7
    assert value(page, "redis_up") == 1
    assert not [own for _, own in page if {"fleet", "shard", "instance"} & dict(own).keys()]
    assert not [name for name, _ in page if name.startswith("cache_")]


def test_nothing_is_asked_of_a_node_that_nobody_wants(exporter: Serving, nodes: list[RedisNode]) -> None:
    scraped(exporter, f"localhost:{nodes[0].port}")
    before = nodes[0].info("stats")["total_commands_processed"]
    time.sleep(1.2)  # two probes at the default interval would fall into it
    assert int(str(nodes[0].info("stats")["total_commands_processed"])) - int(str(before)) <= 4, "but for our own"


@pytest.mark.alone
def test_a_hung_and_a_killed_node_are_down_within_the_scrape_timeout(exporter: Serving, nodes: list[RedisNode]) -> None:
    target = f"localhost:{nodes[0].port}"
    scraped(exporter, target)
    nodes[0].pause()
    began = time.monotonic()
    page = scraped(exporter, target, "2")
    assert value(page, "redis_up") == 0
    assert time.monotonic() - began < 2.0
    assert value(page, "redis_commands_processed_total") is None, "old facts are not live"
    nodes[0].resume()
    wait_until(lambda: value(scraped(exporter, target), "redis_up") == 1, PATIENCE, "it to come back", every=1.0)


def test_a_node_that_answers_again_is_up_at_the_next_scrape(tmp_path: Path) -> None:
    """Without a prober nobody else could tell the breaker that it does."""
    with RedisNode(free_port(), tmp_path) as node:
        policy = {"fleet": {"nodes": [f"redis://{node.instance}"]}, "timeouts": {"connection": {"backoff": "100ms"}}}
        with Serving(tmp_path, {**policy, **ON_DEMAND}) as serving:
            assert value(scraped(serving, node.instance), "redis_up") == 1
            node.stop()
            assert value(scraped(serving, node.instance), "redis_up") == 0
            assert value(scraped(serving, node.instance), "redis_up") == 0
            assert value(serving.page("/metrics/sli"), "cache_breaker_state", state="open") == 1
            node.start()
            page = scraped(serving, node.instance)
            assert value(page, "redis_up") == 1
            assert value(page, "redis_config_maxclients") is not None, "details are asked anew of another process"


def test_strangers_are_403_and_wrong_requests_say_what_is_wrong(exporter: Serving, nodes: list[RedisNode]) -> None:
    stranger = nodes[1].instance
    wrong = {
        f"/scrape?target={stranger}": (403, "neither of the fleet nor in collect.allowed_targets"),
        "/scrape": (400, "needs one target and got none"),
        "/scrape?target=": (400, "needs one target and got none"),
        f"/scrape?target={stranger}&target=b:1": (400, "needs one target and got 2"),
        "/scrape?target=%00%ff": (400, "is not an address"),
        "/scrape?target=redis://:hunter2@a": (400, "credentials"),
        f"/scrape?target=rediss://localhost:{nodes[0].port}": (403, "the policy knows no TLS"),
        "/probe": (404, "/scrape?target=HOST:PORT"),
        "/-/reload": (405, "/-/reload takes POST, not GET"),
    }
    for path, (status, text) in wrong.items():
        said = asked(exporter, path)
        assert said[0] == status, path
        assert text in said[1]
        assert "hunter2" not in said[1]
    status, text = asked(exporter, "/metrics", "POST")
    assert (status, text) == (405, "/metrics takes GET, HEAD, not POST\n")
    assert "Traceback" not in exporter.log.read_text()


def test_a_login_never_goes_to_a_node_that_is_merely_allowed(tmp_path: Path, nodes: list[RedisNode]) -> None:
    heard: list[bytes] = []

    def listens(connection: Any) -> None:
        heard.extend(requests(connection))

    with Peer(listens) as peer:
        policy = {
            "fleet": {"nodes": [f"redis://{nodes[0].instance}"], "auth": {"password_env": "PW"}},
            "collect": {"allowed_targets": ["127.0.0.0/8", "::1/128"], "background": False},
        }
        with Serving(tmp_path, policy, {"PW": "hunter2"}) as serving:
            assert value(scraped(serving, peer.instance, "1"), "redis_up") == 0
            assert value(scraped(serving, nodes[1].instance), "redis_up") == 1
            with Peer(silent, "::1") as six:
                assert value(scraped(serving, six.instance, "1"), "redis_up") == 0
                assert six.accepted
            assert asked(serving, "/scrape?target=10.0.0.1:6379")[0] == 403
    assert b"INFO" in b"".join(heard)
    assert b"AUTH" not in b"".join(heard)
    assert b"hunter2" not in b"".join(heard)


def test_sd_lists_the_nodes_and_says_nothing_before_it_knows_all(exporter: Serving, nodes: list[RedisNode]) -> None:
    scraped(exporter, f"localhost:{nodes[0].port}")
    status, text = asked(exporter, "/sd")
    labels = {f"__meta_cachewatch_{k}": v for k, v in (("fleet", "f"), ("shard", "s"), ("role", "primary"))}
    assert (status, json.loads(text)) == (200, [{"targets": [f"localhost:{nodes[0].port}"], "labels": labels}])


def test_sd_is_refused_while_a_sentinel_has_not_been_heard(tmp_path: Path, nodes: list[RedisNode]) -> None:
    with Peer(half_an_answer) as hung:
        sentinel = {"addresses": [hung.instance] * 3, "masters": ["shard-a"]}
        fleet = {"nodes": [f"redis://{nodes[0].instance}"], "sentinel": sentinel}
        with ExitStack() as stack:
            serving = Serving(tmp_path, {"fleet": fleet, "collect": {"timeout": "5s", "background": False}})
            stack.callback(serving.stop)
            Child.start(serving)  # as it starts, not when it is ready
            wait_until(lambda: web.answers(f"{serving.url}/-/healthy"), PATIENCE, "the page")
            assert asked(serving, "/sd")[0] == 503


def test_sd_is_refused_after_a_restart_while_the_sentinels_are_gone(tmp_path: Path, nodes: list[RedisNode]) -> None:
    """Prometheus would take the listed nodes for all of them, and watch no other any more."""
    sentinel = {"addresses": [f"{LOOPBACK}:{free_port()}"], "masters": ["shard-a"]}
    with Serving(tmp_path, {"fleet": {"nodes": [f"redis://{nodes[0].instance}"], "sentinel": sentinel}}) as serving:
        wait_until(lambda: "no Sentinel answers" in serving.log.read_text(), PATIENCE, "the Sentinels to be asked")
        assert asked(serving, "/sd") == (
            503,
            "Not everything that names nodes has answered yet, or no node is named.\n",
        )


def example(heading: str, hosts: dict[str, str]) -> dict[str, Any]:
    """The configuration below a heading of docs/scale.md, on our hosts and at the speed of a test."""
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8").partition(f"## {heading}")[2]
    block = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    for name, host in hosts.items():
        block = block.replace(name, host)
    config: dict[str, Any] = yaml.safe_load(re.sub(r"_interval: \d+s", "_interval: 1s", block))
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, **config}


def prometheus(stack: ExitStack, directory: Path, config: dict[str, Any]) -> Prometheus:
    directory.mkdir(exist_ok=True)
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    server = start_prometheus(directory / "prometheus.yml", directory, free_port())
    stack.callback(server.stop)
    return server


def ups(server: Prometheus, expr: str = "redis_up == 1") -> set[str]:
    return {found["metric"]["instance"] for found in server.query(expr)}


def test_a_job_that_was_written_for_redis_exporter_works_unchanged(tmp_path: Path, nodes: list[RedisNode]) -> None:
    first, second = f"redis://localhost:{nodes[0].port}", nodes[1].instance
    with ExitStack() as stack:
        fleet = {"nodes": [first, f"redis://{second}"]}
        serving = stack.enter_context(Serving(tmp_path / "exporter", {"fleet": fleet, **ON_DEMAND}))
        hosts = {
            "redis://10.0.0.1:6379": first,
            "10.0.0.2:6379": second,
            "exporter-0:9121": f"{LOOPBACK}:{serving.port}",
        }
        server = prometheus(stack, tmp_path, example("One node on demand", hosts))
        wait_until(lambda: ups(server) == {first, second}, PATIENCE, "both nodes")
        (found,) = server.query(f'redis_up{{instance="{first}"}}')
        assert set(found["metric"]) == {"__name__", "instance", "job"}
        nodes[1].pause()
        try:
            wait_until(lambda: ups(server, "redis_up == 0") == {second}, PATIENCE, "the hung node to be told")
            assert ups(server, "up == 1") == {first, second}, "in time for Prometheus"
        finally:
            nodes[1].resume()


def test_prometheus_spreads_the_nodes_over_two_exporters(tmp_path: Path, nodes: list[RedisNode]) -> None:
    everybody = {node.instance for node in nodes}
    fleet = {"nodes": [{"url": f"redis://{node.instance}", "shard": "s"} for node in nodes]}
    with ExitStack() as stack:
        two = [stack.enter_context(Serving(tmp_path / f"e{n}", {"fleet": fleet, **ON_DEMAND})) for n in range(2)]
        hosts = {f"exporter-{n}:9121": f"{LOOPBACK}:{serving.port}" for n, serving in enumerate(two)}
        server = prometheus(stack, tmp_path, example("Several exporters", hosts))
        wait_until(lambda: ups(server) == everybody, PATIENCE, "all nodes")
        assert len(server.query("redis_up")) == len(everybody), "each by one of the two"
        active = web.get_json(f"{server.url}/api/v1/targets")["data"]["activeTargets"]
        asks = {t["labels"]["instance"]: t["scrapeUrl"].split("/")[2] for t in active}
        for number, host in enumerate(hosts.values()):
            mine = {instance for instance, by in asks.items() if by == host}
            shown = {own["instance"] for own in labels_of(two[number].page(), "redis_up")}
            assert shown == mine, "the other exporter's share was never asked"
        assert {(m["metric"]["fleet"], m["metric"]["shard"]) for m in server.query("redis_up")} == {("cache", "s")}
