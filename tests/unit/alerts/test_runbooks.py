"""The runbooks say what the policy says, to a person who was woken."""

import re
from typing import Any

import pytest

from alerts import runbooks
from alerts.notifier import runbook_pages
from policy.alerts import ALERTS, AlertSpec
from policy.model import Policy
from tests.unit.alerts.policies import DATA, policy

_GET_MASTER = "SENTINEL GET-MASTER-ADDR-BY-NAME"
SECTIONS = [
    "What it means",
    "Who is hit",
    "First commands",
    "Tell the causes apart",
    "Steps",
    "Silence",
    "When it ends",
]


@pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("name", DATA)
def test_every_alert_has_a_whole_page_under_every_policy(name: str, spec: object) -> None:
    alert = spec.name  # type: ignore[attr-defined]
    lines = runbooks.page(policy(name), alert).splitlines()
    assert lines[0] == f"# {alert}"
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == SECTIONS
    assert sum(line.startswith("```") for line in lines) % 2 == 0


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("CacheLowHitRate", ["**75%**", "**10m**", "80%"]),
        ("CacheVeryLowHitRate", ["**70%**", "**5m**", "30%"]),
        ("CacheHighLatency", ["**2ms**", "**5m**", "**95%**"]),
        ("CacheVeryHighLatency", ["**5ms**", "**2m**"]),
        ("CacheMemoryHigh", ["**85%**", "**10m**", "90%"]),
        ("CacheMemoryVeryHigh", ["**90%**", "**5m**"]),
        ("CacheHighLatencyP50", ["**50%**", "**1ms**", "**5m**", "its p50 is"]),
        ("CacheVeryHighLatencyP99", ["**99%**", "**10ms**", "**5m**", "its p99 is"]),
        ("CacheLowAvailability", ["**99.9%**", "**10m**", "99.99%"]),
        ("CacheFailoverOverdue", ["**1m**"]),
        ("CacheReplicationLag", ["**10s**", "**3m**"]),
        ("CacheWritesToReplica", ["**5m**", "each 1m"]),
        ("CacheEvictions", ["**100** keys", "**10m**"]),
        ("CacheAccessDenied", ["**1** logins", "**5m**"]),
        ("CacheMainThreadBusy", ["**90%** of the time over 5m", "**10m**"]),
        ("CacheReplicasFlapping", ["**4** times within **30m**"]),
        ("CacheClientsNearLimit", ["**85%**", "**5m**"]),
        ("CacheMemoryFragmentation", ["**1.5** times", "**30m**", "100MiB"]),
        ("CacheNodesDiffer", ["**1h**"]),
        ("CacheCollectionFailing", ["**5m**", "tries one each 5m", "tried each\n   1m"]),
        ("CacheCertificateExpiring", ["**14d**", "Each 5m both are"]),
        ("CacheNodeDown", ["3 health checks in a row", "each 500ms", "given up after 1s", "for 15s"]),
    ],
)
def test_a_page_has_the_numbers_of_the_policy(name: str, numbers: list[str]) -> None:
    text = runbooks.page(Policy(), name)
    assert [number for number in numbers if number not in text] == []


def test_the_page_for_a_dead_node_has_the_time_to_page_of_the_policy() -> None:
    bound = Policy().page_bound_seconds()
    text = runbooks.page(Policy(), "CacheNodeDown")
    assert f"within {bound['killed']:g} seconds, a hung one within {bound['hung']:g}:" in text


@pytest.mark.parametrize("name", ["sentinel", "cluster"])
def test_a_failover_is_waited_for_as_long_as_the_policy_says(name: str) -> None:
    waits = {"failover": {"for": "45s"}, "replicas": {"for": "7m"}}
    text = runbooks.page(Policy.model_validate({**DATA[name], "alerts": waits}), "CacheNodeDown")
    assert "not after 45s, " in text
    assert "normal operation within 45s." in text
    assert "back, within 7m." in text
    assert not re.search(r"60 s|T\+", text)


@pytest.mark.parametrize(
    ("name", "said", "unsaid"),
    [
        (
            "sentinel",
            [
                " SENTINEL FAILOVER SHARD`",
                "Only if it still refuses",
                "`SENTINEL MONITOR SHARD",
                "`CONFIG REWRITE` on each",
            ],
            ["CLUSTER FAILOVER FORCE"],
        ),
        (
            "static",
            ["`REPLICAOF NO ONE` on the replica with the highest", "`CONFIG REWRITE` on each"],
            ["SENTINEL FAILOVER", "CLUSTER FAILOVER FORCE"],
        ),
        ("cluster", ["`CLUSTER FAILOVER FORCE` on the replica with the highest"], ["REPLICAOF", "SENTINEL FAILOVER"]),
    ],
)
def test_an_overdue_failover_is_ordered_from_whom_the_fleet_has(name: str, said: list[str], unsaid: list[str]) -> None:
    steps = runbooks.page(policy(name), "CacheFailoverOverdue").partition("## Steps")[2]
    order = steps.partition("2. ")[2].partition("3. ")[0]
    assert [text for text in said if text not in order] == []
    assert [text for text in unsaid if text in order] == []


@pytest.mark.parametrize("name", ["CacheVeryHighLatency", "CacheVeryLowAvailability", "CacheWritesRefused"])
def test_a_replica_of_a_cluster_is_not_promoted_as_one_of_its_own(name: str) -> None:
    text = runbooks.page(policy("cluster"), name)
    assert "`CLUSTER FAILOVER` on its replica" in text
    assert "REPLICAOF NO ONE" not in text


def test_commands_ask_the_sentinel_and_log_in_as_the_policy_does() -> None:
    text = runbooks.page(policy("sentinel"), "CacheNodeDown")
    for address in ("10.0.0.9 -p 26379", "10.0.0.10 -p 26379"):
        assert f'REDISCLI_AUTH="$SENTINEL_PASSWORD" redis-cli -h {address} {_GET_MASTER} SHARD' in text
    assert "read -r SENTINEL_PASSWORD;" in text
    assert "NODE_PASSWORD" not in text, "the nodes ask for none"
    static = runbooks.page(policy("static"), "CacheNodeDown")
    assert 'REDISCLI_AUTH="$NODE_PASSWORD" redis-cli -h HOST -p PORT --user "$NODE_USER" PING' in static
    assert (
        static.index("read -r NODE_USER;") < static.index("read -r NODE_PASSWORD;") < static.index('"$NODE_PASSWORD"')
    )


@pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)
def test_an_order_to_sentinel_says_where_and_logs_in(spec: AlertSpec) -> None:
    text = runbooks.page(policy("sentinel"), spec.name)
    orders = re.findall(r"`([^`]*)SENTINEL FAILOVER SHARD`(, or on 10\.0\.0\.10:26379)?", text)
    asked = 'REDISCLI_AUTH="$SENTINEL_PASSWORD" redis-cli -h 10.0.0.9 -p 26379 '
    assert all(before == asked and others for before, others in orders)
    assert orders or spec.name not in (
        "CacheNodeDown",
        "CacheVeryHighLatency",
        "CacheLowAvailability",
        "CacheWritesRefused",
    )


@pytest.mark.parametrize("name", ["CacheVeryHighLatency", "CacheVeryLowAvailability", "CacheWritesRefused"])
def test_a_primary_that_lives_is_made_a_replica_and_not_left_beside_a_second_one(name: str) -> None:
    steps = runbooks.page(policy("static"), name).partition("## Steps")[2]
    assert steps.index("`FAILOVER` on the primary") < steps.index("Only if that fails: `REPLICAOF NO ONE`")
    assert "`CONFIG REWRITE` on both" in steps


def test_a_page_of_a_cluster_asks_no_sentinel_and_follows_no_primary_by_hand() -> None:
    for spec in ALERTS:
        if spec.name not in ("CacheSentinelQuorumLost", "CacheSentinelMissing"):
            text = runbooks.page(policy("cluster"), spec.name)
            assert not re.search(r"redis-cli [^`\n]*SENTINEL|`SENTINEL|`REPLICAOF", text), spec.name
    assert "CLUSTER INFO" in runbooks.page(policy("cluster"), "CacheFailoverOverdue")
    assert "`CLUSTER REPLICATE ID-OF-THE-PRIMARY`" in runbooks.page(policy("cluster"), "CacheReplicasMissing")


def test_sentinels_forget_only_where_nothing_is_down() -> None:
    for name in ("CacheSentinelQuorumLost", "CacheSentinelMissing", "CacheReplicasMissing"):
        text = runbooks.page(policy("sentinel"), name)
        assert (
            "only while the shard's primary answers and all its replicas are up" in text.partition("`SENTINEL RESET")[0]
        )


@pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)
def test_what_is_set_by_hand_is_said_to_hold_until_the_restart(spec: AlertSpec) -> None:
    text = runbooks.page(policy("sentinel"), spec.name)
    before, _, behind = text.partition("`CONFIG SET` changes one node, until it restarts.")
    assert bool(behind) == bool(re.search("(?<!SENTINEL )CONFIG SET ", before + behind))


@pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)
def test_a_silence_is_said_to_swallow_the_end(spec: AlertSpec) -> None:
    text = runbooks.page(policy("static"), spec.name)
    assert ("amtool silence expire --alertmanager.url=" in text) == ("amtool silence add" in text)


@pytest.mark.parametrize(
    ("alert", "left"),
    [("CacheNodeDown", "PagerDuty's incident stays open"), ("CacheEvictions", "never hears that it is over")],
)
def test_a_silence_is_said_to_leave_an_incident_open_where_there_is_one(alert: str, left: str) -> None:
    known = Policy.model_validate({"notify": {"pagerduty": {"routing_key_file": "key"}}})
    assert left in runbooks.page(known, alert)
    assert "PagerDuty's incident" not in runbooks.page(Policy(), alert)


@pytest.mark.parametrize(
    ("alert", "gone"),
    [
        ("CacheVeryLowHitRate", "the exporter."),
        ("CacheVeryLowAvailability", "the exporter or its prober."),
        ("CacheVeryHighLatency", "the exporter, its prober or the bucket of its bound."),
        ("CacheMemoryVeryHigh", "the exporter or the node's answer to INFO."),
        ("CacheSentinelQuorumLost", "the exporter or the page `/metrics`."),
        ("CacheWritesRefused", "the exporter, its prober or the page `/metrics`."),
        ("CacheErrorBudgetBurnFast", "the exporter or its prober."),
    ],
)
def test_a_page_names_what_ends_it_unseen(alert: str, gone: str) -> None:
    assert f"when what it is seen by is gone: {gone}" in runbooks.page(Policy(), alert)


def test_a_page_on_an_objective_whose_events_others_count_ends_with_none_of_ours() -> None:
    own = {"name": "checkout", "objective": 99, "good": "good_total", "total": "all_total"}
    text = runbooks.page(Policy.model_validate({"slos": [own]}), "CacheErrorBudgetBurnFast")
    assert "ENDED UNSEEN" not in text.partition("## When it ends")[2]


def test_with_a_second_prometheus_each_has_its_file_and_its_reload_and_may_be_asked() -> None:
    two = Policy.model_validate({"stack": {"prometheus_peers": ["http://10.0.0.2:9090"]}})
    rules, lost = (runbooks.page(two, name) for name in ("CacheRuleFailures", "CachePrometheusPeerDown"))
    assert "promtool check config prometheus.yml\npromtool check config prometheus-2.yml" in rules
    for url in ("http://127.0.0.1:9090", "http://10.0.0.2:9090"):
        assert f"curl -X POST {url}/-/reload" in rules
    assert "`prometheus-2.yml` is of http://10.0.0.2:9090" in lost
    asked = "Where http://127.0.0.1:9090 does not answer, ask another Prometheus in its place: http://10.0.0.2:9090."
    assert asked in runbooks.page(two, "CacheNodeDown")
    assert asked not in lost  # its commands ask both
    assert "ask another Prometheus" not in runbooks.page(Policy(), "CacheNodeDown")


def test_who_follows_a_runbook_logs_in_as_himself() -> None:
    """The exporter's user may watch, and no more: CLIENT LIST, --bigkeys, SENTINEL FAILOVER are refused to it."""
    auth = {"username": "watcher", "password_env": "P"}
    sentinel = {"addresses": ["10.0.0.9"], "auth": auth}
    watched = Policy.model_validate({"fleet": {"auth": auth, "sentinel": sentinel}})
    pages = [runbooks.page(watched, spec.name) for spec in ALERTS]
    assert not any("watcher" in text for text in pages)
    assert any('--user "$SENTINEL_USER"' in text and '--user "$NODE_USER"' in text for text in pages)
    assert all(
        text.count("read -r ") <= 4 and len(re.findall("^.*read -r ", text, re.MULTILINE)) <= 1 for text in pages
    )
    owner = Policy.model_validate({"fleet": {"auth": {"password_env": "P"}}})
    assert not any("_USER" in runbooks.page(owner, spec.name) for spec in ALERTS), "the default user has all rights"


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)
def test_no_command_prompts_where_a_pipe_would_hide_it(name: str, spec: AlertSpec) -> None:
    text = runbooks.page(policy(name), spec.name)
    assert "askpass" not in text
    for password in ("NODE_PASSWORD", "SENTINEL_PASSWORD"):
        assert (f"read -r {password};" in text) == (f'"${password}"' in text)


def test_nodes_that_have_no_host_and_port_are_explained() -> None:
    nodes = ["unix:///run/redis.sock", "redis://[::1]:6380"]
    odd = runbooks.page(Policy.model_validate({"fleet": {"nodes": nodes}}), "CacheMemoryHigh")
    assert "Of a Unix socket write `-s PATH`" in odd
    assert "An IPv6 address as HOST goes without its brackets." in odd
    plain = runbooks.page(Policy(), "CacheMemoryHigh")
    assert "Unix socket" not in plain
    assert "brackets" not in plain


def test_commands_speak_tls_where_the_nodes_do() -> None:
    fleet = {"tls": {"ca_file": "/etc/my ca.crt", "server_name": "cache.test"}}
    text = runbooks.page(Policy.model_validate({"fleet": fleet}), "CacheNodeDown")
    assert "redis-cli -h HOST -p PORT --tls --cacert '/etc/my ca.crt' --sni cache.test PING" in text


def test_where_the_commands_must_be_other_ones_stands_before_them() -> None:
    def page(**fleet: Any) -> str:
        nodes = ["redis://10.0.0.1", "rediss://10.0.0.2", "unix:///run/redis.sock"]
        return runbooks.page(Policy.model_validate({"fleet": {"nodes": nodes, **fleet}}), "CacheMemoryHigh")

    mark = "3a" * 32
    assert "With `10.0.0.2:6379` add `--tls`, or the password goes over the network in clear text." in page()
    pinned = page(tls={"fingerprint": mark})
    assert "-p PORT --tls --insecure INFO" in pinned
    assert "openssl x509 -noout -fingerprint -sha256" in pinned
    assert "-h HOST -p PORT`, and leave out `--tls` and what belongs to it; PATH" in pinned
    assert "add `--tls`" not in pinned
    assert "--insecure" not in page(tls={"fingerprint": mark, "ca_file": "/ca"})


def test_nodes_with_an_access_of_their_own_are_named() -> None:
    overrides = [
        {"match": "10.0.1.*:6379", "auth": {"username": "blue", "password_env": "B"}, "tls": {"ca_file": "/b.crt"}},
        {"match": "10.0.2.*:6379", "auth": {"enabled": False}, "tls": {"enabled": False}},
    ]
    fleet = {"tls": {}, "auth": {"password_env": "P"}, "overrides": overrides}
    text = runbooks.page(Policy.model_validate({"fleet": fleet}), "CacheMemoryHigh")
    assert "like `10.0.1.*:6379`: TLS by `--tls --cacert /b.crt`; another login." in text
    assert "like `10.0.2.*:6379`: no TLS, leave out `--tls` and what belongs to it; no login, leave out" in text


def test_a_page_says_who_else_was_told() -> None:
    assert "Told: PagerDuty and Slack (`#cache-alerts`)." in runbooks.page(policy("static"), "CacheNodeDown")
    assert "Told: Slack (`#cache-alerts`)." in runbooks.page(policy("static"), "CacheMemoryHigh")
    assert "names nobody" in runbooks.page(policy("sentinel"), "CacheMemoryHigh")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        runbooks.page(Policy(), "../policy")


def test_as_a_page_names_that_read_like_html_are_text() -> None:
    odd = Policy.model_validate({"fleet": {"name": "<b>&a"}})
    for page in (runbook_pages.runbook(odd, "CacheNodeDown"), runbook_pages.index(odd)):
        assert "&lt;b&gt;&amp;a" in page
        assert "<b>" not in page


def test_as_a_page_a_runbook_has_its_tables_commands_and_the_way_to_the_others() -> None:
    page = runbook_pages.runbook(Policy(), "CacheNodeDown")
    assert page.count('<div class="wide"><table>') == 2
    assert "redis-cli -h HOST -p PORT PING" in page
    assert '<a href="../runbooks">' in page
    assert 'name="viewport"' in page


def test_the_files_of_client_certificates_are_named_in_commands_that_show_their_end() -> None:
    """Each once, whatever its name; where the policy names none, that."""
    own, other = ({"cert_file": f"/etc/{name}.crt", "key_file": "/etc/key"} for name in ("its own", "other"))
    overrides = [{"match": f"10.0.{n}.*", "tls": tls} for n, tls in enumerate((other, own, {"enabled": False}))]

    def commands(name: str, fleet: dict[str, Any]) -> list[str]:
        text = runbooks.page(Policy.model_validate({"fleet": fleet}), name)
        return re.findall(r"openssl (?:x509 -enddate -noout -in|storeutl -noout -text -certs) (.+?)(?: \||`|\n)", text)

    several = {"tls": own, "overrides": overrides}
    assert commands("CacheCertificateExpiring", several) == ["'/etc/its own.crt'"] * 2 + ["/etc/other.crt"] * 2
    assert commands("CacheCertificateExpiring", {}) == []
    assert "The policy names no cert_file" in runbooks.page(Policy(), "CacheCertificateExpiring")
    for name in ("CacheNodeDown", "CacheCollectionFailing"):
        assert commands(name, {"tls": own}) == ["'/etc/its own.crt'"]
        assert commands(name, several) == commands(name, {}) == ["FILE"]


def test_both_subjects_of_an_expiring_certificate_can_be_silenced() -> None:
    text = runbooks.page(Policy(), "CacheCertificateExpiring")
    (first, second) = [line for line in text.splitlines() if line.startswith("amtool silence add")]
    assert first.endswith("'instance=\"HOST:PORT\"'")
    assert second.endswith("'part=\"client\"'")
