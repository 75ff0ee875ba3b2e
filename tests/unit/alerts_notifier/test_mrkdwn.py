"""Text that came from outside cannot call anybody, break a link or go past Slack's limits."""

from datetime import UTC, datetime

import pytest

from alerts.notifier.mrkdwn import MAX_LINK, link, many_lines, moment, one_line, unescaped


@pytest.mark.parametrize(
    "hostile", ["<!channel>", "<!here>", "<@U123>", "<http://evil|safe>", "a & b", "&lt;!here&gt;"]
)
def test_markup_in_a_label_is_shown_not_obeyed(hostile: str) -> None:
    for shown in (one_line(hostile, 100), many_lines(hostile, 100)):
        assert "<" not in shown
        assert ">" not in shown
        assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == hostile
        assert unescaped(shown) == hostile


def test_one_line_stays_one_line() -> None:
    assert one_line("a\nb\t c\u2028d\x00e", 100) == "a b c d e"


def test_a_description_keeps_its_lines_and_loses_its_control_characters() -> None:
    assert many_lines("first\nsecond\x1b[31m\n", 100) == "first\nsecond [31m"


@pytest.mark.parametrize("limit", range(1, 30))
def test_cut_text_fits_and_is_never_cut_inside_an_entity(limit: int) -> None:
    shown = one_line("&<>" * 20, limit)
    assert len(shown) <= limit
    assert shown.endswith("…")
    assert shown[:-1].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "") == ""


def test_text_that_just_fits_is_left_whole() -> None:
    assert one_line("12345", 5) == "12345"
    assert one_line("123456", 5) == "1234…"


def test_empty_text_is_a_dash_because_slack_refuses_empty_text() -> None:
    assert (one_line("", 10), one_line(" \n ", 10), many_lines("", 10)) == ("-", "-", "-")


def test_a_link_cannot_be_broken_open_by_its_url() -> None:
    assert link('https://g/d?x=a|b>c<d e"&y=%7B', "Go") == "<https://g/d?x=a%7Cb%3Ec%3Cd%20e%22&amp;y=%7B|Go>"


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "/runbooks/X", "ftp://x", "https://x/" + "a" * MAX_LINK])
def test_what_is_no_web_address_or_too_long_makes_no_link(url: str) -> None:
    assert link(url, "Go") == ""


def test_a_moment_is_shown_in_the_readers_zone_with_utc_as_fallback() -> None:
    at = datetime(2026, 11, 22, 3, 4, 5, 900000, tzinfo=UTC)
    assert moment(at) == "<!date^1795316645^{date_short_pretty}, {time_secs}|2026-11-22 03:04:05 UTC>"
