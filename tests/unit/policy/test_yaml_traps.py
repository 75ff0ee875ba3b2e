"""Files that no person means to write, and those that an editor writes without being asked."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from policy.loader import Loaded, PolicyError, load, parse
from policy.model import Policy

GOOD = "fleet:\n  name: prod\n  nodes: [redis://10.0.0.1:6379]\ncollect: {interval: 5s}\n"


def written(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "p.yaml"
    path.write_bytes(raw)
    return path


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as refused:
        parse(text, "p.yaml", Path("/etc"))
    return str(refused.value)


def parsed(text: str) -> Loaded:
    return parse(text, "p.yaml", Path("/etc"))


@pytest.mark.parametrize(
    "raw",
    [
        GOOD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.rstrip("\n").encode(),
        GOOD.encode() + b"# the end",
        b"---\n" + GOOD.encode() + b"...\n",
    ],
    ids=["CRLF", "BOM", "no line break at the end", "comment at the end", "document marks"],
)
def test_how_an_editor_ends_its_lines_and_marks_its_files_does_not_matter(tmp_path: Path, raw: bytes) -> None:
    policy = load(written(tmp_path, raw)).policy
    assert (policy.fleet.name, policy.collect.interval) == ("prod", timedelta(seconds=5))


def test_line_numbers_are_right_behind_a_bom_and_with_crlf(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbffleet: {name: a}\r\ncollect: {interval: 5}\r\n")
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert [problem.line for problem in refused.value.problems] == [2]


@pytest.mark.parametrize("raw", [b"", b"\n", b"# only a comment\n", b"---\n", b"null\n", b"{}\n"])
def test_an_empty_file_means_the_defaults(tmp_path: Path, raw: bytes) -> None:
    assert load(written(tmp_path, raw)).policy == Policy()


def test_a_file_in_another_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, "fleet:\n  name: café\n".encode("latin-1"))
    with pytest.raises(PolicyError, match=r"p\.yaml:2: is not UTF-8 text; save it as UTF-8"):
        load(path)


def test_utf_16_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is not UTF-8 text"):
        load(written(tmp_path, GOOD.encode("utf-16")))


def test_a_nul_byte_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"p\.yaml:2: is not YAML: the character U\+0000 is not allowed"):
        load(written(tmp_path, b"fleet:\n  name: a\0b\n"))


def test_an_escaped_nul_in_the_name_of_a_file_is_refused() -> None:
    assert refusal('fleet: {auth: {password_file: "a\\0b"}}') == (
        "p.yaml:1: fleet.auth.password_file: has a NUL character in it"
    )


@pytest.mark.parametrize("tower", ["[" * 5000, "fleet: " + "{a: " * 3000 + "1" + "}" * 3000])
def test_a_tower_of_brackets_is_refused_and_does_not_end_the_program(tower: str) -> None:
    assert refusal(tower) == "p.yaml: is nested too deeply"


def test_aliases_that_unfold_to_billions_of_values_are_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for above, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{above}'] * 9)}]")
    assert refusal("\n".join(lines)) == "p.yaml: unfolds to more than 200000 values; use fewer aliases"


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is larger than 1 MiB"):
        load(written(tmp_path, b"#" * (1024**2 + 1)))
    with pytest.raises(PolicyError, match="is larger than 1 MiB"):
        load(Path("/dev/zero"))


def test_a_fleet_of_thousands_of_nodes_is_no_huge_file(tmp_path: Path) -> None:
    nodes = "\n".join(f"  - redis://10.{n // 250}.{n % 250}.1:6379" for n in range(2000))
    assert len(load(written(tmp_path, f"fleet:\n  nodes:\n{nodes}\n".encode())).policy.fleet.nodes) == 2000


def test_words_and_numbers_of_yaml_1_1_stay_the_text_that_stands_there() -> None:
    policy = parsed(
        "fleet:\n  name: on\n  nodes: [{url: redis://h, shard: 12:30}, {url: redis://i, shard: 1_000}]\n"
    ).policy
    assert policy.fleet.name == "on"
    assert [node.shard for node in policy.fleet.nodes] == ["12:30", "1_000"]


@pytest.mark.parametrize("name", ["yes", "no", "off", "Y", "0x1F", "010", "2024-01-01", "1e3", "12:30:45", "=", ".inf"])
def test_a_name_that_yaml_1_1_reads_as_something_else_is_a_name(name: str) -> None:
    assert parsed(f"fleet: {{name: {name}}}").policy.fleet.name == name


def test_an_anchor_can_be_used_again() -> None:
    thresholds = parsed(
        """
thresholds:
  latency_p95: &row
    target: 1ms
    warning: {above: 3ms, for: 1m}
    critical: {above: 4ms, for: 1m}
  hit_rate:
    warning: {below: 75%, for: &wait 7m}
    critical: {below: 70%, for: *wait}
"""
    ).policy.thresholds
    assert thresholds.hit_rate.critical.for_ == timedelta(minutes=7)


def test_a_merge_key_brings_in_what_is_not_there_and_the_first_of_two_wins() -> None:
    thresholds = parsed(
        """
thresholds:
  latency_p50: &slow {target: 3ms, warning: {above: 4ms}, critical: {above: 6ms}}
  latency_p99:
    <<: [{warning: {above: 5ms}}, *slow]
    target: 2ms
"""
    ).policy.thresholds
    p99 = thresholds.latency_p99
    assert [bound.microseconds for bound in p99.bounds] == [2000, 5000, 6000]


def test_what_a_merge_key_brought_in_is_told_on_the_line_where_it_stands() -> None:
    told = refusal("timeouts:\n  get: &a\n    timeout: 5\n  set:\n    <<: *a\n")
    assert [line.partition(" is not")[0] for line in told.splitlines()] == [
        "p.yaml:3: timeouts.get.timeout: 5",
        "p.yaml:3: timeouts.set.timeout: 5",
    ]


def test_objectives_are_exact_however_they_are_written() -> None:
    for written_as in ("99.99", "99.99%", "'99.99'", "'99.99 %'"):
        slo = parsed(f"slos: [{{name: availability, objective: {written_as}}}]").policy.slos[0]
        assert (slo.objective, slo.ratio) == (Decimal("99.99"), Decimal("0.9999"))


def test_a_number_with_thousands_of_digits_is_refused_in_a_short_line() -> None:
    for key in ("collect: {interval: %s}", "health: {failures: %s}", "fleet: {memory_limit: %sGiB}"):
        assert len(refusal(key % ("9" * 10000))) < 12000
    assert len(refusal("collect: {interval: %s}" % ("9" * 10000))) < 250
