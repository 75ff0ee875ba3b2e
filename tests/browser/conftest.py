"""One browser for a file of tests; each test has a tab of its own."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, wait_gone

pytest.register_assert_rewrite("tests.browser.checks")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium without a window; no process of it is left afterwards."""
    directory = tmp_path_factory.mktemp("chromium")
    with Chromium(directory) as running:
        yield running
    wait_gone(directory)
