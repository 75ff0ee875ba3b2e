"""What a history must have before an alert can be judged by it."""

from datetime import timedelta
from typing import cast

from alerts.backtest.history import Window, phase
from alerts.backtest.plan import Rule, rules
from alerts.backtest.prometheus import Prometheus
from alerts.model import Alert, Group, Record

STEPS = Record("a:step", 'x - last_over_time(a:step{b="c"}[15m] offset 1ms)')


def planned(expr: str) -> Rule:
    alert = Alert("A", expr, {}, {})
    (rule,) = rules({"g": Group("g", timedelta(seconds=15), (STEPS, Record("a:y", "y"), alert))})
    return rule


class Asked:
    """A server that notes what it is asked, and answers with the time of the samples of one fleet."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    async def instant(self, query: str, at: int) -> list[tuple[dict[str, str], float]]:
        self.queries.append(query)
        return [({}, 1007.25)] if 'fleet="ours"' in query else [({}, 1003.0)]


async def test_the_times_of_a_group_are_those_of_the_rules_own_fleet() -> None:
    server = Asked()
    found = await phase(cast(Prometheus, server), planned('a:y{fleet="ours"} > 1'), Window(0, 2_000_000))
    assert found == 1_007_250 % 15_000
    assert server.queries[0].startswith('max(timestamp(a:step{fleet="ours"}))')


async def test_a_rule_that_names_no_fleet_takes_the_times_that_there_are() -> None:
    server = Asked()
    assert await phase(cast(Prometheus, server), planned("a:y > 1"), Window(0, 2_000_000)) == 1_003_000 % 15_000
