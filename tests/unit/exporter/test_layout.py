"""A layout reads what reading line by line reads, of every version and role, and refuses what is written otherwise."""

import re

import pytest

from exporter import info
from exporter.layout import Layouts, learn
from tests.unit.exporter.helpers import VERSIONS, captured

ROLES = ("primary.info", "replica.info", "primary.info_all", "replica.info_all", "cluster.info_all", "sentinel.info")
SMALL = "# Server\r\nredis_version:7.0.15\r\nup:5\r\nload:0.50\r\nname:x\r\n\r\n# Keyspace\r\ndb0:keys=1\r\n"


def plainly(text: str) -> dict[str, str]:
    """The fields, line by line."""
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line and line[0] != "#")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ROLES)
def test_a_learned_layout_reads_what_reading_by_line_reads(version: str, name: str) -> None:
    text = captured(version, name).decode()
    layout = learn(text)
    assert layout is not None
    fields = layout.read(text)
    assert fields is not None
    assert dict(fields) == plainly(text)
    assert len(fields) == len(plainly(text))
    assert [field for field in plainly(text) if fields[field] != fields.get(field)] == []
    assert {field for field in layout.numbers if not info.is_number(fields[field])} == set()


@pytest.mark.parametrize("kind", ["db", "errorstat_", "slave"])
def test_it_fits_however_many_databases_errors_and_replicas_there_are(kind: str) -> None:
    text = captured("redis-7.2.6", "primary.info").decode()
    layout = learn(text)
    assert layout is not None
    line = re.compile(rf"^{kind}(?!_)[^:\r\n]*:[^\r\n]*\r\n", re.MULTILINE)
    one = next(match.group() for match in line.finditer(text))
    none = line.sub("", text)
    many = text.replace(one, one + one.replace(":", "7:", 1) + one.replace(":", "8:", 1), 1)
    for other in (none, many):
        fields = layout.read(other)
        assert fields is not None
        assert info.named(fields, kind) == info.named(plainly(other), kind)
        assert dict(fields) == plainly(other)


@pytest.mark.parametrize(
    "other",
    [
        SMALL.replace("up:5", "up:many"),
        SMALL.replace("up:5", "up:"),
        SMALL.replace("up:5", "up:5.5"),
        SMALL.replace("up:5", f"up:{'9' * 21}"),
        SMALL.replace("load:0.50", "load:nan"),
        SMALL.replace("up:5\r\n", ""),
        SMALL.replace("up:5\r\n", "up:5\r\nmore:1\r\n"),
        SMALL.replace("# Keyspace", "# Keys"),
        SMALL + "db1:keys=1",
        SMALL.replace("\r\n", "\n"),
        "",
    ],
)
def test_what_is_written_otherwise_is_no_match(other: str) -> None:
    layout = learn(SMALL)
    assert layout is not None
    assert layout.read(SMALL) is not None
    assert layout.read(other) is None


@pytest.mark.parametrize(
    "text", [SMALL + "up:6\r\n", SMALL + "\r\n# Again\r\ndb1:keys=2\r\n", SMALL + "cut", "x\n\ny:1\r\n" * 2]
)
def test_a_text_that_is_ambiguous_or_cut_is_not_learned(text: str) -> None:
    assert learn(text) is None


def test_a_value_that_changes_its_kind_is_read_all_the_same() -> None:
    known = info.parse(SMALL.encode())
    after = info.parse(SMALL.replace("up:5", "up:unknown").encode(), known)
    assert (after["up"], info.number(after, "up"), info.number(known, "up")) == ("unknown", None, "5")


@pytest.mark.parametrize("none", ["-nan", "nan", "inf", "-inf"])
def test_from_a_number_that_a_server_cannot_tell_yet_nothing_is_learned(none: str) -> None:
    """A field that was learned as text would never be shown as a number again."""
    early = SMALL.replace("up:5", f"up:{none}")
    assert learn(early) is None
    layouts = Layouts()
    assert layouts.read(early, None) is None
    later = layouts.read(SMALL, None)
    assert later is not None
    assert "up" in later.layout.numbers


def test_no_more_layouts_are_learned_than_a_fleet_can_have() -> None:
    layouts = Layouts(most=2)
    read = [layouts.read(SMALL + f"field{number}:1\r\n", None) for number in range(4)]
    assert [fields is not None for fields in read] == [True, True, False, False]
    assert layouts.read(SMALL + "field0:2\r\n", None) is not None


def test_however_many_types_of_keys_there_are_the_layout_is_one() -> None:
    """Redis 8 has a line for each database and type that has keys; their numbers change with each key."""
    sizes = "# Keysizes\r\ndb0_distrib_strings_sizes:2=1,4=1\r\ndb0_distrib_lists_items:1=1\r\n"
    layouts = Layouts(most=1)
    first = layouts.read(f"{SMALL}\r\n# Keysizes\r\n", None)
    other = layouts.read(f"{SMALL}\r\n{sizes}", None)
    assert first is not None
    assert other is not None
    assert other.layout is first.layout
    assert dict(other) == plainly(f"{SMALL}\r\n{sizes}")
    assert info.named(other, "db") == ["db0"]


def test_from_a_field_without_its_number_nothing_is_learned_for_the_other_nodes() -> None:
    layouts = Layouts(frozenset({"up", "state"}))
    assert layouts.read(SMALL.replace("up:5", "up:"), None) is None
    sound = layouts.read(SMALL.replace("up:5\r\n", "up:5\r\nstate:ok\r\n"), None)
    assert sound is not None
    assert "up" in sound.layout.numbers


def test_a_number_with_an_exponent_is_one() -> None:
    layouts = Layouts(frozenset({"load"}))
    small = layouts.read(SMALL.replace("load:0.50", "load:1e-05"), None)
    later = layouts.read(SMALL.replace("load:0.50", "load:0.25"), None)
    assert small is not None
    assert later is not None
    assert later.layout is small.layout
    assert "load" in small.layout.numbers


def test_among_many_layouts_a_node_that_none_fitted_is_not_searched_for_each_time() -> None:
    layouts = Layouts(most=1)
    known = layouts.read(SMALL, None)
    assert known is not None
    replies = [layouts.read(SMALL, None, unlike=True) for _ in range(40)]
    assert sum(reply is not None for reply in replies) == 2, "now and then it is: one odd answer must not last for ever"
    assert layouts.read(SMALL, None) is not None
    assert layouts.read(SMALL, known.layout, unlike=True) is not None
    assert Layouts(most=2).read(SMALL, None, unlike=True) is not None, "there is room to learn it"
