"""Lines of the page as forms: all of them but the numbers, made once for all nodes alike. Pure.

A page has 600 lines a node and changes each interval, but only the numbers do: filling a form is a few calls. What is
filled is bytes, as it leaves: letters are found in bytes in less than half the time that they are in text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# In a form: where the node's own labels come, before others or alone and with their braces, where a number, and where a
# family ends. No label can hold any of them (exposition.escaped); to look for one letter is quicker than for several.
OWN, ALONE, NUMBER, END = "\x01", "\x03", "\x02", "\x00"
_OWN, _ALONE, _END = OWN.encode(), ALONE.encode(), END.encode()


class Own(NamedTuple):
    """A node's own labels as they stand on the page: `before` others, and `alone`. Both are empty where it has none."""

    before: bytes = b""
    alone: bytes = b""

    @classmethod
    def of(cls, labels: str) -> Own:
        """Of labels as exposition.inner_text writes them."""
        return cls(f"{labels},".encode(), f"{{{labels}}}".encode()) if labels else cls()


class Block(NamedTuple):
    """Lines of one node: the text of each family beside its name. Nodes alike share one and the same `families`.

    `own` are labels that are yet to be put where OWN and ALONE stand in the texts, None where none are: what is kept from
    one page to the next takes half the room without them.
    """

    families: tuple[str, ...]
    texts: Sequence[bytes]
    own: Own | None = None


class Form(NamedTuple):
    """Lines of several families; `between` is what stands before, between and after the numbers."""

    families: tuple[str, ...]
    between: tuple[str, ...]

    @classmethod
    def of(cls, lines: Iterable[tuple[str, str]]) -> Form:
        """The form of families and their lines."""
        families, text = _joined(lines)
        return cls(families, tuple(text.split(NUMBER)))

    def filled(self, own: Own, numbers: Sequence[str]) -> Block:
        """The lines of a node with these labels; ValueError unless there are as many numbers as places."""
        return Block(self.families, labelled(self.woven(numbers).encode(), own).split(_END) if self.families else ())

    def texts(self, numbers: Sequence[str]) -> list[bytes]:
        """The text of each family with these numbers, the labels' places still in it; ValueError as for `filled`."""
        return self.woven(numbers).encode().split(_END) if self.families else []

    def woven(self, numbers: Sequence[str]) -> str:
        """All lines with these numbers, END between families; ValueError as for `filled`."""
        woven = [""] * (2 * len(self.between) - 1)
        woven[::2], woven[1::2] = self.between, numbers
        return "".join(woven)


def slot(name: str, unit: str = "", **labels: str) -> str:
    """One line of a form: the node's own labels, then these, each already as it stands between quotes.

    `unit` is the exponent that changes the number's unit, as `e-6`.
    """
    more = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{braces(more)} {NUMBER}{unit}\n"


def braces(more: str = "") -> str:
    """The labels of a line in their braces: the node's own, then these, each already as it stands on the page."""
    return f"{{{OWN}{more}}}" if more else ALONE


def duration(seconds: float) -> str:
    """Seconds as they stand on the page: to a microsecond, which takes half the time of all that a float holds."""
    return f"{seconds:.6f}"


def block(lines: Iterable[tuple[str, str]], own: Own | None = None) -> Block:
    """Lines that are written out, by family, those that are empty left out; labels come when the page is written."""
    families, text = _joined(line for line in lines if line[1])
    return Block(families, text.encode().split(_END) if families else (), own)


def _joined(lines: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], str]:
    texts: dict[str, list[str]] = {}
    for family, text in lines:
        texts.setdefault(family, []).append(text)
    return tuple(texts), END.join(map("".join, texts.values()))


def labelled(text: bytes, own: Own) -> bytes:
    """The text with a node's own labels."""
    return text.replace(_OWN, own.before).replace(_ALONE, own.alone)
