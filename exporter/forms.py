"""Lines of the page as forms: all of them but the numbers, made once for all nodes alike. Pure.

A page has 600 lines a node and changes each interval, but only the numbers do: filling a form is a few calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# In a form: where the node's own labels come, where a number, and where a family ends. No label can hold any of them
# (exposition.escaped).
OWN, NUMBER, END = "\x01", "\x02", "\x00"


class Block(NamedTuple):
    """Lines of one node: the text of each family beside its name. Nodes alike share one and the same `families`.

    `own` are labels that are yet to be put where OWN stands in the texts, None where none are: what is kept from one page
    to the next takes half the room without them.
    """

    families: tuple[str, ...]
    texts: Sequence[str]
    own: str | None = None


class Form(NamedTuple):
    """Lines of several families; `between` is what stands before, between and after the numbers."""

    families: tuple[str, ...]
    between: tuple[str, ...]

    @classmethod
    def of(cls, lines: Iterable[tuple[str, str]]) -> Form:
        """The form of families and their lines."""
        families, text = _joined(lines)
        return cls(families, tuple(text.split(NUMBER)))

    def filled(self, own: str, numbers: Sequence[str]) -> Block:
        """The lines of a node with these labels (`inner_text`); ValueError unless there are as many numbers as places."""
        return Block(self.families, labelled(self._woven(numbers), own).split(END) if self.families else ())

    def texts(self, numbers: Sequence[str]) -> list[str]:
        """The text of each family with these numbers, OWN still in it; ValueError as for `filled`."""
        return self._woven(numbers).split(END) if self.families else []

    def _woven(self, numbers: Sequence[str]) -> str:
        woven = [""] * (2 * len(self.between) - 1)
        woven[::2], woven[1::2] = self.between, numbers
        return "".join(woven)


def slot(name: str, unit: str = "", **labels: str) -> str:
    """One line of a form: the node's own labels, then these, each already as it stands between quotes.

    `unit` is the exponent that changes the number's unit, as `e-6`.
    """
    more = "".join(f',{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{OWN}{more}}} {NUMBER}{unit}\n"


def duration(seconds: float) -> str:
    """Seconds as they stand on the page: to a microsecond, which takes a third of the time of all that a float holds."""
    return f"{seconds:.6f}"


def block(lines: Iterable[tuple[str, str]], own: str | None = None) -> Block:
    """Lines that are written out, by family, those that are empty left out; OWN stays in them until the page is written."""
    families, text = _joined(line for line in lines if line[1])
    return Block(families, text.split(END) if families else (), own)


def _joined(lines: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], str]:
    texts: dict[str, list[str]] = {}
    for family, text in lines:
        texts.setdefault(family, []).append(text)
    return tuple(texts), END.join(map("".join, texts.values()))


def labelled(text: str, own: str) -> str:
    """The text with a node's own labels."""
    if own:
        return text.replace(OWN, own)
    return text.replace(f"{{{OWN}}}", "").replace(f"{OWN},", "")
