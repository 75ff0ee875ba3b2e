"""Everything that names nodes, asked side by side, and the last good answer of each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from exporter import discovery, discovery_cluster, discovery_dns
from exporter.discovery import Found, Unreachable
from exporter.discovery_files import Files
from exporter.errand import Errand
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.quorum import Sentinels
from exporter.state import Collection
from exporter.targets import Target, merge, static_targets
from policy.model import Policy
from policy.units import seconds

log = logging.getLogger(__name__)
# Seconds that a refresh waits for name servers; what they say later is taken by the next one.
NAME_PATIENCE = 1.0
# And for files: a mount that hangs must not keep the others from being followed.
FILE_PATIENCE = 2.0
# Who names a node first gives it its label: people before machines.
_ORDER = ("files", "sentinel", "cluster", "dns")

Known = Mapping[str, Target]
"""Nodes by instance."""


class Sources:
    """The sources of one policy. `before` are those of an earlier policy: what they found stays until the same kind answers.

    `parts` tells how each was asked last, `unheard` names those that never gave a whole answer, `quorum` says of each master
    whether Sentinel could fail it over now, `sentinels` on how many Sentinels it could count.
    """

    def __init__(self, policy: Policy, keys: Keyring, names: Names, before: Sources | None = None) -> None:
        self._policy, self._keys, self._names = policy, keys, names
        self._listed = static_targets(policy.fleet)
        self._patience = float(seconds(policy.collect.timeout))
        self._finders = self._configured()
        self._files = Files()
        self._errand: Errand[Found] = Errand()
        self._found: dict[str, Known] = {part: {} for part in self._finders}
        self.parts: dict[str, Collection] = {}
        self.quorum: Mapping[str, bool] = {}
        self.sentinels: Mapping[str, Sentinels] = {}
        self.unheard = set(self._finders)
        self._moved = False
        if before is not None:
            self.unheard -= set(before._finders) - before.unheard
            self._files, self._errand = before._files, before._errand
            self._found.update((part, known) for part, known in before._found.items() if part in self._finders)
            self._moved = policy.fleet.cluster != before._policy.fleet.cluster
            self.parts.update((part, told) for part, told in before.parts.items() if part in self._finders)

    def _configured(self) -> dict[str, Callable[[Known], Awaitable[Found]]]:
        fleet = self._policy.fleet
        finders = {"files": self._ask_files, "sentinel": self._ask_sentinel, "cluster": self._ask_cluster}
        finders["dns"] = self._ask_dns
        return {part: finders[part] for part in _ORDER if getattr(fleet, part)}

    @property
    def heard(self) -> bool:
        """Whether each was asked once, so that nobody takes half of the fleet for the whole."""
        return set(self.parts) == set(self._finders)

    @property
    def asked(self) -> bool:
        """Whether there is anything to ask, besides the list in the policy."""
        return bool(self._finders)

    @property
    def problems(self) -> str:
        """What the last answers lacked, empty when nothing."""
        return "; ".join(told.error for told in self.parts.values() if told.error)

    async def refresh(self) -> None:
        """Ask all; one that hangs or fails costs only itself, and what it said last stays."""
        await asyncio.gather(*(self._refresh(part, find) for part, find in self._finders.items()))

    async def _refresh(self, part: str, find: Callable[[Known], Awaitable[Found]]) -> None:
        began = time.monotonic()
        try:
            found = await find(self._found[part])
        except Unreachable as unreachable:
            error = str(unreachable)
        except Exception as fault:  # what nobody foresaw must not cost the other sources their turn
            log.exception("%s: cannot be asked", part)
            error = f"{part}: {type(fault).__name__}: {fault}"
        else:
            self._found[part], error = found.targets, found.problem
            if found.is_whole:
                self.unheard.discard(part)
        if error and error != getattr(self.parts.get(part), "error", None):
            log.warning("%s", error)
        self.parts[part] = Collection(time.monotonic() - began, error)

    async def targets(self) -> tuple[Target, ...]:
        """Listed nodes and found ones, their names looked up."""
        found: dict[str, Target] = {}
        for known in self._found.values():
            for instance, target in known.items():
                first = found.setdefault(instance, target)
                slot = target.slot if first.slot is None else first.slot
                found[instance] = replace(first, shard=first.shard or target.shard, slot=slot)
        await self._names.refresh((target.host for target in (*self._listed, *found.values())), NAME_PATIENCE)
        return merge(self._listed, found, self._names.address)

    async def _ask_files(self, _: Known) -> Found:
        patterns = self._policy.fleet.files
        try:
            return await self._errand.run(partial(self._files.find, patterns), patterns, FILE_PATIENCE)
        except TimeoutError:
            said = f"{', '.join(patterns)}: cannot be read: no answer within {FILE_PATIENCE:g} s"
            raise Unreachable(said) from None

    async def _ask_sentinel(self, known: Known) -> Found:
        """Of shards that no Sentinel knows the last answer stays."""
        sentinel = self._policy.fleet.sentinel
        if sentinel is None:
            return Found({})
        try:
            found = await discovery.discover(sentinel, self._keys, self._patience, self._names, known)
        except Unreachable as unreachable:
            self.quorum = dict.fromkeys(self.quorum or sentinel.masters or (), False)
            # None of those that were known: what was told as missing is not back because the others are gone too.
            self.sentinels = {name: replace(view, usable=0) for name, view in self.sentinels.items()}
            raise Unreachable(f"no Sentinel answers: {unreachable}") from unreachable
        self.quorum, self.sentinels = found.quorum, found.sentinels
        kept = {instance: target for instance, target in known.items() if target.shard in found.missing}
        return replace(found, targets={**kept, **found.targets})

    async def _ask_cluster(self, known: Known) -> Found:
        cluster = self._policy.fleet.cluster
        if cluster is None:
            return Found({})
        # What another policy's cluster had stays on show until this one answers.
        asked = discovery_cluster.discover(
            cluster, known, self._keys, self._patience, self._names, of_another=self._moved
        )
        found, self._moved = await asked, False
        return found

    async def _ask_dns(self, _: Known) -> Found:
        return await discovery_dns.discover(self._policy.fleet.dns, self._names, NAME_PATIENCE)
