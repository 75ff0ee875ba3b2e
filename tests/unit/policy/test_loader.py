"""Reading a policy from a file: what goes wrong outside the text, and where a later problem is placed."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.loader import PolicyError, load, parse

# One value for every key of a policy that has a simple value.
FULL: dict[str, Any] = yaml.safe_load("""
fleet:
  name: a
  nodes: [{url: redis://a, shard: b, memory_limit: 1GiB}]
  sentinel: {addresses: [a], masters: [b], refresh: 5s, auth: {username: a, password_env: B}}
  auth: {username: a, password_file: b}
  memory_limit: 1GiB
collect: {interval: 10s, timeout: 1s}
probe: {interval: 500ms, timeout: 1s}
health: {failures: 3, recoveries: 2, window: 5m, min_requests: 100}
thresholds:
  hit_rate: {target: 80%, warning: {below: 75%, for: 10m}, critical: {below: 70%, for: 5m}}
  latency_p95: {target: 1ms, warning: {above: 2ms, for: 5m}, critical: {above: 5ms, for: 2m}}
  availability: {target: 99.99%, warning: {below: 99.9%}, critical: {below: 99%}}
  memory: {target: 80%, warning: {above: 85%, for: 10m}, critical: {above: 90%}}
slos: [{name: availability, objective: 99.9, window: 30d}]
timeouts: {get: {timeout: 10ms, retries: 1, backoff: 0s}}
breaker: {failure_rate: 50%, window: 10s, half_open_after: 30s, min_calls: 3}
rules: {interval: 15s, liveness_interval: 2s, liveness_timeout: 1s, liveness_evaluation: 1s, rate_window: 1m}
notify:
  pagerduty: {routing_key_file: a, url: http://a}
  slack: {channel: a, token_file: b, url: http://a}
  page: {group_wait: 0s, group_interval: 15s, repeat_interval: 4h}
stack: {exporter: "a:1", prometheus: http://a, grafana: http://b, runbooks: http://c}
""")
SCALARS = [None, True, -1, 0, 10**17, 1.5, "", "x", "-", "\0", "\u2028", "#", "%", "1", "1s", "100%", "http://", "a@b"]
SHAPES: list[object] = [[], [[]], ["a"], [None], [1], {}, {"": 1}, {"a": {"b": "c"}}, {"url": 5}]
ODD = [*SCALARS, *SHAPES]


def places(data: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in a tree of mappings and lists."""
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [above, *(place for key, value in below for place in places(value, (*above, key)))]


def replaced(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of the tree with another value at one place."""
    if not place:
        return value
    copy = data.copy()
    copy[place[0]] = replaced(data[place[0]], place[1:], value)
    return copy


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    path = tmp_path / "prod.yaml"
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert str(refused.value) == (
        f"{path}: cannot be read: No such file or directory; `cachewatch init` writes a starter file"
    )


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"cannot be read: Is a directory$"):
        load(tmp_path)


def test_a_policy_can_come_through_a_pipe(tmp_path: Path) -> None:
    """`cachewatch -c <(generate-policy) check` hands over a pipe, which can be read once only."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write("fleet: {name: piped}\n")
    try:
        assert load(Path(f"/dev/fd/{reader}")).policy.fleet.name == "piped"
    finally:
        os.close(reader)


def test_secret_files_are_sought_beside_the_policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    text = (
        "fleet: {auth: {password_file: redis.pw}}\n"
        "notify: {slack: {channel: '#a', token_file: /run/slack}, pagerduty: {routing_key_file: sub/key}}\n"
    )
    (folder / "p.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    policy = load(Path("conf/p.yaml")).policy
    assert policy.fleet.auth
    assert policy.notify.slack
    assert policy.notify.pagerduty
    assert policy.fleet.auth.password_file == folder / "redis.pw"
    assert policy.notify.slack.token_file == Path("/run/slack")
    assert policy.notify.pagerduty.routing_key_file == folder / "sub" / "key"


def test_secret_files_stand_beside_a_link_that_each_update_turns_over(tmp_path: Path) -> None:
    """A mounted config map links the policy to a folder whose name changes: a path through it would go stale."""
    (tmp_path / "..2024").mkdir()
    (tmp_path / "..2024" / "p.yaml").write_text("fleet: {auth: {password_file: redis.pw}}\n")
    (tmp_path / "p.yaml").symlink_to("..2024/p.yaml")
    auth = load(tmp_path / "p.yaml").policy.fleet.auth
    assert auth
    assert auth.password_file == tmp_path / "redis.pw"


def test_a_problem_found_later_stands_on_the_line_of_its_key_or_of_the_nearest_above() -> None:
    loaded = parse("fleet:\n  name: a\nnotify:\n  page:\n    group_wait: 0s\n", "p.yaml", Path("/"))
    assert str(loaded.problem("notify.page.group_wait", "hm")) == "p.yaml:5: notify.page.group_wait: hm"
    assert str(loaded.problem("notify.slack", "hm")) == "p.yaml:3: notify.slack: hm"
    assert str(load(None).problem("notify.slack", "hm")) == "built-in defaults: notify.slack: hm"


def test_problems_come_in_the_order_of_the_file() -> None:
    text = "slos: [{name: hit_rate, objective: 0}]\nfleet: {nodes: []}\ncolect: 1\ncollect: {interval: 5}\n"
    with pytest.raises(PolicyError) as refused:
        parse(text, "p.yaml", Path("/"))
    assert [problem.line for problem in refused.value.problems] == [1, 2, 3, 4]


def problems_of(data: Any) -> list[str]:
    """The lines that the author of a policy reads, none when it is good."""
    try:
        parse(yaml.safe_dump(data), "p.yaml", Path("/"))
    except PolicyError as error:
        return str(error).split("\n")
    return []


@pytest.mark.parametrize("section", FULL)
def test_whatever_stands_at_any_key_the_answer_is_a_policy_or_lines_that_can_be_read(section: str) -> None:
    """Never a traceback."""
    part = {section: FULL[section]}
    assert problems_of(part) == []
    for place in places(part):
        told = [line for odd in ODD for line in problems_of(replaced(part, place, odd))]
        assert told
        assert not [line for line in told if not line.startswith("p.yaml:") or not line.isprintable()]
