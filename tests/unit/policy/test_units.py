"""Units as people write them, exact on the way in and on the way out."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from policy.metrics import le
from policy.units import (
    bytes_text,
    duration_text,
    latency_text,
    parse_bytes,
    parse_duration,
    parse_percent,
    parse_ratio,
    percent_text,
    plain,
    seconds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", timedelta()),
        ("50us", timedelta(microseconds=50)),
        ("0.5ms", timedelta(microseconds=500)),
        ("500ms", timedelta(milliseconds=500)),
        ("1.5s", timedelta(seconds=1, milliseconds=500)),
        ("1m30s", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(minutes=90)),
        ("2w", timedelta(days=14)),
        ("30d", timedelta(days=30)),
        ("3660d", timedelta(days=3660)),
    ],
)
def test_a_duration_is_read_exactly(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "5",
        5,
        5.0,
        True,
        None,
        [],
        "5 s",
        " 5s",
        "5s ",
        "5S",
        "5min",
        "-5s",
        "1e3s",
        ".5s",
        "5.s",
        "\u0663s",
        "1h 30m",
        "5m\n",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a number and a unit, as in 500ms, 2s, 10m"):
        parse_duration(value)


@pytest.mark.parametrize(
    "text", ["0s", "1us", "500us", "1ms", "2s", "10m", "1m30s", "1h", "1h1m1s1ms1us", "1d12h", "30d"]
)
def test_a_canonical_duration_comes_out_as_it_went_in(text: str) -> None:
    assert duration_text(parse_duration(text)) == text


def test_any_duration_read_back_from_its_text_is_the_same() -> None:
    chance = random.Random(7)  # noqa: S311 - the same durations in each run
    for _ in range(2000):
        duration = timedelta(microseconds=chance.randrange(10 ** chance.randrange(1, 15)))
        assert parse_duration(duration_text(duration)) == duration
        assert timedelta(microseconds=int(seconds(duration) * 1_000_000)) == duration
        assert parse_duration(latency_text(duration)) == duration


def test_seconds_are_exact() -> None:
    assert seconds(timedelta(microseconds=8564)) == Decimal("0.008564")
    assert seconds(timedelta(days=30)) == 2592000
    assert seconds(timedelta(days=3650, microseconds=1)) == Decimal("315360000.000001")


def test_every_percentage_with_two_decimals_is_exact_both_ways() -> None:
    for hundredths in range(10001):
        text = percent_text(Decimal(hundredths) / 10000)
        assert parse_ratio(text) == Decimal(hundredths) / 10000
        assert parse_percent(hundredths / 100) == Decimal(hundredths) / 100


@pytest.mark.parametrize(
    "value", ["75", 75, 0.75, True, None, "-1%", "75 percent", "%", "75%%", "1e1%", ".5%", "7\u0665%"]
)
def test_what_is_no_share_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="is not a share; write a percentage, as in 75%"):
        parse_ratio(value)


def test_more_than_everything_is_refused() -> None:
    assert parse_ratio("100%") == 1
    with pytest.raises(ValueError, match=r"'100\.001%' is more than 100%"):
        parse_ratio("100.001%")


@pytest.mark.parametrize("value", [99.99, "99.99", "99.99%", "99.99 %", Decimal("99.99")])
def test_an_objective_is_exact_however_it_is_written(value: object) -> None:
    assert parse_percent(value) == Decimal("99.99")


@pytest.mark.parametrize("value", [True, None, "", "%", "99.99%%", 101, -1, float("nan"), float("inf"), 1e-9, [99]])
def test_what_is_no_objective_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not a percentage between 0 and 100, as in 99\.99"):
        parse_percent(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1B", 1),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("64MiB", 67108864),
        ("64 MB", 64000000),
        ("1.5GiB", 1610612736),
        ("10GB", 10**10),
        ("2TiB", 2199023255552),
    ],
)
def test_a_size_is_read_exactly(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize(
    "value", ["10", 10, 10.0, True, None, "10G", "10gb", "10mib", "10 GiB ", "-1GiB", "1kiB", "GiB", ""]
)
def test_what_is_no_size_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size; write a number and a unit, as in 512MiB or 10GiB"):
        parse_bytes(value)


@pytest.mark.parametrize("text", ["1B", "1023B", "1KiB", "64MiB", "1.5GiB", "10GiB", "2TiB", "1024TiB"])
def test_a_size_of_a_person_comes_out_as_it_went_in(text: str) -> None:
    assert bytes_text(parse_bytes(text)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.750", "0.75"), ("10", "10"), ("100", "100"), ("1E+2", "100"), ("5E-7", "0.0000005"), ("0.0", "0"), ("0", "0")],
)
def test_a_number_is_written_without_an_exponent(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("bound", "text"),
    [("0.0005", "0.0005"), ("0.00005", "5e-05"), ("0.001", "0.001"), ("1", "1.0"), ("10", "10.0"), ("2.50", "2.5")],
)
def test_a_bucket_bound_is_written_as_prometheus_writes_it(bound: str, text: str) -> None:
    assert le(Decimal(bound)) == text


def test_latencies_and_shares_are_shown_as_the_seed_writes_them() -> None:
    assert latency_text(parse_duration("0.5ms")) == "0.5ms"
    assert latency_text(parse_duration("5s")) == "5000ms"
    assert percent_text(Decimal("0.9999")) == "99.99%"
