"""Secrets stand in files or in the environment, never in the policy: read here, checked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from policy.fleet import Auth
from policy.loader import Loaded, Problem


class SecretError(Exception):
    """A secret cannot be read; the text says which and why, never its content."""


def read_file(path: Path) -> str:
    """The secret in a file, the line break at its end taken off."""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    if not text:
        raise SecretError(f"{path} is empty")
    return text


def password(auth: Auth, environ: Mapping[str, str]) -> str:
    """The password of a Redis user, from its file or its environment variable."""
    if auth.password_file is not None:
        return read_file(auth.password_file)
    name = auth.password_env or ""
    if not environ.get(name):
        raise SecretError(f"environment variable {name} is not set")
    return environ[name]


def problems(loaded: Loaded, environ: Mapping[str, str], parts: tuple[str, ...]) -> Iterator[Problem]:
    """Unreadable secrets of the named parts of the policy: "fleet", "slack", "pagerduty"."""
    policy = loaded.policy
    if "fleet" in parts:
        yield from _auth_problems(loaded, "fleet.auth", policy.fleet.auth, environ)
        if policy.fleet.sentinel is not None:
            yield from _auth_problems(loaded, "fleet.sentinel.auth", policy.fleet.sentinel.auth, environ)
    if "slack" in parts and policy.notify.slack is not None:
        yield from _file_problems(loaded, "notify.slack.token_file", policy.notify.slack.token_file)
    if "pagerduty" in parts and policy.notify.pagerduty is not None:
        yield from _file_problems(loaded, "notify.pagerduty.routing_key_file", policy.notify.pagerduty.routing_key_file)


def _auth_problems(loaded: Loaded, path: str, auth: Auth | None, environ: Mapping[str, str]) -> Iterator[Problem]:
    if auth is None:
        return
    key = "password_file" if auth.password_file is not None else "password_env"
    try:
        password(auth, environ)
    except SecretError as error:
        yield loaded.problem(f"{path}.{key}", str(error))


def _file_problems(loaded: Loaded, path: str, file: Path) -> Iterator[Problem]:
    try:
        read_file(file)
    except SecretError as error:
        yield loaded.problem(path, str(error))
