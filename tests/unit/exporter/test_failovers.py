"""A failover is counted once, with how long it took and what it lost; a replica that is merely detached is none."""

from __future__ import annotations

import pytest

from exporter.failovers import Failovers
from exporter.state import Failover, State
from exporter.targets import Target
from tests.unit.exporter.helpers import check, info_of, watching

OLD, NEW = Target.at("10.0.0.1", 1, "a"), Target.at("10.0.0.2", 1, "a")


def tells(state: State, node: Target, role: str, now: float, **fields: str) -> None:
    state.collected(node.instance, {**info_of(role=role), **fields}, 0.001, now)


def shard() -> tuple[State, Failovers]:
    """A primary that has told 1000 bytes, and its replica, looked at in second 0."""
    state = watching(OLD, NEW)
    failovers = Failovers(state)
    for node, role in ((OLD, "master"), (NEW, "slave")):
        check(state, node.instance, ["success"], 0.0)
        tells(state, node, role, 0.0, master_replid="first", master_repl_offset="1000")
    failovers.look(0.0)
    return state, failovers


def away(result: str, until: float) -> tuple[State, Failovers]:
    """A shard whose primary failed its checks, seen at 3 seconds, and is up again."""
    state, failovers = shard()
    check(state, OLD.instance, [result] * 3, 3.0)
    failovers.look(3.5)
    check(state, OLD.instance, ["success"] * 3, until)
    return state, failovers


def promote(state: State, now: float, followed: str = "first", began: str = "901") -> None:
    tells(state, NEW, "master", now, master_replid="second", master_replid2=followed, second_repl_offset=began)


def test_nothing_is_counted_while_nothing_happens() -> None:
    state, failovers = shard()
    tells(state, OLD, "master", 5.0, master_replid="first", master_repl_offset="2000")
    failovers.look(6.0)
    assert state.failovers == {}


def test_a_failover_lasts_from_the_first_failed_check_to_the_new_primary_and_lost_what_that_one_had_not_got() -> None:
    state, failovers = shard()
    for second in (3.0, 3.5, 4.0):
        check(state, OLD.instance, ["refused"], second)
    promote(state, 9.0)
    failovers.look(9.5)
    assert state.failovers == {"a": Failover(1, 6.0, 100)}
    failovers.look(10.5)
    promote(state, 14.0)  # its next INFO says the same
    failovers.look(14.5)
    tells(state, OLD, "slave", 20.0, master_replid="second")
    failovers.look(21.0)
    assert state.failovers == {"a": Failover(1, 6.0, 100)}, "it is counted once"


def test_a_planned_failover_is_counted_when_the_old_primary_says_that_it_is_none_any_more() -> None:
    state, failovers = shard()
    promote(state, 5.0, began="1501")
    failovers.look(5.5)
    assert state.failovers == {}
    tells(state, OLD, "slave", 9.0, master_replid="second")
    failovers.look(9.5)
    assert state.failovers == {"a": Failover(1, 0.0, 0)}


@pytest.mark.parametrize(("history", "lost"), [("first", 4100), ("of its restart", 100)])
def test_what_the_old_primary_takes_of_its_own_history_until_it_is_told_of_its_end_is_lost_too(
    history: str, lost: int
) -> None:
    """After a planned failover Sentinel tells it ten seconds later."""
    state, failovers = shard()
    promote(state, 5.0)
    failovers.look(5.5)
    tells(state, OLD, "master", 9.0, master_replid=history, master_repl_offset="5000")
    failovers.look(9.5)
    tells(state, OLD, "slave", 15.0, master_replid="second")
    failovers.look(15.5)
    assert state.failovers == {"a": Failover(1, 0.0, lost)}


def test_a_primary_that_was_restarted_before_anybody_took_its_place_fell_all_the_same() -> None:
    """As under systemd: it is up again, with a history of its own, when the replica of before is promoted."""
    state, failovers = away("refused", until=5.0)
    for second in (5.5, 6.5):
        tells(state, OLD, "master", second, master_replid="of its restart", master_repl_offset="0")
        failovers.look(second)
    promote(state, 7.0)
    failovers.look(7.5)
    assert state.failovers == {"a": Failover(1, 4.0, 100)}


def test_a_primary_that_hung_and_is_back_when_the_new_one_is_heard_fell_all_the_same() -> None:
    """Sentinel has decided, and tells the old one ten seconds later: until then it says what it said before."""
    state, failovers = away("timeout", until=7.0)
    tells(state, OLD, "master", 7.0, master_replid="first", master_repl_offset="1000")
    promote(state, 7.0)
    for second in (7.5, 8.5, 16.5):
        failovers.look(second)
    assert state.failovers == {}
    tells(state, OLD, "slave", 40.0, master_replid="second")
    failovers.look(40.5)
    assert state.failovers == {"a": Failover(1, 4.0, 100)}


def test_a_primary_that_was_away_and_came_back_with_its_history_was_not_down_at_a_planned_failover() -> None:
    state, failovers = away("timeout", until=5.0)
    tells(state, OLD, "master", 5.5, master_replid="first", master_repl_offset="1000")
    failovers.look(6.0)
    promote(state, 20.0, began="1001")
    tells(state, OLD, "slave", 20.0, master_replid="second")
    failovers.look(20.5)
    assert state.failovers == {"a": Failover(1, 0.0, 0)}


def test_both_roles_may_have_changed_between_two_looks() -> None:
    state, failovers = shard()
    tells(state, OLD, "slave", 4.0, master_replid="second")
    failovers.look(4.5)
    promote(state, 5.0)
    failovers.look(5.5)
    assert state.failovers["a"].count == 1


def test_a_replica_detached_from_a_primary_that_lives_on_is_no_failover_nor_is_a_death_much_later() -> None:
    state, failovers = shard()
    promote(state, 5.0)
    for second in (5.5, 65.5):
        failovers.look(second)
    check(state, OLD.instance, ["refused"] * 3, 70.0)
    failovers.look(71.0)
    assert state.failovers == {}


def test_a_primary_of_another_history_followed_nobody() -> None:
    state, failovers = shard()
    check(state, OLD.instance, ["refused"] * 3, 3.0)
    promote(state, 9.0, followed="0" * 40)
    failovers.look(9.5)
    assert state.failovers == {}


def test_a_former_primary_that_is_watched_no_more_reigned_until_it_was_replaced() -> None:
    state, failovers = shard()
    state.retarget([NEW])
    failovers.look(1.0)
    promote(state, 2.0)
    failovers.look(2.5)
    assert state.failovers == {"a": Failover(1, 0.0, 100)}


def test_a_server_that_does_not_tell_its_places_has_lost_nobody_knows_what() -> None:
    state, failovers = shard()
    check(state, OLD.instance, ["refused"] * 3, 3.0)
    promote(state, 4.0, began="-1")
    failovers.look(4.5)
    assert state.failovers == {"a": Failover(1, 1.0, None)}


def test_the_way_back_is_another_failover() -> None:
    state, failovers = shard()
    check(state, OLD.instance, ["refused"] * 3, 3.0)
    promote(state, 4.0)
    failovers.look(4.5)
    check(state, OLD.instance, ["success"] * 3, 10.0)
    tells(state, OLD, "slave", 10.0, master_replid="second")
    failovers.look(10.5)
    check(state, NEW.instance, ["refused"] * 3, 20.0)
    tells(state, OLD, "master", 22.0, master_replid="third", master_replid2="second", second_repl_offset="7")
    failovers.look(22.5)
    assert (state.failovers["a"].count, state.failovers["a"].duration) == (2, 2.0)
