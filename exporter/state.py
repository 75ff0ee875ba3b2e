"""What the exporter knows of each node, newest facts only. The one mutable place; everything it hands out is read at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter import info
from exporter.bounds import Bounds
from exporter.breaker import Breaker
from exporter.families.facts import Collection, Detail, Extra
from exporter.families.page import Kept
from exporter.histogram import Histogram
from exporter.info import Vitals
from exporter.quorum import Sentinels
from exporter.reads import Reads
from exporter.targets import Target
from exporter.verdict import Verdict, after
from policy.agreement import fingerprint
from policy.metrics import HEALTH_RESULTS
from policy.model import PROBER_SILENT, Policy
from policy.units import seconds

__all__ = ["Collection", "Facts", "Failover", "NodeState", "State"]

_LAG_WINDOW = 15.0
# By so many seconds a server may seem older than it is: its uptime is in whole ones, and the answer before took some, too.
_UPTIME_SLACK = 2.0
# A primary that refuses to write has an alert of its own, which would not speak of a node that is down.
_ANSWERED = ("success", "readonly")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Facts:
    """One INFO answer, what verdicts need of it, and what came with it. `at` is monotonic seconds."""

    fields: Mapping[str, str]
    vitals: Vitals
    at: float
    extra: Extra


@dataclass(frozen=True, slots=True)
class Failover:
    """How many a shard had; the last one: `duration` in seconds without a primary, `lost` bytes at least, None if not told."""

    count: int = 0
    duration: float | None = None
    lost: int | None = None


@dataclass
class NodeState:
    """One node. Counters live as long as the node is watched; `checked_at` is when its last health check ended.

    `sets` and `write` are the durations of the prober's SETs and how the last one ended, None before the first; `write`
    also where none is sent any more. `writable` is the verdict on them: a primary that refuses to write is up, for it
    answers and may serve reads. `connect` is how the last new connection ended, None before the first; the kept one may
    live on where it failed. `certificate_ends` is in Unix seconds, None without TLS; `own_certificate_ends` that of
    the client certificate for the last new connection, whether it came in or not, None without one. `unwritten` are parts of
    its page that could not be written last time.
    """

    target: Target
    breaker: Breaker
    pings: Histogram
    sets: Histogram | None = None
    write: Collection | None = None
    connect: Collection | None = None
    certificate_ends: float | None = None
    own_certificate_ends: float | None = None
    facts: Facts | None = None
    detail: Detail | None = None
    kept: Kept = field(default_factory=Kept)
    unwritten: set[str] = field(default_factory=set)
    collections: int = 0
    spent: float = 0.0
    collection: Collection | None = None
    verdict: Verdict = field(default_factory=Verdict)
    writable: Verdict = field(default_factory=Verdict)
    checked_at: float | None = None
    last_error: str = ""
    checks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HEALTH_RESULTS, 0))
    reads: Reads = field(default_factory=Reads)
    since: float | None = None
    recovered: float | None = None
    _turned: float = 0.0

    def judge(self, verdict: Verdict, ok: bool, now: float) -> None:
        """Take the verdict after a check: it holds `since` the first of the checks that made it.

        `recovered` is when a down ended, None once more when the node is down again.
        """
        before = self.verdict
        if ok is not before.up and (before.streak == 0 or (before.up is None and ok)):
            self._turned = now
        if verdict.up is not before.up:
            self.since = self._turned
            self.recovered = now if before.up is False else None
        self.verdict = verdict

    def replaced(self, began: bool) -> None:
        """Another process answers, that `began` since the last one did, or had run for long when the address moved to it.

        The details of the one that is gone would pass for fresh beside the counters of the next.
        """
        self.reads.replaced(began)
        self.detail = None
        self.kept.forget_detail()

    def ended(self, collection: Collection) -> None:
        """Note how a collection ended, and count it."""
        self.collection = collection
        self.collections += 1
        self.spent += collection.took


class State:
    """All nodes of the fleet, those of a shard together. `now` is monotonic seconds throughout.

    `patience` is how long a collection waits for answers, `detail_pause` how long details are not asked again, in seconds.
    """

    def __init__(self, policy: Policy) -> None:
        self._judge_by(policy)
        self.bounds = Bounds(policy)
        self.nodes: dict[str, NodeState] = {}
        self.parts: dict[str, Collection] = {}
        self.quorum: Mapping[str, bool] = {}
        self.sentinels: Mapping[str, Sentinels] = {}
        self.failovers: dict[str, Failover] = {}
        self.unheard: frozenset[str] = frozenset()
        self._lags: deque[tuple[float, float]] = deque()
        self.probed_at: float | None = None
        self.roles_changed = 0

    def _judge_by(self, policy: Policy) -> None:
        self.policy = policy
        self.fingerprint = fingerprint(policy)
        interval, detail = float(seconds(policy.collect.interval)), float(seconds(policy.collect.detail_interval))
        self.patience = float(seconds(policy.collect.timeout))
        self.detail_pause = detail - interval / 2  # half an interval early is better than one late
        self._facts_age = 3 * interval
        self._detail_age = 3 * max(interval, detail)
        self._window = float(seconds(policy.health.window))

    def adopt(self, policy: Policy, now: float) -> None:
        """Take another policy. Nodes keep their counters; only what the policy gave another shape begins again."""
        before, bounds = self.policy, self.bounds.told
        self._judge_by(policy)
        self.bounds.adopt(policy, now)
        if self.bounds.told != bounds:
            self._rebuild_histograms()
        for node in self.nodes.values():
            if policy.breaker != before.breaker:
                node.breaker = Breaker(policy.breaker)
            if not policy.probe.write:
                node.write = None

    def forget_bounds(self, now: float) -> None:
        """Tell the latency bounds of policies before no more whose time is over."""
        if self.bounds.forget(now):
            self._rebuild_histograms()

    def _rebuild_histograms(self) -> None:
        for node in self.nodes.values():
            node.pings = node.pings.over(self.bounds.told)
            node.sets = node.sets and node.sets.over(self.bounds.told)

    def retarget(self, targets: Iterable[Target]) -> None:
        """Watch exactly these nodes; one that left is gone with all its series."""
        ordered = sorted(targets, key=lambda target: (target.shard, target.host, target.port))
        self.nodes = {target.instance: self._watched(target) for target in ordered}

    def _watched(self, target: Target) -> NodeState:
        node = self.nodes.get(target.instance)
        if node is None:
            return NodeState(target, Breaker(self.policy.breaker), Histogram(self.bounds.told))
        node.target = target
        return node

    def collected(
        self, instance: str, fields: Mapping[str, str], took: float, now: float, extra: Extra | None = None
    ) -> None:
        """Take a node's INFO and what came with it."""
        node = self.nodes.get(instance)
        if node is None:
            return
        vitals = info.vitals(fields)
        before, node.facts = node.facts, Facts(fields, vitals, now, extra or Extra())
        if before is not None and fields.get("run_id") != before.fields.get("run_id"):
            node.replaced(_began(fields, now - before.at))
        if before is None or vitals.role != before.vitals.role:
            self.roles_changed += 1
            node.write, node.writable = None, Verdict()
        node.ended(Collection(took))
        if vitals.hits is not None and vitals.misses is not None:
            node.reads.take(now, vitals.hits, vitals.misses, self._window)

    def detailed(self, instance: str, detail: Detail) -> None:
        """Take what is asked less often."""
        node = self.nodes.get(instance)
        if node is not None:
            node.detail = detail
            node.kept.forget_detail()

    def failed(self, instance: str, error: str, took: float) -> None:
        """Note a collection that was not answered; older facts stay until they are too old."""
        node = self.nodes.get(instance)
        if node is not None:
            node.ended(Collection(took, error))

    def prober_reported(self, lag: float, now: float) -> None:
        """Take the prober's sign of life and how late it sent its latest probes, in seconds."""
        self.probed_at = now
        self._lags.append((now, lag))
        while now - self._lags[0][0] > _LAG_WINDOW:
            self._lags.popleft()

    def probe_lag(self) -> float:
        """The worst lag in seconds that the prober reported lately."""
        return max((lag for _, lag in self._lags), default=0.0)

    def checked(self, instance: str, result: str, duration: float | None, now: float) -> None:
        """Take one event of the prober about a PING."""
        node = self.nodes.get(instance)
        if node is None:
            return
        if duration is not None:
            node.pings.observe(duration)
        if result in node.checks:
            node.checks[result] += 1
            node.checked_at = now
            before, ok = node.verdict, result in _ANSWERED
            node.judge(after(before, ok, self.policy.health), ok, now)
            if ok:
                node.writable = after(node.writable, result == "success", self.policy.health)
            node.last_error = "" if result == "success" else result
            if node.verdict.up and not before.up:
                node.breaker.retry_now(now)

    def wrote(self, instance: str, result: str, duration: float | None) -> None:
        """Take how a SET of the prober ended; it is no health check of its own, the next PING's counts it."""
        node = self.nodes.get(instance)
        if node is None:
            return
        if duration is not None:
            node.sets = node.sets or Histogram(self.bounds.told)
            node.sets.observe(duration)
        # It may have become a replica meanwhile, or writing been turned off.
        if result and self.policy.probe.write and node.facts is not None and node.facts.vitals.role == "primary":
            node.write = Collection(duration or 0.0, "" if result == "success" else result)

    def fresh_facts(self, node: NodeState, now: float) -> Facts | None:
        """What the node's last INFO brought, None when there was none or it is older than three intervals."""
        return node.facts if node.facts and now - node.facts.at <= self._facts_age else None

    def fresh_detail(self, node: NodeState, now: float) -> Detail | None:
        """What is asked less often, None when it is older than three detail intervals."""
        return node.detail if node.detail and now - node.detail.at <= self._detail_age else None

    def limit_of(self, instance: str) -> int | None:
        """The policy's memory limit of a node in bytes."""
        return self.policy.fleet.limit_of(instance)

    def prober_speaks(self, now: float) -> bool:
        """Whether the prober's facts may be shown: a dead prober's last word is no verdict."""
        return self.probed_at is not None and now - self.probed_at <= PROBER_SILENT


def _began(fields: Mapping[str, str], pause: float) -> bool:
    """Whether a server began within the last `pause` seconds; one that tells no uptime did not."""
    uptime = info.integer(fields, "uptime_in_seconds")
    return uptime is not None and uptime <= pause + _UPTIME_SLACK
