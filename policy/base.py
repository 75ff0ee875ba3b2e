"""What every model of the policy has in common, and how a check names the place it speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

Fault = tuple[str, str]
"""The dotted path, below the model, of the key to mend (empty for the model itself), and the message."""


def refuse(faults: Iterable[Fault]) -> None:
    """Raise one error that holds all faults; the loader takes them apart again. Nothing happens when there are none."""
    found = tuple(faults)
    if found:
        text = "; ".join(f"{at}: {message}" if at else message for at, message in found)
        raise PydanticCustomError("policy", "{text}", {"text": text, "faults": found})


class Model(BaseModel):
    """Frozen, unknown keys refused, defaults checked like anything else."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def _faults(self) -> Iterator[Fault]:
        """Everything that is wrong between keys that are each fine; a model with such rules says so here."""
        yield from ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        refuse(self._faults())
        return self


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Words = Annotated[str, AfterValidator(_not_blank)]
"""A text in which something stands."""


def merge(base: dict[str, Any], over: Any) -> Any:
    """What a file says laid over the defaults, mapping by mapping; anything but a mapping replaces what was there."""
    if not isinstance(over, dict):
        return over
    return {**base, **{k: merge(base[k], v) if isinstance(base.get(k), dict) else v for k, v in over.items()}}
