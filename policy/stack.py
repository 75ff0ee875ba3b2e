"""Where the parts of the stack answer, and how often Prometheus looks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from policy.base import Fault, Model
from policy.fleet import join_address, split_address
from policy.units import Duration, duration_text, parse_duration


def _address(default_port: int) -> AfterValidator:
    return AfterValidator(lambda text: join_address(*split_address(text, default_port)))


def check_endpoint(text: str) -> str:
    """The text when it is a URL without credentials; a query it may have."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, good = urlsplit(""), False
    if "@" in parts.netloc:
        raise ValueError("has credentials in it; they would stand in every alert that links there")
    if not good or not text.isprintable() or any(c in text for c in " \"'<>\\^`{|}"):
        raise ValueError("is not a URL; write http://host:port or https://host")
    return text


def _check_url(text: str) -> str:
    check_endpoint(text)
    if "?" in text or "#" in text:
        raise ValueError(f"{text!r} has a query or a fragment; write the URL up to there")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_check_url)]
_PORTS = {"http": 80, "https": 443}


def _url_address(url: str) -> str:
    """Host and port of a URL; the scheme's port where it names none."""
    parts = urlsplit(url)
    return join_address(parts.hostname or "", parts.port or _PORTS[parts.scheme])


def _numbered(key: str, addresses: Sequence[str]) -> dict[str, str]:
    return {f"{key}.{index}": address for index, address in enumerate(addresses)}


def _twice(key: str, peers: Sequence[str], parts: dict[str, str]) -> Iterator[Fault]:
    """Peers at an address that a part, or a peer before it, has: a series of both would be one."""
    taken = {address: part for part, address in reversed(parts.items())}
    for name, peer in _numbered(key, peers).items():
        if peer in taken:
            yield name, f"is the address of {taken[peer]} too ({peer}); name the others only"
        taken.setdefault(peer, name)


class Links(Model):
    """Base URLs by which people reach the parts, where they are others than those that the parts use among themselves."""

    exporter: Url | None = None
    notifier: Url | None = None
    alertmanager: Url | None = None
    prometheus: Url | None = None


class Stack(Model):
    """Addresses of the parts, as the other parts reach them, and people too unless `links` names others.

    `grafana` and `runbooks` are base URLs; without them alerts link to Prometheus' graph and to the notifier's runbooks.
    `dashboards` is the folder in which Grafana finds what was built. `alertmanager_peers` are the other members of the
    cluster of Alertmanagers, `prometheus_peers` the other Prometheus on the same configuration.
    """

    exporter: Annotated[str, _address(9121)] = "127.0.0.1:9121"
    notifier: Annotated[str, _address(9122)] = "127.0.0.1:9122"
    alertmanager: Annotated[str, _address(9093)] = "127.0.0.1:9093"
    alertmanager_peers: tuple[Annotated[str, _address(9093)], ...] = ()
    prometheus: Url = "http://127.0.0.1:9090"
    prometheus_peers: tuple[Url, ...] = ()
    grafana: Url | None = None
    runbooks: Url | None = None
    links: Links = Links()
    dashboards: str = Field(default="/var/lib/cachewatch/dashboards", min_length=1)

    def _faults(self) -> Iterator[Fault]:
        parts = {"exporter": self.exporter, "notifier": self.notifier, "alertmanager": self.alertmanager}
        for part, other in itertools.combinations(parts, 2):
            if parts[part] == parts[other]:
                yield other, f"is the address of {part} too ({parts[part]}); each part listens on its own"
        yield from _twice("alertmanager_peers", self.alertmanager_peers, parts)
        first, *others = self.prometheus_addresses
        known = {**parts, **_numbered("alertmanager_peers", self.alertmanager_peers), "prometheus": first}
        yield from _twice("prometheus_peers", others, known)

    @property
    def prometheuses(self) -> tuple[str, ...]:
        """URLs of all Prometheus: each scrapes and evaluates the same, and tells what it sees."""
        return (self.prometheus, *self.prometheus_peers)

    @property
    def prometheus_addresses(self) -> tuple[str, ...]:
        """The same as "host:port": what each is called where it is scraped."""
        return tuple(map(_url_address, self.prometheuses))

    @property
    def alertmanagers(self) -> tuple[str, ...]:
        """Addresses of all Alertmanagers: what one of them is told of, all are."""
        return (self.alertmanager, *self.alertmanager_peers)

    def link(self, part: Literal["exporter", "notifier", "alertmanager", "prometheus"]) -> str:
        """Base URL by which a person reaches a part."""
        named: str | None = getattr(self.links, part)
        address: str = getattr(self, part)
        return named or (address if part == "prometheus" else f"http://{address}")

    def names(self, part: str) -> bool:
        """Whether the policy itself says where that part answers: a default address is asked by nobody on its own."""
        return part in self.model_fields_set


# So far back Prometheus sees a sample.
_LOOKBACK = parse_duration("5m")


class Rules(Model):
    """How often Prometheus scrapes and evaluates.

    The fast interval is for one light job and the node verdict only; the rest runs at `interval`. What they make of the
    time to page is `Policy.page_bound_seconds`.
    """

    interval: Duration = parse_duration("15s")
    slo_interval: Duration = parse_duration("30s")
    liveness_interval: Duration = parse_duration("2s")
    liveness_timeout: Duration = parse_duration("1s")
    liveness_evaluation: Duration = parse_duration("1s")
    rate_window: Duration = parse_duration("1m")
    keep_firing_for: Duration = parse_duration("5m")
    exporter_grace: Duration = parse_duration("15s")
    discovery_grace: Duration = parse_duration("5m")
    stack_grace: Duration = parse_duration("1m")
    rollout_grace: Duration = parse_duration("15m")

    def _faults(self) -> Iterator[Fault]:
        for name in (
            "interval",
            "slo_interval",
            "liveness_interval",
            "liveness_timeout",
            "liveness_evaluation",
            "rate_window",
        ):
            if getattr(self, name) < parse_duration("100ms"):
                yield name, "must be at least 100ms"
        if self.slo_interval > _LOOKBACK:
            yield "slo_interval", "must be at most 5m: Prometheus forgets older values"
        if self.keep_firing_for:
            yield from self._keeping_faults()
        if self.liveness_timeout > self.liveness_interval:
            yield "liveness_timeout", f"is longer than liveness_interval ({duration_text(self.liveness_interval)})"
        if self.exporter_grace < self.liveness_interval:
            least = f"liveness_interval ({duration_text(self.liveness_interval)})"
            yield "exporter_grace", f"must be at least {least}, or each restart of the exporter pages"

    def _keeping_faults(self) -> Iterator[Fault]:
        """What goes on is what fired at the evaluation before. Prometheus 3 does not see what is as old as it looks back."""
        forgotten = {"interval": self.interval >= _LOOKBACK, "slo_interval": self.slo_interval == _LOOKBACK}
        cure = "must be less than 5m, or keep_firing_for 0s: Prometheus forgets what fired at the evaluation before"
        yield from ((name, cure) for name, so in forgotten.items() if so)
        if self.keep_firing_for < self.interval < _LOOKBACK:
            least = f"interval ({duration_text(self.interval)})"
            yield "keep_firing_for", f"must be 0s, which keeps nothing, or at least {least}: nobody looks in between"
