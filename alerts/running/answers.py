"""What the parts answer, typed. Pure.

Sources: Prometheus' HTTP API v1, Alertmanager's API v2; Prometheus 2.42 and 3.5, Alertmanager 0.25 and 0.33. Unknown fields are
tolerated, because newer versions add some, and so is the lack of what older ones do not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from policy.printable import short

_MOST_SHOWN = 80


class Unusable(Exception):
    """A part gave no answer that can be used; the text says why, in words that follow the part's name."""


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


# Go writes an empty list or mapping as null.
_List = BeforeValidator(lambda value: () if value is None else value)
_Map = BeforeValidator(lambda value: {} if value is None else value)
Texts = Annotated[Mapping[str, str], _Map]
# One that cannot be read is as none: nothing else hangs on it.
_Moment = WrapValidator(_or_none)


class Rule(_Told):
    """A rule as Prometheus has it loaded; durations in seconds."""

    type: Literal["alerting", "recording"]
    name: str
    query: str
    duration: float = 0.0
    keep_firing_for: float = Field(default=0.0, alias="keepFiringFor")
    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    health: str = ""
    last_error: str = Field(default="", alias="lastError")


class Group(_Told):
    """A group of rules; the interval in seconds."""

    name: str
    file: str = ""
    interval: float
    rules: Annotated[tuple[Rule, ...], _List] = ()


class Groups(_Told):
    """`/api/v1/rules`."""

    groups: Annotated[tuple[Group, ...], _List] = ()


class Target(_Told):
    """A target that is scraped; interval and timeout as Prometheus writes durations, empty where it does not tell them."""

    labels: Texts = Field(default_factory=dict)
    url: str = Field(default="", alias="scrapeUrl")
    health: str = ""
    last_error: str = Field(default="", alias="lastError")
    interval: str = Field(default="", alias="scrapeInterval")
    timeout: str = Field(default="", alias="scrapeTimeout")


class Targets(_Told):
    """`/api/v1/targets`."""

    active: Annotated[tuple[Target, ...], _List] = Field(default=(), alias="activeTargets")


class _Url(_Told):
    url: str


class Alertmanagers(_Told):
    """`/api/v1/alertmanagers`."""

    active: Annotated[tuple[_Url, ...], _List] = Field(default=(), alias="activeAlertmanagers")


class Runtime(_Told):
    """`/api/v1/status/runtimeinfo`; `retention` as in "15d", "8GiB", or "5w or 8GiB"."""

    retention: str = Field(default="", alias="storageRetention")
    reloaded: bool = Field(default=True, alias="reloadConfigSuccess")


class Printed(_Told):
    """`/api/v1/status/config`."""

    yaml: str


class Cluster(_Told):
    """What an Alertmanager says of its cluster; with all members, itself among them."""

    status: str = ""
    peers: Annotated[tuple[Mapping[str, Any], ...], _List] = ()


class _Config(_Told):
    original: str


class Status(_Told):
    """Alertmanager's `/api/v2/status`; `began` is when it was started."""

    began: Annotated[AwareDatetime | None, _Moment] = Field(default=None, alias="uptime")
    cluster: Cluster
    config: _Config


Form = TypeVar("Form", bound=_Told)


def read(form: type[Form], told: Any, who: str) -> Form:
    """An answer as what `who` (as in "Prometheus") would give. Unusable when it is none."""
    try:
        return form.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = short(".".join(map(str, first["loc"])), _MOST_SHOWN)
        said = short(f"{place}: {first['msg']}" if place else first["msg"], 2 * _MOST_SHOWN)
        raise Unusable(f"answers what no {who} does ({said}); is something else listening there?") from None
    except RecursionError:
        raise Unusable("answers what is nested too deeply; is something else listening there?") from None


def data(told: Any) -> Any:
    """What stands in the envelope of Prometheus' answers. Unusable when there is none, or it tells of an error."""
    if not isinstance(told, dict) or told.get("status") not in ("success", "error"):
        raise Unusable("answers what no Prometheus does; is something else listening there?")
    if told["status"] == "error":
        raise Unusable(f"refuses: {short(str(told.get('error', '')), 2 * _MOST_SHOWN)}")
    return told.get("data")
