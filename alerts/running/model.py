"""What is found of a part of the stack, and how it is put into words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One part as it runs. `error` is empty when it answered; `problems` are what differs from the policy, each with its cure."""

    part: str
    address: str
    error: str = ""
    problems: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether it does what the policy says, as far as it was asked."""
        return not self.error and not self.problems


def few(names: Sequence[str]) -> str:
    """The first names, each once, and how many there are beside: `A, B, C and 4 more`."""
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - _MOST_NAMED
    return ", ".join(distinct[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
