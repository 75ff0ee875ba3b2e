"""The redis-cli commands of the runbooks: whom they ask, over TLS and with a login where the policy says so. Pure.

Who types them logs in as himself: the exporter's user may do what the exporter does, which is less than a runbook asks.
The password comes by REDISCLI_AUTH. `--askpass` prompts on standard output: before a pipe nobody sees it, and redis-cli waits
for ever.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from alerts.promql import markdown_code
from policy.access import Auth, Override, Tls
from policy.fleet import Fleet, Sentinel

_NODES, _SENTINEL = "NODE", "SENTINEL"


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
    reads = [read for name, whose in asks for read in _reads(name, whose, commands)]
    if reads:
        by_name = any(f"${name}_USER" in commands for name, _ in asks)
        who = ", as a user who may do all of this (the exporter's may only watch)" if by_name else ""
        # In one line: the next one of what was pasted would be taken for the answer.
        yield f"First, and before the others are pasted{who}:\n\n```sh\n{'; '.join(reads)}\n```"
    if " --insecure" in commands:
        yield (
            "Of the certificate only its fingerprint is trusted, which redis-cli does not know: `--insecure` takes any. Compare\n"
            "it first: `openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -fingerprint -sha256`."
        )
    if " -h HOST " in commands:
        yield from _of_some(fleet)
    if re.search("(?<!SENTINEL )CONFIG SET ", commands):
        yield (
            "`CONFIG SET` changes one node, until it restarts. What is to stay (`maxmemory`, `maxclients`, a buffer): on the\n"
            "shard's other nodes too, and kept by `CONFIG REWRITE`, or in what starts them where that is no file. What a step\n"
            "sets until the emergency is over, or on one replica: there alone, and without it."
        )


def _of_some(fleet: Fleet) -> Iterator[str]:
    """Where the commands must be other ones, because a node is no host and port, or is not asked as the others are."""
    hosts = [listed.address[0] for listed in fleet.nodes]
    plain = fleet.tls is None or not fleet.tls.enabled
    if any(host.startswith("/") for host in hosts):
        less = "" if plain else ", and leave out `--tls` and what belongs to it"
        yield f"Of a Unix socket write `-s PATH` in place of `-h HOST -p PORT`{less}; PATH is the `instance` without `unix://`."
    if any(":" in host for host in hosts):
        yield "An IPv6 address as HOST goes without its brackets."
    asked = [markdown_code(node.instance) for node in fleet.nodes if node.asks_for_tls]
    if asked and plain:
        yield f"With {', '.join(asked)} add `--tls`, or the password goes over the network in clear text."
    for override in fleet.overrides:
        yield f"Of nodes whose `instance` is like {markdown_code(override.match)}: {'; '.join(_instead(override))}."


def _instead(override: Override) -> Iterator[str]:
    """What is other with these nodes."""
    if override.tls is not None:
        there = _tls(override.tls).strip()
        yield f"TLS by {markdown_code(there)}" if there else "no TLS, leave out `--tls` and what belongs to it"
    if override.auth is not None:
        yield "another login" if override.auth.enabled else "no login, leave out `REDISCLI_AUTH` and `--user`"


def _reads(name: str, whose: str, commands: str) -> Iterator[str]:
    """What asks for the login of these commands."""
    if f"${name}_USER" in commands:
        yield f"printf 'User of {whose}: '; read -r {name}_USER"
    if f"${name}_PASSWORD" in commands:
        yield f"stty -echo; printf 'Password of {whose}: '; read -r {name}_PASSWORD; stty echo; echo"


def _at(address: str, tls: Tls | None, auth: Auth | None, name: str) -> str:
    host, _, port = address.rpartition(":")
    password, user = _login(auth, name)
    return f"{password}redis-cli -h {host.strip('[]')} -p {port}{_tls(tls)}{user}"


def _login(auth: Auth | None, name: str) -> tuple[str, str]:
    """What stands before the command and behind it."""
    if auth is None or not auth.enabled:
        return "", ""
    return f'REDISCLI_AUTH="${name}_PASSWORD" ', f' --user "${name}_USER"' if auth.username else ""


def _tls(tls: Tls | None) -> str:
    if tls is None or not tls.enabled:
        return ""
    options = {"cacert": tls.ca_file, "cert": tls.cert_file, "key": tls.key_file, "sni": tls.server_name}
    unknown = " --insecure" if tls.fingerprint and tls.ca_file is None else ""
    return f" --tls{unknown}" + "".join(f" --{name} {shlex.quote(str(text))}" for name, text in options.items() if text)
