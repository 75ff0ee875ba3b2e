"""The forms of the light page: what a node's `cache_*` lines look like, made once for all nodes alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain

from exporter.breaker import STATES
from exporter.exposition import escaped
from exporter.families.facts import Collection
from exporter.forms import Block, Form, Own, duration, slot
from exporter.info import Vitals
from exporter.reads import Counts
from exporter.state import NodeState
from policy import metrics as m

_BREAKER = Form.of((m.BREAKER_STATE.name, slot(m.BREAKER_STATE.name, state=state)) for state in STATES)
_CERTIFICATE = Form.of([(m.CERTIFICATE_ENDS.name, slot(m.CERTIFICATE_ENDS.name))])
_OWN_CERTIFICATE = Form.of([(m.OWN_CERTIFICATE_ENDS.name, slot(m.OWN_CERTIFICATE_ENDS.name))])
_IN_STATE = {state: tuple(str(int(state == other)) for other in STATES) for state in STATES}
_COUNTED = (m.HITS.name, m.MISSES.name, m.MEMORY_USED.name)


def breaker(own: Own, state: str) -> Block:
    """The state of a breaker."""
    return _BREAKER.filled(own, _IN_STATE[state])


def probed(own: Own, node: NodeState, bounds: tuple[str, ...]) -> Block:
    """What the prober knows: the verdict once there is one, checks by result, the buckets of PING and, if any, SET."""
    judged = node.verdict.up is not None
    counts = list(map(str, node.pings.cumulative()))
    numbers = [str(int(bool(node.verdict.up)))] if judged else []
    numbers += map(str, node.checks.values())
    numbers += (*counts, duration(node.pings.sum), counts[-1])
    ops: tuple[str, ...] = ("ping",)
    if node.sets is not None:
        counts = list(map(str, node.sets.cumulative()))
        numbers += (*counts, duration(node.sets.sum), counts[-1])
        ops = ("ping", "set")
    return _probed(judged, tuple(node.checks), bounds, ops).filled(own, numbers)


@lru_cache(maxsize=8)
def _probed(judged: bool, results: tuple[str, ...], bounds: tuple[str, ...], ops: tuple[str, ...]) -> Form:
    up, checks, duration = m.NODE_UP.name, m.HEALTH_CHECKS.name, m.PROBE_DURATION.name
    lines = [(up, slot(up))] if judged else []
    lines += [(checks, slot(checks, result=result)) for result in results]
    for op in ops:
        lines += [(duration, slot(f"{duration}_bucket", op=op, le=bound)) for bound in (*bounds, "+Inf")]
        lines += [(duration, slot(f"{duration}_{suffix}", op=op)) for suffix in ("sum", "count")]
    return Form.of(lines)


def parts(own: Own, found: Mapping[str, Collection], answered: bool, over: Mapping[str, set[str]]) -> Block:
    """How the parts of a collection ended, all failed where the node itself did not answer; how many names share `other`."""
    numbers = ["1" if answered and not how.error else "0" for how in found.values()]
    numbers += [duration(how.took) for how in found.values()]
    numbers += [str(len(names)) for names in over.values()]
    return _parts(tuple(found), tuple(over)).filled(own, numbers)


@lru_cache(maxsize=64)
def _parts(names: Iterable[str], kinds: Iterable[str]) -> Form:
    success, took, over = m.COLLECT_SUCCESS.name, m.COLLECT_DURATION.name, m.OVER_LIMIT.name
    lines = chain(
        ((success, slot(success, part=part)) for part in names),
        ((took, slot(took, part=part)) for part in names),
        ((over, slot(over, kind=kind)) for kind in kinds),
    )
    return Form.of(lines)


def certificate(own: Own, ends: float) -> Block:
    """When the node's certificate ends."""
    return _CERTIFICATE.filled(own, (f"{ends:.0f}",))


def own_certificate(own: Own, ends: float) -> Block:
    """When the client certificate ends that the node is shown."""
    return _OWN_CERTIFICATE.filled(own, (f"{ends:.0f}",))


def facts(own: Own, vitals: Vitals, reads: Counts, of_policy: int | None) -> Block:
    """What INFO says for the objectives: hits, misses, memory, its limit and whether it evicts, the role.

    `reads` are hits and misses as they are shown, while the node tells its own.
    """
    seen = reads if vitals.hits is not None and vitals.misses is not None else (None, None)
    counts = zip(_COUNTED, (*seen, vitals.used_memory), strict=True)
    counted = {name: str(count) for name, count in counts if count is not None}
    limit, role, evicts = vitals.memory_limit(of_policy), vitals.role, vitals.evicts
    if evicts is not None:
        counted[m.MEMORY_EVICTS.name] = str(int(evicts))
    numbers = (*counted.values(), *((str(limit[0]),) if limit else ()), *(("1",) if role else ()))
    return _facts(tuple(counted), limit[1] if limit else None, role).filled(own, numbers)


@lru_cache(maxsize=64)
def _facts(counted: tuple[str, ...], source: str | None, role: str | None) -> Form:
    lines = [(name, slot(name)) for name in counted]
    if source is not None:
        lines.append((m.MEMORY_LIMIT.name, slot(m.MEMORY_LIMIT.name, source=escaped(source))))
    if role is not None:
        lines.append((m.NODE_ROLE.name, slot(m.NODE_ROLE.name, role=escaped(role))))
    return Form.of(lines)
