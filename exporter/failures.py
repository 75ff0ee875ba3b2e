"""How a request to a node can fail: a closed set, mapped to label values in one place."""

from __future__ import annotations

import asyncio
import os
import socket


class NodeError(Exception):
    """A node did not answer as it should. `result` is one of policy.metrics.HEALTH_RESULTS."""

    def __init__(self, result: str, message: str) -> None:
        self.result = result
        super().__init__(message)


# What an error reply says of the node, by how it begins. Anything else is a reply that a healthy Redis does not give.
_REPLIES = (
    ("NOAUTH", "auth"),
    ("WRONGPASS", "auth"),
    ("NOPERM", "auth"),
    ("ERR AUTH", "auth"),
    ("ERR invalid password", "auth"),
    ("ERR Client sent AUTH", "auth"),
    ("LOADING", "loading"),
    ("ERR max number of clients", "refused"),
    ("DENIED", "refused"),
)


def result_of_reply(text: str) -> str:
    """The result class of an error reply, its leading `-` taken off."""
    return next((result for start, result in _REPLIES if text.startswith(start)), "protocol")


def from_reply(text: str) -> NodeError:
    """The typed failure behind an error reply."""
    return NodeError(result_of_reply(text), text)


def from_exception(error: BaseException) -> NodeError:
    """The typed failure behind an exception of a socket."""
    if isinstance(error, NodeError):
        return error
    if isinstance(error, TimeoutError):
        return NodeError("timeout", "no answer in time")
    if isinstance(error, ConnectionResetError | BrokenPipeError | asyncio.IncompleteReadError):
        return NodeError("reset", "the connection was closed")
    if isinstance(error, socket.gaierror):
        return NodeError("refused", f"the name cannot be resolved: {error.strerror}")
    if isinstance(error, OSError):
        return NodeError("refused", f"cannot connect: {os.strerror(error.errno) if error.errno else error}")
    raise error
