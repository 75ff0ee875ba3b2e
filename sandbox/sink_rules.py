"""What PagerDuty's Events API v2 and Slack's Web API refuse, as far as Cachewatch can run into it. Pure.

Sources: the two services' API references. The length of a routing key (32 at PagerDuty) is not checked, so that a
test may call a key what it is for.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")
_MAX_DEDUP_KEY = 255
_MAX_SUMMARY = 1024
_MAX_BLOCKS = 50
_MAX_SECTION = 3000
_MAX_HEADER = 150
_MAX_FIELDS = 10
_MAX_FIELD = 2000
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")


def pagerduty_errors(event: object) -> list[str]:
    """Return what is wrong with a body of `/v2/enqueue`, nothing when it would be accepted."""
    if not isinstance(event, dict):
        return ["Event object format is unrecognized"]
    errors = _missing_texts(event, ("routing_key",))
    action = event.get("event_action")
    if action not in _ACTIONS:
        errors.append(f"'event_action' is invalid (must be one of {', '.join(_ACTIONS)})")
    key = event.get("dedup_key", "")
    if not isinstance(key, str) or len(key) > _MAX_DEDUP_KEY:
        errors.append(f"'dedup_key' must be a string of at most {_MAX_DEDUP_KEY} characters")
    if action == "trigger":
        return errors + _alert_errors(event.get("payload"))
    return errors if key else [*errors, "'dedup_key' is missing or blank"]


def change_errors(event: object) -> list[str]:
    """Return what is wrong with a body of `/v2/change/enqueue`."""
    if not isinstance(event, dict):
        return ["Event object format is unrecognized"]
    payload = event.get("payload")
    if not isinstance(payload, dict):
        return [*_missing_texts(event, ("routing_key",)), "'payload' is missing or not an object"]
    return _missing_texts(event, ("routing_key",)) + _missing_texts(payload, ("summary",), "payload.")


def _alert_errors(payload: object) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or not an object"]
    errors = _missing_texts(payload, ("summary", "source"), "payload.")
    if len(str(payload.get("summary", ""))) > _MAX_SUMMARY:
        errors.append(f"'payload.summary' is longer than {_MAX_SUMMARY} characters")
    if payload.get("severity") not in _SEVERITIES:
        errors.append(f"'payload.severity' is invalid (must be one of {', '.join(_SEVERITIES)})")
    return errors


def _missing_texts(holder: Mapping[str, Any], names: tuple[str, ...], prefix: str = "") -> list[str]:
    found = (name for name in names if not isinstance(holder.get(name), str) or not holder[name])
    return [f"'{prefix}{name}' is missing or blank" for name in found]


def slack_error(method: str, body: Mapping[str, Any], posted: set[tuple[str, str]]) -> str | None:
    """Return the error code that Slack would answer to `chat.postMessage` or `chat.update`, None when it accepts.

    `posted` has (channel ID, ts) of every message so far.
    """
    channel = body.get("channel")
    if not isinstance(channel, str) or not channel:
        return "channel_not_found"
    if method == "chat.update" and not _CHANNEL_ID.fullmatch(channel):
        return "channel_not_found"  # a name will do for posting only
    if method == "chat.update" and (channel, body.get("ts")) not in posted:
        return "message_not_found"
    if not any(body.get(part) for part in ("text", "blocks", "attachments")):
        return "no_text"
    return None if blocks_are_valid(body.get("blocks") or []) else "invalid_blocks"


def blocks_are_valid(blocks: object) -> bool:
    """Whether Slack would take these blocks: number, kinds and lengths of texts."""
    return isinstance(blocks, list) and len(blocks) <= _MAX_BLOCKS and all(_block_is_valid(block) for block in blocks)


def _block_is_valid(block: object) -> bool:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return False
    match block["type"]:
        case "section":
            return _section_is_valid(block)
        case "header":
            return _text_is_valid(block.get("text"), _MAX_HEADER, ("plain_text",))
        case "context" | "actions":
            return isinstance(block.get("elements"), list) and 0 < len(block["elements"]) <= 25
        case "image":
            return bool(block.get("alt_text")) and bool(block.get("image_url") or block.get("slack_file"))
    return True


def _section_is_valid(block: Mapping[str, Any]) -> bool:
    fields = block.get("fields", [])
    if not isinstance(fields, list) or len(fields) > _MAX_FIELDS or not ("text" in block or fields):
        return False
    if "text" in block and not _text_is_valid(block["text"], _MAX_SECTION):
        return False
    return all(_text_is_valid(field, _MAX_FIELD) for field in fields)


def _text_is_valid(text: object, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return False
    return isinstance(text.get("text"), str) and 0 < len(text["text"]) <= longest


def channel_id(channel: str) -> str:
    """Return the ID of a channel: an ID as it is, a name (with or without #) always the same made-up one."""
    if _CHANNEL_ID.fullmatch(channel):
        return channel
    return "C" + hashlib.sha256(channel.removeprefix("#").encode()).hexdigest()[:10].upper()
