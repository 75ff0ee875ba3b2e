"""The fingerprint of what the rules assume of the exporter: what makes another one, and what must not."""

from pathlib import Path
from typing import Any

import pytest

from policy.agreement import agreed, fingerprint
from policy.loader import load
from policy.model import Policy

NODES = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"]
BASE: dict[str, Any] = {"fleet": {"nodes": NODES}}


def of(**parts: Any) -> str:
    return fingerprint(Policy.model_validate({**BASE, **parts}))


MATTERS: dict[str, dict[str, Any]] = {
    "a latency threshold": {"thresholds": {"latency_p95": {"warning": {"above": "3ms"}}}},
    "a target of latency": {"thresholds": {"latency_p99": {"target": "1500us"}}},
    "what an objective calls good": {"slos": [{"name": "latency", "within": "3ms", "objective": 99}]},
    "how often is probed": {"probe": {"interval": "1s"}},
    "when a probe is given up": {"probe": {"timeout": "2s"}},
    "how often is collected": {"collect": {"interval": "15s"}},
    "whether is probed at all": {"collect": {"background": False}},
    "a family that is hidden": {"collect": {"families": {"deny": ["redis_evicted_keys_total"]}}},
    "how many failures make a node down": {"health": {"failures": 5}},
    "a node more": {"fleet": {"nodes": [*NODES, "redis://10.0.0.3:6379"]}},
    "a node less": {"fleet": {"nodes": NODES[:1]}},
    "a master of Sentinel": {"fleet": {"nodes": NODES, "sentinel": {"addresses": ["10.0.0.9"], "masters": ["a"]}}},
}
MATTERS_NOT: dict[str, dict[str, Any]] = {
    "the order of the nodes": {"fleet": {"nodes": NODES[::-1]}},
    "a bound that is there anyway": {"thresholds": {"latency_p95": {"critical": {"above": "10ms"}}}},
    "a share": {"thresholds": {"hit_rate": {"warning": {"below": "74%"}}}},
    "a wait": {"thresholds": {"latency_p95": {"warning": {"for": "4m"}}}},
    "another way to hide nothing": {"collect": {"families": {"allow": ["redis_*"]}}},
    "who is told": {"notify": {"slack": {"channel": "#cache", "token_file": "/run/secrets/slack"}}},
    "a login": {"fleet": {"nodes": NODES, "auth": {"password_env": "CACHE_PASSWORD"}}},
    "a node's memory": {"fleet": {"nodes": [NODES[0], {"url": NODES[1], "memory_limit": "1GiB"}]}},
    "where the parts answer": {"stack": {"exporter": "exporter:9121"}},
    "how often Prometheus looks": {"rules": {"liveness_interval": "1s"}},
}


@pytest.mark.parametrize("what", MATTERS)
def test_what_the_rules_assume_of_the_exporter_makes_another_one(what: str) -> None:
    assert of(**MATTERS[what]) != of()


@pytest.mark.parametrize("what", MATTERS_NOT)
def test_what_one_of_them_uses_alone_makes_none(what: str) -> None:
    assert of(**MATTERS_NOT[what]) == of()


def test_every_entry_of_it_makes_a_difference() -> None:
    base = agreed(Policy.model_validate(BASE))
    found = [agreed(Policy.model_validate({**BASE, **parts})) for parts in MATTERS.values()]
    assert {key for key in base for other in found if base[key] != other[key]} == set(base)


def test_where_the_file_lies_makes_none(tmp_path: Path) -> None:
    """CI builds the rules in one folder, the exporter reads the same file in another."""
    text = "fleet: {files: [targets/*.json], auth: {password_file: secret}, tls: {ca_file: ca.crt}}\nprobe: {interval: 1s}\n"
    found = set()
    for folder in (tmp_path / "ci", tmp_path / "etc"):
        folder.mkdir()
        (folder / "cachewatch.yaml").write_text(text)
        loaded = load(folder / "cachewatch.yaml").policy
        found.add((fingerprint(loaded), loaded.fleet.files))
    assert len(found) == 2
    assert len({digits for digits, _ in found}) == 1


def test_it_is_the_same_in_every_process() -> None:
    assert fingerprint(Policy()) == "e6b0e2a3d801"
