"""The sink over the wire: it takes what the services take, refuses what they refuse, and fails when it is told to."""

import asyncio
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox import web
from sandbox.sink import Sink

EVENT = {
    "routing_key": "k",
    "event_action": "trigger",
    "dedup_key": "d1",
    "payload": {"summary": "node down", "source": "10.0.0.1:6379", "severity": "critical"},
}
BEARER = {"Authorization": "Bearer xoxb-test"}


def slack(sink: Sink, method: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = web.post_json(f"{sink.url}/api/{method}", body, BEARER if headers is None else headers)
    return answer


def test_an_event_is_acknowledged_with_its_dedup_key_and_listed(sink: Sink) -> None:
    answer = web.post_json(f"{sink.url}/v2/enqueue", EVENT)
    assert answer == {"status": "success", "message": "Event processed", "dedup_key": "d1"}
    (entry,) = sink.received()
    assert (entry["service"], entry["path"], entry["body"]) == ("pagerduty", "/v2/enqueue", EVENT)


def test_an_event_without_a_dedup_key_gets_one(sink: Sink) -> None:
    event = {key: value for key, value in EVENT.items() if key != "dedup_key"}
    assert web.post_json(f"{sink.url}/v2/enqueue", event)["dedup_key"]


@pytest.mark.parametrize("body", [b"not json", b'{"routing_key": "k"}', b"[]"])
def test_a_bad_event_is_refused_and_not_listed(sink: Sink, body: bytes) -> None:
    with pytest.raises(web.WebError, match="invalid event") as refused:
        web.request("POST", f"{sink.url}/v2/enqueue", body)
    assert refused.value.status == 400
    assert sink.received() == []


def test_a_change_event_is_taken(sink: Sink) -> None:
    web.post_json(f"{sink.url}/v2/change/enqueue", {"routing_key": "k", "payload": {"summary": "failover"}})
    assert [entry["path"] for entry in sink.received("pagerduty")] == ["/v2/change/enqueue"]


def test_slack_refuses_a_request_without_a_token(sink: Sink) -> None:
    assert slack(sink, "chat.postMessage", {"channel": "#ops", "text": "hi"}, {}) == {
        "ok": False,
        "error": "invalid_auth",
    }
    assert sink.received() == []


@pytest.mark.parametrize(
    ("body", "error"),
    [({"text": "hi"}, "channel_not_found"), ({"channel": "#ops", "blocks": [{"type": "section"}]}, "invalid_blocks")],
)
def test_slack_refuses_what_is_wrong_with_status_200(sink: Sink, body: dict[str, Any], error: str) -> None:
    assert slack(sink, "chat.postMessage", body) == {"ok": False, "error": error}


async def test_slacks_own_client_posts_and_updates_a_message(sink: Sink) -> None:
    client = AsyncWebClient(token="xoxb-test", base_url=f"{sink.url}/api/")
    assert (await client.auth_test())["ok"]
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*down*"}}]
    posted = await client.chat_postMessage(channel="#ops", text="down", blocks=blocks)
    assert posted["channel"].startswith("C")
    updated = await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="resolved")
    assert updated["ts"] == posted["ts"]
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=posted["channel"], ts="1.0", text="resolved")
    received = await asyncio.to_thread(sink.received, "slack")
    assert [entry["path"] for entry in received] == ["/api/chat.postMessage", "/api/chat.update"]
    assert received[0]["body"]["blocks"] == blocks


def test_a_form_with_blocks_as_json_text_is_understood(sink: Sink) -> None:
    form = b"channel=ops&text=down&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D"
    headers = {"Content-Type": "application/x-www-form-urlencoded", **BEARER}
    web.request("POST", f"{sink.url}/api/chat.postMessage", form, headers)
    assert sink.received()[0]["body"] == {"channel": "ops", "text": "down", "blocks": [{"type": "divider"}]}


def test_it_fails_as_often_as_it_is_told_and_lists_nothing_meanwhile(sink: Sink) -> None:
    sink.fail("pagerduty", 429, times=2, retry_after=7)
    sink.fail("slack", 500)
    for _ in range(2):
        with pytest.raises(web.WebError) as refused:
            web.post_json(f"{sink.url}/v2/enqueue", EVENT)
        assert refused.value.status == 429
    with pytest.raises(web.WebError) as broken:
        slack(sink, "chat.postMessage", {"channel": "#ops", "text": "hi"})
    assert broken.value.status == 500
    assert sink.received() == []
    web.post_json(f"{sink.url}/v2/enqueue", EVENT)
    assert slack(sink, "chat.postMessage", {"channel": "#ops", "text": "hi"})["ok"]
    assert len(sink.received()) == 2


async def test_slacks_own_client_sees_the_rate_limit_with_its_wait(sink: Sink) -> None:
    await asyncio.to_thread(sink.fail, "slack", 429, 1, 3)
    with pytest.raises(SlackApiError) as limited:
        await AsyncWebClient(token="x", base_url=f"{sink.url}/api/").chat_postMessage(channel="#ops", text="hi")
    assert limited.value.response.headers["Retry-After"] == "3"
    assert limited.value.response["error"] == "ratelimited"
