"""What `sandbox/install-debian.sh` says on a machine that lacks something; it is never let loose on a real apt-get here."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "sandbox" / "install-debian.sh"
SERVERS: tuple[str, ...] = (
    "redis-server",
    "redis-sentinel",
    "prometheus",
    "promtool",
    "prometheus-alertmanager",
    "amtool",
)
SERVERS += ("prometheus-redis-exporter", "openssl")
TOOLS = ("sh", "id", "sort", "tr", "sed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a PATH with a shell and every program that the sandbox needs."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in TOOLS:
        (directory / name).symlink_to(str(shutil.which(name)))
    for name in (*SERVERS, "python3"):
        program(directory, name, "exit 0")
    return directory


def program(directory: Path, name: str, what: str) -> None:
    file = directory / name
    file.write_text(f"#!/bin/sh\n{what}\n")
    file.chmod(0o755)


def install(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *words], capture_output=True, text=True, check=False, env={"PATH": str(path)}, timeout=30
    )


def test_where_everything_is_it_is_silent_and_touches_nothing(path: Path) -> None:
    program(path, "apt-get", "echo called")
    done = install(path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_alertmanager_under_its_upstream_name_is_enough(path: Path) -> None:
    (path / "prometheus-alertmanager").rename(path / "alertmanager")
    assert install(path).returncode == 0


def test_a_browser_is_wanted_by_the_tests_only(path: Path) -> None:
    assert install(path).returncode == 0
    done = install(path, "browser")
    assert "the programs of the Debian packages chromium." in done.stderr
    program(path, "google-chrome", "exit 0")
    assert install(path, "browser").returncode == 0


def test_each_word_brings_what_it_names(path: Path) -> None:
    done = install(path, "browser", "victoria")
    assert "the programs of the Debian packages chromium victoria-metrics." in done.stderr
    program(path, "chromium", "exit 0")
    program(path, "victoria-metrics-prod", "exit 0")
    assert "the programs of the Debian packages victoria-metrics." in install(path, "browser", "victoria").stderr
    program(path, "vmalert-prod", "exit 0")
    assert install(path, "browser", "victoria").returncode == 0


def test_a_system_without_apt_get_is_told_what_to_install(path: Path) -> None:
    (path / "redis-sentinel").unlink()
    (path / "promtool").unlink()
    done = install(path)
    assert done.returncode == 1
    assert "no apt-get: the programs of the Debian packages prometheus redis-sentinel." in done.stderr


def test_a_python_that_cannot_make_a_virtual_environment_is_noticed(path: Path) -> None:
    program(path, "python3", "exit 1")
    assert "python3-venv" in install(path).stderr


def test_without_root_and_sudo_the_command_to_run_is_given_and_nothing_is_done(path: Path) -> None:
    (path / "redis-server").unlink()
    (path / "id").unlink()
    program(path, "id", "echo 1000")
    program(path, "apt-get", "echo called")
    done = install(path)
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends redis-server" in done.stderr
    assert "called" not in done.stdout


@pytest.mark.parametrize(("comes_with", "asked"), [("promtool", ["prometheus"]), ("none", ["prometheus", "promtool"])])
def test_promtool_is_installed_by_itself_where_prometheus_does_not_bring_it(
    path: Path, comes_with: str, asked: list[str]
) -> None:
    """As in Debian after 13. Every command is written down in place of being run."""
    for name in ("prometheus", "promtool", "id"):
        (path / name).unlink()
    program(path, "id", "echo 1000")
    program(path, "apt-get", "exit 1")
    (path / "cp").symlink_to(str(shutil.which("cp")))
    log = path.parent / "log"
    brings = f'case "$*" in *" prometheus") cp {path}/openssl {path}/{comes_with} ;; esac'
    program(path, "sudo", f'echo "$@" >> {log}\n{brings}')
    done = install(path)
    assert (done.returncode, done.stderr) == (0, "")
    installed = [line.split()[-1] for line in log.read_text().splitlines() if " install " in line]
    assert installed == asked
