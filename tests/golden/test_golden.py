"""A few policies in, all generated files out, through the real command."""

from pathlib import Path

import pytest

from tests.golden import build

CURE = "read the difference; when it is meant, run `python -m tests.golden.update`"


@pytest.mark.parametrize("name", build.names())
def test_the_command_makes_exactly_the_expected_files_of_a_policy(name: str, tmp_path: Path) -> None:
    expected = build.texts(build.CASES / name / build.EXPECTED)
    build.build(name, tmp_path)
    made = build.texts(tmp_path)
    assert sorted(made) == sorted(expected), CURE
    for relative, text in expected.items():
        assert made[relative] == text, f"{relative}: {CURE}"


def test_there_is_a_case_for_the_defaults_for_a_static_list_and_for_sentinel() -> None:
    assert {"defaults", "static", "sentinel"} <= set(build.names())
