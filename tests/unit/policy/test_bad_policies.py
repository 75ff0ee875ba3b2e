"""Each refusal has a file of its own and the exact lines that the person who wrote it reads."""

from pathlib import Path

import pytest

from policy.loader import PolicyError, load

BAD = Path(__file__).parents[2] / "data" / "bad_policies"
NAMES = sorted(path.stem for path in BAD.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_policy_is_refused_with_all_its_problems_in_exactly_these_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(PolicyError) as refused:
        load(Path(f"{name}.yaml"))
    assert str(refused.value) + "\n" == (BAD / f"{name}.txt").read_text(encoding="utf-8")


def test_every_bad_policy_has_its_lines_and_every_line_its_policy() -> None:
    assert NAMES
    assert sorted(path.stem for path in BAD.glob("*.txt")) == NAMES


def test_no_message_repeats_a_password_that_stands_in_the_wrong_place() -> None:
    told = [path.name for path in BAD.glob("*.txt") if "hunter2" in path.read_text() or "ecret" in path.read_text()]
    assert not told
