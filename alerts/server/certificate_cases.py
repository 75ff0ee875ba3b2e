"""Test cases of CacheCertificateExpiring, whose time runs by itself: a certificate says its end once, and comes closer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from alerts.promql import selector
from alerts.rule_cases import Case, Watch
from alerts.server import proof
from alerts.server.proof import Clock, Proof, steady
from alerts.server.scenes import Cast
from policy import metrics
from policy.units import seconds

_NAME = "CacheCertificateExpiring"
# Seconds: longer than any test of it lasts.
_FAR = 10**6
# Evaluations until it comes too close.
_WELL = 3


def expiring(cast: Cast, clock: Clock) -> Iterator[Case]:
    """All cases; the time of a test begins with the Unix time 0."""
    series = selector(metrics.CERTIFICATE_ENDS.name, **cast.primary)
    before, labels = seconds(cast.policy.alerts.certificate.before), cast.of_primary(_NAME)
    close, far, ended = ({series: ends} for ends in (before - 1, before + _FAR, Decimal(-_FAR)))
    fires = {"about one that has ended": ended}
    yield from proof.cases(Proof(_NAME, labels, 0, close, far, {series: cast.fast}, fires=fires), clock)
    watch, edge = Watch(_NAME), _WELL * clock.step
    told = {series: steady(before + Decimal(edge) / 1000, clock.samples(edge + clock.step))}
    expects = watch.first(edge + clock.step, clock.step, labels)
    yield Case(f"{_NAME}: fires when less is left, not when as much is", clock.sample, told, expects)
