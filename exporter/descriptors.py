"""File descriptors: one for each node and each client, in a process that is often given no more than 1024."""

from __future__ import annotations

import contextlib
import logging
import resource

log = logging.getLogger(__name__)
# Where the system names no limit: what Linux allows a process by default (fs.nr_open).
_MOST = 1 << 20
# Beside nodes and clients: the loop's own, the prober's pipes, what names nodes, the log, sixteen new connections at a time.
_OWN = 64


def raise_limit() -> int:
    """Allow this process, and those that it starts, as many as the system lets it have; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it; then the soft limit counts
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def warn_unless_enough(nodes: int, clients: int) -> None:
    """Say so in the log when so many nodes and clients may need more than there are."""
    limit, need = resource.getrlimit(resource.RLIMIT_NOFILE)[0], nodes + clients + _OWN
    if limit != resource.RLIM_INFINITY and need > limit:
        cure = "raise it (ulimit -n, LimitNOFILE= of systemd), or spread the fleet over several exporters"
        log.warning(
            "%d nodes and %d clients may need %d file descriptors, and the limit is %d: %s",
            nodes,
            clients,
            need,
            limit,
            cure,
        )
