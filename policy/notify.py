"""Who is told of what, when, and how: PagerDuty, Slack, other webhooks, the heartbeat, office hours, maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator

from policy.access import resolve_file
from policy.base import Fault, Model, Words, merge
from policy.calendars import Maintenance, OfficeHours, TimeZone
from policy.stack import Url, check_endpoint
from policy.units import Duration, parse_duration

Endpoint = Annotated[str, AfterValidator(check_endpoint)]
"""A URL that is posted to; it may have a query."""


_ASSERTED = parse_duration("10m")


class Timing(Model):
    """Alertmanager's waits of one kind of notification. `repeat_interval` is when people are reminded of what still fires."""

    group_wait: Duration
    group_interval: Duration
    repeat_interval: Duration

    @property
    def asserted(self) -> timedelta:
        """How often Alertmanager says what fires to one who knows himself when to remind people, as our notifier does.

        An end that a silence swallowed is unknown to Alertmanager, which holds the next alert of the same subject for a
        repeat. Only a silence that goes on for 15 minutes swallows one, because Prometheus tells an end for as long.
        """
        return min(self.repeat_interval, _ASSERTED)

    def _faults(self) -> Iterator[Fault]:
        for name in ("group_interval", "repeat_interval"):
            yield from _never(name, getattr(self, name))


def _never(name: str, interval: timedelta | None) -> Iterator[Fault]:
    if interval is not None and not interval:
        yield name, "must be more than zero: Alertmanager refuses it otherwise"


class PagerDuty(Model):
    """PagerDuty's Events v2; the routing key is read from a file by Alertmanager itself.

    `repeat_interval`: said again of an incident that is open, an event is a line of its log and wakes nobody.
    """

    routing_key_file: Path
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    repeat_interval: Duration = _ASSERTED

    _resolve = field_validator("routing_key_file")(resolve_file)

    def _faults(self) -> Iterator[Fault]:
        yield from _never("repeat_interval", self.repeat_interval)


class Slack(Model):
    """Slack's Web API; the bot token is read from a file by the notifier."""

    channel: Words
    token_file: Path
    url: Url = "https://slack.com/api"

    _resolve = field_validator("token_file")(resolve_file)


class _Posted(Model):
    """Something that Alertmanager posts to; a bearer token is read from a file by Alertmanager itself."""

    url: Endpoint
    token_file: Path | None = None

    @field_validator("token_file")
    @classmethod
    def _resolve(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return None if value is None else resolve_file(value, info)


class Heartbeat(_Posted):
    """A service outside that tells somebody when it is no longer posted to, which happens each `interval`."""

    interval: Duration = parse_duration("1m")

    def _faults(self) -> Iterator[Fault]:
        if not parse_duration("1s") <= self.interval <= parse_duration("1d"):
            yield "interval", "must be between 1s and 1d"


class Webhook(_Posted):
    """Somebody else who takes Alertmanager's webhook: all that is told, pages alone or tickets alone.

    `repeat_interval` is in place of the one that `page` and `ticket` name.
    """

    told: Literal["all", "pages", "tickets"] = "all"
    repeat_interval: Duration | None = None

    def _faults(self) -> Iterator[Fault]:
        yield from _never("repeat_interval", self.repeat_interval)

    def takes(self, kind: Literal["pages", "tickets"]) -> bool:
        """Whether it is told of these."""
        return self.told in ("all", kind)


# A node that dies again within a minute joins the group of its last death, which Alertmanager keeps for a while, and such
# an alert waits for group_interval, not group_wait: measured 7.0 s to the page with 5 s, 3 s without. So it is short.
_TIMINGS: dict[str, dict[str, Any]] = {
    "page": {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "4h"},
    "ticket": {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "12h"},
}


class Notify(Model):
    """Who is told: pages go to PagerDuty and Slack, tickets to Slack; webhooks to whom they name.

    Tickets only in `office_hours` where there are any; nothing in `maintenance`; the heartbeat always.
    """

    pagerduty: PagerDuty | None = None
    slack: Slack | None = None
    webhooks: tuple[Webhook, ...] = ()
    heartbeat: Heartbeat | None = None
    time_zone: TimeZone = "UTC"
    office_hours: OfficeHours | None = None
    maintenance: tuple[Maintenance, ...] = ()
    page: Timing
    ticket: Timing

    @model_validator(mode="before")
    @classmethod
    def _over_the_defaults(cls, data: Any) -> Any:
        return merge(_TIMINGS, data)

    @property
    def page_channels(self) -> tuple[str, ...]:
        """Names of the ways by which a page leaves: `pagerduty`, `slack`, `webhook` for each other one."""
        own = [name for name in ("pagerduty", "slack") if getattr(self, name) is not None]
        return (*own, *("webhook" for webhook in self.webhooks if webhook.takes("pages")))

    @property
    def stops_when_both_fail(self) -> bool:
        """Whether PagerDuty and Slack together are every way by which a page leaves, and the heartbeat is there to tell."""
        return self.page_channels == ("pagerduty", "slack") and self.heartbeat is not None

    @property
    def tells_tickets(self) -> bool:
        """Whether a ticket reaches anybody."""
        return self.slack is not None or any(webhook.takes("tickets") for webhook in self.webhooks)

    def _faults(self) -> Iterator[Fault]:
        # Measured: with both waits at zero the warning slips past its critical sibling four times of five.
        if self.ticket.group_wait < parse_duration("5s"):
            yield "ticket.group_wait", "must be at least 5s, or a warning slips out before the page that silences it"
        if self.time_zone != "UTC":
            for index, span in enumerate(self.maintenance):
                if span.spare_budget:  # PromQL knows no other zone, nor when summer time begins
                    yield f"maintenance.{index}.spare_budget", "needs times in UTC: take time_zone out, or spare_budget"
