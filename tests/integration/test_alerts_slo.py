"""The rule tests of the objectives can fail: rules that differ in one thing break them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml

from alerts.build import files, read
from tests.integration.narrowed import differing, written
from tests.integration.test_alerts_tools import run
from tests.unit.alerts.policies import policy


@dataclass(frozen=True)
class Pair:
    """Two windows of a burn rate in `slo_latency`, as its rule has them; a share is changed by one of its last digit."""

    long: str
    share: str
    higher: str
    lower: str
    events: int
    offset: str
    quiet: str

    def part_of(self, rule: str, place: str) -> slice:
        """Where they stand in the alerts of the rule file."""
        begins, end = PLACES[place]
        pair = rule.index(f"(slo:sli_error:ratio_rate{self.long}{{", rule.index("alert:"))
        begin = rule.index(begins.replace("LONG", self.long), pair)
        return slice(begin, rule.index(end.replace("OFFSET", self.offset), begin) + len(end))


# What begins an alert, what it goes on by, how many events that takes, and who else tells of it: the first words and the last.
PLACES = {
    "new": ("(slo:sli_error:ratio_rateLONG{", "]) and slo"),
    "lately": ("(max_over_time(slo:sli_error:ratio_rateLONG{", "}) and count"),
    "enough": (" slo:events:sumLONG{", "OFFSET)"),
    "others": ("unless on (fleet, slo)", '"firing"'),
}
PAIRS = {
    "critical.1h": Pair("1h", "0.144", "0.145", "0.143", 7, "45m", "4m59s999ms"),
    "critical.6h": Pair("6h", "0.06", "0.061", "0.059", 17, "4h30m", "29m59s999ms"),
    "warning.1d": Pair("1d", "0.03", "0.031", "0.029", 34, "18h", "1h59m59s999ms"),
    "warning.3d": Pair("3d", "0.01", "0.011", "0.009", 100, "2d6h", "5h59m59s999ms"),
}
_MAX, _NOW = " without (sloth_window) (max", " without (sloth_window) (slo"
# What stands there of a pair, and what is put in its place; and the promise of the case that minds.
Change = Callable[[Pair], tuple[str, str]]
CHANGES: dict[tuple[str, str], dict[str, Change]] = {
    ("fires just over", "new"): {
        "a higher share over the long window": lambda p: (f"> {p.share} and sum", f"> {p.higher} and sum"),
        "a lower share over the long window": lambda p: (f"> {p.share} and sum", f"> {p.lower} and sum"),
        "the share itself over the long window": lambda p: (f"> {p.share} and sum", f">= {p.share} and sum"),
        "a higher share over the short window": lambda p: (f"> {p.share} unless", f"> {p.higher} unless"),
        "a lower share over the short window": lambda p: (f"> {p.share} unless", f"> {p.lower} unless"),
    },
    ("goes on while it was so lately", "lately"): {
        "a higher share over the long window": lambda p: (f"> {p.share} and sum{_MAX}", f"> {p.higher} and sum{_MAX}"),
        "a lower share over the long window": lambda p: (f"> {p.share} and sum{_MAX}", f"> {p.lower} and sum{_MAX}"),
        "the share itself over the long window": lambda p: (
            f"> {p.share} and sum{_MAX}",
            f">= {p.share} and sum{_MAX}",
        ),
        "a higher share over the short window": lambda p: (f"> {p.share} and sum{_NOW}", f"> {p.higher} and sum{_NOW}"),
        "a lower share over the short window": lambda p: (f"> {p.share} and sum{_NOW}", f"> {p.lower} and sum{_NOW}"),
        "another alert": lambda _: ('alertname="Cache', 'alertname="Other'),
        "an alert that waits": lambda _: ('"firing"', '"pending"'),
    },
    ("nobody else tells of it", "others"): {"a dead node told twice": lambda _: ("CacheNodeDown|", "")},
    ("on too few events", "enough"): {
        "more events": lambda p: (f">= {p.events} or", f">= {p.events + 1} or"),
        "fewer events": lambda p: (f">= {p.events} or", f">= {p.events - 1} or"),
    },
    ("on too short a history", "enough"): {"no history": lambda p: (f" offset {p.offset}", "")},
    ("while another alert tells of it", "new"): {
        "a dead node told twice": lambda _: ("CacheNodeDown|", ""),
        "a short window that remembers": lambda p: (f"[{p.quiet}]", f"[1d{p.quiet}]"),
        "a short window that forgets": lambda p: (f"[{p.quiet}]", "[1s]"),
    },
}
_EVENTS = 'sum without (sloth_window) (slo:sli_error:ratio_rate%s{fleet="cache",slo="latency"})'
# The same of what the pairs have in common: the test file that minds, what stands in the rules, and what is put there.
BROKEN = {
    "a shorter wait for a page": ("critical.1h", "for: 5m30s", "for: 5m"),
    "a longer wait for a page": ("critical.1h", "for: 5m30s", "for: 6m"),
    "a shorter wait for a ticket": ("warning.wait", "for: 10m30s", "for: 10m"),
    "a longer wait for a ticket": ("warning.wait", "for: 10m30s", "for: 16m"),
    "a shorter long window": ("critical.1h", "[59m59s999ms]", "[58m59s999ms]"),
    "a restart that is lost": ("", ">= 0 unless", ">= 1 unless"),
    "a bound beside the policy's": ("", 'le="0.003"', 'le="0.005"'),
    "planned work that counts": ("", "unless on () slo:maintenance", "and on () slo:maintenance"),
    "one that is kept for less": ("critical.1h", "}[4m59s999ms])) > 0.144", "}[4m29s999ms])) > 0.144"),
    "one that is kept for longer": ("critical.1h", "}[4m59s999ms])) > 0.144", "}[5m29s999ms])) > 0.144"),
    "one that is kept without events": ("critical.1h", f"{_EVENTS % '5m'} and max", f"{_EVENTS % '1h'} and max"),
    "one that ends where too few events come for a moment": ("critical.1h", "[4m59s999ms]) >= 7", "[4m59s999ms]) >= 8"),
    "the average of ratios": ("", "sum_over_time(slo:bad_events:step", "avg_over_time(slo:bad_events:step"),
    "another name for Sloth": ("", "sloth_window: 5m", "sloth_window: 5min"),
}


@cache
def built() -> dict[str, str]:
    return files(policy("objectives"))


def fails(damaged: str, suite: str, folder: Path, promise: str = "") -> None:
    """The tests of a suite, or those of a promise, mind rules that were damaged."""
    assert damaged != built()["rules/slo_latency.yml"]
    path = f"rule-tests/slo_latency{suite and '.'}{suite}.yml"
    tests = read(built()[path])
    tests["tests"] = [test for test in tests["tests"] if promise in test["name"]]
    assert tests["tests"]
    before = {**built(), path: yaml.safe_dump(tests)}
    result = run(
        "promtool",
        "test",
        "rules",
        *written(differing({**before, "rules/slo_latency.yml": damaged}, before, path), folder),
    )
    assert result.returncode == 1, result.stdout
    assert "FAILED" in result.stderr


@pytest.mark.parametrize(("promise", "place", "change"), [(*p, c) for p, changes in CHANGES.items() for c in changes])
@pytest.mark.parametrize("suite", PAIRS)
def test_a_broken_pair_of_windows_fails_its_test(
    suite: str, promise: str, place: str, change: str, tmp_path: Path
) -> None:
    whole, pair = built()["rules/slo_latency.yml"], PAIRS[suite]
    part, (old, new) = pair.part_of(whole, place), CHANGES[promise, place][change](pair)
    assert whole[part].count(old) == 1
    fails(whole[: part.start] + whole[part].replace(old, new) + whole[part.stop :], suite, tmp_path, promise)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_of_an_objective_fails_its_test(name: str, tmp_path: Path) -> None:
    suite, old, new = BROKEN[name]
    fails(built()["rules/slo_latency.yml"].replace(old, new), suite, tmp_path)
