r"""Regular expressions that Python and RE2, Prometheus' own, read alike. Pure.

Python computes with them here (which series fit), RE2 in Prometheus, which does not start with one that it cannot read. So
only what both know is let through. Not among it, though both take it: `\B`, which Python before 3.14 finds in no empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

# As RE2 has them: `\d`, `\w`, `\s` and `\b` know ASCII alone, `.` a line break as well (since Prometheus 3).
FLAGS = re.ASCII | re.DOTALL
# RE2's limit of a repeat, and of repeats within repeats multiplied.
MOST_REPEATS = 1000
# Well below what Go's compiler and Python's recursion bear: groups in groups, and characters times repeats.
DEEPEST, BIGGEST = 50, 1_000_000

_ESCAPE = r"\\(?:[dDwWsSntrfva]|x[0-9A-Fa-f]{2}|[ -/:-@\[-`{-~])"
_COUNT = r"(?:0|[1-9][0-9]*)"
_TOKEN = re.compile(
    rf"""
    (?P<flags>  \( \? [ims]+ \) )
  | (?P<open>   \( (?: \?P<[A-Za-z_][A-Za-z0-9_]*> | \?[ims]*(?:-[ims]+)?: | (?!\?) ) )
  | (?P<close>  \) )
  | (?P<repeat> (?: [*+?] | \{{ {_COUNT} (?: ,{_COUNT}? )? \}} ) \?? )
  | (?P<chars>  \[ \^?+ \]?+ (?: {_ESCAPE} | [^]\[\\&~|-] | (?P<twice>[&~|-])(?!(?P=twice)) )* \] )
  | (?P<escape> {_ESCAPE} | \\[bA] )
  | (?P<plain>  [^\\()\[*+?{{] | \{{ (?! [0-9]+(?:,[0-9]*)?\}} | ,[0-9]*\}} ) )
    """,
    re.VERBOSE | re.DOTALL,
)
_CURES = {
    "\\": r"write \\ for a backslash, \. for a dot; of letters both know \d \D \w \W \s \S \b \n \t \r \f \v \a \xhh",
    "(": "groups are (...), (?:...), (?i:...) or (?P<name>...) with a name in ASCII, and (?i), (?s), (?m) at the start",
    "[": r"close it with ], write \[ for a bracket in it, 0-9 for [:digit:], and none of -- && ~~ || in it",
    "{": r"write \{ for the character, {0,5} for up to five times, and no 0 before a number",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]|\\x[89A-Fa-f]")
_Tokens = list[tuple[str, str]]


def check(pattern: str) -> None:
    """ValueError where Python and RE2 do not read it alike; the words follow "the regular expression ..."."""
    found = list(_tokens(pattern))
    _check_repeats(found)
    _check_flags(found, pattern)
    _check_size(found, pattern)
    try:
        re.compile(pattern, FLAGS)
    except re.error as error:
        raise ValueError(f"is none: {error.msg}") from None


def has_half_character(text: str) -> bool:
    r"""Whether a lone `\uD800` to `\uDFFF` stands in it, which no file and no Prometheus can hold."""
    return _SURROGATE.search(text) is not None


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each part; ValueError at the first that is not known to both."""
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None or token.lastgroup is None:
            raise _unknown(pattern[at:])
        yield token.lastgroup, token[0]
        at = token.end()


def _unknown(rest: str) -> ValueError:
    shown = rest[:12] + ("..." if len(rest) > 12 else "")
    return ValueError(f"has what Prometheus (RE2) does not know, or reads otherwise, at {shown!r}; {_CURES[rest[0]]}")


def _check_repeats(tokens: _Tokens) -> None:
    for (kind, text), (after, again) in pairwise(tokens):
        if kind == after == "repeat":
            raise ValueError(
                f"repeats a repeat, {text + again!r}, which Prometheus (RE2) does not know; write one of them"
            )


def _check_flags(tokens: _Tokens, pattern: str) -> None:
    """Flags at the start alone, and no `i` for letters whose other case Python and RE2 do not agree on."""
    for (kind, _), (after, text) in pairwise(tokens):
        if after == "flags" != kind:
            raise ValueError(f"has {text} behind its start; write it first, or {text[:-1]}:...) around a part")
    ignoring = any(kind in {"flags", "open"} and re.match(r"\(\?[ms]*i", text) for kind, text in tokens)
    if ignoring and _BEYOND_ASCII.search(pattern):
        raise ValueError("has (?i) and letters that are not ASCII; write both cases of these, as in [éÉ], and no (?i)")


def _check_size(tokens: _Tokens, pattern: str) -> None:
    depth, repeats = _depth(tokens), _most_repeats(tokens)
    if repeats > MOST_REPEATS:
        raise ValueError(
            f"repeats something {repeats} times, repeats within repeats multiplied, "
            f"and Prometheus (RE2) {MOST_REPEATS} times at most; write + or * for any number"
        )
    if depth > DEEPEST:
        raise ValueError(f"has groups in groups, {depth} deep; write it with {DEEPEST} at most")
    if len(pattern) * repeats > BIGGEST:
        raise ValueError("is too big for Prometheus (RE2); write a shorter one, or fewer repeats")


def _depth(tokens: _Tokens) -> int:
    deepest = depth = 0
    for kind, _ in tokens:
        depth += {"open": 1, "close": -1}.get(kind, 0)
        deepest = max(deepest, depth)
    return deepest


def _most_repeats(tokens: _Tokens) -> int:
    """How often one part is repeated at most; RE2 counts `{2,}` as 2 and `*` as 1."""
    most, last = [1], 1
    for kind, text in tokens:
        if kind == "open":
            most.append(1)
        closed = most.pop() if kind == "close" and len(most) > 1 else 1
        last = last * _times(text) if kind == "repeat" else closed
        most[-1] = max(most[-1], last)
    return max(most)


def _times(repeat: str) -> int:
    return max([1, *(int(number[:9]) for number in re.findall("[0-9]+", repeat))])
