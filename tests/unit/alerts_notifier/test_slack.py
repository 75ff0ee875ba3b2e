"""What the client makes of the odd things that answer in Slack's place, over real sockets."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts.notifier.failures import LONGEST_SILENCE, Reason, SlackFailure
from alerts.notifier.message import Message, render
from alerts.notifier.slack import LONGEST_WAIT, SlackChannel
from policy.notify import Slack
from sandbox.ports import free_port
from tests.unit.alerts_notifier.samples import notification

_Answer = Callable[[], web.Response]


class Scripted:
    """A server that gives the answers in turn, the last one again and again, and keeps what it was asked."""

    def __init__(self, *answers: _Answer) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.asked.append(await request.json())
        self.tokens.append(request.headers["Authorization"])
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])()


def _says(status: int = 200, headers: dict[str, str] | None = None, **body: object) -> _Answer:
    return lambda: web.json_response(body, status=status, headers=headers)


_OK = _says(ok=True, channel="C1", ts="1.000001")


@asynccontextmanager
async def _channel(scripted: Scripted, token: Path) -> AsyncIterator[SlackChannel]:
    app = web.Application()
    app.router.add_post("/api/chat.postMessage", scripted.handle)
    async with TestServer(app) as server:
        settings = Slack(channel="#alerts", token_file=token, url=str(server.make_url("/api")))
        async with SlackChannel(settings) as channel:
            yield channel


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("xoxb-1\n")
    return file


@pytest.fixture
def message() -> Message:
    return render(notification())


async def test_a_message_goes_out_with_blocks_text_and_no_previews_of_its_links(token: Path, message: Message) -> None:
    scripted = Scripted(_OK)
    async with _channel(scripted, token) as channel:
        await channel.post(message)
    [asked] = scripted.asked
    assert (asked["channel"], asked["text"], asked["blocks"]) == ("#alerts", message.text, list(message.blocks))
    assert (asked["unfurl_links"], asked["unfurl_media"]) == (False, False)


async def test_a_rotated_token_is_used_for_the_next_message(token: Path, message: Message) -> None:
    scripted = Scripted(_OK)
    async with _channel(scripted, token) as channel:
        await channel.post(message)
        await asyncio.to_thread(token.write_text, "xoxb-2\n")
        await channel.post(message)
    assert scripted.tokens == ["Bearer xoxb-1", "Bearer xoxb-2"]


async def test_a_token_file_that_is_gone_is_told_by_name_and_asks_slack_nothing(token: Path, message: Message) -> None:
    scripted = Scripted(_OK)
    async with _channel(scripted, token) as channel:
        await asyncio.to_thread(token.unlink)
        with pytest.raises(SlackFailure, match="token cannot be read: No such file") as failed:
            await channel.post(message)
    assert failed.value.reason == "token"
    assert scripted.asked == []


@pytest.mark.parametrize("text", ["xoxb-2\nxoxb-1\n", "xoxb 2", "xoxb-\x07", "xoxb-ä"])
async def test_a_token_file_that_holds_no_token_is_told_by_name_and_asks_slack_nothing(
    token: Path, message: Message, text: str
) -> None:
    scripted = Scripted(_OK)
    async with _channel(scripted, token) as channel:
        await asyncio.to_thread(token.write_text, text, encoding="utf-8")
        with pytest.raises(SlackFailure, match="token is no token") as failed:
            await channel.post(message)
    assert failed.value.reason == "token"
    assert scripted.asked == []


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long"])
async def test_a_page_whose_blocks_slack_refuses_goes_out_as_plain_text(
    token: Path, message: Message, code: str
) -> None:
    scripted = Scripted(_says(ok=False, error=code), _OK)
    async with _channel(scripted, token) as channel:
        await channel.post(message)
    assert "blocks" not in scripted.asked[1]
    assert scripted.asked[1]["text"] == message.plain


@pytest.mark.parametrize(
    ("code", "reason"), [("invalid_auth", "token"), ("channel_not_found", "channel"), ("missing_scope", "scope")]
)
async def test_what_only_a_person_can_mend_is_asked_once_and_told(
    token: Path, message: Message, code: str, reason: Reason
) -> None:
    scripted = Scripted(_says(ok=False, error=code))
    async with _channel(scripted, token) as channel:
        with pytest.raises(SlackFailure, match=code) as failed:
            await channel.post(message)
    assert (failed.value.reason, failed.value.passing) == (reason, False)
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("told", ["0", None])
async def test_a_rate_limit_is_waited_out_as_told(token: Path, message: Message, told: str | None) -> None:
    headers = {"Retry-After": told} if told else {}
    scripted = Scripted(_says(429, headers, ok=False, error="ratelimited"), _OK)
    async with _channel(scripted, token) as channel:
        await channel.post(message)
    assert len(scripted.asked) == 2


@pytest.mark.parametrize("told", [str(LONGEST_WAIT + 1), "3600", "²", "Sun, 22 Nov 2026 03:04:05 GMT", "soon"])
async def test_a_rate_limit_too_long_to_wait_for_is_left_to_alertmanager(
    token: Path, message: Message, told: str
) -> None:
    scripted = Scripted(_says(429, {"Retry-After": told}, ok=False, error="ratelimited"))
    async with _channel(scripted, token) as channel:
        with pytest.raises(SlackFailure, match="Slack asks to wait") as failed:
            await channel.post(message)
    assert failed.value.reason == "rate_limited"
    assert failed.value.wait == (min(int(told), LONGEST_SILENCE) if told.isdecimal() else 0)
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: web.Response(text="<h1>Log in to the hotel</h1>", content_type="text/html"), "unreachable"),
        (lambda: web.Response(text="hello"), "unreachable"),
        (lambda: web.Response(text="[]", content_type="application/json"), "unreachable"),
        (lambda: web.Response(text='{"ok": tr', content_type="application/json"), "unreachable"),
        (lambda: web.json_response(["ok"]), "unreachable"),
        (lambda: web.Response(body=b'{"ok": "\xff"}', content_type="application/json"), "unreachable"),
        (lambda: web.Response(text="[" * 100_000, content_type="application/json"), "unreachable"),
        (lambda: web.Response(status=404, text="not here"), "unreachable"),
        (lambda: web.Response(status=502, text="bad gateway", content_type="text/html"), "server_error"),
    ],
)
async def test_an_answer_that_is_not_slacks_never_counts_as_sent(
    token: Path, message: Message, answer: _Answer, reason: Reason
) -> None:
    async with _channel(Scripted(answer), token) as channel:
        with pytest.raises(SlackFailure) as failed:
            await channel.post(message)
    assert (failed.value.reason, failed.value.passing) == (reason, True)


async def test_a_reply_cut_in_half_never_counts_as_sent(token: Path, message: Message) -> None:
    half = json.dumps({"ok": True, "ts": "1.1"}).encode()

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(half) + 100}\r\n\r\n"
        writer.write(head.encode() + half)
        await writer.drain()
        writer.close()

    failure = await _failure_against(cut, token, message)
    assert failure.reason == "unreachable"


async def _take_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Take a whole request and go without a word; whether one came."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    except asyncio.IncompleteReadError:
        return False
    await reader.readexactly(int(head.split("content-length:")[1].split()[0]))
    writer.close()
    return True


async def _take_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """The same, but the connection is broken off."""
    linger: socket.socket = writer.get_extra_info("socket")
    linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return await _take_and_close(reader, writer)


async def _take_and_say_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    return await _take_and_close(reader, writer)


@pytest.mark.parametrize("goes", [_take_and_close, _take_and_reset, _take_and_say_half])
async def test_a_message_whose_answer_is_lost_is_posted_once_for_each_request(
    token: Path, message: Message, goes: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
) -> None:
    """Slack may have it: who asks again, and when, is for Alertmanager to say."""
    taken = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await goes(reader, writer))

    failures = [await _failure_against(count, token, message) for _ in range(2)]
    assert [failure.reason for failure in failures] == ["unreachable"] * 2
    assert sum(taken) == 2


@pytest.mark.parametrize("answers", [False, True], ids=["a host that is silent", "a port that refuses"])
async def test_a_slack_to_which_no_connection_comes_about_is_tried_four_times(
    token: Path, message: Message, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """Nothing was sent, so nothing can be told twice."""
    tried = []
    connect = aiohttp.TCPConnector.connect

    async def counted(*asked: Any, **how: Any) -> Any:
        tried.append(asked)
        if not answers:
            raise TimeoutError  # as after the three seconds that a connection may take
        return await connect(*asked, **how)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", counted)
    url = f"http://127.0.0.1:{free_port()}/api"
    async with SlackChannel(Slack(channel="#a", token_file=token, url=url)) as channel:
        with pytest.raises(SlackFailure):
            await channel.post(message)
    assert len(tried) == 4


async def _failure_against(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], token: Path, message: Message
) -> SlackFailure:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, SlackChannel(Slack(channel="#a", token_file=token, url=f"http://127.0.0.1:{port}")) as channel:
        with pytest.raises(SlackFailure) as failed:
            await channel.post(message)
    return failed.value


async def test_a_slack_that_cannot_be_reached_is_told_with_its_address(token: Path, message: Message) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    async with SlackChannel(Slack(channel="#a", token_file=token, url=url)) as channel:
        with pytest.raises(SlackFailure, match=url) as failed:
            await channel.post(message)
    assert (failed.value.reason, failed.value.passing) == ("unreachable", True)


async def test_a_proxy_of_the_environment_is_not_asked_for_our_own_loopback(
    token: Path, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    scripted = Scripted(_OK)
    async with _channel(scripted, token) as channel:
        await channel.post(message)
    assert len(scripted.asked) == 1
