"""From what the parts of a rule gave to what fired: each alert beside those that stand in its way."""

from alerts.backtest.fired import Gave, Held, firings
from alerts.backtest.history import Window
from alerts.backtest.plan import rules
from alerts.backtest.simulate import Span
from alerts.rules import groups
from policy.model import Policy

STEP = 15_000


def node(name: str, **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"fleet": "cache", "shard": "a", "instance": name, **more}.items()))


def held(*minutes: tuple[str, int, int]) -> Held:
    """Of each node the first and the last minute at which an expression gave it."""
    return {node(name): [[first * 60_000, last * 60_000]] for name, first, last in minutes}


def test_a_replica_fires_until_its_primary_does_and_a_node_of_another_shard_is_none_of_theirs() -> None:
    (rule,) = (each for each in rules(groups(Policy())) if each.name == "CacheMemoryVeryHigh")
    full = held(("replica", 0, 60), ("primary", 10, 60))
    begins = held(("replica", 0, 9), ("primary", 10, 60))
    ahead, behind = held(("primary", 0, 60)), held(("replica", 0, 60))
    other = node("other", shard="b")
    full[other] = begins[other] = behind[other] = [[0, 3_600_000]]
    gave = Gave(0, begins, full, {}, behind, ahead)
    found, problems = firings({rule: gave}, Window(0, 3_600_000), ())
    assert not problems
    assert {dict(each.labels)["instance"]: each.span for each in found} == {
        "replica": Span(300_000, 900_000 + STEP, True),
        "primary": Span(900_000, 3_600_000, False),
        "other": Span(300_000, 3_600_000, False),
    }


def test_what_a_rule_is_replayed_from_is_asked_of_the_history() -> None:
    (rule,) = (each for each in rules(groups(Policy())) if each.name == "CacheMemoryHigh")
    assert rule.keeping is not None
    assert rule.keeping.follows is not None
    assert {rule.keeping.follows.behind, rule.keeping.follows.ahead} < set(rule.queries)
