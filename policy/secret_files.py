"""Secrets stand in files or in the environment, never in the policy: which the policy needs, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from policy.access import Auth, Tls
from policy.health import Health
from policy.key_files import SecretError, read_file, read_token
from policy.loader import Loaded, Problem

__all__ = ["SecretError", "password", "problems", "read_file", "read_token", "token"]


def password(auth: Auth, environ: Mapping[str, str]) -> str:
    """The password of a Redis user, from its file or its environment variable."""
    if auth.password_file is not None:
        return read_file(auth.password_file)
    return _from(environ, auth.password_env or "")


def token(health: Health, environ: Mapping[str, str]) -> str:
    """The token that opens the health indicator's details, from its file or its environment variable."""
    if health.token_file is not None:
        return read_file(health.token_file)
    return _from(environ, health.token_env or "")


def _from(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise SecretError(f"environment variable {name} is not set")
    try:
        environ[name].encode()
    except UnicodeEncodeError:  # what is no text stands in os.environ as lone surrogates
        raise SecretError(f"environment variable {name} is not UTF-8 text") from None
    return environ[name]


def problems(loaded: Loaded, environ: Mapping[str, str], parts: tuple[str, ...]) -> Iterator[Problem]:
    """Unreadable secrets and keys of the named parts of the policy: "fleet", "health", "slack", "alertmanager"."""
    policy = loaded.policy
    if "fleet" in parts:
        for place, auth, tls in _entries(loaded):
            yield from _auth_problems(loaded, f"{place}.auth", auth, environ)
            yield from _tls_problems(loaded, f"{place}.tls", tls)
    if "health" in parts and policy.health.has_token:
        key = "token_file" if policy.health.token_file is not None else "token_env"
        yield from _told(loaded, f"health.{key}", lambda: token(policy.health, environ))
    if "slack" in parts and policy.notify.slack is not None:
        file = policy.notify.slack.token_file
        yield from _told(loaded, "notify.slack.token_file", lambda: read_token(file))
    if "alertmanager" in parts:
        for place, file in _alertmanagers_files(loaded):
            yield from _file_problems(loaded, place, file)


def _alertmanagers_files(loaded: Loaded) -> Iterator[tuple[str, Path]]:
    """Every file that Alertmanager reads itself."""
    notify = loaded.policy.notify
    if notify.pagerduty is not None:
        yield "notify.pagerduty.routing_key_file", notify.pagerduty.routing_key_file
    if notify.heartbeat is not None and notify.heartbeat.token_file is not None:
        yield "notify.heartbeat.token_file", notify.heartbeat.token_file
    for index, webhook in enumerate(notify.webhooks):
        if webhook.token_file is not None:
            yield f"notify.webhooks.{index}.token_file", webhook.token_file


def _entries(loaded: Loaded) -> Iterator[tuple[str, Auth | None, Tls | None]]:
    """Every place of the policy that says how nodes are entered."""
    fleet = loaded.policy.fleet
    yield "fleet", fleet.auth, fleet.tls
    if fleet.sentinel is not None:
        yield "fleet.sentinel", fleet.sentinel.auth, fleet.sentinel.tls
    for index, override in enumerate(fleet.overrides):
        yield f"fleet.overrides.{index}", override.auth, override.tls


def _auth_problems(loaded: Loaded, path: str, auth: Auth | None, environ: Mapping[str, str]) -> Iterator[Problem]:
    if auth is not None and auth.enabled:
        key = "password_file" if auth.password_file is not None else "password_env"
        yield from _told(loaded, f"{path}.{key}", lambda: password(auth, environ))


def _tls_problems(loaded: Loaded, path: str, tls: Tls | None) -> Iterator[Problem]:
    if tls is not None and tls.enabled:
        yield from _told(loaded, path, lambda: tls.files("any").context())


def _file_problems(loaded: Loaded, path: str, file: Path) -> Iterator[Problem]:
    yield from _told(loaded, path, lambda: read_file(file))


def _told(loaded: Loaded, path: str, attempt: Callable[[], object]) -> Iterator[Problem]:
    try:
        attempt()
    except SecretError as error:
        yield loaded.problem(f"{path}.{error.key}" if error.key else path, str(error))
