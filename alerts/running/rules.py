"""The rules that a Prometheus has loaded, held against those that are built. Pure.

Of what is loaded only groups of our names count, and in them what is of this fleet: other fleets have groups of the same names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts import rules
from alerts.promql import milliseconds, span, template_text
from alerts.running.answers import Groups
from alerts.running.expressions import canonical, fleets
from alerts.running.model import few
from policy.model import Policy
from policy.printable import short
from policy.units import parse_duration

_OURS = "cachewatch-"
_CURE = "give it rules/*.yml of this build and reload (SIGHUP)"
_MOST_OF_AN_ERROR = 200


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule with all that is compared. In milliseconds: `hold`, its `for`, and `kept`, its keep_firing_for."""

    group: str
    kind: str
    name: str
    expr: str
    hold: int = 0
    kept: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    file: str = ""
    health: str = ""
    error: str = ""

    @property
    def same_name(self) -> tuple[str, ...]:
        return self.group, self.kind, self.name

    @property
    def same_labels(self) -> tuple[Any, ...]:
        return self.group, self.kind, self.name, self.labels


_Pair = tuple[_Rule, _Rule]


@dataclass(frozen=True)
class Compared:
    """What is built beside what is loaded of this fleet: pairs of the same name, and what has none on the other side."""

    built: tuple[_Rule, ...]
    loaded: tuple[_Rule, ...]
    pairs: tuple[_Pair, ...]
    missing: tuple[_Rule, ...]
    extra: tuple[_Rule, ...]
    slow: Mapping[str, tuple[int, int]]
    """Groups whose interval differs: built and loaded, in milliseconds."""

    def unlike(self) -> tuple[str, ...]:
        """The expressions of pairs that differ in them as they are written: only Prometheus knows whether they mean the same."""
        return tuple(dict.fromkeys(rule.expr for pair in self.pairs if pair[0].expr != pair[1].expr for rule in pair))


def compare(policy: Policy, told: Groups) -> Compared:
    """Hold the rules of a policy against those that a Prometheus tells of."""
    groups = rules.groups(policy).values()
    built = tuple(_built(group.name, rule.data()) for group in groups for rule in group.rules)
    loaded = tuple(_loaded(policy, told))
    pairs, missing, extra = _paired(built, loaded)
    wanted = {group.name: milliseconds(group.interval) for group in groups if group.rules}
    slow = {
        group.name: (wanted[group.name], round(group.interval * 1000))
        for group in told.groups
        if any(rule.group == group.name and rule.file == group.file for rule in loaded)
        and wanted.get(group.name, round(group.interval * 1000)) != round(group.interval * 1000)
    }
    return Compared(built, loaded, pairs, missing, extra, slow)


def _built(group: str, data: Mapping[str, Any]) -> _Rule:
    kind = "record" if "record" in data else "alert"
    hold = milliseconds(parse_duration(data["for"])) if "for" in data else 0
    labels, annotations = (tuple(sorted(data.get(key, {}).items())) for key in ("labels", "annotations"))
    return _Rule(group, kind, data[kind], canonical(data["expr"]), hold, 0, labels, annotations)


def _loaded(policy: Policy, told: Groups) -> Iterator[_Rule]:
    name = policy.fleet.name
    labels = (name, template_text(name))  # of a record, which is no template, and of an alert
    for group in told.groups:
        for rule in group.rules if group.name.startswith(_OURS) else ():
            if rule.labels.get("fleet") not in labels and name not in fleets(rule.query):
                continue
            yield _Rule(
                group.name,
                "alert" if rule.type == "alerting" else "record",
                rule.name,
                canonical(rule.query),
                round(rule.duration * 1000),
                round(rule.keep_firing_for * 1000),
                tuple(sorted(rule.labels.items())),
                tuple(sorted(rule.annotations.items())),
                group.file,
                rule.health,
                rule.last_error,
            )


def _paired(
    built: Sequence[_Rule], loaded: Sequence[_Rule]
) -> tuple[tuple[_Pair, ...], tuple[_Rule, ...], tuple[_Rule, ...]]:
    """The most alike first: those that are as built, then of the same labels, then of the same name."""
    pairs: list[_Pair] = []
    keys: tuple[Callable[[_Rule], Any], ...] = (
        lambda rule: (*rule.same_labels, rule.hold, rule.annotations, rule.expr),
        lambda rule: rule.same_labels,
        lambda rule: rule.same_name,
    )
    for key in keys:
        waiting: dict[Any, list[_Rule]] = defaultdict(list)
        for rule in reversed(loaded):
            waiting[key(rule)].append(rule)
        found = [(rule, waiting[key(rule)].pop()) for rule in built if waiting[key(rule)]]
        pairs += found
        built = _without(built, [pair[0] for pair in found])
        loaded = _without(loaded, [pair[1] for pair in found])
    return tuple(pairs), tuple(built), tuple(loaded)


def _without(those: Sequence[_Rule], taken: Sequence[_Rule]) -> list[_Rule]:
    left = Counter(map(id, taken))
    return [rule for rule in those if not left[id(rule)]]


def problems(found: Compared, forms: Mapping[str, str]) -> Iterator[str]:
    """What differs, each with its cure. `forms` are expressions as the server itself writes them, as far as it told."""
    if not found.loaded:
        yield f"has no rule of this policy ({len(found.built)} are built): {_CURE}"
        return
    every = len(found.built)
    if found.missing:
        names = few([rule.name for rule in found.missing])
        yield f"{len(found.missing)} of {every} rules {_are(found.missing)} missing: {names}; {_CURE}"
    if differing := [(rule.name, keys) for rule, other in found.pairs if (keys := [*_differs(rule, other, forms)])]:
        names = few([name for name, _ in differing])
        what = ", ".join(dict.fromkeys(key for _, keys in differing for key in keys))
        yield f"{len(differing)} of {every} rules {_are(differing)} not as built, in {what}: {names}; {_CURE}"
    if found.slow:
        groups = [f"{name} each {span(is_)} in place of {span(wanted)}" for name, (wanted, is_) in found.slow.items()]
        yield f"groups are evaluated at another interval: {few(groups)}; {_CURE}"
    yield from _extra(found.extra)
    yield from _failing(found.loaded)


def _are(those: Sequence[object]) -> str:
    return "is" if len(those) == 1 else "are"


def _differs(built: _Rule, loaded: _Rule, forms: Mapping[str, str]) -> Iterator[str]:
    if built.expr != loaded.expr and not {built.expr, loaded.expr} <= forms.keys():
        yield "expr (or in its writing alone: this server does not tell)"
    elif forms.get(built.expr) != forms.get(loaded.expr):
        yield "expr"
    if built.hold != loaded.hold:
        yield "for"
    if built.kept != loaded.kept:
        yield "keep_firing_for"
    if built.labels != loaded.labels:
        yield "labels"
    if built.annotations != loaded.annotations:
        yield "annotations"


def _extra(rules_: Sequence[_Rule]) -> Iterator[str]:
    """What an old file, or one that is loaded twice, brings."""
    if rules_:
        files = few([rule.file or rule.group for rule in rules_])
        yield (
            f"has {len(rules_)} more {'rule' if len(rules_) == 1 else 'rules'} of this fleet than the build: "
            f"{few([rule.name for rule in rules_])}, in {files}; take the old file out, or what loads it twice, and reload"
        )


def _failing(loaded: Sequence[_Rule]) -> Iterator[str]:
    failing = [rule for rule in loaded if rule.health == "err"]
    if failing:
        said = short(failing[0].error, _MOST_OF_AN_ERROR)
        yield f"{len(failing)} of the rules cannot be evaluated: {few([rule.name for rule in failing])}; the first: {said}"
