"""`cachewatch check`: is the policy sound; does every node answer (--connect); does what runs do what it says (--stack)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import click
from rich.text import Text

from alerts.running.model import Part
from cli import check_stack, tables
from cli.asking import ask
from cli.blind import cannot_fire
from cli.console import output
from cli.context import Context, Refused
from cli.dead_links import lead_to_loopback
from cli.logs import only_faults
from cli.tables import Column
from exporter.survey import Answer, certificate_warnings, shard_problems, survey
from policy import secret_files
from policy.agreement import fingerprint
from policy.loader import DEFAULTS, Loaded
from policy.model import Policy
from policy.printable import printable

_SECRETS = ("fleet", "health", "slack", "alertmanager")


@click.command(
    short_help="Validate the policy; ask nodes (--connect), the stack (--stack).",
    epilog="Example: cachewatch -c cachewatch.yaml check --connect --stack",
)
@click.option("--connect", is_flag=True, help="Also ask every node and source once; status 1 when one is not well.")
@click.option(
    "--stack",
    "running",
    is_flag=True,
    help="Also ask exporter, Prometheus, Alertmanager and notifier whether they run what this policy builds; status 1 when not.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object on standard output.")
@click.pass_obj
def check(context: Context, connect: bool, running: bool, as_json: bool) -> None:
    """Validate the policy: every problem at once, with file and line. Secrets must be readable, with --stack not all."""
    try:
        loaded = _sound(context, connect, running)
    except Refused as refused:
        if as_json:
            click.echo(json.dumps({"problems": refused.message.splitlines()}, indent=2))
        raise
    if loaded.empty and loaded.file != DEFAULTS:
        click.secho(
            f"warning: {loaded.file} has no key: the built-in defaults watch 127.0.0.1:6379", fg="yellow", err=True
        )
    _warn(*lead_to_loopback(loaded.policy), *cannot_fire(loaded.policy))
    found = _ask(loaded.policy, connect, running)
    _warn(*found.expiring)
    if as_json:
        click.echo(json.dumps(_report(loaded, found), indent=2))
    else:
        _show(loaded, found)
    if not found.well:
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class _Found:
    """What nodes, their sources and the parts of the stack said, and what is wrong with that."""

    answers: list[Answer]
    trouble: str
    shards: list[str]
    expiring: list[str]
    parts: list[Part]

    @property
    def well(self) -> bool:
        faults = self.trouble or self.shards or any(answer.error for answer in self.answers)
        return not faults and all(part.well for part in self.parts)


def _ask(policy: Policy, connect: bool, running: bool) -> _Found:
    with only_faults("exporter"):
        answers, trouble = ask(survey(policy, os.environ)) if connect else ([], "")
    expiring = list(certificate_warnings(policy, answers, datetime.now(UTC)))
    parts = _stack(policy) if running else []
    return _Found(answers, trouble, list(shard_problems(policy, answers)), expiring, parts)


def _warn(*warnings: str) -> None:
    for warning in warnings:
        click.secho(f"warning: {printable(warning)}", fg="yellow", err=True)


def _stack(policy: Policy) -> list[Part]:
    from alerts.running.survey import survey as all_parts

    return ask(all_parts(policy))


def _sound(context: Context, connect: bool, running: bool) -> Loaded:
    """The policy, with every secret readable; where the stack is asked, only those that asking needs.

    In containers each part has its own, and none has all of them.
    """
    loaded = context.loaded()
    needed = [part for part in _SECRETS if not running or (connect and part == "fleet")]
    context.require_secrets(loaded, *needed)
    spared = tuple(part for part in _SECRETS if part not in needed)
    for problem in secret_files.problems(loaded, os.environ, spared):
        _warn(f"{problem} (whoever needs it must find it where it runs)")
    return loaded


def _report(loaded: Loaded, found: _Found) -> dict[str, object]:
    return {
        "policy": loaded.file,
        "fingerprint": fingerprint(loaded.policy),
        "page_bound_seconds": loaded.policy.page_bound_seconds() if loaded.policy.collect.background else None,
        "discovery_error": found.trouble,
        "nodes": [asdict(answer) for answer in found.answers],
        "shard_problems": found.shards,
        "certificate_warnings": found.expiring,
        "stack": [asdict(part) for part in found.parts],
    }


def _show(loaded: Loaded, found: _Found) -> None:
    click.echo(f"{loaded.file}: fine. {_promise(loaded.policy)}")
    click.echo(
        f"Fingerprint {fingerprint(loaded.policy)}: the exporter shows it in cache_policy_info when it has this policy."
    )
    console = output()
    for trouble in filter(None, (found.trouble, *found.shards)):
        console.print(Text(printable(trouble), "red"))
    if found.answers:
        tables.show(console, _COLUMNS, list(map(_row, found.answers)))
    check_stack.show(console, found.parts)


def _promise(policy: Policy) -> str:
    """How soon a dead node is told."""
    if not policy.collect.background:
        return "Nobody is probed: a dead node pages nobody."
    bound = policy.page_bound_seconds()
    return f"A killed node pages within {bound['killed']:g} s, a hung one within {bound['hung']:g} s."


_COLUMNS = (
    Column("node"),
    Column("shard"),
    Column("answers", prose=True),
    Column("role"),
    Column("version"),
    Column("TLS"),
    Column("rights missing", prose=True),
)


def _row(a: Answer) -> tuple[Text, ...]:
    said = Text("no", "red").append(f"  {printable(a.error)}", "default") if a.error else Text("yes", "green")
    node, shard, *others = map(_cell, (a.instance, a.shard, a.role, a.version, _tls(a), " ".join(a.missing)))
    return node, shard, said, *others


def _tls(answer: Answer) -> str:
    """The version, and until when the node's certificate is good, and ours."""
    ends = (("until", answer.certificate_ends), ("ours until", answer.client_certificate_ends[:10]))
    return ", ".join(filter(None, (answer.tls, *(f"{word} {day}" for word, day in ends if day))))


def _cell(text: str) -> Text:
    """What a server said, as it is: no markup of rich, and no control of the terminal, which rich would let through."""
    return Text(printable(text))
