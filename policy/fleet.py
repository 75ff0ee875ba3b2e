"""Which nodes there are, and how to log in to them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from policy.access import Auth, Override, Tls, repeated, resolve_file
from policy.base import Fault, Model, Words, refuse
from policy.units import Duration, OptionalBytes, parse_duration

REDIS_PORT = 6379
SENTINEL_PORT = 26379
SOURCES = ("sentinel", "cluster", "files", "dns")
"""What names nodes beside the list; also their `part` in `cache_collect_success`."""
POLICY_PART = "policy"
"""The `part` in `cache_collect_success` that tells whether the policy was taken when it was read again last."""
_SCHEMES = ("redis", "rediss", "unix")
_LONGEST_PATH = 107  # sockaddr_un.sun_path less the NUL at its end
_HOST_NAME = re.compile(r"\w[\w.-]*")
# As clients write it behind the address.
_DATABASE = re.compile(r"(?:(?<!/)/\d{0,5})?(?:\?db=\d{1,5})?\Z", re.ASCII)
_CREDENTIALS = "has credentials in it; put them under auth (username, password_env or password_file)"


def join_address(host: str, port: int) -> str:
    """`host:port`, an IPv6 host in brackets: the form of the `instance` label. A path is a Unix socket: `unix:///path`."""
    if host.startswith("/"):
        return f"unix://{host}"
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


def _socket_path(path: str) -> tuple[str, int]:
    """The path of a Unix socket as a host, its port 0; ValueError names the cure."""
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise ValueError(f"{path!r} is not the path of a socket; write unix:///run/redis/redis.sock")
    if len(path.encode()) > _LONGEST_PATH:
        raise ValueError(f"is longer than the {_LONGEST_PATH} bytes that the path of a Unix socket may have")
    return path, 0


def is_address(host: str, port: int) -> bool:
    """Whether a host and a port that somebody tells are those of a server: no path, no text for a shell, no port beyond 65535."""
    return 0 < port < 1 << 16 and _is_host(host)


def _is_host(text: str) -> bool:
    if _HOST_NAME.fullmatch(text):
        return True
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def without_database(url: str) -> str:
    """The URL of a node as clients have it, without the database behind it: INFO tells of all of them."""
    return url if url.startswith("unix:") else _DATABASE.sub("", url)


def _place(scheme: str, address: str) -> tuple[str, int]:
    return _socket_path(address) if scheme == "unix" else split_address(address.rstrip("/"), REDIS_PORT)


def _node_from_text(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class Node(Model):
    """One node of the static list: a URL, or a mapping with `url` and what is special about it.

    `redis://host:port`, `rediss://host:port` for TLS, `unix:///path` for a socket.
    """

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
        if scheme not in _SCHEMES:
            raise ValueError(f"scheme {scheme!r} is not known; write redis://host:port")
        _place(scheme, address)
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; the path of a Unix socket and 0."""
        scheme, _, address = self.url.partition("://")
        return _place(scheme, address)

    @property
    def asks_for_tls(self) -> bool:
        """Whether the URL itself says TLS."""
        return self.url.startswith("rediss://")

    @property
    def instance(self) -> str:
        """The `instance` label: `host:port`, or `unix:///path`."""
        return join_address(*self.address)


NodeEntry = Annotated[Node, BeforeValidator(_node_from_text)]


class Asked(Model):
    """Servers that are asked, in turn until one answers, who belongs to the fleet."""

    DEFAULT_PORT: ClassVar[int]

    addresses: tuple[str, ...] = Field(min_length=1)
    refresh: Duration = parse_duration("5s")

    def _faults(self) -> Iterator[Fault]:
        if self.refresh < parse_duration("100ms"):
            yield "refresh", "must be at least 100ms"

    @field_validator("addresses")
    @classmethod
    def _well_formed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(join_address(*split_address(text, cls.DEFAULT_PORT)) for text in value)


class Sentinel(Asked):
    """Where Redis Sentinel answers, and which of its masters belong to this fleet (none named: all it knows)."""

    DEFAULT_PORT = SENTINEL_PORT

    masters: tuple[str, ...] | None = Field(default=None, min_length=1)
    auth: Auth | None = None
    tls: Tls | None = None


class Cluster(Asked):
    """Nodes of a Redis Cluster that are asked who belongs to it; any of them is enough, the others are learned."""

    DEFAULT_PORT = REDIS_PORT


class DnsName(Model):
    """A name whose every address is a node. One family only, where a node has an address of each."""

    name: str
    port: int = Field(default=REDIS_PORT, ge=1, le=65535, strict=True)
    shard: str = ""
    family: Literal["any", "ipv4", "ipv6"] = "any"

    @field_validator("name")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not _HOST_NAME.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a host name; write it alone, as in cache.internal, and the port under port"
            )
        return value


def _target_file(value: str, info: ValidationInfo) -> str:
    """A pattern of files, below the policy's folder when it is relative."""
    path = Path(value)
    if path.suffix not in (".json", ".yml", ".yaml"):
        raise ValueError(f"{value!r} must end with .json, .yml or .yaml")
    if any(sign in part for part in path.parts[:-1] for sign in "*?["):
        raise ValueError(f"{value!r} has a wildcard in a folder's name; only the file's name may have one")
    return str(resolve_file(path, info))


def _duplicates(nodes: tuple[Node, ...]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if first.setdefault(node.instance, index) != index:
            yield str(index), f"duplicate node {node.instance}: fleet.nodes.{first[node.instance]} is the same"


class Fleet(Model):
    """The nodes that are watched, from all sources together. Without any source it is the Redis on this machine.

    `primary_elsewhere` are the shards of which only replicas are watched, as in a region of its own.
    """

    name: Words = "cache"
    nodes: tuple[NodeEntry, ...] = ()
    sentinel: Sentinel | None = None
    cluster: Cluster | None = None
    files: tuple[Annotated[str, AfterValidator(_target_file)], ...] = ()
    dns: tuple[DnsName, ...] = ()
    auth: Auth | None = None
    tls: Tls | None = None
    overrides: tuple[Override, ...] = ()
    memory_limit: OptionalBytes = None
    primary_elsewhere: tuple[Words, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _local_node(cls, data: Any) -> Any:
        if isinstance(data, dict) and "nodes" not in data and not any(map(data.get, SOURCES)):
            return {**data, "nodes": [f"redis://127.0.0.1:{REDIS_PORT}"]}
        return data

    # On the field, not on the model: a duplicate is told even when another key of the fleet is wrong.
    @field_validator("nodes")
    @classmethod
    def _distinct(cls, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        refuse(_duplicates(nodes))
        return nodes

    @field_validator("overrides")
    @classmethod
    def _each_reached(cls, overrides: tuple[Override, ...]) -> tuple[Override, ...]:
        refuse(repeated(overrides))
        return overrides

    def _faults(self) -> Iterator[Fault]:
        yield from self._plain_where_tls_is_asked()
        yield from self._login_in_the_clear()
        yield from self._unknown_shards()
        if not self.nodes and not any(getattr(self, source) for source in SOURCES):
            yield (
                "nodes",
                "names no node, and there is no sentinel, cluster, file or name to ask: nothing would be watched",
            )

        if self.nodes and self.sentinel is not None and self.sentinel.masters is None:
            yield "sentinel.masters", "is missing: beside listed nodes name each master, or nobody would miss its nodes"

    def _plain_where_tls_is_asked(self) -> Iterator[Fault]:
        for index, node in enumerate(self.nodes):
            tls = self.tls_of(node.instance)
            if node.asks_for_tls and tls is not None and not tls.enabled:
                yield f"nodes.{index}", f"{node.url} asks for TLS, which tls.enabled: false turns off for it"

    def _unknown_shards(self) -> Iterator[Fault]:
        """A name that no listed node has would hide nothing, or the wrong shard later; what a source names nobody knows yet."""
        found = any(getattr(self, source) for source in SOURCES)
        known = {node.shard for node in self.nodes}
        for index, shard in enumerate(self.primary_elsewhere):
            if not found and shard not in known:
                yield f"primary_elsewhere.{index}", f"{shard!r} is the shard of no node in fleet.nodes"

    def _login_in_the_clear(self) -> Iterator[Fault]:
        """TLS that only the URLs of listed nodes ask for is none for those that are found, and they get the login too."""
        listed = next((node.url for node in self.nodes if node.asks_for_tls), None)
        logins = (
            self.auth,
            *(override.auth for override in self.overrides if override.is_wild and override.tls is None),
        )
        login = any(auth is not None and auth.enabled for auth in logins)
        sources = [source for source in SOURCES if getattr(self, source)]
        if listed and login and self.tls is None and sources:
            found = " and ".join(f"fleet.{source}" for source in sources)
            why = f"is missing: {listed} asks for TLS for itself only, so the login would go in clear text to nodes of {found}"
            yield "tls", f"{why}; write tls: {{}}, or tls: {{enabled: false}} with an override for the listed nodes"

    def auth_of(self, instance: str) -> Auth | None:
        """The login of a node: the first override that fits, where it has one, else the fleet's."""
        fitting = self._override(instance)
        return self.auth if fitting is None or fitting.auth is None else fitting.auth

    def tls_of(self, instance: str, *, asked: bool = False) -> Tls | None:
        """The TLS of a node: its override's, else the fleet's, else the default for `rediss://`; None for a Unix socket.

        `asked` says that a file names it by `rediss://`: then it is TLS whatever the policy turns off, never clear text.
        """
        if instance.startswith("unix:"):
            return None
        fitting = self._override(instance)
        tls = self.tls if fitting is None or fitting.tls is None else fitting.tls
        if asked and tls is not None and not tls.enabled:
            return self.tls if self.tls is not None and self.tls.enabled else Tls()
        return Tls() if tls is None and (asked or instance in self._asked_by_url) else tls

    @cached_property
    def _asked_by_url(self) -> frozenset[str]:
        return frozenset(node.instance for node in self.nodes if node.asks_for_tls)

    def _override(self, instance: str) -> Override | None:
        """The first that fits counts, and no other."""
        return next((override for override in self.overrides if override.fits(instance)), None)

    def limit_of(self, instance: str) -> int | None:
        """The policy's memory limit of a node in bytes, None where the policy has none."""
        return self._limits.get(instance, self.memory_limit)

    @cached_property
    def _limits(self) -> dict[str, int]:
        """Limits of nodes that have one of their own: asked for each node each second."""
        return {node.instance: node.memory_limit for node in self.nodes if node.memory_limit is not None}
