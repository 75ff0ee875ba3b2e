"""What the person in front of the demo reads."""

from dataclasses import replace

from rich.console import Console

from sandbox.observe import Alert, NodeRow, Observation
from sandbox.screen import Scene, lines, render, shortened_sentence

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
    directory=".demo",
    left=59.6,
)


def on_a_terminal(scene: Scene, width: int = 160) -> str:
    console = Console(width=width, force_terminal=False, color_system=None)
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


def test_it_is_said_that_durations_are_shortened_and_which() -> None:
    said = shortened_sentence({"collect.interval": ("10s", "2s")})
    assert "Durations are shortened" in said
    assert "collect.interval 10s -> 2s" in said


def test_a_terminal_of_the_usual_size_shows_the_ports_and_what_to_type() -> None:
    nodes = tuple(replace(SCENE.seen.nodes[0], instance=f"127.0.0.1:1234{n}") for n in range(4))
    urls = dict.fromkeys(
        ("board", "exporter", "prometheus", "alertmanager", "notifier", "sink"), "http://127.0.0.1:12345"
    )
    shown = on_a_terminal(replace(SCENE, seen=replace(SCENE.seen, nodes=nodes), urls=urls), width=80).splitlines()
    assert all(any(node.instance in line for line in shown) for node in nodes)
    (typed,) = (number for number, line in enumerate(shown) if "cachewatch demo break" in line)
    assert typed < 22
    assert any("Ends in 60 s" in line for line in shown)


def test_what_the_demo_could_not_do_is_shown() -> None:
    assert "endpoints.json cannot be written" in on_a_terminal(
        replace(SCENE, trouble="endpoints.json cannot be written")
    )


def test_what_nobody_measured_is_shown_as_missing_and_not_as_zero() -> None:
    assert "127.0.0.1:7003 - of -: unknown, hit rate -, p95 -, memory -, pages 0" in lines(SCENE)
