"""What a PING's reply says. Pure; for the prober, which reads replies line by line."""

from __future__ import annotations

from exporter.failures import result_of_reply

PING = b"*1\r\n$4\r\nPING\r\n"
# No reply to AUTH or PING is longer; a peer that sends this much without a line break is no Redis.
MAX_LINE = 4096


def auth_command(words: tuple[str, ...]) -> bytes:
    """The bytes of an AUTH command."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def result_of(line: bytes, expected: bytes) -> str:
    """The result class of one reply line, its line break taken off; `expected` is the good one, as b"+PONG"."""
    if line == expected:
        return "success"
    if line.startswith(b"-"):
        return result_of_reply(line[1:].decode("utf-8", "replace"))
    return "protocol"
