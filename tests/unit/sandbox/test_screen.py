"""What the person in front of the demo reads."""

from rich.console import Console

from sandbox.observe import Alert, NodeRow, Observation
from sandbox.screen import Scene, lines, render

SCENE = Scene(
    seen=Observation(
        nodes=(
            NodeRow("127.0.0.1:7001", "shard-a", "primary", True, 0.876, 0.00042, 0.0812, 0),
            NodeRow("127.0.0.1:7002", "shard-a", "replica", False, None, None, None, 2),
            NodeRow("127.0.0.1:7003"),
        ),
        alerts=(Alert("CacheNodeDown", "firing", "critical", "127.0.0.1:7002"),),
        pages=2,
        messages=3,
    ),
    urls={"prometheus": "http://127.0.0.1:9090"},
    faults=("node-down",),
    ended=("exporter",),
    shortened={"collect.interval": ("10s", "2s")},
    directory=".demo",
    left=59.6,
)


def on_a_terminal(scene: Scene) -> str:
    console = Console(width=160, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(render(scene))
    return capture.get()


def test_the_table_says_of_every_node_how_it_is() -> None:
    shown = on_a_terminal(SCENE)
    assert "87.6%" in shown
    assert "0.42 ms" in shown
    assert "DOWN" in shown
    assert "unknown" in shown
    assert "2 pages to PagerDuty, 3 messages to Slack" in shown


def test_both_forms_name_alerts_faults_and_parts_that_died() -> None:
    for shown in (on_a_terminal(SCENE), lines(SCENE)):
        assert "CacheNodeDown 127.0.0.1:7002 (critical, firing)" in shown
        assert "faults made: node-down" in shown
        assert "exporter ended unasked, see .demo/run/exporter.log" in shown


def test_the_screen_says_that_durations_are_shortened_and_which() -> None:
    shown = on_a_terminal(SCENE)
    assert "Durations are shortened" in shown
    assert "collect.interval 10s -> 2s" in shown
    assert "http://127.0.0.1:9090" in shown
    assert "Ends in 60 s" in shown


def test_what_nobody_measured_is_shown_as_missing_and_not_as_zero() -> None:
    assert "127.0.0.1:7003 - of -: unknown, hit rate -, p95 -, memory -, pages 0" in lines(SCENE)
