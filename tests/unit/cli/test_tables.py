"""Tables in terminals of every width: nothing that somebody copies is folded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from alerts.backtest.compare import Told
from alerts.backtest.history import Window
from alerts.backtest.run import Outcome
from cli import backtest_report, tables
from cli.tables import Column
from tests.unit.cli.command import cachewatch
from tests.unit.cli.test_backtest_report import RULES

ADDRESS = "cache-2.prod.internal.example.com:6379"
WHY = "auth: NOPERM this user has no permissions to run the 'info' command"
COLUMNS = (Column("node"), Column("role"), Column("answers", prose=True), Column("in all", right=True, spare=1))
ROWS = ((ADDRESS, "primary", "yes", "9m40s"), ("10.0.0.1:6379", "replica", WHY, "0s"))


def shown(width: int, columns: Sequence[Column] = COLUMNS, rows: Sequence[Sequence[str]] = ROWS) -> list[str]:
    """The lines on a terminal of that width, which breaks those that are longer."""
    out = io.StringIO()
    tables.show(Console(file=out, width=width), columns, [tuple(map(Text, row)) for row in rows], "title")
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", range(20, 160, 3))
def test_no_address_and_no_word_is_folded_at_any_width(width: int) -> None:
    lines = shown(width)
    words = {word for line in lines for word in line.replace("│", " ").split()}
    assert {ADDRESS, "10.0.0.1:6379", "primary", "replica", *WHY.split()} <= words
    assert [line for line in lines if len(line) > width and len(line.split()) > 1] == []


def test_what_can_be_spared_goes_first_and_is_told() -> None:
    least = min(
        width for width in range(20, 160) if "in all" not in "".join(shown(width)[1:5]) and "│" in shown(width)[4]
    )
    assert shown(least)[-1] == "the terminal is too narrow for: in all; --json has all"
    assert "│" not in "".join(shown(least - 1)), "row by row"
    assert "in all: 9m40s" in "".join(shown(least - 1)), "where there is room for all again"


def test_row_by_row_an_empty_cell_is_left_out() -> None:
    lines = shown(30, rows=((ADDRESS, "", "yes", ""),))
    assert lines == ["title", ADDRESS, "  answers: yes"]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_catalogue_is_readable_at_usual_widths(tmp_path: Path, width: int) -> None:
    (tmp_path / "cachewatch.yaml").write_text("notify: {slack: {channel: '#cache', token_file: token}}\n")
    lines = cachewatch(tmp_path, "alerts", "catalogue", environ={"COLUMNS": str(width)}).out.splitlines()
    words = {word for line in lines for word in line.replace("│", " ").split()}
    assert {"CacheVeryHighLatencyP99", "automatic_failover", "cause=no_answer", "critical", "Slack"} <= words
    assert 'cache_probe_schedule_lag_seconds{fleet="cache",instance="127.0.0.1:9121"}' in words
    assert [line for line in lines if len(line) > width and len(line.split()) > 1] == []


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_backtest_of_two_policies_folds_no_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    backtest_report.show(Outcome((Told(RULES, ()), Told(RULES, ())), (), ()), Window(0, 3600_000), ())
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert {line.split()[1] for line in table} == {rule.name for rule in RULES}
    assert max(map(len, table)) <= width
