"""The way from another terminal into the running demo: only for its owner, and nobody can hold the demo up."""

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import web
from sandbox.control import FILE, Control, _Handler, send
from sandbox.demo_dir import taken
from sandbox.errors import SandboxError

_ANSWER: Any = _Handler._answer


def obey(verb: str, name: str | None) -> str:
    if name == "fire":
        raise SandboxError("there is no fault 'fire'")
    if name == "surprise":
        raise FileNotFoundError(2, "No such file", "dump.rdb")
    return f"{verb} {name}"


@contextmanager
def serving(directory: Path) -> Iterator[Control]:
    """A control that is served as the demo does it, in short turns of one thread."""
    control = Control(directory, obey)
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            control.serve_for(0.1)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield control
    finally:
        ended.set()
        thread.join()
        control.close()


def test_a_command_is_done_and_answered(tmp_path: Path) -> None:
    with serving(tmp_path):
        assert send(tmp_path, "break", "node-down") == "break node-down"
        assert send(tmp_path, "heal", None) == "heal None"


def test_a_refusal_comes_back_in_its_own_words(tmp_path: Path) -> None:
    with serving(tmp_path), pytest.raises(SandboxError, match="there is no fault 'fire'"):
        send(tmp_path, "break", "fire")


def test_what_nobody_foresaw_is_told_and_the_demo_is_not_taken_for_ended(tmp_path: Path) -> None:
    with serving(tmp_path):
        with pytest.raises(SandboxError, match=r"heal failed: FileNotFoundError: .*dump.rdb"):
            send(tmp_path, "heal", "surprise")
        assert send(tmp_path, "heal", None) == "heal None"


def test_while_a_demo_starts_who_asks_is_told_to_wait(tmp_path: Path) -> None:
    with taken(tmp_path), pytest.raises(SandboxError, match="is still starting, or ending: try again"):
        send(tmp_path, "break", "node-down")


def test_only_who_can_read_the_file_may_command(tmp_path: Path) -> None:
    with serving(tmp_path):
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
        url = json.loads((tmp_path / FILE).read_text())["url"]
        for token in ("", "wrong", "\u00e9"):
            with pytest.raises(web.WebError) as refused:
                web.request("POST", f"{url}/break", b'{"name": "node-down"}', {"X-Token": token})
            assert refused.value.status == 403


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}"])
def test_an_unreadable_request_is_refused(tmp_path: Path, body: bytes) -> None:
    with serving(tmp_path):
        where = json.loads((tmp_path / FILE).read_text())
        with pytest.raises(web.WebError) as refused:
            web.request("POST", f"{where['url']}/break", body, {"X-Token": where["token"]})
        assert refused.value.status == 400


@pytest.mark.alone
def test_a_client_that_sends_nothing_or_drips_holds_the_demo_two_seconds_at_most(tmp_path: Path) -> None:
    with serving(tmp_path) as control, socket.create_connection(("127.0.0.1", control.server_port)) as silent:
        silent.sendall(b"POST /break HT")
        begun = time.monotonic()
        assert send(tmp_path, "heal", None) == "heal None"
        assert time.monotonic() - begun < 4


def test_without_a_demo_the_cure_is_named_and_with_a_dead_one_that_it_ended(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"no demo runs in .*: start one with `cachewatch demo"):
        send(tmp_path, "break", "node-down")
    with serving(tmp_path):
        left = (tmp_path / FILE).read_text()
    assert not (tmp_path / FILE).exists()
    (tmp_path / FILE).write_text(left)
    with pytest.raises(SandboxError, match="may have ended"):
        send(tmp_path, "break", "node-down")


@pytest.mark.parametrize("text", ["", "null", "{}", "[]", '{"url": "http://127.0.0.1:1"}', '{"url": '])
def test_a_file_that_says_no_address_is_taken_for_no_demo(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SandboxError, match=r"no demo runs in .*: start one with `cachewatch demo"):
        send(tmp_path, "heal", None)


@pytest.mark.parametrize(
    ("url", "token"), [("http://127.0.0.1:port", "x"), ("nowhere", "x"), ("http://127.0.0.1:1", "\u20ac\n")]
)
def test_an_address_that_is_none_does_not_answer(tmp_path: Path, url: str, token: str) -> None:
    (tmp_path / FILE).write_text(json.dumps({"url": url, "token": token}))
    with pytest.raises(SandboxError, match="does not answer, it may have ended"):
        send(tmp_path, "break", "node-down")


@pytest.mark.parametrize("answer", [None, {}, [], "done", {"done": None}])
def test_an_answer_of_somebody_else_is_taken_for_none(
    tmp_path: Path, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as control:
        monkeypatch.setattr(
            control.RequestHandlerClass, "_answer", lambda self, status, _value: _ANSWER(self, status, answer)
        )
        with pytest.raises(SandboxError, match="does not answer, it may have ended"):
            send(tmp_path, "heal", None)
