"""What processes have spent, as the kernel counts it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path


def cpu(pids: Iterable[int]) -> float:
    """CPU seconds that the processes' threads have had, by the scheduler's own nanoseconds."""
    return _schedstat(pids, 0)


def waited(pids: Iterable[int]) -> float:
    """Seconds that the processes' threads were ready to run and others had the cores."""
    return _schedstat(pids, 1)


def _schedstat(pids: Iterable[int], column: int) -> float:
    threads = (thread for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[column]) for thread in threads) / 1e9


def share(pids: Sequence[int], seconds: float) -> float:
    """CPU seconds a second that the processes spend from now on, over so many seconds."""
    before, began = cpu(pids), time.monotonic()
    time.sleep(seconds)
    return (cpu(pids) - before) / (time.monotonic() - began)


def peak_memory(pid: int) -> int:
    """The most bytes that a process has had in memory at a time."""
    return _status(pid, "VmHWM:")


def memory(pid: int) -> int:
    """Bytes that a process has in memory now."""
    return _status(pid, "VmRSS:")


def _status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def descriptors(pid: int) -> int:
    """Files, sockets and the like that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
