"""What a reply to PING or AUTH counts as."""

import hiredis
import pytest

from exporter.ping import PING, command, result_of, result_of_set


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
        (
            b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "readonly",
        ),
        (b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "link_down"),
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


@pytest.mark.parametrize(
    ("line", "result"),
    [
        (b"+OK", "success"),
        (b"-READONLY You can't write against a read only replica.", "readonly"),
        (b"-NOREPLICAS Not enough good replicas to write.", "readonly"),
        (
            b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "readonly",
        ),
        (b"-OOM command not allowed when used memory > 'maxmemory'.", "readonly"),
        (b"-CLUSTERDOWN The cluster is down", "cluster_down"),
        (b"-CLUSTERDOWN Hash slot not served", "cluster_down"),
        (b"-MOVED 866 10.0.0.2:6379", "moved"),
        (b"-ASK 866 10.0.0.2:6379", "moved"),
        (b"-NOPERM this user has no permissions to run the 'set' command", "denied"),
        (b"-NOPERM this user has no permissions to access one of the keys used as arguments", "denied"),
        (b"-LOADING Redis is loading the dataset in memory", "loading"),
        (b"-ERR unknown command 'SET'", "protocol"),
        (b"+QUEUED", "protocol"),
    ],
)
def test_each_reply_to_a_set_has_one_class(line: bytes, result: str) -> None:
    assert result_of_set(line) == result


def test_commands_are_written_as_hiredis_writes_them() -> None:
    assert hiredis.pack_command(("PING",)) == PING
    words = ("AUTH", "caf\u00e9", "p\u00e4ss word\r\n")
    assert command(words) == hiredis.pack_command(words)  # type: ignore[arg-type]  # the stub knows 1-tuples only
