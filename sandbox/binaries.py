"""Where the server programs are. Debian and upstream call Alertmanager differently; both names work."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError


@dataclass(frozen=True)
class Program:
    """A server program: the names it goes by, in order of preference, and the Debian package that brings it."""

    names: tuple[str, ...]
    package: str


PROGRAMS = {
    "redis-server": Program(("redis-server",), "redis-server"),
    "redis-cli": Program(("redis-cli",), "redis-tools"),
    "redis-benchmark": Program(("redis-benchmark",), "redis-tools"),
    "redis-sentinel": Program(("redis-sentinel",), "redis-sentinel"),
    "prometheus": Program(("prometheus",), "prometheus"),
    "promtool": Program(("promtool",), "prometheus"),
    "alertmanager": Program(("alertmanager", "prometheus-alertmanager"), "prometheus-alertmanager"),
    "amtool": Program(("amtool",), "prometheus-alertmanager"),
    "openssl": Program(("openssl",), "openssl"),
    "redis_exporter": Program(("prometheus-redis-exporter", "redis_exporter"), "prometheus-redis-exporter"),
    "setpriv": Program(("setpriv",), "util-linux"),
    "victoria-metrics": Program(("victoria-metrics", "victoria-metrics-prod"), "victoria-metrics"),
    "vmalert": Program(("vmalert", "vmalert-prod"), "victoria-metrics"),
    "chromium": Program(("chromium", "chromium-browser", "google-chrome"), "chromium"),
}


class MissingBinary(SandboxError):
    """A server program is not on the PATH."""


def find(name: str) -> Path:
    """Return the path of a program of `PROGRAMS`.

    Raises `MissingBinary`, which names the Debian package and the command that installs it; `KeyError` for a
    name that is not in the table.
    """
    program = PROGRAMS[name]
    for candidate in program.names:
        if found := shutil.which(candidate):
            return Path(found)
    raise MissingBinary(
        f"{' or '.join(program.names)} is not on the PATH. It comes with the Debian package {program.package}: "
        f"run `make demo` or `make test`, which install what is missing, or `apt-get install {program.package}`."
    )


def require(*names: str) -> None:
    """Check that every named program is there, so that a start fails before the first process and not after it."""
    for name in names:
        find(name)
