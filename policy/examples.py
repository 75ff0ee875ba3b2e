"""Series that selectors select: a good event and a bad one of a pair, for the tests that are generated with the rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy.selectors import Matcher, Selector

Labels = dict[str, str]
_CLASS = re.compile(r"\[(\^?)([^\]])[^\]]*\]")
_SIMPLE = ((r"\(\?[:P][^)>]*>?", "("), (r"\\d", "0"), (r"\\w", "x"), (r"\\s", " "), (r"\\[bB]", ""), (r"\.", "x"))
_PLACES: tuple[Labels, ...] = ({"job": "app", "instance": "192.0.2.1:80"}, {"job": "app"}, {})


@dataclass(frozen=True, slots=True)
class Pair:
    """Labels of a series of `good`, and of series of `total` that count good and bad events.

    `shared` says that the good series is itself one of `total`.
    """

    good: Labels
    bad: Labels
    shared: bool


def pair(good: Selector, total: Selector) -> Pair:
    """Examples of a pair; ValueError when no event could be bad, or none can be made up."""
    fine = example(good)
    shared = total.fits(good.metric, fine)
    for bad in _candidates(good, total):
        if total.fits(total.metric, bad) and not good.fits(total.metric, bad):
            return Pair(fine, bad, shared)
    raise ValueError("selects every event of `total`: no event could be bad; add a matcher that bad events do not meet")


def example(selector: Selector) -> Labels:
    """Labels of one series that is selected; ValueError when none could be made up."""
    for place in _PLACES:
        labels = dict(place)
        for matcher in selector.matchers:
            if not matcher.fits(labels):
                labels[matcher.label] = _meets(selector, matcher)
        if all(matcher.fits(labels) for matcher in selector.matchers):
            return {label: value for label, value in labels.items() if value}
    raise ValueError(
        "no series could be made up that meets its matchers, which the generated tests need; write simpler ones"
    )


def _candidates(good: Selector, total: Selector) -> Iterator[Labels]:
    """Series of `total`, each with one matcher of `good` broken if it can be."""
    base = example(total)
    yield base
    for matcher in good.matchers:
        for value in ("", f"{matcher.value}x", matcher.value, "x", "0", *_guesses(matcher.value)):
            labels = {**base, matcher.label: value}
            yield {label: text for label, text in labels.items() if text}
    for value in ("0", "1", "x"):
        yield {**base, **{matcher.label: value for matcher in good.matchers}}


def _meets(selector: Selector, matcher: Matcher) -> str:
    others = [other for other in selector.matchers if other.label == matcher.label]
    for value in ("", "x", "0", "1", matcher.value, *_guesses(matcher.value)):
        if all(other.fits({matcher.label: value}) for other in others):
            return value
    raise ValueError(
        f"no value of the label {matcher.label!r} could be made up that meets {matcher}, which the generated tests need; "
        'write plain alternatives, as in "200|201"'
    )


def _guesses(pattern: str) -> Iterator[str]:
    """Texts that a simple regular expression may match: each alternative, its classes and wildcards filled in."""
    text = _CLASS.sub(lambda found: "~" if found[1] else found[2], pattern)
    for form, filled in _SIMPLE:
        text = re.sub(rf"(?<!\\){form}" if not form.startswith(r"\\") else form, filled, text)
    for part in (text, *re.split(r"[|()]", text)):
        bare = re.sub(r"(?<!\\)[()^$]", "", part)
        yield re.sub(r"(?<!\\)[+*?]|\{\d+(,\d*)?\}", "", bare).replace("\\", "")
        yield re.sub(r"(?<!\\).[*?]", "", bare).replace("+", "").replace("\\", "")
