"""What `promtool check metrics` says of a page that has all four roles: nothing of ours, and the peer's names only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox import binaries, web
from sandbox.fleet import SentinelFleet
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode
from tests.integration.exporter_support import Serving
from tests.integration.redis_exporter_support import PAGE, RedisExporter
from tests.unit.exporter.helpers import CAPTURES

DOCS = Path(__file__).parents[2] / "docs" / "redis_exporter.md"
# One family of each role, of the cheap tier and of the details.
OF_EACH_ROLE = (
    "redis_connected_slave_lag_seconds redis_slave_info redis_sentinel_master_status redis_cluster_slots_ok "
    "redis_commands_latencies_usec redis_latency_percentiles_usec redis_slowlog_length "
    "redis_sentinel_master_ok_sentinels cache_node_role cache_names_over_limit cache_probe_duration_seconds"
).split()


@pytest.fixture(scope="module")
def pages(sentinel_fleet: SentinelFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The page of an exporter that watches a primary, a replica, a Sentinel and a Cluster node; the peer's four pages."""
    directory, port = tmp_path_factory.mktemp("promtool"), free_port()
    config = ("cluster-enabled yes", f"cluster-config-file nodes-{port}.conf")
    with ExitStack() as stack:
        member = stack.enter_context(RedisNode(port, directory, config=config))
        with member.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            client.execute_command("CLUSTER", "INFO")
        primary, replica = (node.instance for node in sentinel_fleet.by_shard["shard-a"])
        instances = (primary, replica, sentinel_fleet.sentinels[0], member.instance)
        collect = {"interval": "1s", "timeout": "900ms", "detail_interval": "1s"}
        fleet = {"nodes": [f"redis://{instance}" for instance in instances]}
        exporter = stack.enter_context(Serving(directory, {"fleet": fleet, "collect": collect}))
        wait_until(lambda: all(f"\n{name}" in exporter.text() for name in OF_EACH_ROLE), 60.0, "every role's page")
        peer = stack.enter_context(RedisExporter(directory))
        urls = (f"{peer.url}/scrape?target={instance}" for instance in instances)
        theirs = {line for url in urls for line in findings(web.request("GET", url).decode())}
        yield exporter.text(), "\n".join(sorted(theirs))


def findings(page: str) -> list[str]:
    """What promtool complains of, a line each that begins with the family's name."""
    argv = [str(binaries.find("promtool")), "check", "metrics"]
    check = subprocess.run(argv, input=page, capture_output=True, text=True, check=False, timeout=60)
    assert "error while linting" not in check.stderr
    return check.stderr.splitlines()


def test_promtool_finds_nothing_to_say_about_our_own_metrics(pages: tuple[str, str]) -> None:
    text, _ = pages
    assert [line for line in findings(text) if not line.startswith("redis_")] == []


def test_what_promtool_says_of_node_facts_it_says_of_redis_exporter_and_the_documentation_lists_it(
    pages: tuple[str, str],
) -> None:
    text, theirs = pages
    mine = findings(text)
    assert mine
    # What 1.45 does not have, later ones have by these names.
    ours_alone = {line for line in mine if line not in theirs.splitlines()}
    assert {line.split()[0] for line in ours_alone} <= _of_newer_ones()
    documented = DOCS.read_text(encoding="utf-8")
    assert [line for line in mine if f"`{line.split()[0]}`" not in documented] == []


def _of_newer_ones() -> set[str]:
    """The families on the pages of redis_exporter 1.86 that were kept."""
    lines = (line for path in CAPTURES.glob("*/" + PAGE.format("*")) for line in path.read_text().splitlines())
    return {line.split()[2] for line in lines if line.startswith("# TYPE ")}
