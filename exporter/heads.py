"""Heads of lists in what a peer sends, found before a parser makes room for what they announce. Pure.

Twenty bytes that announce a billion elements would hold up every other node for seconds.
"""

from __future__ import annotations

# A peer that announces a list of a hundred thousand is no Redis that we can use.
DIGITS = 6
# Of a batch of replies so much is kept until all of it is there; of a longer one every line that looks like a head is one.
_MOST_KEPT = 1024 * 1024
_NEWLINE = 10
_LISTS = (b"*", b"%", b"~", b">", b"|")
_TEXTS = (b"$", b"=")
_LONGEST = 20


def looks_too_long(data: bytes | bytearray, size: int) -> bool:
    """Whether a line in the first `size` bytes, but for the first line, looks like the head of a list of a hundred thousand.

    Quick, for every byte of every node goes through it. A line of a text may look so, too: `Track` tells them apart.
    """
    for mark in _LISTS:
        at = data.find(mark, 1, size)
        while at > 0:
            if data[at - 1] == _NEWLINE and at + DIGITS < size and data[at + 1 : at + 1 + DIGITS].isdigit():
                return True
            at = data.find(mark, at + 1, size)
    return False


class Track:
    """Where the elements of a batch of replies begin. Walked only when a line looks like a head, each byte once."""

    __slots__ = ("_at", "_kept")

    def __init__(self) -> None:
        self._kept: bytearray | None = bytearray()
        self._at = 0  # of the next element, counted from what is kept; it may be yet to come

    def begin(self) -> None:
        """All replies are there: what comes next begins one."""
        if self._kept or self._at or self._kept is None:
            self._kept, self._at = bytearray(), 0

    def keep(self, data: memoryview) -> None:
        """Keep what came, for a later walk has to begin where the batch does, or where the last one ended."""
        kept = self._kept
        if kept is None:
            return
        kept += data
        if self._at:
            walked = min(self._at, len(kept))
            del kept[:walked]
            self._at -= walked
        if len(kept) > _MOST_KEPT:
            self._kept = None

    def is_too_long(self, data: memoryview) -> bool:
        """Whether what came, after what was kept, has the head of a list of a hundred thousand, or something is no reply."""
        if self._kept is None:
            return True
        at = _walked(bytes(self._kept) + data, self._at)
        self._at = 0 if at is None else at
        return at is None


def _walked(data: bytes, at: int) -> int | None:
    """Where the first element begins that is not there as a whole; None where one is a list that is too long, or nothing."""
    while at < len(data):
        kind, number = data[at : at + 1], data[at + 1 : at + 1 + DIGITS]
        if kind in _LISTS and len(number) == DIGITS and number.isdigit():
            return None
        end = data.find(b"\r\n", at)
        if end < 0:
            return at
        size = data[at + 1 : end] if kind in _TEXTS else b""
        at = end + 2
        if size and size != b"-1":  # which is no text, and has no end of its own
            if not size.isdigit() or len(size) > _LONGEST:
                return None
            at += int(size) + 2
    return at
