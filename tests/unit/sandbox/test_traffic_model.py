"""The simulated application asks as real ones do: few keys often, many keys rarely."""

import random
from collections import Counter

from sandbox.traffic_model import EXPIRY_SECONDS, Visitors, database_row, shard_of


def keys(mode: str, count: int = 20_000) -> Counter[str]:
    visitors = Visitors(random.Random(7))  # noqa: S311  # traffic, not a secret
    return Counter(visitors.next_key("cold" if mode == "cold" else "normal") for _ in range(count))


def test_a_few_users_make_most_of_the_requests() -> None:
    seen = keys("normal")
    assert sum(count for _, count in seen.most_common(50)) > 0.6 * seen.total()
    assert len(seen) > 1000


def test_cold_traffic_asks_three_times_of_four_for_users_who_do_not_exist() -> None:
    seen = keys("cold")
    absent = sum(count for key, count in seen.items() if database_row(key) is None)
    assert 0.7 < absent / seen.total() < 0.8


def test_every_key_has_one_shard_and_every_shard_has_keys() -> None:
    shards = ("shard-a", "shard-b", "shard-c")
    placed = Counter(shard_of(f"user:{number}", shards) for number in range(3000))
    assert set(placed) == set(shards)
    assert min(placed.values()) > 800
    assert shard_of("user:1", shards) == shard_of("user:1", shards)


def test_values_do_not_all_leave_at_once() -> None:
    visitors = Visitors(random.Random(7))  # noqa: S311  # traffic, not a secret
    lives = {visitors.expiry() for _ in range(500)}
    assert (min(lives), max(lives)) == EXPIRY_SECONDS
