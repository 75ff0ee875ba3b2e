"""Times and incident files, as people write them."""

from pathlib import Path

import pytest

from alerts.backtest.history import Window
from alerts.backtest.incidents import BadIncidents, Incident, judged, load
from alerts.backtest.times import NotATime, parse, shown

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        ("-7d", NOW - 7 * 86400_000),
        ("now-1h30m", NOW - 5400_000),
        ("1700000000", NOW),
        ("1700000000.25", NOW + 250),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14T22:13:20.500Z", NOW + 500),
    ],
)
def test_a_moment_is_read(text: str, at: int) -> None:
    assert parse(text, NOW) == at


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is no time"), ("yesterday", "is no time"), ("-7", "is no time"), ("2023-11-14T22:13:20", "no time zone")],
)
def test_what_is_no_moment_is_refused_with_the_cure(text: str, said: str) -> None:
    with pytest.raises(NotATime, match=said):
        parse(text, NOW)


def test_a_moment_is_shown_in_utc() -> None:
    assert (shown(NOW), shown(NOW + 5)) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.005Z")


def test_yaml_and_json_are_read(tmp_path: Path) -> None:
    file = tmp_path / "i"
    file.write_text("- {name: a, from: 2023-11-14T22:13:20Z, to: now, alert: CacheNodeDown, instance: 'i:1'}\n")
    expected = Incident("a", NOW, NOW + 1000, "CacheNodeDown", "i:1")
    assert load(file, NOW + 1000) == (expected,)
    file.write_text('{"incidents": [{"name": "a", "from": 1700000000, "to": 1700000001}]}')
    assert load(file, NOW) == (Incident("a", NOW, NOW + 1000),)


def test_all_problems_come_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "incidents.yaml"
    file.write_text(
        "- {name: a, from: 1700000001, to: 1700000000}\n- {from: soon, too: 1700000000}\n"
        "- 7\n- {name: 1, name: 2, from: -1h, to: now}\n"
        "- {name: b, from: -1h, to: now, alert: CacheNodDown}\n- {name: c, from: -1h, to: now, alert: Other}\n"
    )
    with pytest.raises(BadIncidents) as told:
        load(file, NOW)
    lines = str(told.value).splitlines()
    assert f"{file}:1: from is not before to" in lines
    assert {f"{file}:2: name is missing", f"{file}:2: to is missing"} <= set(lines)
    assert any(line.startswith(f"{file}:2: unknown key too") for line in lines)
    assert any(line.startswith(f"{file}:2: from: 'soon' is no time") for line in lines)
    assert any(line.startswith(f"{file}:3: must be a mapping") for line in lines)
    assert f"{file}:4: name must be text" in lines
    assert f"{file}:5: alert: there is no CacheNodDown; did you mean CacheNodeDown?" in lines
    assert f"{file}:6: alert: there is no Other; see `cachewatch alerts catalogue`" in lines
    assert f"{file}:4: a key stands here a second time; keep one" in lines


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"x: [", "is not YAML"), (b"a: b", "must be a list"), (b"[]", "must be a list"), (b"\xff", "UTF-8")],
)
def test_a_file_that_is_none_is_refused(raw: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "i").write_bytes(raw)
    with pytest.raises(BadIncidents, match=said):
        load(tmp_path / "i", NOW)
    with pytest.raises(BadIncidents, match="cannot be read: No such file"):
        load(tmp_path / "nowhere", NOW)


def test_an_incident_that_nobody_could_have_noticed_is_not_called_missed() -> None:
    window, holes = Window(1000, 9000), ((2000, 4000),)
    spans = {
        "before": (0, 1000),
        "into it": (0, 1001),
        "after": (9000, 9001),
        "dark": (2000, 4000),
        "half": (3000, 4001),
    }
    found, said = judged([Incident(name, *span) for name, span in spans.items()], window, holes)
    assert [incident.name for incident in found] == ["into it", "half"]
    assert said == (
        "before lies outside of the time that was asked for: not counted",
        "after lies outside of the time that was asked for: not counted",
        "dark lies where the history has no data: not counted",
    )
