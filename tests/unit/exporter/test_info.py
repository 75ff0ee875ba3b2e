"""INFO of real servers of four versions, and of what is no server."""

import pytest

from exporter import info
from exporter.failures import NodeError
from exporter.layout import learn
from tests.unit.exporter.helpers import VERSIONS, captured

# What every server from 6.0 on says of itself; others come and go with versions.
EVERYWHERE = """
total_commands_processed total_connections_received rejected_connections total_net_input_bytes total_net_output_bytes
expired_keys evicted_keys keyspace_hits keyspace_misses used_cpu_sys used_cpu_user uptime_in_seconds connected_clients
blocked_clients used_memory used_memory_rss used_memory_peak maxmemory mem_fragmentation_ratio loading aof_enabled
rdb_changes_since_last_save rdb_last_save_time pubsub_channels connected_slaves master_repl_offset cluster_enabled
""".split()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "role"), [("primary", "primary"), ("replica", "replica")])
def test_every_version_tells_its_role_and_what_every_version_knows(version: str, name: str, role: str) -> None:
    fields = info.parse(captured(version, f"{name}.info"))
    assert info.role(fields) == role
    assert fields.get("valkey_version", fields["redis_version"]) == version.partition("-")[2]
    assert [field for field in EVERYWHERE if info.number(fields, field) is None] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_are_those_that_stand_in_the_reply(version: str) -> None:
    raw = captured(version, "primary.info")
    fields = info.parse(raw)
    for name in ("used_memory", "keyspace_hits", "keyspace_misses", "maxmemory"):
        assert f"\r\n{name}:{fields[name]}\r\n".encode() in raw
        assert info.integer(fields, name) == int(fields[name])


def test_a_sentinel_listed_as_a_node_has_no_role() -> None:
    assert info.role(info.parse(captured("redis-7.2.6", "sentinel.info"))) is None


@pytest.mark.parametrize("raw", [b"", b"OK", b"hello\r\nworld", None, 7, [b"redis_version:7"]])
def test_what_is_no_info_is_a_protocol_error(raw: object) -> None:
    with pytest.raises(NodeError) as refused:
        info.parse(raw)
    assert refused.value.result == "protocol"


def test_a_relative_of_redis_says_its_version_under_a_name_of_its_own() -> None:
    fields = info.parse(b"# Server\r\nvalkey_version:8.1.0\r\nrole:master\r\n")
    assert info.role(fields) == "primary"


def test_a_text_that_is_not_utf8_spoils_its_own_field_only() -> None:
    fields = info.parse(b"redis_version:7.0.15\r\nconfig_file:/\xff\xfe\r\nused_memory:5\r\n")
    assert (fields["used_memory"], "\ufffd" in fields["config_file"]) == ("5", True)


@pytest.mark.parametrize("text", ["", "nan", "-nan", "inf", "0x10", "1,5", "12MB", "1_000", "\u0661"])
def test_what_is_no_number_is_not_shown_as_one(text: str) -> None:
    assert info.number({"f": text}, "f") is None
    assert info.integer({"f": text}, "f") is None


@pytest.mark.parametrize("text", ["0", "-1", "12.34", "1e9", "1.5e-06", "18446744073709551615"])
def test_a_number_passes_as_it_stands(text: str) -> None:
    assert info.number({"f": text}, "f") == text


def test_databases_are_read_whatever_the_version_adds_to_the_line() -> None:
    fields = {"db0": "keys=3,expires=1,avg_ttl=250,subexpiry=0", "db15": "keys=9,expires=0,avg_ttl=0", "db_x": "keys=1"}
    assert info.keyspaces(fields) == [info.Keyspace("db0", "3", "1", "250"), info.Keyspace("db15", "9", "0", "0")]


@pytest.mark.parametrize(
    ("maxmemory", "of_policy", "system", "expected"),
    [
        ("100", 200, "300", (100, "maxmemory")),
        ("0", 200, "300", (200, "policy")),
        ("0", None, "300", (300, "system")),
        ("0", None, "0", None),
        (None, None, None, None),
        (None, 200, None, (200, "policy")),
        ("400", None, "300", (300, "system")),
        ("0", 400, "300", (300, "system")),
        ("300", 400, "300", (300, "maxmemory")),
        ("400", 300, "0", (400, "maxmemory")),
    ],
)
def test_the_memory_limit_is_maxmemory_else_the_policys_and_never_more_than_the_machines(
    maxmemory: str | None, of_policy: int | None, system: str | None, expected: tuple[int, str] | None
) -> None:
    fields = {k: v for k, v in (("maxmemory", maxmemory), ("total_system_memory", system)) if v is not None}
    assert info.vitals(fields).memory_limit(of_policy) == expected


@pytest.mark.parametrize(
    ("maxmemory", "keys", "expected"),
    [
        ("100", "allkeys-lru", True),
        ("100", "allkeys-random", True),
        ("100", "volatile-lru", False),
        ("100", "noeviction", False),
        ("0", "allkeys-lru", False),
        (None, "allkeys-lru", False),
        ("100", None, None),
    ],
)
def test_a_full_node_makes_room_where_it_has_a_maxmemory_and_may_evict_any_key(
    maxmemory: str | None, keys: str | None, expected: bool | None
) -> None:
    fields = {k: v for k, v in (("maxmemory", maxmemory), ("maxmemory_policy", keys)) if v is not None}
    assert info.vitals(fields).evicts is expected


@pytest.mark.parametrize(
    ("databases", "expected"),
    [
        ({}, False),
        ({"db0": "keys=10,expires=10,avg_ttl=0"}, True),
        ({"db0": "keys=10,expires=5,avg_ttl=0"}, True),
        ({"db0": "keys=10,expires=4,avg_ttl=0"}, False),
        ({"db0": "keys=10,expires=10,avg_ttl=0", "db7": "keys=11,expires=0"}, False),
        ({"db0": "keys=10,expires=10,avg_ttl=0", "db7": "keys=10,expires=0"}, True),
        ({"db0": "garbage"}, False),
    ],
)
def test_with_a_volatile_policy_it_does_where_half_of_its_keys_have_an_expiry(
    databases: dict[str, str], expected: bool
) -> None:
    fields = {"maxmemory": "100", "maxmemory_policy": "volatile-ttl", **databases}
    assert info.vitals(fields).evicts is expected
    assert info.vitals({**fields, "maxmemory": "0"}).evicts is False


@pytest.mark.parametrize(("system", "expected"), [("99", False), ("100", True), ("0", True)])
def test_a_node_may_not_reach_a_maxmemory_that_is_more_than_the_machine_has(system: str, expected: bool) -> None:
    fields = {"maxmemory": "100", "maxmemory_policy": "allkeys-lru", "total_system_memory": system}
    assert info.vitals(fields).evicts is expected


def test_an_info_that_is_too_long_to_be_read_in_a_moment_is_refused() -> None:
    long = b"redis_version:7.0.15\r\n" + b"x:1\r\n" * (info.MOST // 5 + 1)
    with pytest.raises(NodeError, match="more than 1048576 bytes") as refused:
        info.parse(long)
    assert refused.value.result == "protocol"


def test_an_info_of_many_lines_is_read_by_lines_and_makes_no_pattern() -> None:
    many = "redis_version:7.0.15\r\n" + "".join(f"field{n}:{n}\r\n" for n in range(1001))
    assert learn(many) is None
    fields = info.parse(many.encode())
    assert (fields["field1000"], info.integer(fields, "field7")) == ("1000", 7)
    assert learn("".join(many.splitlines(keepends=True)[:1000])) is not None


def test_a_value_that_no_server_counts_is_no_number_and_is_not_kept() -> None:
    before = info._is_number.cache_info().currsize
    assert not info.is_number("1" * 1000)
    assert info._is_number.cache_info().currsize == before
