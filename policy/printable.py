"""Text that came from elsewhere, fit for a line of a log and for a terminal. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line: a line break, ESC, a mark that turns the direction and the like as Python's escapes of them.

    A backslash stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def short(text: str, most: int) -> str:
    """At most `most` characters of it, printable, with an ellipsis where something was cut off."""
    shown = printable(text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
