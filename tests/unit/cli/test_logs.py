"""What the log of `serve` and `notify` makes of what others say."""

import logging

from cli.logs import OneLine


def written(message: str, *arguments: object, error: BaseException | None = None) -> list[str]:
    """The lines of a record."""
    failure = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("a.part", logging.WARNING, __file__, 1, message, arguments, failure)
    return OneLine().format(record).split("\n")


def test_a_message_is_one_line_whatever_stands_in_it() -> None:
    (line,) = written("no notification from %s: %s", "10.0.0.1", "x\n2026-01-01 00:00:00,000 INFO a: forged\x1b[2J")
    assert line.endswith(
        "WARNING a.part: no notification from 10.0.0.1: x\\n2026-01-01 00:00:00,000 INFO a: forged\\x1b[2J"
    )


def test_a_traceback_keeps_its_lines_and_none_of_them_looks_like_a_message() -> None:
    try:
        raise ValueError("x\n2026-01-01 00:00:00,000 INFO a: forged\x1b[2J")
    except ValueError as error:
        message, first, *others = written("broken", error=error)
    assert message.endswith("WARNING a.part: broken")
    assert first == "  Traceback (most recent call last):"
    assert others[-2:] == ["  ValueError: x", "  2026-01-01 00:00:00,000 INFO a: forged\\x1b[2J"]
    assert all(line.startswith("  ") and line.isprintable() for line in others)
    assert any("raise ValueError" in line for line in others)


def test_a_stack_is_set_in_too() -> None:
    record = logging.LogRecord("a", logging.INFO, __file__, 1, "here", (), None, sinfo="Stack:\n  in \x1b")
    assert OneLine().format(record).split("\n")[1:] == ["  Stack:", "    in \\x1b"]
