"""The same history in VictoriaMetrics: the same alerts at the same times, where its language means the same."""

import time
from pathlib import Path

import yaml

from policy.model import Policy
from sandbox import web
from sandbox.ports import free_port
from sandbox.process import wait_until
from sandbox.prometheus import start_prometheus
from sandbox.victoria import victoria_metrics
from tests.integration.backtest_history import Scene, blocks, open_metrics, scene
from tests.integration.test_backtest import POLICY, SECONDS, Stage, firings


def import_into(url: str, made: Scene, start: int) -> None:
    """VictoriaMetrics reads OpenMetrics' lines with times in milliseconds."""
    lines = open_metrics(made, start).splitlines()[:-1]
    web.request(
        "POST", f"{url}/api/v1/import/prometheus", "\n".join(f"{line}000" for line in lines).encode(), timeout=30
    )
    wait_until(lambda: bool(web.get_json(f"{url}/api/v1/series?match[]=up&start={start}")["data"]), 30, "the samples")


def test_the_same_data_give_the_same_alerts(tmp_path: Path) -> None:
    start = (int(time.time()) - 2 * SECONDS) // 300 * 300
    made = scene(Policy.model_validate(POLICY), SECONDS)
    blocks(made, start, tmp_path)
    (tmp_path / "prometheus.yml").write_text("{}")
    (tmp_path / "cachewatch.yaml").write_text(yaml.safe_dump(POLICY))
    with (
        start_prometheus(tmp_path / "prometheus.yml", tmp_path, free_port()) as prometheus,
        victoria_metrics(tmp_path, free_port(), "-retentionPeriod=100y") as store,
    ):
        import_into(store.url, made, start)
        there = firings(Stage(tmp_path, start, made, prometheus).told())
        here = firings(Stage(tmp_path, start, made, store).told())
    assert len(there) == 14
    vanished = [[one for one in told if one[0].get("cause") == "vanished"] for told in (here, there)]
    assert [one for one in here if one not in vanished[0]] == [one for one in there if one not in vanished[1]]
    # A series that just stops is looked back for: five minutes by Prometheus, a few samples by VictoriaMetrics.
    assert [[(begin - start, end - start) for _, begin, end, _ in told] for told in vanished] == [
        [(2820, 3300)],
        [(3115, 3300)],
    ]
