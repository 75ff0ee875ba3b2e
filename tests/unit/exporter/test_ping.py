"""What a reply to PING or AUTH counts as."""

import hiredis
import pytest

from exporter.ping import PING, auth_command, result_of


@pytest.mark.parametrize(
    ("line", "result"),
    [
        (b"+PONG", "success"),
        (b"-NOAUTH Authentication required.", "auth"),
        (b"-WRONGPASS invalid username-password pair or user is disabled.", "auth"),
        (b"-NOPERM this user has no permissions to run the 'ping' command", "auth"),
        (b"-ERR invalid password", "auth"),
        (b"-ERR Client sent AUTH, but no password is set", "auth"),
        (b"-ERR AUTH <password> called without any password configured for the default user.", "auth"),
        (b"-LOADING Redis is loading the dataset in memory", "loading"),
        (b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "timeout"),
        (b"-BUSYKEY Target key name already exists.", "protocol"),
        (b"-ERR max number of clients reached", "refused"),
        (b"-DENIED Redis is running in protected mode", "refused"),
        (b"-ERR unknown command 'PING'", "protocol"),
        (b"-\xff\xfe", "protocol"),
        (b"+OK", "protocol"),
        (b"+PONG ", "protocol"),
        (b"HTTP/1.1 400 Bad Request", "protocol"),
        (b"", "protocol"),
    ],
)
def test_each_reply_has_one_class(line: bytes, result: str) -> None:
    assert result_of(line, b"+PONG") == result


def test_commands_are_written_as_hiredis_writes_them() -> None:
    assert hiredis.pack_command(("PING",)) == PING
    words = ("AUTH", "caf\u00e9", "p\u00e4ss word\r\n")
    assert auth_command(words) == hiredis.pack_command(words)  # type: ignore[arg-type]  # the stub knows 1-tuples only
