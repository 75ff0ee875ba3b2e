"""What Alertmanager's webhook (payload version 4) says, typed. Pure.

Source: Prometheus' "Notification template reference" and webhook_config pages. Unknown fields are tolerated, because
newer Alertmanagers add some; what a message is made from is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from policy.alerts import UNSEEN, is_page, told_of
from policy.printable import short

_SHOWN_PROBLEMS = 5
# Characters of a place and of what is wrong there: the sender chooses the keys of a body, and anybody may send one.
_SHOWN = 80


class InvalidNotification(Exception):
    """A body that is no notification; the text says what is wrong with it, field by field."""


def _in_utc(at: datetime) -> datetime:
    """The same moment in UTC, in which all that reads it counts."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies before the year 1 or after 9999 in UTC") from None


def _few_wrong(value: object) -> object:
    """A mapping of texts as it is; of any other the first values that are none: an error for each took gigabytes."""
    if not isinstance(value, dict):
        return value
    wrong = islice((key for key, one in value.items() if not isinstance(one, str)), _SHOWN_PROBLEMS)
    return {key: value[key] for key in wrong} or value


_Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
_Texts = Annotated[Mapping[str, str], BeforeValidator(_few_wrong)]


class _Incoming(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Alert(_Incoming):
    """One alert of the group. `ends_at` is the year 1 while it fires."""

    status: Literal["firing", "resolved"]
    labels: _Texts
    annotations: _Texts = Field(default_factory=dict)
    starts_at: _Moment = Field(alias="startsAt")
    ends_at: _Moment = Field(alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")

    @property
    def about(self) -> tuple[tuple[str, str], ...]:
        """What it is about, whichever Prometheus tells it."""
        return tuple(sorted(told_of(self.labels).items()))

    @property
    def unseen(self) -> str:
        """Why nobody saw it heal, of one that ended because nobody looked any more; else empty."""
        return self.annotations.get(UNSEEN, "").strip() if self.status == "resolved" else ""


class Notification(_Incoming):
    """One group of alerts, as it stands now. `truncated` is how many alerts Alertmanager itself left out."""

    group_key: str = Field(alias="groupKey", min_length=1)
    group_labels: _Texts = Field(default_factory=dict, alias="groupLabels")
    external_url: str = Field(default="", alias="externalURL")
    truncated: int = Field(default=0, ge=0, alias="truncatedAlerts")
    alerts: tuple[Alert, ...] = Field(min_length=1, fail_fast=True)  # an error for each of a million took a gigabyte

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire."""
        return tuple(alert for alert in self.alerts if alert.status == "firing")

    @property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that ended."""
        return tuple(alert for alert in self.alerts if alert.status == "resolved")

    @property
    def urgent(self) -> bool:
        """Whether somebody is paged."""
        return any(is_page(alert.labels) for alert in self.alerts)

    def values(self, label: str) -> tuple[str, ...]:
        """The distinct values of a label over all alerts, in their order; alerts without it count for nothing."""
        return tuple(dict.fromkeys(alert.labels[label] for alert in self.alerts if alert.labels.get(label)))


def parse(body: bytes | bytearray) -> Notification:
    """Read a webhook body (JSON in UTF-8). InvalidNotification when it is none."""
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        raise InvalidNotification(_told(error)) from error


def _told(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{_place(one['loc'])}: {short(one['msg'], _SHOWN)}" for one in found[:_SHOWN_PROBLEMS]]
    more = len(found) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more else "")


def _place(keys: tuple[int | str, ...]) -> str:
    return short(".".join(str(key)[: _SHOWN + 1] for key in keys), _SHOWN) or "body"
