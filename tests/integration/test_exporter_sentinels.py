"""Three real Sentinels: how many are left of how many is shown, whichever of them dies, and the runbook names it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

from alerts import runbooks
from exporter.app import Exporter
from policy.model import Policy
from sandbox.fleet import SentinelFleet
from tests.integration.exporter_support import shown, watching
from tests.unit.exporter.helpers import Series, until, value

PATIENCE = 60.0
SHARD = "shard-a"


def _left(exporter: Exporter) -> tuple[float | None, ...]:
    page: Series = shown(exporter)
    names = ("cache_sentinels_usable", "cache_sentinels_known", "cache_sentinel_quorum")
    return tuple(value(page, name, shard=SHARD) for name in names)


async def test_a_sentinel_that_dies_is_missed_and_named_and_is_back_when_it_is_started(tmp_path: Path) -> None:
    with SentinelFleet(tmp_path, down_after_ms=2000, failover_timeout_ms=6000) as fleet:
        policy = {
            "fleet": {"sentinel": {"addresses": list(fleet.sentinels), "masters": [SHARD], "refresh": "500ms"}},
            "collect": {"interval": "1s", "timeout": "500ms"},
        }
        first, second, last = fleet.sentinel_servers
        async with watching(policy) as exporter:
            await until(lambda: _left(exporter) == (3, 3, 1), PATIENCE)
            last.kill()
            await until(lambda: _left(exporter) == (2, 3, 1), PATIENCE)
            assert _named_by_the_runbook(Policy.model_validate(policy)) == {str(last.port)}
            first.stop()
            first.start_again()  # the one that is asked takes all others for well now, for two seconds
            assert await _seen_for(3.0, exporter) <= {(1, 3, 0), (2, 3, 1)}
            last.start_again()
            await until(lambda: _left(exporter) == (3, 3, 1), PATIENCE)
            first.kill()  # the next one tells it
            await until(lambda: _left(exporter) == (2, 3, 1), PATIENCE)
            last.kill()
            await until(lambda: _left(exporter) == (1, 3, 0), PATIENCE)
            second.kill()
            await until(lambda: _left(exporter) == (0, 3, 0), PATIENCE)


async def _seen_for(patience: float, exporter: Exporter) -> set[tuple[float | None, ...]]:
    """What is shown in so many seconds."""
    seen, end = set(), time.monotonic() + patience
    while time.monotonic() < end:
        seen.add(_left(exporter))
        await asyncio.sleep(0.05)
    return seen


def _named_by_the_runbook(policy: Policy) -> set[str]:
    """The ports of those that its commands print as down."""
    lines = runbooks.page(policy, "CacheSentinelMissing").splitlines()
    commands = "\n".join(line for line in lines if "SENTINEL SENTINELS SHARD |" in line).replace("SHARD", SHARD)
    done = subprocess.run(["/bin/sh", "-c", commands], capture_output=True, text=True, timeout=60, check=False)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == 4, "two others in the eyes of each of two"
    assert {tuple(row[::2]) for row in rows} == {("ip", "port", "flags")}
    return {row[3] for row in rows if "s_down" in row[5]}
