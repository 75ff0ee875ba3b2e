"""The list of alerts as a table."""

from pathlib import Path

from tests.unit.cli.command import cachewatch

POLICY = """
slos: [{name: availability, objective: 99.9}, {name: hit_rate, objective: 75, window: 7d}]
fleet: {nodes: [redis://10.0.0.1, redis://10.0.0.2]}
"""


def test_the_table_says_which_of_several_alerts_of_a_name_it_is(tmp_path: Path) -> None:
    (tmp_path / "cachewatch.yaml").write_text(POLICY)
    told = cachewatch(tmp_path, "alerts", "catalogue").out
    labels = ("part=evaluation", "part=missed", "part=reload", "slo=availability", "slo=hit_rate", "cause=vanished")
    assert [label for label in labels if label not in told] == []
    assert told.count("rules, the first is shown") == 1, "of the two nodes"
