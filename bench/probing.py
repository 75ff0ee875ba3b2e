"""The prober as the exporter runs it, with the raw durations that the exporter only counts in buckets."""

from __future__ import annotations

import json
import math
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread
from types import TracebackType
from typing import IO, Any, Self

from exporter.access import OPEN
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK

INTERVAL, TIMEOUT = 0.5, 1.0
"""The policy's defaults, in seconds."""
_PATIENCE = 20.0
_PACE = {"steady": 2, "pause": 0.5}  # the defaults'


@dataclass
class Probing:
    """Probes `targets` (ports by name) until the block ends.

    `durations` are seconds in the order of the answers, `checks` counts by result, `lags` how late probes left.
    """

    targets: Mapping[str, int]
    interval: float = INTERVAL
    timeout: float = TIMEOUT
    durations: list[float] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start it and give it its order."""
        self._child = subprocess.Popen(
            module_argv("exporter.prober"),
            env=module_env(),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._child.pid
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._reader = Thread(target=self._read, args=(self._child.stdout,))
        self._reader.start()
        self._child.stdin.write(json.dumps(self._order()) + "\n")
        self._child.stdin.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """It ends with its standard input."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._reader.join(_PATIENCE)
        self._child.wait(_PATIENCE)

    def forget(self) -> None:
        """What was seen so far was the beginning."""
        self.durations, self.lags = [], []
        self.checks = Counter()

    def _order(self) -> dict[str, Any]:
        access = OPEN.order()
        targets = [
            {"instance": name, "host": LOOPBACK, "port": port, "access": access, "key": ""}
            for name, port in self.targets.items()
        ]
        return {
            "interval": self.interval,
            "timeout": self.timeout,
            "patience": 3 * self.timeout,
            **_PACE,
            "targets": targets,
        }

    def _read(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                told = json.loads(line)
                self.lags.append(told["lag"])
                for _, result, seconds, _ in told["events"]:
                    if result:
                        self.checks[result] += 1
                    if seconds is not None:
                        self.durations.append(seconds)


def percentile(durations: Sequence[float], share: float) -> float:
    """The smallest of the durations that so large a share (0..1) is at or below; `nearest rank`."""
    ordered = sorted(durations)
    return ordered[max(math.ceil(len(ordered) * share), 1) - 1]
