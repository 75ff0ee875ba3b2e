"""`--format` of the real command, and the catalogue."""

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.command import cachewatch, tree


def write(folder: Path, text: str = "fleet: {name: shop}\n") -> None:
    (folder / "cachewatch.yaml").write_text(text)


def test_another_form_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Nothing is left that the new engine would trip over, and the way back gives the very files."""
    write(tmp_path)
    assert cachewatch(tmp_path, "build", "-o", "out").status == 0
    before = tree(tmp_path / "out")
    assert cachewatch(tmp_path, "build", "--format", "operator", "--label", "release=x", "-o", "out").status == 0
    there = tree(tmp_path / "out")
    assert not [path for path in there if path.startswith("rule-tests") or path == "prometheus.yml"]
    kinds = {yaml.safe_load(text)["kind"] for path, text in there.items() if path.startswith("rules/")}
    assert kinds == {"PrometheusRule"}, "the dashboards' rules too"
    assert cachewatch(tmp_path, "build", "--format", "prometheus", "-o", "out").status == 0
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "thanos"), "'thanos' is not one of"),
        (("--label", "a=b"), "--label and --namespace are for --format operator only"),
        (
            ("--format", "operator", "--label", "a b=c", "--label", "x=y z"),
            "--label: 'a b' is no label key of Kubernetes",
        ),
        (("--format", "operator", "--label", "x=y z"), "'y z' is no label value of Kubernetes"),
        (("--format", "operator", "--label", "release"), "--label: 'release' has no value, as in release=monitoring"),
        (("--format", "operator", "--label", "x=y", "--label", "x=z"), "--label: 'x' comes twice"),
        (("--format", "operator", "--namespace", "Prod"), "--namespace: 'Prod' is no namespace of Kubernetes"),
    ],
)
def test_a_wrong_choice_is_refused_and_nothing_is_written(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    write(tmp_path)
    ended = cachewatch(tmp_path, "alerts", "build", *options, "-o", "out")
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert not (tmp_path / "out").exists()


def test_the_catalogue_is_a_table_for_people_and_a_list_for_programs(tmp_path: Path) -> None:
    write(tmp_path, "fleet: {name: shop}\nnotify: {slack: {channel: '#a', token_file: t}}\n")
    shown = cachewatch(tmp_path, "alerts", "catalogue")
    assert "CacheFailoverOverdue" in shown.out, "no name is folded where nobody sees an edge"
    assert shown.status == 0
    found = json.loads(cachewatch(tmp_path, "alerts", "catalogue", "--json").out)
    assert all(entry["alert"] in shown.out for entry in found)
    assert {entry["alert"] for entry in found if entry["told"] != ["Slack"]} == {"CacheWatchdog"}, "it has no heartbeat"
    assert {"alert", "severity", "action", "expr", "for", "group", "interval", "told", "rules"} <= found[0].keys()
