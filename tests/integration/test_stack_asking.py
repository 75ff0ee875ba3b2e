"""Whatever listens in the place of a part: it is told in a few words, soon, and the other parts are there all the same."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest

from alerts.running import asking
from alerts.running.model import Part
from alerts.running.survey import survey
from policy.model import Policy
from sandbox.peer import Peer, Talk, closes_at_once, requests, says, silent
from sandbox.ports import LOOPBACK, free_port

HTTP = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\n%s\r\n"
ELSE = "is something else listening there?"


def answering(body: bytes, status: bytes = b"200 OK", *headers: bytes) -> Talk:
    lines = b"".join(line + b"\r\n" for line in (b"Content-Length: %d" % len(body), *headers))
    return says(HTTP % (status, lines) + body)


def endless(connection: socket.socket) -> None:
    """A body that goes on for ever, as fast as it is read."""
    next(requests(connection), b"")
    connection.sendall(HTTP % (b"200 OK", b""))
    while True:
        connection.sendall(b"[" * 65536)


def cut(connection: socket.socket) -> None:
    """Half of what was announced."""
    next(requests(connection), b"")
    connection.sendall(HTTP % (b"200 OK", b"Content-Length: 1000\r\n") + b'{"status":"success","data":{')


def dripping(connection: socket.socket) -> None:
    """A byte now and then."""
    next(requests(connection), b"")
    connection.sendall(HTTP % (b"200 OK", b""))
    connection.settimeout(0.05)
    while True:
        with contextlib.suppress(TimeoutError):
            connection.recv(1)
        connection.sendall(b"x")


async def asked(**stack: Any) -> dict[str, Part]:
    """What is found of each part; those that are not named are at ports where nobody listens."""
    nobody = {name: f"{LOOPBACK}:{free_port()}" for name in ("exporter", "alertmanager")}
    named = {"prometheus": f"http://{LOOPBACK}:{free_port()}", **nobody, **stack}
    return {part.part: part for part in await survey(Policy.model_validate({"stack": named}))}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.5)


TALKS: list[tuple[Talk, str]] = [
    (answering(b"<html>", b"404 Not Found"), f"answers 404; {ELSE}"),
    (answering(b"<html>", b"500 Oh"), f"answers 500; {ELSE}"),
    (answering(b"", b"401 Who"), "answers 401: it lets only those in who log in; ask from where the other parts ask it"),
    (answering(b"", b"302 Found", b"Location: http://127.0.0.1:1/secret"), "answers 302, which leads elsewhere"),
    (answering(b"<html>hello</html>"), f"answers no JSON; {ELSE}"),
    (answering(b'{"status":"success","data":{"gro'), f"answers no JSON; {ELSE}"),
    (answering(b"[" * 200_000), f"answers no JSON; {ELSE}"),
    (answering(b"[]"), "answers what no "),
    (answering(b"\x1f\x8b\x08 no gzip", b"200 OK", b"Content-Encoding: gzip"), f"answers no JSON; {ELSE}"),
    (says(b"-ERR unknown command\r\n"), f"the answer is no HTTP; {ELSE}"),
    (cut, "ends the connection before its answer does"),
    (closes_at_once, "ends the connection before its answer does"),
]  # fmt: skip


@pytest.mark.parametrize(("talk", "words"), TALKS)
async def test_what_is_no_good_is_told_in_a_few_words(talk: Talk, words: str) -> None:
    with Peer(talk) as peer:
        found = await asked(prometheus=f"http://{peer.instance}", alertmanager_peers=[peer.instance])
    assert found["prometheus"].error.startswith(words)
    assert found["alertmanager"].error.startswith(words)
    assert found["exporter"].error == "cannot connect: Connection refused; does it run there?"
    assert "secret" not in found["prometheus"].error


@pytest.mark.parametrize("talk", [silent, dripping])
async def test_one_that_hangs_costs_the_patience_once(talk: Talk, impatient: None) -> None:
    with Peer(talk) as peer:
        found = await asked(exporter=peer.instance, prometheus=f"http://{peer.instance}/p")
    assert (
        found["exporter"].error
        == found["prometheus"].error
        == "no answer within 0.5 s; does it hang, or does something between drop what is sent?"
    )


async def test_an_answer_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 1 << 20)
    with Peer(endless) as peer:
        found = await asked(exporter=peer.instance, prometheus=f"http://{peer.instance}/p")
    assert found["exporter"].error == found["prometheus"].error == "answers more than 1 MiB"


async def test_a_page_of_something_else_is_no_exporter() -> None:
    with Peer(answering(b"<html>hello</html>")) as peer:
        found = await asked(exporter=peer.instance)
    assert found["exporter"].error == ""
    assert found["exporter"].problems[0].startswith("/metrics/sli tells no cache_policy_info")


async def test_tls_where_there_is_none_is_told() -> None:
    with Peer(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        found = await asked(prometheus=f"https://{peer.instance}")
    assert found["prometheus"].error.startswith("TLS fails: ")
    assert len(found["prometheus"].error) < 150


async def test_a_name_without_an_address_is_told() -> None:
    found = await asked(exporter="no-such-host.invalid:9121")
    assert found["exporter"].error.startswith("cannot connect: ")
    assert "no-such-host" not in found["exporter"].error


async def test_an_answer_that_is_missing_hides_no_other_of_the_same_server() -> None:
    def some(connection: socket.socket) -> None:
        """A server that knows flags alone."""
        for request in requests(connection):
            good = b"status/flags" in request.split(b"\r\n")[0]
            flags = {"rules.alert.for-grace-period": "10m"}
            body = json.dumps({"status": "success", "data": flags}).encode() if good else b"no such page"
            status = b"200 OK" if good else b"404 Not Found"
            connection.sendall(HTTP % (status, b"Content-Length: %d\r\n" % len(body)) + body)

    with Peer(some) as peer:
        found = (await asked(prometheus=f"http://{peer.instance}"))["prometheus"]
    assert found.error == ""
    assert found.problems[0].startswith("--rules.alert.for-grace-period is 10m")
    assert found.problems[1:] == tuple(
        f"asked for its {what}: answers 404; {ELSE}"
        for what in ("last reload", "rules", "targets", "jobs", "Alertmanagers")
    )
