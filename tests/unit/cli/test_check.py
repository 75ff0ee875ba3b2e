"""`cachewatch check`: 0 fine, 1 a node does not answer, 2 the policy cannot be used."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from cli.context import tell_if_elsewhere
from exporter.survey import Answer, certificate_warnings
from policy.agreement import fingerprint
from policy.model import Policy
from sandbox.certificates import Authority, ServerTls
from sandbox.peer import Peer, says
from sandbox.ports import LOOPBACK, free_port
from sandbox.redis_node import RedisNode
from tests.unit.cli.command import cachewatch

LATENCY = ("+latency|latest", "+latency|histogram")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cachewatch.yaml"
    path.write_text(text)
    return path


def test_a_sound_policy_is_fine_and_the_time_to_page_is_told(tmp_path: Path) -> None:
    write(tmp_path, "fleet: {nodes: [redis://10.0.0.1:6379]}\n")
    ended = cachewatch(tmp_path, "check")
    assert (ended.status, ended.err) == (0, "")
    fine, told = ended.out.splitlines()
    assert fine == "cachewatch.yaml: fine. A killed node pages within 5.5 s, a hung one within 6.5 s."
    of = fingerprint(Policy.model_validate({"fleet": {"nodes": ["redis://10.0.0.1:6379"]}}))
    assert told == f"Fingerprint {of}: the exporter shows it in cache_policy_info when it has this policy."
    assert json.loads(cachewatch(tmp_path, "check", "--json").out)["fingerprint"] == of


def test_without_a_file_the_defaults_are_checked(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "check")
    assert ended.status == 0
    assert ended.out.startswith("built-in defaults: fine.")


@pytest.mark.parametrize("text", ["", "# fleet: {name: prod}\n", "{}\n"])
def test_a_file_without_a_key_is_warned_of(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    ended = cachewatch(tmp_path, "check")
    assert ended.status == 0
    assert ended.err == "warning: cachewatch.yaml has no key: the built-in defaults watch 127.0.0.1:6379\n"


def test_alerts_that_cannot_fire_are_warned_of(tmp_path: Path) -> None:
    write(
        tmp_path, "thresholds: {hit_rate: {critical: {below: 0%}}}\ncollect: {families: {deny: [redis_errors_total]}}\n"
    )
    ended = cachewatch(tmp_path, "check")
    assert ended.status == 0
    assert ended.err == (
        "warning: thresholds.hit_rate.critical.below is 0%: no share lies below it, so this alert cannot fire\n"
        "warning: collect.families hides redis_errors_total: the part of CacheWritesRefused, CacheWritesToReplica, "
        "CacheAccessDenied that reads it cannot fire\n"
    )


def test_where_nobody_is_probed_no_page_is_promised(tmp_path: Path) -> None:
    write(tmp_path, "collect: {background: false}\n")
    ended = cachewatch(tmp_path, "check")
    assert ended.out.startswith("cachewatch.yaml: fine. Nobody is probed: a dead node pages nobody.\n")
    assert "CacheFailoverOverdue" in ended.err
    assert json.loads(cachewatch(tmp_path, "check", "--json").out)["page_bound_seconds"] is None


def test_the_problems_are_there_for_programs_too(tmp_path: Path) -> None:
    write(tmp_path, "fleat: {}\nhealth: {failures: 0}\n")
    ended = cachewatch(tmp_path, "check", "--json")
    assert ended.status == 2
    problems = json.loads(ended.out)["problems"]
    assert problems == ended.err.splitlines()
    assert len(problems) == 2


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    ended = cachewatch(tmp_path, "-c", "prod.yaml", "check")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("prod.yaml: cannot be read: No such file or directory")


def test_a_default_file_that_is_a_link_to_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "cachewatch.yaml").symlink_to("gone.yaml")
    ended = cachewatch(tmp_path, "check")
    assert ended.status == 2
    assert ended.err.startswith("cachewatch.yaml: cannot be read: No such file or directory")


def test_every_problem_is_told_on_its_own_line_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, "fleet:\n  nodes: []\ncolect: {}\nslos: [{name: hit_rate, objective: 100}]\n")
    ended = cachewatch(tmp_path, "check")
    assert (ended.status, ended.out) == (2, "")
    places = [line.split(": ")[:2] for line in ended.err.splitlines()]
    assert places == [
        ["cachewatch.yaml:2", "fleet.nodes"],
        ["cachewatch.yaml:3", "colect"],
        ["cachewatch.yaml:4", "slos.0.objective"],
    ]


def test_secrets_must_be_readable(tmp_path: Path) -> None:
    write(tmp_path, "fleet:\n  auth: {password_env: NO_SUCH_PASSWORD}\n")
    ended = cachewatch(tmp_path, "check")
    assert ended.status == 2
    assert ended.err == (
        "cachewatch.yaml:2: fleet.auth.password_env: environment variable NO_SUCH_PASSWORD is not set\n"
    )
    assert cachewatch(tmp_path, "check", environ={"NO_SUCH_PASSWORD": "x"}).status == 0


def test_the_stack_is_asked_without_the_secrets_of_its_parts(tmp_path: Path) -> None:
    exporter, notifier, alertmanager, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(4))
    stack = f"{{exporter: '{exporter}', notifier: '{notifier}', alertmanager: '{alertmanager}', prometheus: 'http://{prometheus}'}}"
    slack = "{channel: '#c', token_file: no.token}"
    write(tmp_path, f"fleet: {{auth: {{password_env: NO_SUCH}}}}\nstack: {stack}\nnotify: {{slack: {slack}}}\n")
    asked = cachewatch(tmp_path, "check", "--stack")
    assert (asked.status, asked.out.count("cannot connect")) == (1, 4)
    missing = "cachewatch.yaml:1: fleet.auth.password_env: environment variable NO_SUCH is not set"
    assert f"warning: {missing} (whoever needs it must find it where it runs)\n" in asked.err
    assert "warning: cachewatch.yaml:3: notify.slack.token_file: " in asked.err
    with_nodes = cachewatch(tmp_path, "check", "--stack", "--connect")
    assert (with_nodes.status, with_nodes.out, with_nodes.err) == (2, "", f"{missing}\n")


def test_a_node_that_answers_is_shown_with_role_and_version(tmp_path: Path, redis_node: RedisNode) -> None:
    write(tmp_path, f"fleet: {{nodes: [{{url: 'redis://{redis_node.instance}', shard: '[red]a'}}]}}\n")
    ended = cachewatch(tmp_path, "check", "--connect")
    assert (ended.status, ended.err) == (0, "")
    (row,) = [line for line in ended.out.splitlines() if redis_node.instance in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [
        redis_node.instance,
        "[red]a",
        "yes",
        "primary",
        str(redis_node.info("server")["redis_version"]),
        "no",
        "",
    ]


def test_a_node_that_does_not_answer_is_status_1_and_the_others_are_shown_all_the_same(
    tmp_path: Path, redis_node: RedisNode
) -> None:
    dead = f"127.0.0.1:{free_port()}"
    write(tmp_path, f"fleet: {{nodes: ['redis://{redis_node.instance}', 'redis://{dead}']}}\n")
    ended = cachewatch(tmp_path, "check", "--connect", "--json")
    assert (ended.status, ended.err) == (1, "")
    nodes = {node["instance"]: node for node in json.loads(ended.out)["nodes"]}
    assert nodes[redis_node.instance]["error"] == ""
    assert nodes[dead]["error"].startswith("refused: ")


def test_a_shard_of_two_primaries_or_of_replicas_alone_is_told_with_status_1(
    tmp_path: Path, redis_node: RedisNode
) -> None:
    def told(elsewhere: str = "") -> tuple[int, list[str]]:
        members = ", ".join(f"{{url: 'redis://{node}', shard: b}}" for node in (redis_node.instance, other.instance))
        nodes = f"[{{url: 'redis://{redis_node.instance}', shard: alone}}]" if elsewhere else f"[{members}]"
        write(tmp_path, f"fleet: {{nodes: {nodes}, primary_elsewhere: [{elsewhere}]}}\n")
        ended = cachewatch(tmp_path, "check", "--connect", "--json")
        return ended.status, json.loads(ended.out)["shard_problems"]

    (tmp_path / "other").mkdir()
    with RedisNode(free_port(), tmp_path / "other") as other:
        both = ", ".join(sorted((redis_node.instance, other.instance)))
        status, problems = told()
        assert (status, len(problems)) == (1, 1)
        assert problems[0].startswith(f"shard b has 2 primaries ({both}): ")
        assert problems[0] in " ".join(cachewatch(tmp_path, "check", "--connect").out.split())
        redis_node.client().replicaof(LOOPBACK, str(other.port))
        assert told() == (0, [])
        other.client().replicaof(LOOPBACK, str(redis_node.port))
        status, (problem,) = told()
        assert (status, problem.partition(": ")[0]) == (1, f"shard b has replicas alone ({both})")
        assert told("alone") == (0, [])


def test_a_wrong_password_is_status_1_and_is_not_shown(tmp_path: Path) -> None:
    write(tmp_path, "")
    with RedisNode(free_port(), tmp_path, password="right") as node:
        write(tmp_path, f"fleet: {{nodes: ['redis://{node.instance}'], auth: {{password_env: PW}}}}\n")
        wrong = cachewatch(tmp_path, "check", "--connect", environ={"PW": "hunter2"})
        right = cachewatch(tmp_path, "check", "--connect", environ={"PW": "right"})
    assert (wrong.status, right.status) == (1, 0)
    assert "auth: " in wrong.out
    assert "hunter2" not in wrong.out + wrong.err


def test_the_version_of_tls_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = ServerTls(authority.cert, authority.issue("server"))
    with RedisNode(free_port(), tmp_path, tls=tls) as node:
        write(tmp_path, f"fleet: {{nodes: ['rediss://{node.instance}'], tls: {{ca_file: ca.crt}}}}\n")
        ended = cachewatch(tmp_path, "check", "--connect", "--json")
    assert (ended.status, ended.err) == (0, "")
    assert [answer["tls"] for answer in json.loads(ended.out)["nodes"]] == ["TLSv1.3"]


@pytest.mark.parametrize(
    ("rights", "status", "missing"),
    [
        ("+@all", 0, []),
        ("+ping +info", 0, ["+config|get", "+slowlog|len", "+slowlog|get", *LATENCY]),
        ("+ping +info +config|get +slowlog|len", 0, ["+slowlog|get", *LATENCY]),
        ("+info", 1, ["+ping", "+config|get", "+slowlog|len", "+slowlog|get", *LATENCY]),
        ("+ping", 1, ["+info", "+config|get", "+slowlog|len", "+slowlog|get", *LATENCY]),
    ],
)
def test_the_rights_that_the_user_lacks_are_named_as_they_are_granted(
    tmp_path: Path, rights: str, status: int, missing: list[str]
) -> None:
    with RedisNode(free_port(), tmp_path, config=[f"user watcher on >word {rights}"]) as node:
        login = "auth: {username: watcher, password_env: PW}"
        write(tmp_path, f"fleet: {{nodes: ['redis://{node.instance}'], {login}}}\n")
        ended = cachewatch(tmp_path, "check", "--connect", "--json", environ={"PW": "word"})
    assert ended.status == status
    assert [answer["missing"] for answer in json.loads(ended.out)["nodes"]] == [missing]


def test_all_rights_that_lack_are_named_at_once(tmp_path: Path) -> None:
    with RedisNode(free_port(), tmp_path, config=["user watcher on >word -@all"]) as node:
        login = "auth: {username: watcher, password_env: PW}"
        write(tmp_path, f"fleet: {{nodes: ['redis://{node.instance}'], {login}}}\nprobe: {{write: true}}\n")
        ended = cachewatch(tmp_path, "check", "--connect", "--json", environ={"PW": "word"})
        (told,) = json.loads(ended.out)["nodes"]
        assert (told["role"], told["version"]) == ("primary", node.info("server")["redis_version"])
        assert told["error"].startswith("auth: NOPERM")
        with node.client() as client:
            client.execute_command("ACL", "SETUSER", "watcher", *told["missing"])
        ended = cachewatch(tmp_path, "check", "--connect", "--json", environ={"PW": "word"})
    (told,) = json.loads(ended.out)["nodes"]
    assert (ended.status, told["error"], told["missing"]) == (0, "", [])


@pytest.mark.parametrize(
    "source", ["sentinel: {addresses: ['127.0.0.1:1']}", "cluster: {addresses: ['127.0.0.1:1']}", "files: [none.json]"]
)
def test_a_source_that_fails_is_told_once(tmp_path: Path, source: str) -> None:
    write(tmp_path, f"fleet: {{{source}}}\n")
    ended = cachewatch(tmp_path, "check", "--connect")
    assert (ended.status, ended.err) == (1, "")
    assert ended.out.count("127.0.0.1:1" if "addresses" in source else "none.json") == 1


def test_a_name_that_does_not_resolve_is_told_once(tmp_path: Path) -> None:
    write(tmp_path, "fleet: {nodes: ['redis://no-such-host.invalid:6379']}\n")
    ended = cachewatch(tmp_path, "check", "--connect", environ={"COLUMNS": "200"})
    assert (ended.status, ended.err, ended.out.count("cannot be resolved")) == (1, "", 1)


def test_a_long_name_is_neither_folded_nor_cut_when_the_terminal_is_narrow(tmp_path: Path) -> None:
    name = "a-rather-long-name-of-a-cache-node-in-some-cloud.invalid"
    write(tmp_path, f"fleet: {{nodes: ['redis://{name}']}}\n")
    ended = cachewatch(tmp_path, "check", "--connect", environ={"COLUMNS": "60"})
    assert ended.status == 1
    assert f"{name}:6379" in ended.out.splitlines()


def test_what_servers_say_does_not_drive_the_terminal(tmp_path: Path) -> None:
    with Peer(says(b"-ERR \x1b[2J\x1b]0;all is well\x07\x9b1m\r\n")) as peer:
        write(
            tmp_path,
            f"fleet: {{nodes: ['redis://{peer.instance}'], sentinel: {{addresses: ['{peer.instance}'], masters: [a]}}}}",
        )
        ended = cachewatch(tmp_path, "check", "--connect")
    assert ended.status == 1
    assert "\\x1b[2J\\x1b]0;all is well\\x07" in ended.out
    assert [line for line in (ended.out + ended.err).splitlines() if not line.isprintable()] == []


def test_the_end_of_a_certificate_stands_beside_the_version_of_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def survey(*_: object) -> tuple[list[Answer], str]:
        own = ("client.crt", "2027-03-31T09:30:00Z")
        return [
            Answer("a:1", "", tls="TLSv1.3", certificate_ends="2027-01-31"),
            Answer("b:1", "", tls="no"),
            Answer("c:1", "", "", "", "TLSv1.3", (), "", "2027-02-28", *own),
            Answer("d:1", "", "", "", "", (), "tls: no", "", *own),
        ], ""

    monkeypatch.setattr("cli.check.survey", survey)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    ended = CliRunner().invoke(main.cachewatch, ["check", "--connect"])
    assert "│ TLSv1.3, until 2027-01-31 " in ended.output
    assert "│ TLSv1.3, until 2027-02-28, ours until 2027-03-31 │" in ended.output
    assert "│ ours until 2027-03-31 " in ended.output
    ended = CliRunner().invoke(main.cachewatch, ["check", "--connect", "--json"])
    assert [node["certificate_ends"] for node in json.loads(ended.output)["nodes"]] == [
        "2027-01-31",
        "",
        "2027-02-28",
        "",
    ]


def test_each_client_certificate_that_ends_soon_is_warned_of_once_at_its_moment() -> None:
    policy = Policy.model_validate({"alerts": {"certificate": {"before": "2d"}}})
    answers = [
        Answer("a:1", "", client_certificate="one.crt", client_certificate_ends="2027-03-31T09:30:00Z"),
        Answer("b:1", "", client_certificate="two.crt", client_certificate_ends="2027-03-30T09:30:00Z"),
        Answer("c:1", "", client_certificate="one.crt", client_certificate_ends="2027-03-31T09:30:00Z"),
        Answer("d:1", "", client_certificate="unread.crt"),
        Answer("e:1", ""),
    ]

    def told(day: int, hour: int, minute: int) -> list[str]:
        now = datetime(2027, 3, day, hour, minute, tzinfo=UTC)
        return [warning.partition(": nodes")[0] for warning in certificate_warnings(policy, answers, now)]

    one, two = "the client certificate one.crt, shown to a:1 and 1 more", "the client certificate two.crt, shown to b:1"
    assert told(28, 9, 30) == []
    assert told(28, 9, 31) == [f"{two}, ends on 2027-03-30, in less than 2d"]
    assert told(30, 9, 29) == [
        f"{two}, ends on 2027-03-30, in less than 2d",
        f"{one}, ends on 2027-03-31, in less than 2d",
    ]
    assert told(30, 9, 30) == [f"{two}, has ended, on 2027-03-30", f"{one}, ends on 2027-03-31, in less than 2d"]


def test_no_cell_of_the_table_drives_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def survey(*_: object) -> tuple[list[Answer], str]:
        bad = "\x1b[31m\n\u202e"
        said = Answer(f"node{bad}", f"shard{bad}", f"role{bad}", f"7.2{bad}", f"TLS{bad}", (f"+get{bad}",))
        return [said], f"who{bad}"

    monkeypatch.setattr("cli.check.survey", survey)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    ended = CliRunner().invoke(main.cachewatch, ["check", "--connect"])
    assert [line for line in ended.output.splitlines() if not line.isprintable()] == []
    for word in ("node", "shard", "role", "7.2", "TLS", "+get", "who"):
        assert f"{word}\\x1b[31m\\n\\u202e" in ended.output


@pytest.mark.parametrize("args", [("--conect",), ("extra",)])
def test_wrong_usage_is_status_2(tmp_path: Path, args: tuple[str, ...]) -> None:
    assert cachewatch(tmp_path, "check", *args).status == 2


def test_a_part_that_listens_elsewhere_than_the_policy_says_is_told(caplog: pytest.LogCaptureFixture) -> None:
    tell_if_elsewhere(Policy(), "exporter", ("0.0.0.0", 9121))  # noqa: S104  # nobody listens
    assert caplog.text == ""
    tell_if_elsewhere(Policy(), "notifier", ("127.0.0.1", 9123))
    assert "listening on port 9123, and stack.notifier says 127.0.0.1:9122" in caplog.text


@pytest.mark.parametrize(
    ("address", "listen", "told"),
    [
        ("10.0.0.5:9121", "127.0.0.1", True),
        ("exporter:9121", "localhost", True),
        ("exporter:9121", "0.0.0.0", False),  # noqa: S104  # nobody listens
        ("exporter:9121", "10.0.0.5", False),
        ("localhost:9121", "127.0.0.1", False),
    ],
)
def test_a_part_that_only_this_machine_reaches_is_told_where_others_seek_it(
    address: str, listen: str, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    tell_if_elsewhere(Policy.model_validate({"stack": {"exporter": address}}), "exporter", (listen, 9121))
    assert (f"listening on {listen}:9121, which no other machine reaches" in caplog.text) == told
