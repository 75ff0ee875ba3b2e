"""Where the parts of the stack answer, how often Prometheus looks, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from policy.access import resolve_file
from policy.base import Fault, Model, merge
from policy.fleet import join_address, split_address
from policy.units import Duration, duration_text, parse_duration


def _address(default_port: int) -> AfterValidator:
    return AfterValidator(lambda text: join_address(*split_address(text, default_port)))


def _check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, good = urlsplit(""), False
    if "@" in parts.netloc:
        raise ValueError("has credentials in it; they would stand in every alert that links there")
    if not good or not text.isprintable() or any(c in text for c in " \"'<>\\^`{|}"):
        raise ValueError("is not a URL; write http://host:port or https://host")
    if "?" in text or "#" in text:
        raise ValueError(f"{text!r} has a query or a fragment; write the URL up to there")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_check_url)]


class Stack(Model):
    """Addresses of the parts, as the other parts and the links in alerts reach them.

    `grafana` and `runbooks` are base URLs; without them alerts link to Prometheus' graph and to the notifier's runbooks.
    """

    exporter: Annotated[str, _address(9121)] = "127.0.0.1:9121"
    notifier: Annotated[str, _address(9122)] = "127.0.0.1:9122"
    alertmanager: Annotated[str, _address(9093)] = "127.0.0.1:9093"
    prometheus: Url = "http://127.0.0.1:9090"
    grafana: Url | None = None
    runbooks: Url | None = None

    def names(self, part: str) -> bool:
        """Whether the policy itself says where that part answers: a default address is asked by nobody on its own."""
        return part in self.model_fields_set


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
    exporter_grace: Duration = parse_duration("15s")
    discovery_grace: Duration = parse_duration("5m")

    def _faults(self) -> Iterator[Fault]:
        for name in ("interval", "slo_interval", "liveness_interval", "liveness_timeout", "liveness_evaluation", "rate_window"):
            if getattr(self, name) < parse_duration("100ms"):
                yield name, "must be at least 100ms"
        if self.slo_interval > parse_duration("5m"):
            yield "slo_interval", "must be at most 5m: Prometheus forgets older values"
        if self.liveness_timeout > self.liveness_interval:
            yield "liveness_timeout", f"is longer than liveness_interval ({duration_text(self.liveness_interval)})"
        if self.exporter_grace < self.liveness_interval:
            least = f"liveness_interval ({duration_text(self.liveness_interval)})"
            yield "exporter_grace", f"must be at least {least}, or each restart of the exporter pages"


class Timing(Model):
    """Alertmanager's waits of one kind of notification."""

    group_wait: Duration
    group_interval: Duration
    repeat_interval: Duration

    def _faults(self) -> Iterator[Fault]:
        for name in ("group_interval", "repeat_interval"):
            if not getattr(self, name):
                yield name, "must be more than zero: Alertmanager refuses it otherwise"


class PagerDuty(Model):
    """PagerDuty's Events v2; the routing key is read from a file by Alertmanager itself."""

    routing_key_file: Path
    url: Url = "https://events.pagerduty.com/v2/enqueue"

    _resolve = field_validator("routing_key_file")(resolve_file)


class Slack(Model):
    """Slack's Web API; the bot token is read from a file by the notifier."""

    channel: str = Field(min_length=1)
    token_file: Path
    url: Url = "https://slack.com/api"

    _resolve = field_validator("token_file")(resolve_file)


# A node that dies again within a minute joins the group of its last death, which Alertmanager keeps for a while, and such
# an alert waits for group_interval, not group_wait: measured 7.0 s to the page with 5 s, 3 s without. So it is short.
_TIMINGS: dict[str, dict[str, Any]] = {
    "page": {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "4h"},
    "ticket": {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "12h"},
}


class Notify(Model):
    """Who is told: critical goes to PagerDuty and Slack, a warning to Slack."""

    pagerduty: PagerDuty | None = None
    slack: Slack | None = None
    page: Timing
    ticket: Timing

    @model_validator(mode="before")
    @classmethod
    def _over_the_defaults(cls, data: Any) -> Any:
        return merge(_TIMINGS, data)

    def _faults(self) -> Iterator[Fault]:
        # Measured: with both waits at zero the warning slips past its critical sibling four times of five.
        if self.ticket.group_wait < parse_duration("5s"):
            yield "ticket.group_wait", "must be at least 5s, or a warning slips out before the page that silences it"
