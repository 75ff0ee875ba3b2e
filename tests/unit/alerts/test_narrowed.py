"""The parts in which rule tests are held: nothing is lost, and what a test looks at is there."""

from alerts.build import files, read
from tests.integration.narrowed import narrowed
from tests.unit.alerts.policies import policy

RULES = {
    "groups": [
        {
            "name": "one",
            "rules": [
                {"record": "ratio", "expr": "a / b"},
                {"alert": "CacheSlow", "expr": "ratio < 0.5"},
                {"alert": "CacheSlowToo", "expr": 'ratio < 0.9 unless ALERTS{alertname="CacheSlow"}'},
                {"alert": "CacheFull", "expr": "a > 1"},
            ],
        },
        {"name": "two", "rules": [{"alert": "CacheSlow", "expr": 'c unless ALERTS{alertname="CacheFull"}'}]},
    ]
}


def looks_at(*exprs: str) -> dict[str, object]:
    return {"promql_expr_test": [{"expr": expr} for expr in exprs]}


def test_each_test_is_beside_the_rules_that_it_looks_at_or_they_read() -> None:
    tests = [looks_at("ratio"), looks_at("ALERTS{alertname='CacheFull'}"), looks_at("ALERTS{alertname='CacheSlowToo'}")]
    parts = list(narrowed(RULES, {"tests": tests}))
    assert [part["tests"] for _, part in parts] == [[test] for test in tests]
    kept = [[rule.get("alert", "record") for group in rules["groups"] for rule in group["rules"]] for rules, _ in parts]
    assert kept == [
        ["record"],
        ["CacheFull"],
        ["record", "CacheSlow", "CacheSlowToo", "CacheFull", "CacheSlow"],
    ]


def test_no_test_of_what_is_built_is_lost() -> None:
    built = files(policy("default"))
    for path, text in built.items():
        if path.startswith("rule-tests/") and not path.startswith("rule-tests/slo"):
            tests = read(text)
            rules = read(built[path.replace("rule-tests/", "rules/")])
            parts = list(narrowed(rules, tests))
            assert sorted(t["name"] for _, part in parts for t in part["tests"]) == sorted(
                t["name"] for t in tests["tests"]
            )
