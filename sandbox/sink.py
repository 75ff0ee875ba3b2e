"""The one stand-in for Slack's Web API, PagerDuty's Events v2 and a heartbeat: `python -m sandbox.sink --port P`."""

import argparse
from pathlib import Path
from typing import Any

from aiohttp import web as server

from sandbox import ports, web
from sandbox.module_child import module_argv, module_env
from sandbox.prometheus import WebChild
from sandbox.sink_server import application


class Sink(WebChild):
    """A running sink. Below `url`: Slack's API `/api/`, PagerDuty's events `/v2/enqueue`, the heartbeat `/heartbeat`."""

    def received(self, service: str | None = None) -> list[dict[str, Any]]:
        """Return the accepted requests, oldest first: `[{"at": unix seconds, "service", "path", "body"}]`."""
        everything: list[dict[str, Any]] = web.get_json(f"{self.url}/received")
        return [entry for entry in everything if service in (None, entry["service"])]

    def fail(self, service: str, status: int, times: int = 1, retry_after: int = 1) -> None:
        """Let the next `times` requests to "slack", "pagerduty" or "heartbeat" be answered with the status (429, 500, ...)."""
        order = {"service": service, "status": status, "times": times, "retry_after": retry_after}
        web.post_json(f"{self.url}/_fail", order)


def sink_server(directory: Path, port: int) -> Sink:
    """Return a sink, not started yet."""
    argv = module_argv("sandbox.sink", "--port", port)
    return Sink("sink", argv, directory, port, ready_path="/received", env=module_env())


def start_sink(directory: Path, port: int) -> Sink:
    """Start a sink; it is ready when this returns. Raises `PortInUse` or `StartFailed`."""
    sink = sink_server(directory, port)
    sink.start()
    return sink


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="Stand-in for Slack's Web API and PagerDuty's Events v2.")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server.run_app(application(), host=ports.LOOPBACK, port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
