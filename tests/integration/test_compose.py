"""What can be known of docker-compose.yml, the Dockerfile and docker/ without a Docker engine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
import yaml

from policy.loader import load
from policy.model import Policy
from policy.units import parse_duration
from sandbox import binaries
from sandbox.ports import LOOPBACK, free_ports
from sandbox.process import Child, wait_until

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
GENERATED = "/var/lib/cachewatch"
START_REDIS = ROOT / "docker" / "start-redis.sh"
SECRETS = ("redis_password", "cachewatch_password", "pagerduty_routing_key", "slack_token")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def compose() -> Json:
    data: Json = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return data


@pytest.fixture(scope="module")
def services(compose: Json) -> Json:
    found: Json = compose["services"]
    return found


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(ROOT / "docker" / "cachewatch.yaml").policy


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run what the service `build` runs, and return the folder it wrote."""
    out = tmp_path_factory.mktemp("generated")
    argv = [sys.executable, "-m", "cli", "-c", str(ROOT / "docker" / "cachewatch.yaml"), "build", "-o", str(out)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return out


def schema_errors(compose: Json) -> list[str]:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(compose)]


def flags(service: Json) -> dict[str, str]:
    """`--name=value` of a command."""
    return dict(word.split("=", 1) for word in service["command"])


def mounts(service: Json) -> Iterator[tuple[str, str]]:
    """Source and target of each volume."""
    for text in service.get("volumes", []):
        source, target, *_ = text.split(":")
        yield source, target


def test_the_file_is_a_compose_file(compose: Json) -> None:
    assert schema_errors(compose) == []


def test_a_misspelt_key_would_be_noticed(compose: Json) -> None:
    broken = {**compose, "services": {"exporter": {"image": "x", "depend_on": []}}}
    assert schema_errors(broken) == ["Unevaluated properties are not allowed ('depend_on' was unexpected)"]


def test_the_whole_stack_is_there(services: Json) -> None:
    assert set(services) == {
        *("redis-1", "redis-2", "sentinel-1", "sentinel-2", "sentinel-3"),
        *("build", "exporter", "notifier", "prometheus", "alertmanager", "grafana"),
    }


def test_no_container_can_do_more_than_it_must(services: Json) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].split(":")[0] not in ("0", "root", ""), name
        assert "privileged" not in service, name


def test_nothing_listens_beyond_this_machine(services: Json) -> None:
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert not any("ports" in service for name, service in services.items() if name.startswith(("redis", "sentinel")))


def test_what_runs_on_is_watched_and_started_again(services: Json) -> None:
    for name, service in services.items():
        if name == "build":
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert name == "exporter" or service["healthcheck"]["test"], name
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()  # the exporter's


def test_images_have_exact_tags(services: Json) -> None:
    images = {service["image"] for service in services.values() if "build" not in service}
    images |= set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert len(images) == 5
    for image in images:
        assert re.search(r":v?\d+\.\d+\.\d+(-[a-z-]+)?$", image), image


def test_every_mounted_file_is_in_the_checkout_and_every_volume_declared(compose: Json, services: Json) -> None:
    for name, service in services.items():
        for source, _ in mounts(service):
            if source.startswith("."):
                assert (ROOT / source).is_file(), f"{name}: {source}"
            else:
                assert source in compose["volumes"], f"{name}: {source}"


def test_files_are_mounted_where_the_command_looks_for_them(services: Json) -> None:
    for name, service in services.items():
        words = [*service.get("entrypoint", []), *service.get("command", [])]
        wanted = {word for word in words if word.startswith("/etc/cachewatch/")}
        assert wanted == {target for _, target in mounts(service) if target.startswith("/etc/")}, name


def test_every_secret_is_declared_used_and_out_of_git(compose: Json, services: Json) -> None:
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./docker/secrets/{name}"}
    assert (ROOT / "docker" / "secrets" / ".gitignore").read_text().splitlines()[0] == "*"


def test_each_container_has_the_secrets_that_it_reads_and_no_other(services: Json, policy: Policy) -> None:
    assert policy.notify.pagerduty is not None
    assert policy.notify.slack is not None
    assert policy.fleet.auth is not None
    assert policy.fleet.sentinel is not None
    assert policy.fleet.sentinel.auth == policy.fleet.auth
    reads = {
        "exporter": policy.fleet.auth.password_file,
        "notifier": policy.notify.slack.token_file,
        "alertmanager": policy.notify.pagerduty.routing_key_file,
    }
    for name, path in reads.items():
        assert [f"/run/secrets/{secret}" for secret in services[name]["secrets"]] == [str(path)], name
    assert not any(services[name].get("secrets") for name in ("build", "prometheus", "grafana"))


def test_what_the_notifier_told_lies_in_a_volume_in_which_it_may_write(services: Json) -> None:
    command = services["notifier"]["command"]
    folder = command[command.index("--storage") + 1]
    assert folder in [target for _, target in mounts(services["notifier"])]
    made = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if "install -d -o cachewatch" in line)
    assert folder in made.split()


def test_the_policy_names_the_containers_by_the_addresses_they_have(services: Json, policy: Policy) -> None:
    stack, ports = policy.stack, {"exporter": 9121, "notifier": 9122, "alertmanager": 9093, "prometheus": 9090}
    for name, port in ports.items():
        address = str(getattr(stack, name)).removeprefix("http://")
        assert address == f"{name}:{port}"
        assert f"127.0.0.1:{port}:{port}" in services[name]["ports"]
    for name in ("exporter", "notifier"):
        command = services[name]["command"]
        assert command[command.index("--listen") + 1] == f"0.0.0.0:{ports[name]}"
    assert policy.fleet.sentinel is not None
    found = [services[f"sentinel-{n}"]["networks"]["cache"]["ipv4_address"] for n in (1, 2, 3)]
    assert list(policy.fleet.sentinel.addresses) == [f"{address}:26379" for address in found]


def test_links_in_an_alert_open_in_a_browser_on_this_machine(services: Json, policy: Policy, built: Path) -> None:
    assert policy.stack.grafana == "http://localhost:3000"
    assert policy.stack.runbooks == "http://localhost:9122/runbooks"
    assert "127.0.0.1:3000:3000" in services["grafana"]["ports"]
    links = re.findall(r"https?://[^/\s\"]+", "".join(path.read_text() for path in (built / "rules").glob("*.yml")))
    assert set(links) == {"http://localhost:3000", "http://localhost:9122"}


def test_redis_and_sentinel_agree_on_the_first_primary(services: Json) -> None:
    primary = services["redis-1"]["networks"]["cache"]["ipv4_address"]
    assert f"replicaof {primary} 6379" in (ROOT / "docker/redis/replica.conf").read_text()
    assert f"sentinel monitor cache {primary} 6379 2" in (ROOT / "docker/redis/sentinel.conf").read_text()


def test_prometheus_keeps_enough_for_the_longest_objective(services: Json, policy: Policy) -> None:
    kept = parse_duration(flags(services["prometheus"])["--storage.tsdb.retention.time"])
    assert kept >= max(slo.longest for slo in policy.slos) + timedelta(days=1)


def test_what_the_servers_read_is_what_the_build_writes(services: Json, built: Path, policy: Policy) -> None:
    environment = services["grafana"]["environment"]
    paths = [
        flags(services["prometheus"])["--config.file"],
        flags(services["alertmanager"])["--config.file"],
        environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"],
        f"{environment['GF_PATHS_PROVISIONING']}/datasources/cachewatch.yml",
        f"{environment['GF_PATHS_PROVISIONING']}/dashboards/cachewatch.yml",
        f"{policy.stack.dashboards}/fleet.json",
    ]
    for path in paths:
        assert (built / Path(path).relative_to(GENERATED)).is_file(), path
    for name in ("prometheus", "alertmanager", "grafana"):
        assert ("generated", GENERATED) in mounts(services[name]), name
        assert services[name]["depends_on"]["build"]["condition"] == "service_completed_successfully"
    assert ("generated", "/out") in mounts(services["build"])


def test_prometheus_and_alertmanager_accept_what_the_build_writes(built: Path) -> None:
    for argv in (
        (binaries.find("promtool"), "check", "config", built / "prometheus.yml"),
        (binaries.find("amtool"), "check-config", built / "alertmanager.yml"),
    ):
        done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def copied() -> set[str]:
    """What the Dockerfile copies from the checkout."""
    lines = [shlex.split(line) for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    return {source for line in lines if "--from=build" not in line for source in line[1:-1]}


def test_the_image_gets_every_package_and_nothing_that_is_not_there() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.rstrip("*") for package in packages} < copied()
    for source in copied():
        assert (ROOT / source).exists(), source


def test_installing_takes_along_what_the_packages_read() -> None:
    """The image has the installed packages, not the checkout: a runbook page left behind would end every build."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = [*tools["package-data"]["*"], "*.py"]
    folders = [ROOT / name.rstrip("*") for name in tools["packages"]["find"]["include"]]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > 50
    assert [str(path) for path in files if not any(path.match(pattern) for pattern in patterns)] == []


def test_dockerignore_lets_exactly_what_is_copied_through() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == copied()


class Fleet:
    """What compose starts of Redis, by the same script and the same templates, on free ports of loopback."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.secrets = directory / "secrets"
        self.secrets.mkdir()
        self.change("first")
        first, second, *sentinels = free_ports(5)
        self.ports = {"redis-1": first, "redis-2": second} | dict(zip(("s1", "s2", "s3"), sentinels, strict=True))
        self.children = {
            "redis-1": self._child("redis-1", "redis-server", "primary.conf"),
            "redis-2": self._child("redis-2", "redis-server", "replica.conf"),
            **{name: self._child(name, "redis-sentinel", "sentinel.conf") for name in ("s1", "s2", "s3")},
        }

    def _child(self, name: str, program: str, template: str) -> Child:
        home = self.directory / name
        (home / "data").mkdir(parents=True)
        text = (ROOT / "docker" / "redis" / template).read_text()
        text = text.replace("10.213.47.11 6379", f"{LOOPBACK} {self.ports['redis-1']}")
        text = re.sub(r"^port \d+$", f"port {self.ports[name]}", text, flags=re.MULTILINE)
        (home / template).write_text(text.replace("bind 0.0.0.0", f"bind {LOOPBACK}"))
        env = {"CACHEWATCH_DATA": str(home / "data"), "CACHEWATCH_SECRETS": str(self.secrets)}
        argv = ("sh", START_REDIS, str(binaries.find(program).name), home / template)
        return Child(name, argv, home, env)

    def change(self, word: str) -> None:
        """Make other passwords of this word; they count from the next start on."""
        for name in SECRETS:
            (self.secrets / name).write_text(f"{word}-{name}\n")

    def ask(self, name: str, *command: str) -> Any:
        """The answer of a node, or None while it gives none."""
        password = (self.secrets / "redis_password").read_text().strip()
        client = redis.Redis(port=self.ports[name], password=password, socket_timeout=2, decode_responses=True)
        try:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        except redis.RedisError:
            return None
        finally:
            client.close()

    def refused(self, name: str, *command: str, username: str | None = None) -> str:
        """The kind of error with which a node refuses a command of the exporter's user, or of nobody."""
        password = (self.secrets / "cachewatch_password").read_text().strip() if username else None
        with redis.Redis(port=self.ports[name], username=username, password=password, socket_timeout=2) as client:
            try:
                client.execute_command(*command)
            except redis.RedisError as error:
                return type(error).__name__
        return ""

    def checked(self) -> Json:
        """What `check --connect` says of the policy, at these addresses."""
        text = (ROOT / "docker" / "cachewatch.yaml").read_text()
        for number in (1, 2, 3):
            text = text.replace(f"10.213.47.2{number}:26379", f"{LOOPBACK}:{self.ports[f's{number}']}")
        file = self.directory / "cachewatch.yaml"
        file.write_text(text.replace("/run/secrets", str(self.secrets)))
        argv = [sys.executable, "-m", "cli", "-c", str(file), "check", "--connect", "--json"]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
        found: Json = json.loads(done.stdout)
        return found

    def role(self, name: str) -> str:
        """`master`, or `slave` once it is in step with its primary; empty before and while it is down."""
        role = self.ask(name, "ROLE")
        return "" if not role or (role[0] == "slave" and role[3] != "connected") else str(role[0])

    def is_whole(self, primary: str, replica: str) -> bool:
        """Whether the roles are these and all three sentinels know of primary, replica and each other."""
        if (self.role(primary), self.role(replica)) != ("master", "slave"):
            return False
        views = [self.ask(name, "SENTINEL", "CKQUORUM", "cache") for name in ("s1", "s2", "s3")]
        known = [self.ask(name, "SENTINEL", "REPLICAS", "cache") for name in ("s1", "s2", "s3")]
        addresses = [self.ask(name, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "cache") for name in ("s1", "s2", "s3")]
        wanted = [LOOPBACK, str(self.ports[primary])]
        return all(views) and all(known) and all(address == wanted for address in addresses)


def test_a_failover_works_and_is_remembered_when_everything_restarts(tmp_path: Path) -> None:
    with ExitStack() as stack:
        fleet = Fleet(tmp_path)
        for child in fleet.children.values():
            stack.enter_context(child)
        wait_until(lambda: fleet.is_whole("redis-1", "redis-2"), PATIENCE, "the fleet")
        assert fleet.ask("redis-1", "SET", "key", "value")
        wait_until(lambda: fleet.ask("redis-2", "GET", "key") == "value", PATIENCE, "replication")

        fleet.children["redis-1"].kill()
        wait_until(lambda: fleet.role("redis-2") == "master", PATIENCE, "the failover")
        fleet.children["redis-1"].start()
        wait_until(lambda: fleet.is_whole("redis-2", "redis-1"), PATIENCE, "the old primary as a replica")

        for child in fleet.children.values():
            child.stop()
        fleet.change("second")
        for child in fleet.children.values():
            child.start()
        wait_until(lambda: fleet.is_whole("redis-2", "redis-1"), PATIENCE, "the same roles with the new password")
        assert fleet.ask("redis-2", "GET", "key") == "value"

        checked = fleet.checked()
        assert checked["discovery_error"] == "", checked
        assert [(node["error"], node["missing"]) for node in checked["nodes"]] == [("", [])] * 2, checked
        for name, command in (("redis-2", "FLUSHALL"), ("s1", "SENTINEL FAILOVER cache")):
            assert fleet.refused(name, *command.split(), username="cachewatch") == "NoPermissionError"
            assert fleet.refused(name, "PING") == "AuthenticationError", "whoever has no login is let in"


@pytest.mark.parametrize("secret", SECRETS[:2])
@pytest.mark.parametrize("password", ["", "two words", 'quo"te', "line\nbreak"])
def test_a_password_that_would_break_the_configuration_is_refused_with_the_cure(
    password: str, secret: str, tmp_path: Path
) -> None:
    for name in SECRETS:
        (tmp_path / name).write_text(password if name == secret else "good")
    env = {"PATH": "/usr/bin:/bin", "CACHEWATCH_DATA": str(tmp_path), "CACHEWATCH_SECRETS": str(tmp_path)}
    template = ROOT / "docker" / "redis" / "primary.conf"
    done = subprocess.run(
        ["/bin/sh", str(START_REDIS), "redis-server", str(template)],
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert f"{tmp_path}/{secret} must hold one password of letters, digits" in done.stderr
    assert not (tmp_path / "primary.conf").exists()
