"""What to mend where the parser says only what it expected. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_NO_COLON = "could not find expected ':'"
# What it says, and what that means to a person; the first that fits. `here` is where the trouble begins, not where the
# parser gave up: with a quote that is not closed that is the end of the file.
_CURES = (
    (r"'\t' that cannot start any token", "a tab stands here; indent with spaces"),
    ("that cannot start any token", "no value begins like this; put it in quotes"),
    (
        "mapping values are not allowed here",
        "a colon where no key can be; quote a value that has one, and begin the keys of one level in one column",
    ),
    ("found '<scalar>'", "something follows a value that has ended; put all of it in one pair of quotes"),
    ("expected <block end>", "begin all keys, or all items, of one level in one column"),
    (_NO_COLON, "a key without a colon, or a line that is indented too little"),
    ("found '<stream end>'", "the file ends where a value must stand; a value that begins with # needs quotes"),
    ("found undefined alias", "a value that begins with * means an anchor; put it in quotes"),
    ("unknown escape character", "in double quotes a backslash begins an escape; use single quotes"),
)
_UNCLOSED = (
    ("while scanning a quoted scalar", "the quote that begins here is not closed"),
    ("while parsing a flow sequence", "the list that begins here with [ is not closed by ]"),
    ("while parsing a flow mapping", "the mapping that begins here with { is not closed by }"),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the parser says: of what it was about and where that began, of what it met and where. Lines from 1, else 0."""

    context: str
    began: int
    problem: str
    met: int


def told(said: Complaint) -> tuple[int, str]:
    """The line to look at, 0 where there is none, and what to mend there."""
    if said.context == "expected a single document in the stream":
        return said.met, "begins a second document here (---); only one is read, keep one"
    problem = said.problem or said.context
    unclosed = next((text for context, text in _UNCLOSED if said.context == context), None)
    ends = ("found unexpected end of stream", "expected ',' or", "expected the node content, but found '<stream end>'")
    if unclosed is not None and problem.startswith(ends):
        return said.began, f"is not YAML: {unclosed}"
    cure = next((f"{text} ({problem})" for part, text in _CURES if part in problem), problem)
    return said.began if problem == _NO_COLON else said.met, f"is not YAML: {cure}"
