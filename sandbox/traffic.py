"""Read-through traffic on a fleet, as a process: `python -m sandbox.traffic --config FILE`, or `start_traffic`.

An application that reads users through the cache, at a bounded rate and for a bounded time. What it counts is its own,
so that it can be held against what the servers and Cachewatch say.
"""

import argparse
import json
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from policy.model import Policy
from policy.units import seconds
from sandbox.files import write_atomic, write_json
from sandbox.fleet import SentinelFleet
from sandbox.module_child import module_argv, module_env
from sandbox.process import Child
from sandbox.traffic_client import Rules, clients, read_through
from sandbox.traffic_model import Mode, Visitors, shard_of

_WORKERS = 4
_LIFETIME = 24 * 3600.0
_START_TIMEOUT = 20.0


@dataclass(frozen=True)
class TrafficConfig:
    """One run: where the cache is, `rate` requests per second in total, `lifetime` in seconds, files to talk through.

    `mode_file` holds "normal" or "cold" and is looked at each second; `counts_file` is rewritten each second:
    `{"at", "mode", "shards": {NAME: {"requests", "hits", "misses", "errors", "retries"}}}`. `retries` are
    GETs sent once more: a server that was late has counted both.
    """

    shards: tuple[str, ...]
    sentinels: tuple[str, ...]
    rules: Rules
    rate: float
    lifetime: float
    mode_file: str
    counts_file: str


class Traffic(Child):
    """The running traffic."""

    def __init__(self, fleet: SentinelFleet, directory: Path, rate: float, lifetime: float) -> None:
        self._mode_file = directory / "traffic-mode"
        self._counts_file = directory / "traffic-counts.json"
        self._config_file = directory / "traffic.json"
        self._config = TrafficConfig(
            shards=fleet.shards,
            sentinels=fleet.sentinels,
            rules=_seed_rules(fleet.password),
            rate=rate,
            lifetime=lifetime,
            mode_file=str(self._mode_file),
            counts_file=str(self._counts_file),
        )
        argv = module_argv("sandbox.traffic", "--config", self._config_file)
        super().__init__("traffic", argv, directory, module_env())

    def start(self) -> None:
        """Start; requests run when this returns. Raises `StartFailed`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._counts_file.unlink(missing_ok=True)
        self.set_mode("normal")
        write_json(self._config_file, asdict(self._config), mode=0o600)
        super().start()
        self.wait_ready(self._counts_file.exists, _START_TIMEOUT)

    def set_mode(self, mode: Mode) -> None:
        """Ask for known users ("normal") or mostly for users who do not exist ("cold"), from the next second on."""
        write_atomic(self._mode_file, mode)

    @property
    def mode(self) -> str:
        """The mode asked for last."""
        return self._mode_file.read_text()

    def counts(self) -> dict[str, Any]:
        """Return the newest counts, up to a second old."""
        counts: dict[str, Any] = json.loads(self._counts_file.read_text())
        return counts


def start_traffic(
    fleet: SentinelFleet, directory: Path, *, rate: float = 240.0, lifetime: float = _LIFETIME
) -> Traffic:
    """Start traffic of `rate` requests per second on all shards together, ending by itself after `lifetime` seconds."""
    traffic = Traffic(fleet, directory, rate, lifetime)
    traffic.start()
    return traffic


def _seed_rules(password: str | None) -> Rules:
    timeouts = Policy().timeouts
    return Rules(
        get_timeout=float(seconds(timeouts.get.timeout)),
        get_retries=timeouts.get.retries,
        set_timeout=float(seconds(timeouts.set.timeout)),
        set_retries=timeouts.set.retries,
        password=password,
    )


class Run:
    """What the workers of one run share."""

    def __init__(self, config: TrafficConfig) -> None:
        self.config = config
        self.mode: Mode = "normal"
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, shard: str, result: str, retries: int) -> None:
        """Count one request and how often its GET was sent once more."""
        with self._lock:
            self._counts[shard, result] += 1
            self._counts[shard, "retry"] += retries

    def work(self, seed: int) -> None:
        """Make this worker's share of the requests, on schedule, until the end."""
        config, pace = self.config, _WORKERS / self.config.rate
        visitors, connections = (
            Visitors(random.Random(seed)),  # noqa: S311  # traffic, not a secret
            clients(config.shards, config.sentinels, config.rules),
        )
        due = time.monotonic() + pace * seed / _WORKERS
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            key = visitors.next_key(self.mode)
            shard = shard_of(key, config.shards)
            client = connections[shard]
            before = client.retries["get"]
            result = read_through(client, key, visitors.expiry())
            self.count(shard, result, client.retries["get"] - before)
            # Late requests are dropped, not made up for: a slow cache must not end in a burst.
            due = max(due + pace, time.monotonic())
        for client in connections.values():
            client.close()

    def report(self) -> None:
        """Take the mode that is asked for and publish the counts."""
        self.mode = "cold" if Path(self.config.mode_file).read_text() == "cold" else "normal"
        with self._lock:
            at, counts = time.time(), dict(self._counts)
        shards = {shard: _totals(shard, counts) for shard in self.config.shards}
        write_json(Path(self.config.counts_file), {"at": at, "mode": self.mode, "shards": shards})


def _totals(shard: str, counts: dict[tuple[str, str], int]) -> dict[str, int]:
    hits, misses, errors, retries = (counts.get((shard, what), 0) for what in ("hit", "miss", "error", "retry"))
    return {"requests": hits + misses + errors, "hits": hits, "misses": misses, "errors": errors, "retries": retries}


def run(config: TrafficConfig) -> None:
    """Make the traffic until its lifetime is over or SIGTERM comes."""
    current = Run(config)

    def end(_signum: int, _frame: FrameType | None) -> None:
        current.ended.set()

    signal.signal(signal.SIGTERM, end)
    workers = [threading.Thread(target=current.work, args=(seed,)) for seed in range(_WORKERS)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + config.lifetime
    while time.monotonic() < deadline and not current.ended.wait(1.0):
        current.report()
    current.ended.set()
    for worker in workers:
        worker.join()
    current.report()


def main() -> None:
    """Read the configuration and run."""
    parser = argparse.ArgumentParser(description="Read-through traffic on a fleet behind Sentinel.")
    parser.add_argument("--config", type=Path, required=True)
    raw = json.loads(parser.parse_args().config.read_text())
    rules = Rules(**raw.pop("rules"))
    run(TrafficConfig(**{**raw, "shards": tuple(raw["shards"]), "sentinels": tuple(raw["sentinels"]), "rules": rules}))


if __name__ == "__main__":
    main()
