"""The prober's sockets: opened without waiting, and read with the time at which the kernel had the bytes.

What a reply waits between the kernel and this process (the wake-up, replies of others that are read first) is not
Redis's. The kernel stamps packets of TCP; over TLS and Unix sockets there is no stamp, and the wait counts.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

# asm-generic/socket.h; Python has no name for it. The stamp is a struct timespec.
_SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@ll")
_ROOM = socket.CMSG_SPACE(_STAMP.size)
_CHUNK = 65536


def socket_to(address: tuple[str, int]) -> socket.socket:
    """A socket for that address, not connected yet; a host that is a path is a Unix socket."""
    if address[0].startswith("/"):
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):  # without stamps the time of reading counts
        found.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return found


def receive(source: socket.socket, stamped: bool) -> tuple[bytes, float]:
    """What has come, and for how many seconds the last of it has lain in the kernel; raises what sockets raise.

    `stamped` is False over TLS, which has no way to ask.
    """
    if not stamped:
        return source.recv(_CHUNK), 0.0
    data, notes, _, _ = source.recvmsg(_CHUNK, _ROOM)
    for level, kind, note in notes:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(note) >= _STAMP.size:
            whole, nanoseconds = _STAMP.unpack_from(note)
            return data, time.time() - whole - nanoseconds / 1e9
    return data, 0.0
