"""`cachewatch build`: all files of one policy, or those of the build before, and never a mixture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.command import CHECKOUT, TIMEOUT_SECONDS, cachewatch, tree

# The owner of a folder must obey its mode; root does so without these two capabilities.
OBEYING = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / "cachewatch.yaml").write_text(text)


def built(tmp_path: Path) -> dict[str, bytes]:
    """Build into `out` from a good policy, and what is there afterwards."""
    write(tmp_path, "fleet: {name: before}\n")
    assert cachewatch(tmp_path, "build", "-o", "out").status == 0
    return tree(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fleat: {}\n", "cachewatch.yaml:1: fleat: unknown key; did you mean fleet?"),
        ("collect: {interval: 5min}\n", "cachewatch.yaml:1: collect.interval: '5min' is not a duration"),
        (
            "thresholds: {memory: {warning: {above: 95%}}}\n",
            "cachewatch.yaml:1: thresholds.memory.warning.above: warning at 95% is beyond critical at 90%",
        ),
        (
            "fleet:\n  nodes: [redis://a, redis://a]\n",
            "cachewatch.yaml:2: fleet.nodes.1: duplicate node a:6379: fleet.nodes.0 is the same",
        ),
    ],
    ids=["unknown key", "wrong unit", "warning beyond critical", "duplicate node"],
)
def test_a_policy_that_cannot_be_used_is_status_2_and_nothing_is_written(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    ended = cachewatch(tmp_path, "build", "-o", "out")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(told)
    assert not (tmp_path / "out").exists()


def test_what_was_written_is_told_and_is_all_there(tmp_path: Path) -> None:
    write(tmp_path, "")
    ended = cachewatch(tmp_path, "build", "-o", "out")
    assert ended.status == 0
    there = {f"out/{name}" for name in tree(tmp_path / "out")} - {"out/.cachewatch-build.json"}
    assert ended.out.splitlines() == sorted(there)
    assert {"out/prometheus.yml", "out/alertmanager.yml", "out/dashboards/fleet.json"} <= there


def test_a_second_build_changes_nothing_and_touches_nothing(tmp_path: Path) -> None:
    before = built(tmp_path)
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before}
    assert cachewatch(tmp_path, "build", "-o", "out").status == 0
    assert tree(tmp_path / "out") == before
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before} == times


def test_what_a_restored_folder_has_beyond_its_list_is_warned_of_and_left(tmp_path: Path) -> None:
    """The rules of an objective that was taken out since would go on paging; those of another fleet are meant to."""
    built(tmp_path)
    of_before = (tmp_path / "out/rules/memory.yml").read_bytes()
    (tmp_path / "out/rules/slo_gone.yml").write_bytes(of_before)
    (tmp_path / "out/rules/own.yml").write_text("groups: []\n")
    again = cachewatch(tmp_path, "build", "-o", "out")
    told = [line for line in again.err.splitlines() if "another build" in line]
    assert len(told) == 1
    assert told[0].startswith(
        "warning: out/rules/slo_gone.yml is of another build, restored or copied: remove it unless"
    )
    assert again.status == 0
    assert (tmp_path / "out/rules/slo_gone.yml").read_bytes() == of_before


def test_the_parts_on_their_own_give_the_same_files_and_leave_each_other_alone(tmp_path: Path) -> None:
    whole = built(tmp_path)
    assert cachewatch(tmp_path, "alerts", "build", "-o", "parts").status == 0
    assert cachewatch(tmp_path, "dashboards", "build", "-o", "parts").status == 0
    assert tree(tmp_path / "parts") == whole
    assert cachewatch(tmp_path, "alerts", "build", "-o", "out").status == 0
    assert tree(tmp_path / "out") == whole


def test_an_alert_that_would_reach_nobody_is_warned_of(tmp_path: Path) -> None:
    pages = "pagerduty: {routing_key_file: key}"
    tells = "slack: {channel: '#a', token_file: token}"
    told = {}
    (tmp_path / "key").write_text("k")
    dead = "warning: stack.runbooks is not set, and without notify.slack no notifier serves the runbooks: their links are dead\n"
    beat = "warning: notify.heartbeat is not set: nobody learns that Prometheus or Alertmanager is gone\n"
    whole = f"{pages}, {tells}, heartbeat: {{url: 'http://h.example.com/x'}}"
    hook = f"webhooks: [{{url: 'http://w.example.com/'}}], heartbeat: {{url: 'http://h.example.com/'}}, {tells}"
    tickets = "webhooks: [{url: 'http://w.example.com/', told: tickets}]"
    links = "{notifier: 'https://n.example.com', prometheus: 'https://p.example.com'}"
    for notify in ("", pages, tells, f"{pages}, {tells}", whole, hook, tickets):
        write(tmp_path, f"notify: {{{notify}}}\nstack: {{links: {links}}}\n")
        ended = cachewatch(tmp_path, "build", "-o", "out")
        assert ended.status == 0
        told[notify] = ended.err
    assert list(told.values()) == [
        "warning: notify names nobody (pagerduty, slack, webhooks): no alert reaches anybody\n" + dead,
        "warning: notify names nobody who takes tickets (slack, a webhook): no alert of severity warning reaches anybody\n"
        + beat
        + dead,
        "warning: notify.pagerduty is not set: only Slack hears of a critical alert\n" + beat,
        beat,
        "",
        "",
        "warning: notify names nobody who takes pages: no critical alert reaches anybody\n" + dead,
    ]


def test_a_key_that_alertmanager_could_not_read_is_warned_of_and_does_not_refuse_the_build(tmp_path: Path) -> None:
    write(tmp_path, "notify: {pagerduty: {routing_key_file: nowhere}, slack: {channel: '#a', token_file: token}}\n")
    ended = cachewatch(tmp_path, "build", "-o", "out")
    assert ended.status == 0
    assert "cachewatch.yaml:1: notify.pagerduty.routing_key_file: " in ended.err
    assert "cannot be read: No such file or directory (Alertmanager must find it where it runs)" in ended.err


def test_a_build_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    ended = cachewatch(tmp_path, "build", "-o", "out")
    assert ended.status == 2
    assert "Directory 'out' is a file" in ended.err
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_that_must_not_be_written_to_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "locked").mkdir(mode=0o555)
    for out in ("locked", "locked/out"):
        ended = cachewatch(tmp_path, "build", "-o", out, before=OBEYING)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"cannot write below {out}: locked/")
        assert ended.err.endswith(": Permission denied; nothing was changed\n")
    assert list((tmp_path / "locked").iterdir()) == []


def test_a_disk_that_is_full_in_the_middle_leaves_the_earlier_build_whole(tmp_path: Path) -> None:
    """The dashboard is larger than all other files: they could be written, it cannot."""
    before = built(tmp_path)
    largest = max(before, key=lambda name: len(before[name]))
    limit = sorted(map(len, before.values()))[-2] + 500
    assert limit < len(before[largest])
    write(tmp_path, "fleet: {name: after}\nthresholds: {hit_rate: {target: 85%}, memory: {target: 75%}}\n")
    ended = cachewatch(tmp_path, "build", "-o", "out", "--replace", before=("prlimit", f"--fsize={limit}"))
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"cannot write below out: out/{largest}: File too large; nothing was changed\n"
    assert tree(tmp_path / "out") == before


def test_the_build_of_another_fleet_is_left_unless_it_is_this_one_under_a_new_name(tmp_path: Path) -> None:
    """Its rules would be gone, and with the next reload nobody would watch it."""
    before = built(tmp_path)
    write(tmp_path, "fleet: {name: after}\n")
    for command in (("build",), ("alerts", "build"), ("dashboards", "build")):
        ended = cachewatch(tmp_path, *command, "-o", "out")
        assert (ended.status, ended.out) == (2, "")
        assert "cannot" not in ended.err
        assert ended.err.startswith(
            "out holds the build of fleet 'before', which nobody would watch any more: name another"
        )
        assert tree(tmp_path / "out") == before
    assert cachewatch(tmp_path, "build", "-o", "out", "--replace").status == 0
    assert b'fleet="after"' in tree(tmp_path / "out")["rules/node_down.yml"]
    assert cachewatch(tmp_path, "build", "-o", "out").status == 0


def test_two_builds_at_the_same_time_leave_the_files_of_one_of_them(tmp_path: Path) -> None:
    expected = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"fleet: {{name: {name}}}\n")
        assert cachewatch(tmp_path, "-c", f"{name}.yaml", "build", "-o", name).status == 0
        expected.append(tree(tmp_path / name))
    for _ in range(3):
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "cli", "-c", f"{name}.yaml", "build", "-o", "out", "--replace"],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name in ("one", "two")
        ]
        assert [process.wait(TIMEOUT_SECONDS) for process in running] == [0, 0]
        assert tree(tmp_path / "out") in expected


def test_an_empty_folder_name_is_refused(tmp_path: Path) -> None:
    """As of `-o "$OUT"` with OUT unset: it would be the current folder."""
    ended = cachewatch(tmp_path, "build", "-o", "")
    assert ended.status == 2
    assert "is empty; name a folder, or write . for this one" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_maintenance_that_never_ends_is_warned_of(tmp_path: Path) -> None:
    week = "[monday, tuesday, wednesday, thursday, friday]"
    spans = f"[{{weekdays: {week}}}, {{weekdays: [saturday, sunday], from: '00:00', to: '24:00'}}]"
    write(tmp_path, f"notify: {{maintenance: {spans}}}\n")
    said = "notify.maintenance covers the whole week: nobody is told of anything, ever"
    assert said in cachewatch(tmp_path, "build", "-o", "out").err
    write(tmp_path, f"notify: {{maintenance: [{{weekdays: {week}}}, {{weekdays: [saturday, sunday], to: '23:00'}}]}}\n")
    assert said not in cachewatch(tmp_path, "build", "-o", "out").err
