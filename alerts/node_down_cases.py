"""Test cases of CacheNodeDown: the verdict, the node that vanishes, the exporter that dies or restarts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from alerts import node_down
from alerts.node_down import NO_ANSWER, SPEC, UNNAMED, UNWATCHED, VANISHED
from alerts.promql import milliseconds, selector
from alerts.rule_cases import Case, Expect, Labels, Watch, edge, gauge, gone, up_to
from policy import metrics
from policy.model import Policy

# Stand for nodes that no list knows; the network is the one set aside for documentation.
_SOME_NODE = "192.0.2.{}:6379"
_WATCH = Watch(SPEC.name)
_WELL = 3  # samples at the start in which all is well


@dataclass(frozen=True, slots=True)
class Scene:
    """A fleet under watch. `step`, `sample`, `grace` and `memory` are milliseconds.

    They lie between evaluations and between samples, until a missing verdict is told, and for as long as a bad one counts.
    `nodes` has labels of nodes that keep every rule content; `missing` the labels of the alert when that node is not
    there. `exporter` selects its `up`, `unwatched` has the labels of the alert when it is gone; `prober` selects what is
    there while the prober speaks, and more than `most` of its samples say that it is back. `watched`: nodes are probed.
    """

    step: int
    sample: int
    grace: int
    memory: int
    nodes: tuple[Labels, ...]
    missing: tuple[Labels, ...]
    exporter: str
    unwatched: Labels
    prober: str
    most: int
    watched: bool

    def seen(self, sample: int) -> int:
        """The first evaluation that sees a sample, counted from 0."""
        return up_to(self.step, sample * self.sample)

    def last(self, sample: int) -> int:
        """The last evaluation before a sample."""
        return (sample * self.sample - 1) // self.step * self.step

    def waited(self, since: int) -> int:
        """The evaluation at which the grace is over that began at evaluation `since`."""
        return since + up_to(self.step, self.grace)

    def until(self, time: int) -> int:
        """So many samples last past a time."""
        return time // self.sample + 2

    def case(
        self, promise: str, exporter: str, nodes: Mapping[int, str], expects: tuple[Expect, ...], prober: str = ""
    ) -> Case:
        """A case from the samples of the exporter's `up` (none: it was never there), of nodes' verdicts, of the prober."""
        verdicts = {selector(metrics.NODE_UP.name, **self.nodes[index]): text for index, text in nodes.items()}
        own = {name: text for name, text in ((self.exporter, exporter), (self.prober, prober)) if text}
        return Case(f"{SPEC.name}: {promise}", self.sample, {**own, **verdicts}, expects)

    def absent(self, since: int | None, time: int) -> tuple[Labels, ...]:
        """What is told of the first node by a time when it has had no verdict since a sample, though the prober speaks."""
        told = since is not None and self.watched and self.waited(self.seen(since)) <= time
        return self.missing[:1] if told else ()

    def every(self, samples: str) -> dict[int, str]:
        """The same samples for every node."""
        return dict.fromkeys(range(len(self.nodes)), samples)

    def down(self, index: int) -> Labels:
        """The alert when a node's verdict is down."""
        return _alert(NO_ANSWER, self.nodes[index])


def cases(policy: Policy) -> Iterator[Case]:
    """All cases of CacheNodeDown."""
    scene = _scene(policy)
    missed = _vanished if policy.collect.background else _never_probed
    found: tuple[Callable[[Scene], Iterator[Case]], ...] = (
        _verdict,
        missed,
        _exporter,
        _restart,
        _both,
        _kept,
        _unseen,
    )
    for part in found:
        yield from part(scene)


def _verdict(scene: Scene) -> Iterator[Case]:
    bad = scene.seen(_WELL)
    count = scene.until(bad + 2 * scene.step)
    fine = scene.every(gauge(1, count))
    dies = {**fine, 0: f"{gauge(1, _WELL)} {gauge(0, count)}"}
    expects = _WATCH.first(bad, scene.step, scene.down(0))
    yield scene.case("one node down, one page at the next evaluation", gauge(1, count), dies, expects)
    yield scene.case("silent while all is well", gauge(1, count), fine, (_WATCH.silent_until(bad + scene.step),))


def _vanished(scene: Scene) -> Iterator[Case]:
    pages = scene.waited(0)
    count = scene.until(pages)
    expects = _WATCH.first(pages, scene.step, *scene.missing)
    speaks = gauge(0, count)
    yield scene.case("every node without a verdict, after the grace", gauge(1, count), {}, expects, speaks)
    if len(scene.nodes) > 1:
        others = {index: text for index, text in scene.every(gauge(1, count)).items() if index}
        expects = _WATCH.first(pages, scene.step, scene.missing[0])
        yield scene.case("one node without a verdict beside healthy ones", gauge(1, count), others, expects, speaks)
    silent = (_WATCH.silent_until(pages + scene.step),)
    yield scene.case("silent while the prober is, which has a page of its own", gauge(1, count + 2), {}, silent)


def _never_probed(scene: Scene) -> Iterator[Case]:
    end = scene.waited(0) + scene.step
    silent = (_WATCH.silent_until(end),)
    count = scene.until(end)
    yield scene.case("silent where no node is probed", gauge(1, count), {}, silent, gauge(0, count))


def _exporter(scene: Scene) -> Iterator[Case]:
    pages = scene.waited(scene.seen(_WELL))
    count = scene.until(pages)
    up, nodes = f"{gauge(1, _WELL)} {gauge(0, count)}", f"{gauge(1, _WELL)} {gone(count)}"
    expects = _WATCH.first(pages, scene.step, scene.unwatched)
    yield scene.case("the exporter is gone, one page and not one per node", up, scene.every(nodes), expects)
    expects = _WATCH.first(scene.waited(0), scene.step, scene.unwatched)
    yield scene.case("the exporter was never there", "", {}, expects)


def _restart(scene: Scene) -> Iterator[Case]:
    """One scrape without the exporter, one more without verdicts."""
    end = scene.waited(scene.seen(_WELL + 2)) + scene.step
    count = scene.until(end)
    up = f"{gauge(1, _WELL)} {gauge(0, 1)} {gauge(1, count)}"
    nodes = scene.every(f"{gauge(1, _WELL)} {gone(2)} {gauge(1, count)}")
    prober = f"{gauge(0, _WELL)} {gone(2)} {gauge(0, count)}"
    yield scene.case("silent when the exporter restarts", up, nodes, (_WATCH.silent_until(end),), prober)


def _both(scene: Scene) -> Iterator[Case]:
    """A page must not end because the exporter died under it."""
    pages = scene.waited(scene.seen(_WELL))
    count = scene.until(pages)
    up = f"{gauge(1, _WELL)} {gauge(0, count)}"
    nodes = {
        **scene.every(f"{gauge(1, _WELL)} {gone(count)}"),
        0: f"{gauge(0, _WELL)} {gone(count)}",
    }
    expects = (
        _WATCH.firing(pages - scene.step, scene.down(0)),
        _WATCH.firing(pages, scene.down(0), scene.unwatched),
    )
    yield scene.case("a node stays down until the exporter's own page", up, nodes, expects)


def _kept(scene: Scene) -> Iterator[Case]:
    """A page outlives the last bad verdict for so long and no longer, whatever came after it."""
    at = edge(scene.memory, scene.step, scene.sample, first=_WELL)
    scene, count = replace(scene, sample=at.sample), at.outside // at.sample + 2
    whole, bad = at.last + 1 + count, gauge(0, at.last + 1)
    others = scene.every(gauge(1, whole))
    for whose, then, left in (("is up again", gauge(1, count), None), ("has left", gone(count), at.last + 1)):
        inside, outside = (scene.absent(left, time) for time in (at.inside, at.outside))
        expects = (_WATCH.firing(at.inside, scene.down(0), *inside), _WATCH.firing(at.outside, *outside))
        nodes = {**others, 0: f"{bad} {then}"}
        promise = f"resolves some time after its last bad verdict when the node {whose}"
        yield scene.case(promise, gauge(1, whole), nodes, expects, gauge(0, whole))
    dies, pages = f"{gauge(1, at.last + 2)} {gauge(0, count)}", scene.waited(scene.seen(at.last + 2))
    alone, both = ((scene.unwatched,) if pages <= time else () for time in (at.inside, at.outside))
    expects = (_WATCH.firing(at.inside, scene.down(0), *alone), _WATCH.firing(at.outside, *both))
    promise = "resolves without the exporter when the node was up again"
    yield scene.case(promise, dies, {0: f"{bad} 1 {gone(count)}"}, expects)


def _unseen(scene: Scene) -> Iterator[Case]:
    """The exporter died under a page. Nobody has seen the node up: it is down until somebody has, or it has left."""
    away = (3 * scene.memory + scene.grace) // scene.sample
    back = _WELL + away
    judged, count = back + scene.memory // scene.sample // 2, scene.until(2 * scene.memory)
    up = f"{gauge(1, _WELL)} {gauge(0, away)} {gauge(1, count)}"
    alone, end = (scene.down(0),), scene.seen(judged) + scene.step
    held = (_WATCH.firing(scene.last(back), *alone, scene.unwatched), _WATCH.firing(scene.last(judged), *alone))
    for promise, value, then in (("goes on when it is still down", 0, alone), ("ends when it is up again", 1, ())):
        nodes = {0: f"{gauge(0, _WELL)} {gone(judged - _WELL)} {gauge(value, count)}"}
        expects = (*held, _WATCH.firing(scene.seen(judged), *then), _WATCH.firing(end, *then))
        yield scene.case(f"a page that the exporter died under {promise}", up, nodes, expects)
    yield _left(scene, back, up, count)
    nodes, silent = {0: f"{gauge(0, _WELL)} {gone(count)}"}, f"{gauge(0, _WELL)} {gone(count)}"
    goes_on = (_WATCH.firing(2 * scene.memory, *alone),)
    yield scene.case("a page that the prober died under goes on", gauge(1, _WELL + count), nodes, goes_on, silent)


def _left(scene: Scene, back: int, up: str, count: int) -> Case:
    """The exporter is back and does not name the node: it has left, once that was said often enough."""
    away, known = back - _WELL, back + scene.most
    others = scene.every(f"{gauge(1, _WELL)} {gone(away)} {gauge(1, count)}")
    nodes = {**others, 0: f"{gauge(0, _WELL)} {gone(away + count)}"}
    last, first = scene.last(known), scene.seen(known)
    expects = (
        _WATCH.firing(last, scene.down(0), *scene.absent(back, last)),
        _WATCH.firing(first, *scene.absent(back, first)),
    )
    speaks = f"{gauge(0, _WELL)} {gone(away)} {gauge(0, count)}"
    return scene.case("a page that the exporter died under ends when the node has left", up, nodes, expects, speaks)


def _scene(policy: Policy) -> Scene:
    rules, exporter = policy.rules, policy.stack.exporter
    subjects = tuple(_subjects(policy))
    return Scene(
        milliseconds(rules.liveness_evaluation),
        milliseconds(rules.liveness_interval),
        milliseconds(rules.exporter_grace),
        milliseconds(node_down.down_memory(policy)),
        tuple(node for node, _ in subjects),
        tuple(missing for _, missing in subjects),
        node_down.exporter_up(policy),
        _alert(UNWATCHED, {"fleet": policy.fleet.name, "instance": exporter}),
        node_down.prober_speaks(policy),
        node_down.most_unseen(policy),
        policy.collect.background,
    )


def _subjects(policy: Policy) -> Iterator[tuple[Labels, Labels]]:
    """What the policy expects: labels of a node, and of the alert when it is missing."""
    fleet = policy.fleet
    for node in fleet.nodes:
        labels = {"fleet": fleet.name, "shard": node.shard, "instance": node.instance}
        yield labels, _alert(VANISHED, labels)
    masters = fleet.sentinel.masters if fleet.sentinel is not None else None
    for index, shard in enumerate(masters or (() if fleet.nodes else ("",)), start=1):
        shared = {"fleet": fleet.name, "shard": shard}
        missing = _alert(UNNAMED, {**shared, "instance": policy.stack.exporter})
        yield {**shared, "instance": _SOME_NODE.format(index)}, missing


def _alert(cause: str, labels: Labels) -> Labels:
    return {"severity": SPEC.severity, "action": SPEC.action, "cause": cause, **labels}
