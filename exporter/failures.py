"""How a request to a node can fail: a closed set, mapped to label values in one place."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl


class NodeError(Exception):
    """A node did not answer as it should. `result` is one of policy.metrics.HEALTH_RESULTS."""

    def __init__(self, result: str, message: str) -> None:
        self.result = result
        super().__init__(message)


# What a server before Redis 6 says to AUTH with a name and a password.
_NO_USERS = "ERR wrong number of arguments for 'auth'"
# What an error reply says of the node, by how it begins. Anything else is a reply that a healthy Redis does not give.
_REPLIES = (
    ("NOAUTH", "auth"),
    ("WRONGPASS", "auth"),
    ("NOPERM", "auth"),
    ("ERR AUTH", "auth"),
    ("ERR invalid password", "auth"),
    ("ERR Client sent AUTH", "auth"),
    (_NO_USERS, "auth"),
    ("LOADING", "loading"),
    # It is a replica, has too few of them, cannot save, or is full: whatever the reason, nobody can write.
    ("READONLY", "readonly"),
    ("NOREPLICAS", "readonly"),
    ("MISCONF", "readonly"),
    ("OOM ", "readonly"),
    ("CLUSTERDOWN", "cluster_down"),
    # A replica that may not serve what it last heard of a primary that it has lost.
    ("MASTERDOWN", "link_down"),
    # One script runs and everybody waits: for its first five seconds the node says nothing, then this.
    ("BUSY ", "timeout"),
    ("ERR max number of clients", "refused"),
    ("DENIED", "refused"),
)


_CLOSED = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    asyncio.IncompleteReadError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
OWN_EXPIRED = "it refuses the client certificate, which has expired; put a new one in the place of cert_file"
# What OpenSSL's words mean to whoever mends it.
_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": "the port does not speak TLS",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks only versions of TLS that the policy's min_version excludes",
    "UNSUPPORTED_PROTOCOL": "it speaks only versions of TLS that the policy's min_version excludes",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a client certificate; name one by cert_file and key_file",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of the client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": OWN_EXPIRED,
}


def _handshake(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted: {error.verify_message}"
    reason = getattr(error, "reason", None) or ""  # only OpenSSL's own errors have one
    return _HANDSHAKES.get(reason, f"TLS failed: {reason or error}")


def result_of_reply(text: str) -> str:
    """The result class of an error reply, its leading `-` taken off."""
    return next((result for start, result in _REPLIES if text.startswith(start)), "protocol")


def from_reply(text: str) -> NodeError:
    """The typed failure behind an error reply."""
    if text.startswith(_NO_USERS):
        return NodeError("auth", "Redis before 6 knows passwords only, no users; leave out auth.username")
    return NodeError(result_of_reply(text), text)


def granting(error: NodeError, rights: str) -> str:
    """What was said; where a right is lacking, also the `rights` that cure it, as ACL SETUSER takes them."""
    return f"{error}; grant the user {rights}" if str(error).startswith("NOPERM") else str(error)


def from_exception(error: BaseException) -> NodeError:
    """The typed failure behind an exception of a socket."""
    if isinstance(error, NodeError):
        return error
    if isinstance(error, TimeoutError):
        return NodeError("timeout", "no answer in time")
    if isinstance(error, _CLOSED):
        return NodeError("reset", "the connection was closed")
    if isinstance(error, ssl.SSLError):
        return NodeError("tls", _handshake(error))
    if isinstance(error, socket.gaierror):
        return NodeError("refused", f"the name cannot be resolved: {error.strerror}")
    if isinstance(error, OSError):
        return NodeError("refused", f"cannot connect: {os.strerror(error.errno) if error.errno else error}")
    raise error
