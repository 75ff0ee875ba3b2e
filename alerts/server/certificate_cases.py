"""Test cases of CacheCertificateExpiring, whose time runs by itself: a certificate says its end once, and comes closer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from alerts.promql import selector
from alerts.rule_cases import Case, Labels, Watch
from alerts.server import proof
from alerts.server.proof import Clock, Proof, Values, steady
from alerts.server.scenes import Cast
from policy import metrics
from policy.alerts import CLIENT_CERTIFICATE
from policy.units import seconds

_NAME = "CacheCertificateExpiring"
# Seconds: longer than any test of it lasts.
_FAR = 10**6
# Evaluations until it comes too close.
_WELL = 3


def expiring(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases; the time of a test begins with the Unix time 0."""
    before = seconds(cast.policy.alerts.certificate.before)
    close, far = before - 1, before + _FAR
    node = selector(metrics.CERTIFICATE_ENDS.name, **cast.primary)
    elsewhere = {**cast.replica, "shard": "elsewhere"}
    own, others = (selector(metrics.OWN_CERTIFICATE_ENDS.name, **each) for each in (cast.primary, elsewhere))
    of_node, of_fleet = cast.of_primary(_NAME), cast.alert(_NAME, part=CLIENT_CERTIFICATE)
    yield from _of_one(cast, clock, node, of_node, {})
    once = {
        "once for all nodes": {own: close, others: close},
        "about the first of two to end": {own: far, others: close},
        "about one that has ended beside another": {own: Decimal(-_FAR), others: far},
    }
    yield from _of_one(cast, clock, own, of_fleet, once, "the exporter's own")
    told = {each: steady(close, clock.samples(_WELL * clock.step)) for each in (node, own)}
    apart = (Watch(_NAME).firing(_WELL * clock.step, of_node, of_fleet),)
    yield Case(f"{_NAME}: the node's and the exporter's own are told apart", clock.sample, told, apart)


def _of_one(
    cast: Cast, clock: Clock, series: str, labels: Labels, more: Mapping[str, Values], what: str = ""
) -> Iterator[Case]:
    """The cases of one certificate, and `more` scenes in which it is told."""
    before = seconds(cast.policy.alerts.certificate.before)
    close, far, ended = ({series: ends} for ends in (before - 1, before + _FAR, Decimal(-_FAR)))
    proven = Proof(
        _NAME,
        labels,
        0,
        close,
        far,
        {series: cast.fast},
        fires={"about one that has ended": ended, **more},
        what=what,
    )
    yield from proof.cases(proven, clock)
    watch, edge = Watch(_NAME), _WELL * clock.step
    told = {series: steady(before + Decimal(edge) / 1000, clock.samples(edge + clock.step))}
    expects = watch.first(edge + clock.step, clock.step, labels)
    yield Case(proven.named("fires when less is left, not when as much is"), clock.sample, told, expects)
