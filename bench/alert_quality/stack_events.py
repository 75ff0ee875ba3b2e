"""What a scenario does to those who watch, and how it is undone: the stack's own configuration, ways, peers and sources."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from bench.alert_quality.lab import Lab
from bench.alert_quality.listed import ENDED, ENDING, LASTING
from sandbox import ports, web
from sandbox.files import write_atomic
from sandbox.module_child import module_argv, module_env
from sandbox.process import Child, wait_until
from sandbox.prometheus import WebChild
from sandbox.redis_node import RedisNode

PATIENCE = 90.0
_FOREVER = 100_000
_BROKEN = "\n  what a half copied file ends with: [\n"


def refusing(*services: str, status: int) -> Callable[[Lab], str]:
    """Kill a replica while these services answer whatever they are told with that status."""

    def begin(lab: Lab) -> str:
        _answer(lab, services, status)
        return lab.demo.obey("break", "replica-down")

    return begin


def taking_again(*services: str) -> Callable[[Lab], str]:
    """Let them take all, and mend the replica once they were told of it."""

    def end(lab: Lab) -> str:
        before = len(lab.received())
        _answer(lab, services, None)
        for service in services:
            wait_until(lambda to=service: _told_of_node(lab, before, to), PATIENCE, f"{service} to be told", every=0.2)  # type: ignore[misc]
        return lab.demo.obey("heal", "replica-down")

    return end


def _told_of_node(lab: Lab, before: int, service: str) -> bool:
    return any("CacheNodeDown" in str(each["body"]) for each in lab.received()[before:] if each["service"] == service)


def heartbeat_refused(lab: Lab) -> str:
    """The service outside takes no beat."""
    _answer(lab, ("heartbeat",), 503)
    return "the service outside refuses the heartbeat"


def heartbeat_taken(lab: Lab) -> str:
    """It takes them again."""
    _answer(lab, ("heartbeat",), None)
    return "it takes the heartbeat again"


def _answer(lab: Lab, services: tuple[str, ...], status: int | None) -> None:
    for service in services:
        lab.watchers.sink.fail(service, status or 200, times=_FOREVER if status else 0)


def alertmanager_killed(lab: Lab) -> str:
    """Kill the one that there is."""
    lab.watchers.alertmanager.kill()
    return "Alertmanager is dead (SIGKILL)"


def alertmanager_back(lab: Lab) -> str:
    """Start it."""
    lab.watchers.alertmanager.start()
    return "Alertmanager is back"


def rules_half_copied(lab: Lab) -> str:
    """A file of rules was copied by half when Prometheus was reloaded."""
    _spoil(_built(lab, "rules/hit_rate.yml"))
    _reload(lab.watchers.prometheus)
    return "Prometheus refuses its rules"


def rules_whole(lab: Lab) -> str:
    """It is copied whole, and Prometheus reloaded."""
    _restore(_built(lab, "rules/hit_rate.yml"))
    _reload(lab.watchers.prometheus)
    return "Prometheus takes its rules"


def routes_broken(lab: Lab) -> str:
    """Somebody edited the routes by hand, and reloaded Alertmanager."""
    _spoil(_built(lab, "alertmanager.yml"))
    _reload(lab.watchers.alertmanager)
    return "Alertmanager refuses its routes"


def routes_mended(lab: Lab) -> str:
    """They are built again."""
    _restore(_built(lab, "alertmanager.yml"))
    _reload(lab.watchers.alertmanager)
    return "Alertmanager takes its routes"


def _built(lab: Lab, name: str) -> Path:
    return lab.directory / "build" / name


def _kept(path: Path) -> Path:
    return path.with_name(f"{path.name}.kept")


def _spoil(path: Path) -> None:
    sound = path.read_text(encoding="utf-8")
    write_atomic(_kept(path), sound)
    write_atomic(path, sound + _BROKEN)


def _restore(path: Path) -> None:
    write_atomic(path, _kept(path).read_text(encoding="utf-8"))


def _reload(part: WebChild) -> None:
    """Have it read its files again; one that refuses them answers 400 or 500."""
    with suppress(web.WebError):
        web.request("POST", f"{part.url}/-/reload", timeout=20.0)


def another_policy(lab: Lab) -> str:
    """The exporter is given a policy with another threshold, and the rules are not built from it."""
    exporter = lab.watchers.exporter
    _edit_policy(lab, {"latency_p95": {"warning": {"above": "4ms"}}})
    _reload(exporter)
    return f"the exporter {ports.LOOPBACK}:{exporter.port} has another policy"


def refused_policy(lab: Lab) -> str:
    """The exporter is to read a policy with a threshold that is none."""
    _edit_policy(lab, {"latency_p95": {"warning": {"above": "fast"}}})
    _reload(lab.watchers.exporter)
    return "the exporter refuses its policy"


def own_policy(lab: Lab) -> str:
    """It reads again the one that the rules were built from."""
    _restore(lab.watchers.policy)
    _reload(lab.watchers.exporter)
    return "the exporter has the policy of the rules"


def _edit_policy(lab: Lab, thresholds: dict[str, Any]) -> None:
    path = lab.watchers.policy
    text = path.read_text(encoding="utf-8")
    write_atomic(_kept(path), text)
    policy = yaml.safe_load(text)
    for row, levels in thresholds.items():
        for level, limit in levels.items():
            policy.setdefault("thresholds", {}).setdefault(row, {}).setdefault(level, {}).update(limit)
    write_atomic(path, yaml.safe_dump(policy, sort_keys=False))


def scraped_by_another_job(lab: Lab) -> str:
    """Somebody adds a job of his own for the exporter, as one does: without honor_labels."""
    own = {"job_name": "ours", "scrape_interval": "1s", "scrape_timeout": "1s"}

    def add(config: dict[str, Any]) -> None:
        target = f"{ports.LOOPBACK}:{lab.watchers.exporter.port}"
        config["scrape_configs"].append({**own, "static_configs": [{"targets": [target]}]})

    _edit_scrapes(lab, add)
    return "the exporter is scraped by another job"


def scrapes_as_built(lab: Lab) -> str:
    """Take out what was added."""
    _restore(_built(lab, "prometheus.yml"))
    _reload(lab.watchers.prometheus)
    return "Prometheus scrapes what was built"


def _edit_scrapes(lab: Lab, edit: Callable[[dict[str, Any]], None]) -> None:
    path = _built(lab, "prometheus.yml")
    text = path.read_text(encoding="utf-8")
    write_atomic(_kept(path), text)
    config = yaml.safe_load(text)
    edit(config)
    write_atomic(path, yaml.safe_dump(config))
    _reload(lab.watchers.prometheus)


class SecondExporter:
    """A second exporter of the fleet, which Prometheus scrapes beside the first as long as the scenario goes on."""

    def __init__(self) -> None:
        self._exporter: WebChild | None = None

    def begin(self, lab: Lab) -> str:
        """Start it, and add it to both jobs of the first."""
        port = ports.free_port()
        listen = ("-c", lab.watchers.policy, "serve", "--listen", f"{ports.LOOPBACK}:{port}")
        self._exporter = WebChild(
            "exporter-2", module_argv("cli", *listen), lab.directory / "run", port, env=module_env()
        )
        self._exporter.start()
        first = f"{ports.LOOPBACK}:{lab.watchers.exporter.port}"

        def add(config: dict[str, Any]) -> None:
            for targets in (each for job in config["scrape_configs"] for each in job["static_configs"]):
                if first in targets["targets"]:
                    targets["targets"].append(f"{ports.LOOPBACK}:{port}")

        _edit_scrapes(lab, add)
        return "a second exporter of the fleet is scraped"

    def end(self, lab: Lab) -> str:
        """Take it out again, and end it."""
        scrapes_as_built(lab)
        if self._exporter is not None:
            self._exporter.stop()
        return "one exporter is scraped"


def peer_killed(lab: Lab) -> str:
    """Kill the second Alertmanager."""
    lab.listed.peer.kill()
    return "the second Alertmanager is dead (SIGKILL)"


def peer_back(lab: Lab) -> str:
    """Start it as it was."""
    lab.listed.start_peer()
    return "the second Alertmanager is back"


def first_killed(lab: Lab) -> str:
    """Kill the first Alertmanager."""
    lab.watchers.alertmanager.kill()
    return "the first Alertmanager is dead (SIGKILL)"


def peer_alone(lab: Lab) -> str:
    """Restart the second Alertmanager without the first."""
    lab.listed.peer.stop()
    lab.listed.start_peer(alone=True)
    return "the second Alertmanager runs alone"


def peer_joins(lab: Lab) -> str:
    """Restart it with the first."""
    lab.listed.peer.stop()
    lab.listed.start_peer()
    return "the second Alertmanager has joined"


def node_and_first(lab: Lab) -> str:
    """Kill a node, and once that was told the Alertmanager that told it."""
    node, before = lab.listed.replica, len(lab.received())
    node.kill()
    wait_until(lambda: _told_of_node(lab, before, "pagerduty"), PATIENCE, "the page", every=0.1)
    lab.watchers.alertmanager.kill()
    return f"{node.instance} is dead (SIGKILL)"


def node_and_first_back(lab: Lab) -> str:
    """Bring back the Alertmanager, which finds the node still down, then the node."""
    lab.watchers.alertmanager.start()
    wait_until(lab.listed.together, PATIENCE, "both Alertmanagers to know of each other", every=0.2)
    time.sleep(20.0)
    lab.listed.replica.start()
    return "both are back"


def pair_restarts(lab: Lab) -> str:
    """Restart both Alertmanagers, one after the other, as an upgrade does."""
    lab.listed.peer.stop()
    lab.listed.start_peer()
    wait_until(lab.listed.together, PATIENCE, "the second one to join", every=0.2)
    lab.watchers.alertmanager.stop()
    lab.watchers.alertmanager.start()
    wait_until(lab.listed.together, PATIENCE, "the first one to join", every=0.2)
    return "both were restarted"


def certificate_ending(lab: Lab) -> str:
    """Let a replica show a certificate that ends in some days: what should renew it has put an old one there."""
    return _show((lab.listed.replica,), lab, ENDING)


def certificates_ending(lab: Lab) -> str:
    """All of them: they were made together, and nobody renewed them."""
    return _show(lab.listed.nodes, lab, ENDING)


def certificate_ended(lab: Lab) -> str:
    """A certificate of a replica ends, although that was told before."""
    said = certificate_ending(lab)
    wait_until(lambda: "CacheCertificateExpiring" in lab.firing(), PATIENCE, "its end to be seen", every=0.5)
    _show((lab.listed.replica,), lab, ENDED)
    return said


def certificates_renewed(lab: Lab) -> str:
    """New ones for all."""
    return _show(lab.listed.nodes, lab, LASTING)


def _show(nodes: tuple[RedisNode, ...], lab: Lab, days: int) -> str:
    for node in nodes:
        lab.listed.show_certificate(node, days)
    return f"{', '.join(node.instance for node in nodes)} show certificates that are good for {days} days"


def file_cut(lab: Lab) -> str:
    """Whoever writes the file of nodes was ended in the middle of it."""
    text = lab.listed.file.read_text(encoding="utf-8")
    write_atomic(lab.listed.file, text[: len(text) // 2])
    return "the file of nodes is cut"


def file_gone_and_exporter_restarts(lab: Lab) -> str:
    """The folder of the file is not mounted when the exporter starts."""
    lab.watchers.exporter.stop()
    lab.listed.file.unlink()
    Child.start(lab.watchers.exporter)  # which is not ready while it has no nodes
    return f"the exporter {ports.LOOPBACK}:{lab.watchers.exporter.port} started without the file of nodes"


def file_whole(lab: Lab) -> str:
    """It is written again."""
    lab.listed.write_file()
    return "the file of nodes is whole"
