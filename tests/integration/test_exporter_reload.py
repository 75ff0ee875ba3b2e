"""A policy that is read again: a good one counts at once and loses nothing, a bad one is told and changes nothing."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import web
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving, shown, watching
from tests.unit.exporter.helpers import labels_of, until, value

PATIENCE = 60.0
QUICK = {"collect": {"interval": "1s", "timeout": "500ms"}, "probe": {"interval": "100ms"}}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[RedisNode]]:
    with ExitStack() as stack:
        yield [stack.enter_context(RedisNode(free_port(), tmp_path / "nodes")) for _ in range(2)]


@pytest.fixture
def exporter(tmp_path: Path, nodes: list[RedisNode]) -> Iterator[Serving]:
    """It watches the first."""
    with Serving(tmp_path, policy(nodes[0])) as serving:
        wait_until(lambda: checks(serving, nodes[0]) >= 5, PATIENCE, "some checks")
        yield serving


def policy(*nodes: RedisNode, **more: Any) -> dict[str, Any]:
    return {"fleet": {"nodes": [f"redis://{node.instance}" for node in nodes]}, **QUICK, **more}


def write(serving: Serving, text: str) -> None:
    (serving.directory / "cachewatch.yaml").write_text(text)


def reload(serving: Serving) -> tuple[int, str]:
    try:
        return 200, web.request("POST", f"{serving.url}/-/reload").decode()
    except web.WebError as error:
        return error.status, error.content.decode()


def checks(serving: Serving, node: RedisNode) -> float:
    labels = {"instance": node.instance, "result": "success"}
    return value(serving.page("/metrics/sli"), "cache_health_checks_total", **labels) or 0.0


def watched(serving: Serving) -> set[str]:
    return {own["instance"] for own in labels_of(serving.page(), "redis_up")}


def test_a_node_that_is_added_is_there_and_the_counts_of_the_other_go_on(
    exporter: Serving, nodes: list[RedisNode]
) -> None:
    children, before = exporter.children(), checks(exporter, nodes[0])
    slower = {"breaker": {"failure_rate": "90%"}, "health": {"failures": 5}}
    write(exporter, yaml.safe_dump(policy(*nodes, **slower)))
    assert reload(exporter) == (200, "The policy was read again; 2 nodes are watched.\n")
    wait_until(lambda: checks(exporter, nodes[1]) >= 1, PATIENCE, "the second node")
    assert checks(exporter, nodes[0]) >= before
    assert exporter.children() == children, "the prober goes on"
    write(exporter, yaml.safe_dump(policy(nodes[1])))
    assert reload(exporter)[0] == 200
    assert nodes[0].instance not in exporter.text(), "who left is on no page"
    wait_until(lambda: watched(exporter) == {nodes[1].instance}, PATIENCE, "the other to stay")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_a_page_of_another_site_reloads_nothing(
    exporter: Serving, nodes: list[RedisNode], headers: dict[str, str]
) -> None:
    write(exporter, yaml.safe_dump(policy(*nodes)))
    with pytest.raises(web.WebError, match="A page of another site may not do this") as refused:
        web.request("POST", f"{exporter.url}/-/reload", headers=headers)
    assert refused.value.status == 403
    assert watched(exporter) == {nodes[0].instance}
    web.request("POST", f"{exporter.url}/-/reload", headers={"Origin": exporter.url})
    wait_until(lambda: len(watched(exporter)) == 2, PATIENCE, "a page of its own to be obeyed")


def test_a_bad_policy_is_refused_with_all_its_problems_and_the_old_one_goes_on(
    exporter: Serving, nodes: list[RedisNode]
) -> None:
    write(exporter, "fleet: {nodes: []}\ncolect: {}\n")
    status, text = reload(exporter)
    assert status == 400
    assert text.startswith("The policy is refused, the old one goes on:\n")
    assert "cachewatch.yaml:1: fleet.nodes: names no node" in text
    assert "cachewatch.yaml:2: colect: unknown key; did you mean collect?" in text
    logged = exporter.log.read_text()
    assert (
        len(re.findall(r"app: the policy is refused, the old one goes on: .*cachewatch\.yaml:[12]: ", logged)) == 2
    ), "a line each"
    assert value(exporter.page("/metrics/sli"), "cache_collect_success", part="policy") == 0
    before = checks(exporter, nodes[0])
    wait_until(lambda: checks(exporter, nodes[0]) > before, PATIENCE, "the checks to go on")
    write(exporter, "fleet: {auth: {password_env: NOT_THERE}}\n")
    assert "environment variable NOT_THERE is not set" in reload(exporter)[1]
    write(exporter, yaml.safe_dump(policy(nodes[0])))
    assert reload(exporter)[0] == 200
    assert value(exporter.page("/metrics/sli"), "cache_collect_success", part="policy") == 1


@pytest.mark.parametrize("rest", ["", "# fleet:\n", None], ids=["empty", "comments", "gone"])
def test_a_policy_that_was_cut_to_nothing_is_no_wish_for_the_defaults(
    exporter: Serving, nodes: list[RedisNode], rest: str | None
) -> None:
    before = watched(exporter)
    file = exporter.directory / "cachewatch.yaml"
    if rest is None:
        file.unlink()
    else:
        file.write_text(rest)
    status, text = reload(exporter)
    assert (status, "cachewatch.yaml" in text) == (400, True)
    assert watched(exporter) == before
    write(exporter, yaml.safe_dump(policy(nodes[0])))
    assert reload(exporter)[0] == 200


def test_another_login_is_used_at_once_by_collection_and_health_checks(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path, password="right") as node:
        secrets = {"OLD": "wrong", "NEW": "right"}
        wrong, right = (policy(node), policy(node))
        wrong["fleet"]["auth"], right["fleet"]["auth"] = {"password_env": "OLD"}, {"password_env": "NEW"}
        with Serving(tmp_path / "exporter", wrong, secrets) as serving:
            wait_until(lambda: value(serving.page(), "cache_node_up") == 0, PATIENCE, "the wrong login to be refused")
            write(serving, yaml.safe_dump(right))
            assert reload(serving)[0] == 200
            wait_until(lambda: value(serving.page(), "cache_node_up") == 1, PATIENCE, "the prober to be let in")
            wait_until(lambda: value(serving.page(), "redis_up") == 1, PATIENCE, "the collection to be let in")


@pytest.mark.alone
def test_sighup_does_the_same_and_sigterm_still_ends_it_in_time(exporter: Serving, nodes: list[RedisNode]) -> None:
    write(exporter, yaml.safe_dump(policy(*nodes)))
    os.kill(exporter.pid, signal.SIGHUP)
    wait_until(lambda: checks(exporter, nodes[1]) >= 1, PATIENCE, "the second node")
    write(exporter, "nonsense")
    os.kill(exporter.pid, signal.SIGHUP)
    wait_until(lambda: "the policy is refused" in exporter.log.read_text(), PATIENCE, "the refusal")
    assert watched(exporter) == {node.instance for node in nodes}
    exporter.ask_to_stop()
    assert exporter.wait(2.0) == 0
    assert "Traceback" not in exporter.log.read_text()


@pytest.mark.alone
async def test_a_file_of_nodes_is_followed_and_a_broken_one_keeps_its_last_word(
    tmp_path: Path, nodes: list[RedisNode], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "targets.json"
    file.write_text(json.dumps([{"targets": [nodes[0].instance], "labels": {"shard": "a"}}]))
    fleet = {"files": [str(file)]}
    async with watching({"fleet": fleet, **QUICK}) as exporter:
        await until(lambda: value(shown(exporter), "cache_node_up", instance=nodes[0].instance, shard="a") == 1)
        file.write_text("[")
        await until(lambda: value(shown(exporter), "cache_collect_success", part="files") == 0)
        assert value(shown(exporter), "cache_node_up", instance=nodes[0].instance) == 1
        assert caplog.text.count("is not JSON") == 1
        file.write_text(json.dumps([{"targets": [nodes[1].instance]}]))
        await until(lambda: value(shown(exporter), "cache_node_up", instance=nodes[1].instance) == 1)
        assert nodes[0].instance not in str(shown(exporter)), "who left is on no page"
        assert value(shown(exporter), "cache_collect_success", part="files") == 1


async def test_all_sources_together_name_each_node_once(tmp_path: Path, nodes: list[RedisNode]) -> None:
    (tmp_path / "a.yml").write_text(f"- targets: [localhost:{nodes[0].port}, '{nodes[1].instance}']")
    name = {"name": "localhost", "port": nodes[1].port, "family": "ipv4", "shard": "d"}
    async with watching({"fleet": {"files": [str(tmp_path / "*.yml")], "dns": [name]}, **QUICK}) as exporter:
        await until(exporter.ready)
        assert {(t.target.instance, t.target.shard) for t in exporter.state.nodes.values()} == {
            (f"localhost:{nodes[0].port}", ""),
            (nodes[1].instance, "d"),
        }
