"""`cachewatch notify` as a process: what its tests share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from sandbox import web
from sandbox.module_child import module_argv, module_env
from sandbox.ports import free_port
from sandbox.prometheus import WebChild


def write_policy(directory: Path, slack_url: str | None) -> Path:
    (directory / "slack.token").write_text("xoxb-test\n")
    slack = {"channel": "#cache-alerts", "token_file": "slack.token", "url": slack_url}
    file = directory / "cachewatch.yaml"
    file.write_text(yaml.safe_dump({"notify": {"slack": slack}} if slack_url else {"fleet": {"name": "quiet"}}))
    return file


def command(policy: Path, port: int) -> tuple[str, ...]:
    return module_argv("cli", "-c", policy, "notify", "--listen", f"127.0.0.1:{port}")


def start(directory: Path, slack_url: str) -> WebChild:
    port = free_port()
    child = WebChild("notifier", command(write_policy(directory, slack_url), port), directory, port, env=module_env())
    child.start()
    return child


def tell(notifier: WebChild, notification: dict[str, Any]) -> int:
    """Give the status with which a webhook request is answered."""
    sent = json.dumps(notification).encode()
    try:
        web.request("POST", f"{notifier.url}/alertmanager", sent, {"Content-Type": "application/json"}, timeout=30)
    except web.WebError as error:
        return error.status
    return 200


def counted(notifier: WebChild, series: str) -> int:
    lines = web.request("GET", f"{notifier.url}/metrics").decode().splitlines()
    return int(next(line.split()[-1] for line in lines if line.startswith(series)))
