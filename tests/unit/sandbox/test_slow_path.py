"""How long a piece is held up on the way back."""

from sandbox.slow_path import Pace, Way


def test_an_open_way_holds_nothing_up() -> None:
    assert Way(6379).pause(4096) == 0.0


def test_each_so_manieth_piece_is_late() -> None:
    way = Way(6379, Pace(delay=0.007, nth=3))
    assert [way.pause(10) for _ in range(7)] == [0.0, 0.0, 0.007, 0.0, 0.0, 0.007, 0.0]


def test_a_narrow_way_takes_as_long_as_its_rate_asks() -> None:
    way = Way(6379, Pace(rate=1000.0))
    assert [way.pause(size) for size in (1000, 500)] == [1.0, 0.5]
