"""Which nodes there are, and how to log in to them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from policy.base import Fault, Model, refuse
from policy.units import Duration, OptionalBytes, parse_duration

REDIS_PORT = 6379
SENTINEL_PORT = 26379
_HOST_NAME = re.compile(r"\w[\w.-]*")
_CREDENTIALS = "has credentials in it; put them under auth (username, password_env or password_file)"


def join_address(host: str, port: int) -> str:
    """`host:port`, an IPv6 host in brackets: the form of the `instance` label."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(text: str, default_port: int) -> tuple[str, int]:
    """Split `host[:port]` (IPv6 in brackets); ValueError names the cure."""
    if "@" in text:
        raise ValueError(_CREDENTIALS)
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not _is_host(host) or not text.isprintable() or any(c in text for c in "/?# "):
        raise ValueError(f"{text!r} is not an address; write host:port, as in 10.0.0.1:{default_port}")
    if port == 0:
        raise ValueError(f"{text!r} has port 0")
    return host, default_port if port is None else port


def _is_host(text: str) -> bool:
    if _HOST_NAME.fullmatch(text):
        return True
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def resolve_file(value: Path, info: ValidationInfo) -> Path:
    """A relative secret file is sought beside the policy file, by everyone who reads it."""
    if "\0" in str(value):
        raise ValueError("has a NUL character in it")
    base = (info.context or {}).get("base")
    return value if base is None or value.is_absolute() else Path(base) / value


class Auth(Model):
    """A Redis user. The password never stands in the policy, only the place it is read from."""

    username: str | None = Field(default=None, min_length=1)
    password_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    password_file: Path | None = None

    _resolve = field_validator("password_file")(
        lambda value, info: value if value is None else resolve_file(value, info),
    )

    def _faults(self) -> Iterator[Fault]:
        if (self.password_env is None) == (self.password_file is None):
            yield "", "needs exactly one of password_env and password_file"


def _node_from_text(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class Node(Model):
    """One node of the static list: `redis://host:port`, or a mapping with `url` and what is special about it."""

    url: str
    shard: str = ""
    memory_limit: OptionalBytes = None

    @field_validator("url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        if "@" in value:  # before anything that repeats the text
            raise ValueError(_CREDENTIALS)
        scheme, found, address = value.partition("://")
        if not found:
            raise ValueError(f"{value!r} is not a node; write redis://host:port")
        if scheme == "rediss":
            raise ValueError("TLS is not supported by this version; write redis://host:port")
        if scheme != "redis":
            raise ValueError(f"scheme {scheme!r} is not known; write redis://host:port")
        split_address(address.rstrip("/"), REDIS_PORT)
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return split_address(self.url.partition("://")[2].rstrip("/"), REDIS_PORT)

    @property
    def instance(self) -> str:
        """The `instance` label: `host:port`."""
        return join_address(*self.address)


NodeEntry = Annotated[Node, BeforeValidator(_node_from_text)]


class Sentinel(Model):
    """Where Redis Sentinel answers, and which of its masters belong to this fleet (none named: all it knows)."""

    addresses: tuple[str, ...] = Field(min_length=1)
    masters: tuple[str, ...] | None = Field(default=None, min_length=1)
    auth: Auth | None = None
    refresh: Duration = parse_duration("5s")

    def _faults(self) -> Iterator[Fault]:
        if self.refresh < parse_duration("100ms"):
            yield "refresh", "must be at least 100ms"

    @field_validator("addresses")
    @classmethod
    def _well_formed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(join_address(*split_address(text, SENTINEL_PORT)) for text in value)


def _duplicates(nodes: tuple[Node, ...]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if first.setdefault(node.instance, index) != index:
            yield str(index), f"duplicate node {node.instance}: fleet.nodes.{first[node.instance]} is the same"


class Fleet(Model):
    """The nodes that are watched. Without nodes and Sentinel it is the Redis on this machine."""

    name: str = Field(default="cache", min_length=1)
    nodes: tuple[NodeEntry, ...] = ()
    sentinel: Sentinel | None = None
    auth: Auth | None = None
    memory_limit: OptionalBytes = None

    @model_validator(mode="before")
    @classmethod
    def _local_node(cls, data: Any) -> Any:
        if isinstance(data, dict) and "nodes" not in data and not data.get("sentinel"):
            return {**data, "nodes": [f"redis://127.0.0.1:{REDIS_PORT}"]}
        return data

    # On the field, not on the model: a duplicate is told even when another key of the fleet is wrong.
    @field_validator("nodes")
    @classmethod
    def _distinct(cls, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        refuse(_duplicates(nodes))
        return nodes

    def _faults(self) -> Iterator[Fault]:
        if not self.nodes and self.sentinel is None:
            yield "nodes", "names no node, and there is no sentinel to ask: nothing would be watched"
        if self.nodes and self.sentinel is not None and self.sentinel.masters is None:
            yield "sentinel.masters", "is missing: beside listed nodes name each master, or nobody would miss its nodes"

    def limit_of(self, instance: str) -> int | None:
        """The policy's memory limit of a node in bytes, None where the policy has none."""
        own = next((n.memory_limit for n in self.nodes if n.instance == instance), None)
        return self.memory_limit if own is None else own
