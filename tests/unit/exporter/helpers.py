"""What several of these tests need: a policy, a state filled by hand, a page read back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import hiredis
from prometheus_client.parser import text_string_to_metric_families

from exporter import samples
from exporter.exposition import render
from exporter.state import State
from exporter.targets import Target, static_targets
from policy.model import Policy

CAPTURES = Path(__file__).parents[2] / "data" / "captures"
NEWEST = ("redis-8.0.6", "valkey-9.1.2")
VERSIONS = ("redis-6.0.20", "redis-6.2.14", "redis-7.2.6", "redis-7.4.1", *NEWEST)
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def policy(**parts: Any) -> Policy:
    """The default policy with parts laid over it."""
    return Policy.model_validate(parts)


def watching(*targets: Target, **parts: Any) -> State:
    """A state that watches the targets, or the nodes of the policy."""
    state = State(policy(**parts))
    state.retarget(targets or static_targets(state.policy.fleet))
    return state


def captured(version: str, name: str) -> Any:
    """What a real server of that version answered, parsed off the wire."""
    reader = hiredis.Reader()
    reader.feed((CAPTURES / version / f"{name}.resp").read_bytes())
    return reader.gets()


def info_of(hits: int = 0, misses: int = 0, **fields: str) -> dict[str, str]:
    """The fields of an INFO."""
    return {"redis_version": "7.0.15", "keyspace_hits": str(hits), "keyspace_misses": str(misses), **fields}


def series(page: str | bytes) -> Series:
    """Every series of a page; AssertionError when one comes twice."""
    found: Series = {}
    for family in text_string_to_metric_families(page if isinstance(page, str) else page.decode()):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    return found


def value(found: Series, name: str, **labels: str) -> float | None:
    """The value of the one series with that name and these labels among its own, None when there is none."""
    values = [v for (n, own), v in found.items() if n == name and own >= labels.items()]
    assert len(values) <= 1, f"{name}{labels} is {len(values)} series"
    return values[0] if values else None


def labels_of(found: Series, name: str) -> list[Mapping[str, str]]:
    """The labels of every series of that name."""
    return [dict(own) for n, own in found if n == name]


def facts_text(state: State, now: float) -> str:
    """The node facts as they would stand on `/metrics`."""
    return render(chain.from_iterable(samples.sections(state, now))).decode()


def check(state: State, instance: str, results: Iterable[str], now: float = 0.0) -> None:
    """Give the state the results of health checks."""
    for result in results:
        state.prober_reported(0.0, now)
        state.checked(instance, result, 0.001 if result == "success" else None, now)


async def until(true: Callable[[], object], patience: float = 60.0) -> None:
    """Wait until something is true; TimeoutError when it is not within `patience` seconds."""
    async with asyncio.timeout(patience):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)
