"""Every way a socket fails is one of the classes that the catalogue declares."""

import asyncio
import errno
import socket
import ssl

import pytest

from exporter.failures import NodeError, from_exception
from policy.metrics import HEALTH_RESULTS


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (TimeoutError(), "timeout"),
        (OSError(errno.ETIMEDOUT, "timed out"), "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused"),
        (OSError(errno.EHOSTUNREACH, "no route"), "refused"),
        (OSError(errno.EMFILE, "too many open files"), "refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "refused"),
        (OSError("Multiple exceptions: a, b"), "refused"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(), "reset"),
        (asyncio.IncompleteReadError(b"", 1), "reset"),
        (ConnectionAbortedError(), "reset"),
        (ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol"), "reset"),
        (ssl.SSLError(ssl.SSL_ERROR_SSL, "unknown"), "tls"),
        (NodeError("loading", "LOADING"), "loading"),
    ],
)
def test_each_failure_has_a_declared_class_and_a_text(error: Exception, result: str) -> None:
    failure = from_exception(error)
    assert failure.result == result
    assert result in HEALTH_RESULTS
    assert str(failure)


def test_what_is_no_failure_of_a_node_is_not_taken_for_one() -> None:
    with pytest.raises(ZeroDivisionError):
        from_exception(ZeroDivisionError())
