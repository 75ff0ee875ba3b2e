"""Flags, targets and Alertmanagers of a Prometheus, held against what is built and what docs/operate.md asks for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from alerts import prometheus
from alerts.promql import duration
from alerts.running.answers import Alertmanagers, Runtime, Target
from alerts.running.jobs import CURE
from alerts.running.model import few
from policy.fleet import join_address, split_address
from policy.model import Policy
from policy.printable import short
from policy.units import parse_duration

_MOST_OF_AN_ERROR = 160
# Whole blocks of history go, and some days after their end.
_LEEWAY = parse_duration("5d")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Flag:
    """A flag whose default does harm, or may: what it should be, what else is good, and what happens otherwise."""

    name: str
    wanted: str
    good: Callable[[timedelta], bool]
    otherwise: str


# The reasons stand in docs/operate.md, under "Notifications".
_FLAGS = (
    _Flag(
        "rules.alert.for-grace-period",
        "15s",
        lambda told: told <= parse_duration("15s"),
        "after a restart what waits for less waits anew although it fired, and such a page ends and comes again",
    ),
    _Flag(
        "rules.alert.resend-delay",
        "30s",
        lambda told: parse_duration("30s") <= told <= parse_duration("1m"),
        "with more than 1m failures to notify go unseen, with less Alertmanager takes what fires for ended in a short outage",
    ),
)


def flags(told: Any) -> Iterator[str]:
    """What is wrong with `/api/v1/status/flags`; nothing of flags that this version does not list."""
    told = told if isinstance(told, Mapping) else {}
    for flag in _FLAGS:
        value = str(told.get(flag.name, ""))
        length = _duration(value)
        if length is not None and not flag.good(length):
            yield f"--{flag.name} is {value}: start it with --{flag.name}={flag.wanted}; {flag.otherwise}"


def runtime(policy: Policy, told: Runtime) -> Iterator[str]:
    """Whether it took the configuration that it was given last, and keeps what the objectives count."""
    if not told.reloaded:
        yield "has refused the configuration that it read last, and goes on with the one before: its log says why"
    kept = _duration(told.retention.partition(" or ")[0])
    if kept is not None and (longer := [slo for slo in policy.slos if slo.longest > kept]):
        names, wanted = few([slo.id or slo.name for slo in longer]), max(slo.longest for slo in longer) + _LEEWAY
        yield (
            f"keeps {told.retention} of history, and the window of {names} is longer: the budget is counted in less; "
            f"start it with --storage.tsdb.retention.time={duration(wanted)}"
        )


def _duration(text: str) -> timedelta | None:
    """A duration of Prometheus, None where it is none."""
    try:
        return parse_duration(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Job:
    """A target that the build asks for."""

    job: str
    instance: str
    path: str
    interval: timedelta
    timeout: timedelta

    @property
    def name(self) -> str:
        return f"{self.instance} of job {self.job}"


def targets(policy: Policy, told: Iterable[Target]) -> Iterator[str]:
    """Targets of the built jobs that are not there, not up, or scraped otherwise."""
    there: dict[tuple[str, str], Target] = {}
    for target in told:
        there.setdefault((target.labels.get("job", ""), target.labels.get("instance", "")), target)
    wanted = list(_jobs(policy))
    if missing := [job.name for job in wanted if (job.job, job.instance) not in there]:
        yield f"does not scrape {few(missing)}: {CURE}"
    found = [(job, there[job.job, job.instance]) for job in wanted if (job.job, job.instance) in there]
    if otherwise := [f"{job.name} ({how})" for job, target in found if (how := _timed(job, target))]:
        yield f"scrapes at other times than built: {few(otherwise)}; {CURE}"
    if elsewhere := [f"{job.name} ({path} in place of {job.path})" for job, path in _elsewhere(found)]:
        yield f"asks for another page than built: {few(elsewhere)}; {CURE}"
    if down := [
        f"{job.name}: {short(one.last_error, _MOST_OF_AN_ERROR)}" for job, one in found if one.health == "down"
    ]:
        yield f"cannot scrape {few(down)}"
    if waiting := [job for job, target in found if target.health == "unknown"]:
        names, longest = few([job.name for job in waiting]), max(job.interval for job in waiting)
        yield f"has not scraped {names} yet: look again in {duration(longest)}"


def jobs(policy: Policy) -> tuple[str, ...]:
    """The names of the jobs that are built."""
    return tuple(job["job_name"] for job in prometheus.config(policy)["scrape_configs"])


def _jobs(policy: Policy) -> Iterator[_Job]:
    config = prometheus.config(policy)
    for job in config["scrape_configs"]:
        timing = {**config["global"], **job}
        interval, timeout = (parse_duration(timing[key]) for key in ("scrape_interval", "scrape_timeout"))
        for static in job["static_configs"]:
            path = static.get("labels", {}).get("__metrics_path__", job.get("metrics_path", "/metrics"))
            for address in static["targets"]:
                yield _Job(job["job_name"], address, path, interval, timeout)


def _timed(job: _Job, target: Target) -> str:
    """How its times differ from those that are built; empty where they do not, or are not told."""
    both = (("each", target.interval, job.interval), ("within", target.timeout, job.timeout))
    return ", ".join(
        f"{word} {told} in place of {duration(wanted)}"
        for word, told, wanted in both
        if _duration(told) not in (None, wanted)
    )


def _elsewhere(found: Iterable[tuple[_Job, Target]]) -> Iterator[tuple[_Job, str]]:
    for job, target in found:
        path = urlsplit(target.url).path or "/"
        if target.url and path != job.path:
            yield job, path


def alertmanagers(policy: Policy, told: Alertmanagers) -> Iterator[str]:
    """Alertmanagers of the policy that it does not tell."""
    active = {address for one in told.active if (address := _address(one.url))}
    if missing := [address for address in policy.stack.alertmanagers if address not in active]:
        others = ", of the second Prometheus prometheus-2.yml," if policy.stack.prometheus_peers else ""
        yield f"does not tell Alertmanager {few(missing)}: take `alerting` of prometheus.yml{others} of this build, and reload"


def _address(url: str) -> str:
    """Host and port of a URL as the policy writes them; empty where there are none."""
    try:
        parts = urlsplit(url)
        return join_address(*split_address(parts.netloc, _PORTS.get(parts.scheme, 80)))
    except ValueError:
        return ""
