"""What a Sentinel says of its quorum, and on how many others it can count."""

import hiredis
import pytest

from exporter.discovery import entries
from exporter.quorum import Sentinels, best_view, reaches_quorum, sentinels
from tests.unit.exporter.helpers import NEWEST, captured

OK = b"OK 2 usable Sentinels. Quorum and failover authorization can be reached"
# As Redis 6.2 and 7.0 and Valkey 9.1 say it, of one that is left of three.
LOST = hiredis.ReplyError(
    "NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum for this master. "
    "Not enough available Sentinels to reach the majority and authorize a failover"
)
THREE = {"name": "shard-a", "num-other-sentinels": "2", "down-after-milliseconds": "5000", "role-reported-time": "6001"}


@pytest.mark.parametrize("version", NEWEST)
def test_a_real_answer_is_understood(version: str) -> None:
    (master,) = entries(captured(version, "sentinel.sentinel_masters"))
    reply = captured(version, "sentinel.sentinel_ckquorum_shard-a")
    assert (reaches_quorum(reply), sentinels(reply, master)) == (True, Sentinels(usable=3, known=3))


@pytest.mark.parametrize(("reply", "reached", "usable"), [(OK, True, 2), (LOST, False, 1)])
def test_how_many_are_usable_is_said_with_and_without_the_quorum(reply: object, reached: bool, usable: int) -> None:
    assert reaches_quorum(reply) is reached
    assert sentinels(reply, THREE) == Sentinels(usable, known=3)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"OK",
        b"OK \xff usable Sentinels",
        b"OK two usable Sentinels.",
        b"OK 2 of 3 usable Sentinels",
        b"OK -2 usable Sentinels.",
        b"OK 0 usable Sentinels.",
        b"OK 4 usable Sentinels.",  # than it knows
        b"OK " + b"9" * 5000 + b" usable Sentinels.",
        "OK \u0662 usable Sentinels.".encode(),
        hiredis.ReplyError("NOPERM User watcher has no permissions to run the 'sentinel|ckquorum' command"),
        hiredis.ReplyError("NOQUORUM"),
        hiredis.ReplyError("ERR No such master with that name"),
        [b"OK 2 usable Sentinels."],
    ],
)
def test_what_is_said_otherwise_is_no_number(reply: object) -> None:
    assert sentinels(reply, THREE) is None


@pytest.mark.parametrize("others", [None, "", "?", "-1", "1.5", "0", "\u0662"])
def test_where_it_is_not_said_how_many_are_known_there_is_no_number(others: str | None) -> None:
    """And with 0 others two are not usable."""
    told = {} if others is None else {"num-other-sentinels": others}
    assert sentinels(OK, {name: text for name, text in THREE.items() if name != "num-other-sentinels"} | told) is None


@pytest.mark.parametrize("watched", [None, "", "0", "5000", "6000"])
def test_one_that_was_just_started_takes_all_others_for_well_and_is_believed_when_it_finds_one_down(
    watched: str | None,
) -> None:
    young = THREE | ({"role-reported-time": watched} if watched is not None else {})
    if watched is None:
        del young["role-reported-time"]
    whole = OK.replace(b"2", b"3")
    assert sentinels(whole, young) is None
    assert sentinels(whole, THREE) == Sentinels(usable=3, known=3)
    assert sentinels(OK, young) == Sentinels(usable=2, known=3)


def test_of_several_views_that_one_counts_which_sees_most_with_both_of_its_numbers() -> None:
    cut_off, anew, whole = Sentinels(1, 5), Sentinels(2, 2), Sentinels(2, 3)
    views = [{"a": cut_off}, {"a": anew, "b": anew}, {"a": whole}]
    for order in (views, views[::-1]):
        assert best_view(order) == {"a": whole, "b": anew}
    assert best_view([]) == {}
