"""The exporter's end of the prober: starts it, tells it the nodes, takes its events, starts it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from exporter.keyring import Keyring
from exporter.names import Names
from exporter.probe_key import key_for
from exporter.state import NodeState, State
from exporter.targets import Target
from policy.health import Health
from policy.operations import Probe
from policy.units import seconds

log = logging.getLogger(__name__)
_LINE_LIMIT = 4 * 1024 * 1024
_RESTART_AFTER = 1.0
# It speaks twice a second at least; one that is silent for this long is stuck. We read for so long before we say so.
_SILENCE = 10.0
_CATCHING_UP = 0.1
# Where our packages are. The prober starts here: a folder called "exporter" in the user's must not be taken for ours.
_ROOT = Path(__file__).resolve().parent.parent


class _Voice(asyncio.Protocol):
    """What the prober says, taken line by line as it comes: a stream would wake a task for each."""

    def __init__(self, take: Callable[[dict[str, Any], float], None]) -> None:
        self._take, self._begun = take, b""
        self._heard_at = time.monotonic()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Take the lines that are whole."""
        self._heard_at = now = time.monotonic()
        *lines, self._begun = (self._begun + data).split(b"\n")
        try:
            for line in lines:
                self._take(json.loads(line), now)
            if len(self._begun) > _LINE_LIMIT:
                raise ValueError(f"a line of more than {_LINE_LIMIT} bytes")
        except Exception as error:  # whoever waits for the end is told
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """It speaks no more."""
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(error) if error else self._ended.set_result(None)

    async def until_it_ends(self) -> None:
        """Wait for the end. Raises what went wrong, TimeoutError when it was silent for too long."""
        while not self._ended.done():
            silent = time.monotonic() - self._heard_at
            if silent >= _SILENCE:
                heard = self._heard_at
                # We may have stood still ourselves, as with the machine: then what it said lies in the pipe.
                await asyncio.sleep(_CATCHING_UP)
                if self._heard_at == heard:
                    raise TimeoutError
                continue
            await asyncio.wait({self._ended}, timeout=_SILENCE - silent)
        self._ended.result()


@contextlib.asynccontextmanager
async def _heard(take: Callable[[dict[str, Any], float], None]) -> AsyncIterator[tuple[_Voice, BinaryIO]]:
    """A pipe that is listened to, and its other end, to be given away."""
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb") as mouth:
        transport, voice = await asyncio.get_running_loop().connect_read_pipe(
            partial(_Voice, take), os.fdopen(ours, "rb")
        )
        try:
            yield voice, mouth
        finally:
            transport.close()


class ProbeLink:
    """One prober process for the whole fleet. `ask` collects a node at once: its role may have changed."""

    def __init__(self, state: State, keys: Keyring, names: Names, ask: Callable[[NodeState], object]) -> None:
        self._state, self.keys, self._names, self._ask = state, keys, names, ask
        self._targets: tuple[Target, ...] = ()
        self._order, self._known = b"", (0, 0)
        self._told: tuple[Probe, Health, Keyring, tuple[int, int], list[tuple[Target, str | None]]] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.restarts = 0

    async def run(self) -> None:
        """Keep a prober running until cancelled; it ends with us, because its standard input does."""
        while True:
            try:
                await self._run_once()
            except TimeoutError:
                log.error("the prober has said nothing for %g s", _SILENCE)
            except (OSError, ValueError, LookupError, TypeError) as error:  # it cannot start, or it talks nonsense
                log.error("prober: %s: %s", type(error).__name__, error)
            self.restarts += 1
            log.error("the prober ended; starting it again")
            await asyncio.sleep(_RESTART_AFTER)

    def retarget(self, targets: Iterable[Target]) -> None:
        """Tell the prober which nodes there are; a name that is being looked up for the first time waits its turn."""
        self._targets, self._known = tuple(targets), self._changes()
        names, policy = self._names, self._state.policy
        known = [(one, names.address(one.host)) for one in self._targets if not names.unanswered(one.host)]
        # Asked at each refresh; most of them change nothing, and an order of 500 nodes takes a while to write.
        if self._told == (told := (policy.probe, policy.health, self.keys, self._known, known)):
            return
        self._told = told
        order = {
            "interval": float(seconds(policy.probe.interval)),
            "timeout": float(seconds(policy.probe.timeout)),
            "patience": float(seconds(policy.probe.longest)),
            "steady": policy.health.recoveries,
            "pause": policy.news_pause(),
            "targets": [self._entry(*one) for one in known],
        }
        line = json.dumps(order, separators=(",", ":")).encode() + b"\n"
        if line != self._order:
            self._order = line
            self._send()

    def _entry(self, target: Target, address: str | None) -> dict[str, Any]:
        node = self._state.nodes.get(target.instance)
        fields = node.facts.fields if node and node.facts else {}
        return {
            "instance": target.instance,
            "host": address,
            "port": target.port,
            "access": self.keys.of(target).order(),
            "key": key_for(target, fields, self._state.policy.probe),
        }

    def _changes(self) -> tuple[int, int]:
        """What moves when a node is another than the prober was told: its role, or the address that its name is used by."""
        return self._state.roles_changed, self._names.turned

    def _send(self) -> None:
        if self._process is not None and self._process.stdin is not None and self._order:
            with contextlib.suppress(ConnectionError):  # it is dying; the next one gets the order when it starts
                self._process.stdin.write(self._order)

    async def _run_once(self) -> None:
        async with _heard(self._take) as (voice, mouth):
            argv = (sys.executable, "-m", "exporter.prober")
            self._process = process = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE, stdout=mouth, cwd=_ROOT
            )
            mouth.close()  # it is the prober's now, and ends with it
            try:
                self._send()
                await voice.until_it_ends()
            finally:
                self._process = None
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _take(self, report: dict[str, Any], now: float) -> None:
        self._state.prober_reported(report["lag"], now)
        for instance, result, duration, op in report["events"]:
            if op == "ping":
                self._state.checked(instance, result, duration, now)
            else:
                self._written(instance, result, duration)
        if self._known != self._changes():
            self.retarget(self._targets)

    def _written(self, instance: str, result: str, duration: float | None) -> None:
        node = self._state.nodes.get(instance)
        if node is None:
            return
        before = node.write.error if node.write else ""
        self._state.wrote(instance, result, duration)
        if result == "readonly" and node.verdict.up and node.writable.up is not False:
            # A primary that was told to follow another: INFO says so, and it is written to no more.
            self._ask(node)
        elif result == "denied" and before != result:
            key = self._state.policy.probe.key
            log.warning("%s: may not SET %s; grant the user +set ~%s*, or turn probe.write off", instance, key, key)
