"""What the prober says is taken line by line, however the pipe cuts it; nonsense and silence end it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from exporter import probe_link
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.probe_link import ProbeLink, _heard
from tests.unit.exporter.helpers import check, watching


async def _said(*pieces: bytes) -> list[Any]:
    """What was taken of these pieces, each of which comes alone, once the other side has closed."""
    taken: list[Any] = []
    async with _heard(lambda report, _: taken.append(report)) as (voice, mouth):
        for piece in pieces:
            voice.data_received(piece)
        mouth.close()
        await voice.until_it_ends()
    return taken


async def test_lines_are_taken_whole_however_they_are_cut() -> None:
    assert await _said(b'{"a":1}\n{"b"', b":2", b'}\n{"c":3}\n{"half"') == [{"a": 1}, {"b": 2}, {"c": 3}]


async def test_what_comes_through_the_pipe_is_taken() -> None:
    taken: list[Any] = []
    async with _heard(lambda report, _: taken.append(report)) as (voice, mouth):
        mouth.write(b'{"a":1}\n' * 5_000)
        mouth.close()
        await voice.until_it_ends()
    assert len(taken) == 5_000


@pytest.mark.parametrize("said", [b"Traceback (most recent call last):\n", b"[1,\n", b"\xff\xfe\n"])
async def test_nonsense_ends_it(said: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        await _said(said)


async def test_a_report_that_lacks_something_ends_it() -> None:
    async with _heard(lambda report, _: report["lag"]) as (voice, _):
        voice.data_received(b"{}\n")
        with pytest.raises(LookupError):
            await voice.until_it_ends()


async def test_a_line_without_end_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_link, "_LINE_LIMIT", 1000)
    with pytest.raises(ValueError, match="a line of more than 1000 bytes"):
        await _said(*[b"x" * 100] * 11)


async def test_silence_is_told_although_the_pipe_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_link, "_SILENCE", 0.05)
    async with _heard(lambda *_: None) as (voice, _):
        with pytest.raises(TimeoutError):
            await voice.until_it_ends()


async def test_what_was_said_while_we_stood_still_ourselves_is_heard_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a pause of the whole machine: the prober has spoken, and would be ended for nothing."""
    monkeypatch.setattr(probe_link, "_SILENCE", 0.2)
    heard: list[Any] = []
    async with _heard(lambda said, _: heard.append(said)) as (voice, mouth):
        mouth.write(b"7\n")
        mouth.flush()
        time.sleep(0.4)  # noqa: ASYNC251  # the loop stands still
        with pytest.raises(TimeoutError):
            await voice.until_it_ends()
    assert heard == [7]


async def test_the_prober_is_told_when_a_name_is_used_by_another_address() -> None:
    state, names = watching(fleet={"nodes": ["redis://cache:6379"]}), Names(lambda _: ["::1", "10.0.0.1"])
    link = ProbeLink(state, Keyring(state.policy.fleet, {}), names, lambda _: None)
    await names.resolve("cache")
    link.retarget([node.target for node in state.nodes.values()])
    hosts = []
    for address in ("::1", "10.0.0.1"):
        names.use("cache", address)
        link._take({"lag": 0.0, "events": []}, 0.0)
        hosts.append(json.loads(link._order)["targets"][0]["host"])
    assert hosts == ["::1", "10.0.0.1"]


def test_a_primary_that_refuses_writes_is_asked_who_it_is_until_that_is_a_verdict() -> None:
    """It may have been told to follow another; INFO at every refused SET for hours would be a load."""
    state, asked = watching(probe={"write": True}), list[object]()
    (node,) = state.nodes.values()
    link = ProbeLink(state, Keyring(state.policy.fleet, {}), Names(), asked.append)
    check(state, node.target.instance, ["success"])
    for _ in range(20):
        link._take({"lag": 0.0, "events": [[node.target.instance, "readonly", 0.001, "set"]]}, 1.0)
        link._take({"lag": 0.0, "events": [[node.target.instance, "readonly", None, "ping"]]}, 1.0)
    assert len(asked) == state.policy.health.failures
