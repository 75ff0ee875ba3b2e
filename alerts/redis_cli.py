"""The redis-cli commands of the runbooks: whom they ask, over TLS and with a login where the policy says so. Pure.

The password comes by REDISCLI_AUTH. `--askpass` prompts on standard output: before a pipe nobody sees it, and redis-cli waits
for ever.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from policy.access import Auth, Tls
from policy.fleet import Fleet, Sentinel

_NODES, _SENTINEL = "NODE_PASSWORD", "SENTINEL_PASSWORD"


def node(fleet: Fleet, address: str = "HOST:PORT") -> str:
    """redis-cli at a node, to be followed by its command."""
    return _at(address, fleet.tls, fleet.auth, _NODES)


def sentinel(asked: Sentinel, address: str) -> str:
    """redis-cli at a Sentinel, to be followed by its command."""
    return _at(address, asked.tls, asked.auth, _SENTINEL)


def preface(fleet: Fleet, commands: str) -> str:
    """What whoever runs these commands must know or type before."""
    return "".join(f"{paragraph}\n\n" for paragraph in _before(fleet, commands))


def _before(fleet: Fleet, commands: str) -> Iterator[str]:
    asks = [(_NODES, "the nodes"), (_SENTINEL, "Sentinel")]
    reads = [
        f"stty -echo; printf 'Password of {whose}: '; read -r {name}; stty echo; echo"
        for name, whose in asks
        if f"${name}" in commands
    ]
    if reads:
        yield "\n".join(["First, and before the others are pasted:", "", "```sh", *reads, "```"])
    hosts = [listed.address[0] for listed in fleet.nodes]
    if " -h HOST " in commands and any(host.startswith("/") for host in hosts):
        yield "Of a Unix socket write `-s PATH` in place of `-h HOST -p PORT`; PATH is the `instance` without `unix://`."
    if " -h HOST " in commands and any(":" in host for host in hosts):
        yield "An IPv6 address as HOST goes without its brackets."


def _at(address: str, tls: Tls | None, auth: Auth | None, password: str) -> str:
    host, _, port = address.rpartition(":")
    return f"{_password(auth, password)}redis-cli -h {host.strip('[]')} -p {port}{_tls(tls)}{_user(auth)}"


def _password(auth: Auth | None, name: str) -> str:
    return f'REDISCLI_AUTH="${name}" ' if auth is not None and auth.enabled else ""


def _user(auth: Auth | None) -> str:
    return f" --user {shlex.quote(auth.username)}" if auth is not None and auth.enabled and auth.username else ""


def _tls(tls: Tls | None) -> str:
    if tls is None or not tls.enabled:
        return ""
    options = {"cacert": tls.ca_file, "cert": tls.cert_file, "key": tls.key_file, "sni": tls.server_name}
    return " --tls" + "".join(f" --{name} {shlex.quote(str(text))}" for name, text in options.items() if text)
