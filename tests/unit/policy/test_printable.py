"""Text of others on one line."""

import pytest

from policy.printable import printable, short


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a plain line, Ü and 🔴", "a plain line, Ü and 🔴"),
        ("one\ntwo\r\n", "one\\ntwo\\r\\n"),
        ("\x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b"),
        ("\u2028\u202eexe.\U000e0001\ud800", "\\u2028\\u202eexe.\\U000e0001\\ud800"),
        ("C:\\new", "C:\\new"),
    ],
)
def test_what_is_not_printable_is_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"), [("abc", "abc"), ("abcd", "ab…"), ("\n\n", "\\n…"), ("", ""), ("a" * 9**6, "aa…")]
)
def test_what_is_long_is_cut(text: str, shown: str) -> None:
    assert short(text, 3) == shown
