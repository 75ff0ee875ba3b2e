"""What the prober asks, and what a reply says. Pure; for the prober, which reads replies line by line."""

from __future__ import annotations

from exporter.failures import result_of_reply

PING = b"*1\r\n$4\r\nPING\r\n"
# No reply to AUTH, PING or SET is longer; a peer that sends this much without a line break is no Redis.
MAX_LINE = 4096
# Seconds that the written key lives: it is gone soon after the prober is.
LIFE = 10


def command(words: tuple[str, ...]) -> bytes:
    """The bytes of a command."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def set_words(key: str) -> tuple[str, ...]:
    """The command that tries whether a primary takes writes. It touches neither keyspace hits nor misses."""
    return ("SET", key, "1", "EX", str(LIFE))


def result_of(line: bytes, expected: bytes) -> str:
    """The result class of one reply line, its line break taken off; `expected` is the good one, as b"+PONG"."""
    if line == expected:
        return "success"
    if line.startswith(b"-"):
        return result_of_reply(line[1:].decode("utf-8", "replace"))
    return "protocol"


def result_of_set(line: bytes) -> str:
    """The same of a SET's reply; also `denied` and `moved`, which are no fault of the node.

    A user without the right says nothing of those who have it. A slot that has moved is served elsewhere; the exporter
    learns of it and names another key.
    """
    if line.startswith(b"-NOPERM"):
        return "denied"
    if line.startswith((b"-MOVED ", b"-ASK ")):
        return "moved"
    return result_of(line, b"+OK")
