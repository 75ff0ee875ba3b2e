"""What /scrape may be asked for, and how long it may take."""

import asyncio
import socket

import pytest

from exporter import scrape
from exporter.collector import Collector
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.scrape import BadTarget, Busy, Forbidden, Scraper, parse, patience
from exporter.targets import Target
from tests.unit.exporter.helpers import watching


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 9.5),
        ("2.5", 2.0),
        ("1", 0.8),
        ("0.1", 0.08),
        (None, 9.5),
        ("x", 9.5),
        ("-1", 9.5),
        ("nan", 9.5),
        ("inf", 9.5),
    ],
)
def test_the_answer_is_ready_before_prometheus_gives_up(header: str | None, seconds: float) -> None:
    assert patience(header) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("10.0.0.1:6379", "redis://10.0.0.1:6379", "redis://10.0.0.1/", "rediss://10.0.0.1", "10.0.0.1"),
        *("redis://10.0.0.1:6379/0", "redis://10.0.0.1/15", "redis://10.0.0.1:6379?db=3", "10.0.0.1:6379/1"),
    ],
)
def test_a_target_may_be_written_as_for_redis_exporter(text: str) -> None:
    assert parse(text) == ("10.0.0.1", 6379)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "http://a",
        "10.0.0.1:0",
        "10.0.0.1:99999",
        "redis://",
        "a:1,b:2",
        "::1",
        "../etc/passwd",
        "a\nb",
        "redis://a/b",
    ],
)
def test_garbage_is_no_target(text: str) -> None:
    with pytest.raises(BadTarget):
        parse(text)


def test_a_password_in_a_target_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadTarget) as refused:
        parse("redis://:hunter2@10.0.0.1:6379")
    assert "credentials" in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def refusal(text: str, *allowed: str) -> str:
    state, names = watching(Target.at("10.0.0.1", 6379, ""), collect={"allowed_targets": list(allowed)}), Names()
    with pytest.raises(Forbidden) as refused:
        await Scraper(state, Collector(state, None, names), names).page(text, 1.0)
    return str(refused.value)


async def test_a_stranger_is_forbidden() -> None:
    assert await refusal("10.0.0.2:6379") == "10.0.0.2:6379 is neither of the fleet nor in collect.allowed_targets"
    assert "neither" in await refusal("10.0.0.1:6380", "10.1.0.0/16", "fd00::/8")
    assert "neither" in await refusal("[::ffff:10.1.0.1]:6379", "10.1.0.0/16")


async def test_a_stranger_by_name_is_forbidden_whatever_it_resolves_to() -> None:
    assert "admits addresses, not names" in await refusal("localhost:6379", "127.0.0.0/8")


async def test_tls_to_a_stranger_is_forbidden_and_not_left_out_in_silence() -> None:
    assert "list it in the policy" in await refusal("rediss://10.1.0.1:6379", "10.1.0.0/16")


async def test_tls_to_a_node_of_the_fleet_that_has_none_is_forbidden_and_no_login_goes_there_in_clear_text() -> None:
    state, names = watching(Target.at("10.0.0.1", 6379, "")), Names()
    keys = Keyring(state.policy.fleet, {})
    with pytest.raises(Forbidden, match=r"of 10\.0\.0\.1:6379 the policy knows no TLS"):
        await Scraper(state, Collector(state, keys, names), names).page("rediss://10.0.0.1:6379", 1.0)


async def test_so_many_strangers_are_asked_at_a_time_and_one_that_was_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scrape, "_VISITS", 1)
    state, names = watching(Target.at("10.0.0.1", 6379, ""), collect={"allowed_targets": ["127.0.0.0/8"]}), Names()
    scraper = Scraper(state, Collector(state, None, names), names)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stranger = f"127.0.0.1:{silent.getsockname()[1]}"
        for _ in range(3):
            assert b"redis_up 0" in await scraper.page(stranger, 0.1)
        waiting = asyncio.create_task(scraper.page(stranger, 5.0))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="1 other scrapes of allowed targets have not ended"):
            await scraper.page(stranger, 0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert b"redis_up 0" in await scraper.page(stranger, 0.1)
