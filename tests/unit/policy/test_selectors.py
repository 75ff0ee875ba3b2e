"""Selectors: regular expressions are those that Prometheus reads, and reads as Python does. promtool itself is asked."""

import json
import random
import re
import subprocess
from pathlib import Path

import pytest

from policy import patterns
from policy.selectors import Matcher, Selector, parse_selector
from sandbox import binaries

ACCEPTED = r"""
2..|3.. 200|201 shop-[a-z]+ /api/v1/.* 5\d{2} (?i)get|post a\.b .+ [^5].* ^2..$ (GET|HEAD) (?:a|b)+ (?P<class>[23])..
/users/{id} a{ {} a{b}c a{2,x} }] \[x\] x{2} x{2,} x{2,5}? x*? x+? x?? (x{10}){100} (?:x{20}y{50}){20} x{0,1000} x{0}
(?s).* (?m)^a$ (?im)a (?i)(?s)a (?i:get)-x (?s-i:get) (?-i:a) [a-z0-9_.-]+ [-a] [a-] []a] [^]a] [^^] [a\]b] [\d\-x] [\w.]+
[+-.] [$^.|(){}*+?] [a&b|c~d] \d+\D\w\W\s\S \bx\b \A2 \n\t\r\f\v\a \x2d \x7E[\x30-\x39] \_ \/ \- \- \@ \{ \} \^\$\|\\
é+ [é-ü] 日本 (|a) () a| |a (a*)* (^)* (?:$)? a(?:)b \# \~
""".split()
REFUSED = {
    r"2..|3..\Z": r"at '\\Z'; write \\ for a backslash",
    r"2..|3..\z": "does not know",
    "(?x)2..": "groups are",
    "(?a)2..": "groups are",
    "(?u)2..": "groups are",
    r"2\d{0,1200}": "1200 times",
    r"2{1001,}": "1001 times",
    r"2{99999999999999999999}": "1000 times at most",
    "(a{40}){30}": "1200 times",
    "((?:a{11}b){10}c){10}": "1100 times",
    "(?P<é>2)..": "name in ASCII",
    "(?P<1a>2)..": "name in ASCII",
    "(?<a>2)..": "groups are",
    "2..|\ud800": "half a character",
    "2{,2}.+": "{0,5} for up to five",
    "2{,}": "{0,5} for up to five",
    "2{02}": "no 0 before a number",
    "[[:digit:]]..": "0-9 for [:digit:]",
    "[[]": r"\[ for a bracket",
    "[a[b]": r"\[ for a bracket",
    "[a--]": "none of --",
    "[a-z--9]": "none of --",
    "[a&&b]": "none of --",
    "[a||b]": "none of --",
    "[a~~b]": "none of --",
    "[abc": "close it with ]",
    "[]": "close it with ]",
    r"[]a\b]": "close it with ]",
    r"[^]a--b]": "close it with ]",
    r"[\b]": "does not know",
    r"[\A]": "does not know",
    "2++": "repeats a repeat, '++'",
    "2*+": "repeats a repeat",
    "2{2}+": "repeats a repeat",
    "2**": "repeats a repeat",
    "2{2}{3}": "repeats a repeat",
    "(?=2)..": "groups are",
    "(?!2)..": "groups are",
    "(?<!2)..": "groups are",
    "(?>2)..": "groups are",
    "(?#2)..": "groups are",
    "(?P=a)": "groups are",
    "(a)(?(1)b)": "groups are",
    r"(a)\1": "does not know",
    r"\07": "does not know",
    r"\pL": "does not know",
    r"\Qa\E": "does not know",
    r"\u0041": "does not know",
    r"\x4": "does not know",
    r"\x{41}": "does not know",
    r"\é": "does not know",
    r"\B": "does not know",
    "a\\": "for a backslash",
    "a(?i)b": "write it first, or (?i:...)",
    "(?i)é": "both cases",
    r"(?i:a)\xe9": "both cases",
    "(?i-i:a)": "is none",
    "(a": "is none",
    "a)": "is none",
    "*a": "is none",
    "^*": "is none",
    "[z-a]": "is none",
    r"[\d-z]": "is none",
    "a{5,2}": "is none",
    "(?P<a>x)(?P<a>y)": "is none",
    "(" * 51 + ")" * 51: "51 deep",
    "(" * 2000 + ")" * 2000: "2000 deep",
    "(?:" + "abcd" * 250 + "){1000}": "too big",
}
FRAGMENTS = [
    *"a x 2 5 . | ^ $ ( ) (?: (?i) (?s) (?m) (?i: (?-s: (?P<n> [ ] [^ - [a-z] [^x] [] & ~ { } {} , é ] _ / \\".split(),
    *r"* + ? {2} {2,} {1,3} {,2} {02} {30} {a} *? +? {2}? \d \D \w \W \s \S \b \A \Z \B \. \- \] \[ \\ \x61 \x4 \n \1 [:".split(),
    *r"2.. 5\d{2} shop-[a-z]+ (a|b) (?:x) (x{40}) [\d.] [a\-z] [--] [0-] 200|201".split(),
]
VALUES = [
    "",
    "a",
    "x",
    "2",
    "5",
    "é",
    "A",
    "X",
    "200",
    "201",
    "ax",
    "aa",
    "22",
    "x2",
    "shop-a",
    "-",
    "a-",
    "]",
    "[",
    "{",
    "2{,2}",
]


def text(pattern: str) -> str:
    return f"a_total{{path=~{json.dumps(pattern)}}}"


def fuzzed() -> list[str]:
    """Patterns made of fragments that are let through; most are not, and so many are made."""
    dice = random.Random(20)  # noqa: S311 - no secret
    made = dict.fromkeys("".join(dice.choices(FRAGMENTS, k=dice.randint(1, 6))) for _ in range(4000))
    return [pattern for pattern in made if let_through(pattern)]


def let_through(pattern: str) -> bool:
    try:
        patterns.check(pattern)
    except ValueError:
        return False
    return True


def promtool(folder: Path, *words: str, **files: object) -> str:
    """What promtool says of files (JSON is YAML); nothing where it finds no fault."""
    for name, data in files.items():
        (folder / f"{name}.yml").write_text(json.dumps(data), encoding="utf-8")
    command = [str(binaries.find("promtool")), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def refused_by_promtool(folder: Path, found: list[str]) -> str:
    rules = [{"record": f"r{at}", "expr": str(parse_selector(text(pattern)))} for at, pattern in enumerate(found)]
    return promtool(folder, "check", "rules", "rules.yml", rules={"groups": [{"name": "g", "rules": rules}]})


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_what_both_know_is_accepted(pattern: str) -> None:
    assert parse_selector(text(pattern)).matchers == (Matcher("path", "=~", pattern),)


@pytest.mark.parametrize(("pattern", "words"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_prometheus_does_not_know_or_reads_otherwise_is_refused_with_the_cure(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        parse_selector(text(pattern))
    assert "the label 'path'" in str(refused.value)


def test_half_a_character_is_refused_in_a_plain_value_too() -> None:
    with pytest.raises(ValueError, match="half a character"):
        parse_selector('a_total{path="\\udc00"}')
    assert parse_selector('a_total{path="\\ud83d\\ude00"}').matchers[0].value == "\U0001f600"


def test_classes_know_ascii_alone_as_in_prometheus() -> None:
    digit = parse_selector(text(r"\d"))
    assert digit.fits("a_total", {"path": "7"})
    assert not digit.fits("a_total", {"path": "٧"})  # noqa: RUF001
    assert not parse_selector(text(r"\w+")).fits("a_total", {"path": "é"})


def test_promtool_accepts_all_that_is_accepted(tmp_path: Path) -> None:
    assert refused_by_promtool(tmp_path, ACCEPTED) == ""
    assert r"\Z" in promtool(
        tmp_path, "check", "rules", "one.yml", one=_rule(Selector("a", (Matcher("b", "=~", r"\Z"),)))
    )


def _rule(selector: Selector) -> object:
    return {"groups": [{"name": "g", "rules": [{"record": "r", "expr": str(selector)}]}]}


def test_promtool_accepts_what_is_accepted_of_random_patterns_and_reads_it_alike(tmp_path: Path) -> None:
    found = fuzzed()
    assert len(found) > 300
    assert refused_by_promtool(tmp_path, found) == ""
    assert read_otherwise_by_promtool(tmp_path, [*ACCEPTED, *found]) == ""


def read_otherwise_by_promtool(folder: Path, found: list[str]) -> str:
    """Where promtool selects other series than `fits` says."""
    series = [{"series": f"a_total{{path={json.dumps(value)}}}", "values": "1"} for value in VALUES]
    cases = [
        {
            "expr": f"count({selector}) or vector(0)",
            "eval_time": "0s",
            "exp_samples": [{"labels": "{}", "value": fitting}],
        }
        for selector in map(parse_selector, map(text, found))
        for fitting in [sum(selector.fits("a_total", {"path": value}) for value in VALUES)]
    ]
    tests = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": cases}]}
    return promtool(folder, "test", "rules", "tests.yml", tests=tests)
