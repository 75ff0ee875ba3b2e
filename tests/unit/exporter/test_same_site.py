"""Pages of other sites: what their browsers send, and what is no page at all."""

import pytest

from exporter.same_site import from_elsewhere
from policy.stack import Stack

HOST = {"Host": "127.0.0.1:9121"}


@pytest.mark.parametrize(
    "headers",
    [
        HOST,
        {**HOST, "Origin": "http://127.0.0.1:9121"},
        {**HOST, "Origin": "http://127.0.0.1:9121", "Sec-Fetch-Site": "same-origin"},
        {**HOST, "Sec-Fetch-Site": "none"},
        {"Host": "LOCALHOST:9121", "Origin": "http://localhost:9121"},
        {"Host": "[::1]:9121", "Origin": "http://[::1]:9121"},
        {"Host": "exporter:9121", "Origin": "http://exporter:9121"},
        {"Host": "exporter:9121", "Origin": "https://cache.example.com"},
        {"Host": "cache.example.com", "Origin": "https://Cache.example.com", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_program_and_a_page_of_ours_are_not_from_elsewhere(headers: dict[str, str]) -> None:
    stack = Stack.model_validate({"exporter": "exporter:9121", "links": {"exporter": "https://cache.example.com"}})
    assert not from_elsewhere(headers, stack)


@pytest.mark.parametrize(
    "headers",
    [
        {**HOST, "Origin": "http://evil.example"},
        {**HOST, "Origin": "http://127.0.0.1:3000"},
        {**HOST, "Origin": "null"},
        {**HOST, "Origin": ""},
        {**HOST, "Origin": "http://[::1"},
        {**HOST, "Sec-Fetch-Site": "cross-site"},
        {**HOST, "Sec-Fetch-Site": "Same-Site", "Origin": "http://127.0.0.1:9121"},
        {"Host": "evil.example:9121", "Origin": "http://evil.example:9121", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:9121"},
    ],
)
def test_a_page_of_another_site_is_and_so_is_a_name_that_somebody_turned_to_us(headers: dict[str, str]) -> None:
    assert from_elsewhere(headers, Stack())
