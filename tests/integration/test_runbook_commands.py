"""The commands of the runbooks, as they stand, on the servers that they are for."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

from alerts import runbooks
from policy.alerts import ALERTS
from policy.model import Policy
from sandbox import web
from sandbox.ports import LOOPBACK, free_port
from sandbox.process import wait_until
from sandbox.prometheus import start_prometheus
from sandbox.redis_node import RedisNode

PASSWORD = "s3cret*$word"
# Those that take long or write, or are for a Cluster.
_NOT_HERE = re.compile(r"--intrinsic-latency|--cluster|CLUSTER|SET cachewatch|SENTINEL")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisNode]:
    with RedisNode(free_port(), tmp_path_factory.mktemp("locked"), password=PASSWORD) as node:
        yield node


def _of(**auth: str) -> Policy:
    return Policy.model_validate({"fleet": {"auth": {"password_env": "CACHE_PASSWORD", **auth}}})


def _commands(policy: Policy) -> list[str]:
    lines = {
        line
        for spec in ALERTS
        for line in runbooks.page(policy, spec.name).splitlines()
        if line.startswith("REDISCLI_AUTH=")
    }
    return sorted(line for line in lines if not _NOT_HERE.search(line))


@pytest.mark.parametrize("command", [*_commands(_of()), *_commands(_of(username="watcher"))])
def test_a_node_that_wants_a_login_answers_the_command_before_a_pipe_too(command: str, locked: RedisNode) -> None:
    argv = ["/bin/sh", "-c", command.replace("HOST", LOOPBACK).replace("PORT", str(locked.port))]
    env = {**os.environ, "NODE_USER": "default", "NODE_PASSWORD": PASSWORD}
    done = subprocess.run(
        argv, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
    )
    told = done.stdout + done.stderr
    assert not re.search("(?m)^(NOAUTH|NOPERM|WRONGPASS|ERR|Could not connect|AUTH failed)", told), told
    # Some find nothing on a server that is well: no slow command, no latency event, no failed login.
    assert done.stdout or "grep" not in command or done.returncode == 1


def test_the_login_is_asked_for_on_the_terminal_and_the_password_not_shown(tmp_path: Path) -> None:
    """Pasted with what follows: no line of it is taken for an answer."""
    (ask,) = [
        line for line in runbooks.page(_of(username="watcher"), "CacheMemoryHigh").splitlines() if "read -r" in line
    ]
    mine, theirs = pty.openpty()
    script = f'{ask}\nprintf %s "$NODE_USER $NODE_PASSWORD" > got\n'
    shown = ""
    with subprocess.Popen(["/bin/sh", "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path) as shell:
        os.close(theirs)
        for asked, answer in (("User of the nodes: ", "me"), ("Password of the nodes: ", PASSWORD)):
            while not shown.endswith(asked):
                shown += os.read(mine, 1000).decode()
            os.write(mine, f"{answer}\n".encode())
        assert shell.wait(30) == 0
    shown += os.read(mine, 1000).decode()
    os.close(mine)
    assert shown.split() == "User of the nodes: me Password of the nodes:".split()
    assert (tmp_path / "got").read_text() == f"me {PASSWORD}"


# As ss and CLUSTER NODES print it: connections to the node by their other end, and primaries with their slots.
_CONNECTIONS = """0 0 10.0.0.1:6379 10.0.0.9:50112
0 0 10.0.0.1:6379 10.0.0.9:50113
0 0 [fd00::1]:6379 [fd00::9]:50112
"""
_NODES = """a 10.0.0.1:6379@16379 myself,master - 0 1 1 connected 0-5460 5462
b 10.0.0.2:6379@16379 master,fail - 0 1 2 disconnected 5463-10922
c 10.0.0.3:6379@16379 master - 0 1 3 connected 10923-16382 [16383-<-b]
d 10.0.0.4:6379@16379 slave a 0 1 1 connected
"""


@pytest.mark.parametrize(
    ("name", "begins", "given", "told"),
    [
        ("CacheRejectedConnections", "ss -Htn", _CONNECTIONS, ["2 10.0.0.9", "1 [fd00::9]"]),
        (
            "CacheSlotsUncovered",
            "redis-cli -h HOST -p PORT CLUSTER NODES |",
            _NODES,
            ["5461-5461", "5463-10922", "16383-16383"],
        ),
    ],
)
def test_what_is_made_of_a_list_is_right(name: str, begins: str, given: str, told: list[str]) -> None:
    (line,) = [line for line in runbooks.page(Policy(), name).splitlines() if line.startswith(begins)]
    argv = ["/bin/sh", "-c", line.partition("|")[2]]
    done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=60, check=True)
    assert [" ".join(shown.split()) for shown in done.stdout.splitlines()] == told


def test_where_nobody_is_let_in_the_limit_is_raised_as_soon_as_somebody_leaves(tmp_path: Path) -> None:
    page = runbooks.page(Policy(), "CacheRejectedConnections")
    (until,) = re.findall(r"`(until .*; done)`", page)
    (end,) = re.findall(r"`(redis-cli .*CLIENT LIST \| grep -F .*)`", page)
    with (
        RedisNode(free_port(), tmp_path, config=("maxclients 2",)) as node,
        node.client() as one,
        node.client() as other,
    ):
        assert one.ping()
        assert other.ping()

        def at(command: str) -> list[str]:
            return ["/bin/sh", "-c", command.replace("HOST", LOOPBACK).replace("PORT", str(node.port))]

        with subprocess.Popen(at(until.replace("maxclients N", "maxclients 20")), stdout=subprocess.DEVNULL) as trying:
            with pytest.raises(subprocess.TimeoutExpired):
                trying.wait(1)
            other.close()
            assert trying.wait(60) == 0
        assert one.config_get("maxclients") == {"maxclients": "20"}
        with node.client() as leaking:
            before = {leaking.client_id(), one.client_id()}
            subprocess.run(at(end.replace("IP", LOOPBACK)), capture_output=True, timeout=60, check=True)
        with node.client() as after:
            assert not before.intersection(int(client["id"]) for client in after.client_list())


def test_callers_of_a_replica_are_named_and_ended_by_a_user_of_ones_own(tmp_path: Path) -> None:
    page = runbooks.page(_of(username="watcher"), "CacheWritesToReplica")
    refused, connected = re.findall(r"^(REDISCLI_AUTH=.* (?:INFO commandstats|CLIENT LIST) .*)$", page, re.MULTILINE)
    (one,) = re.findall(r"`(REDISCLI_AUTH=.*CLIENT LIST TYPE normal \| grep -F .*)`", page)
    (every,) = re.findall(r"`(REDISCLI_AUTH=.*CLIENT KILL TYPE normal)`", page)
    (rights,) = re.findall(r"a login with `(.*)` \|", page)
    for name in ("primary", "replica"):
        (tmp_path / name).mkdir()
    mine = (f"user me on >{PASSWORD} {rights}",)
    with (
        RedisNode(free_port(), tmp_path / "primary") as primary,
        RedisNode(free_port(), tmp_path / "replica", replica_of=primary.port, config=mine) as replica,
    ):

        def told(command: str) -> str:
            argv = ["/bin/sh", "-c", command.replace("HOST", LOOPBACK).replace("PORT", str(replica.port))]
            env = {**os.environ, "NODE_USER": "me", "NODE_PASSWORD": PASSWORD}
            return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=True).stdout

        for end in (one.replace("IP", LOOPBACK), every):
            with replica.client() as caller:
                caller.client_setname("shop-7")
                with pytest.raises(redis.ReadOnlyError):
                    caller.set("key", "value")
                assert "cmdstat_set:" in told(refused)
                assert re.search(r"(?m)^ addr=[\d.:]+  name=shop-7  age=\d+  cmd=set$", told(connected))
                told(end)
                assert "shop-7" not in told(connected)


def test_the_rules_that_fail_are_named_with_their_error(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        yaml.safe_dump(
            {
                "groups": [
                    {
                        "name": "mine",
                        "interval": "1s",
                        "rules": [
                            {"alert": "Good", "expr": "vector(1)", "labels": {"lastError": "no"}},
                            {"alert": "Bad", "expr": "up + on() group_left() (up or vector(1))"},
                        ],
                    }
                ]
            }
        )
    )
    port = free_port()
    config = {
        "rule_files": ["bad.yml"],
        "scrape_configs": [
            {"job_name": "x", "scrape_interval": "1s", "static_configs": [{"targets": [f"{LOOPBACK}:{port}"]}]}
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with start_prometheus(tmp_path / "prometheus.yml", tmp_path, port) as prometheus:
        wait_until(lambda: b"many-to-many" in web.request("GET", f"{prometheus.url}/api/v1/rules"), 60.0, "the failure")
        policy = Policy.model_validate({"stack": {"prometheus": prometheus.url}})
        page = runbooks.page(policy, "CacheRuleFailures")
        (command,) = re.findall(r"^curl -sS -m 5 \S*/api/v1/rules .*?sep=\": \"\)'$", page, re.MULTILINE | re.DOTALL)
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch("mine: Bad: .*many-to-many.*\\n", done.stdout), done.stdout
