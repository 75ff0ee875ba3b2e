"""A source that hangs or fails in a way that nobody foresaw costs only itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from exporter import sources
from exporter.keyring import Keyring
from exporter.names import Names
from exporter.sources import Sources
from policy.model import Policy


def made(folder: Path) -> Sources:
    """Of a policy with files and a name, which is told without a name server."""
    (folder / "a.json").write_text('[{"targets": ["10.0.0.1:6379"]}]')
    fleet = {"files": [str(folder / "*.json")], "dns": [{"name": "cache.test"}]}
    policy = Policy.model_validate({"fleet": fleet})
    return Sources(policy, Keyring(policy.fleet, {}), Names(lambda _: ["10.0.0.2"]))


async def test_a_fault_in_one_source_is_its_own_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = made(tmp_path)

    def faulty(patterns: tuple[str, ...]) -> Any:
        raise RecursionError("too deep")

    own._files.find = faulty  # type: ignore[method-assign]
    await own.refresh()
    assert {part: bool(told.error) for part, told in own.parts.items()} == {"files": True, "dns": False}
    assert own.parts["files"].error == "files: RecursionError: too deep"
    assert {target.instance for target in await own.targets()} == {"10.0.0.2:6379"}
    assert "files: cannot be asked" in caplog.text


async def test_files_that_hang_are_told_and_the_others_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FILE_PATIENCE", 0.2)
    own, ends = made(tmp_path), threading.Event()
    find = own._files.find

    def hangs(patterns: tuple[str, ...]) -> Any:
        ends.wait(30)
        return find(patterns)

    own._files.find = hangs  # type: ignore[method-assign]
    await own.refresh()
    assert own.parts["files"].error.endswith("*.json: cannot be read: no answer within 0.2 s")
    assert own.parts["dns"].error == ""
    assert not own.unheard - {"files"}
    ends.set()
    monkeypatch.setattr(sources, "FILE_PATIENCE", 30.0)
    await own.refresh()
    assert own.parts["files"].error == ""
    assert {target.instance for target in await own.targets()} == {"10.0.0.1:6379", "10.0.0.2:6379"}


async def test_a_source_that_named_only_half_is_unheard_until_it_named_all(tmp_path: Path) -> None:
    fleet = {"dns": [{"name": "cache.test"}, {"name": "late.test"}]}
    policy, there = Policy.model_validate({"fleet": fleet}), {"cache.test": ["10.0.0.2"]}

    def look_up(name: str) -> list[str]:
        if name not in there:
            raise OSError("no such name")
        return there[name]

    own = Sources(policy, Keyring(policy.fleet, {}), Names(look_up))
    await own.refresh()
    assert own.unheard == {"dns"}
    assert {target.instance for target in await own.targets()} == {"10.0.0.2:6379"}
    there["late.test"] = ["10.0.0.3"]
    await own.refresh()
    assert own.unheard == set()
    del there["late.test"]
    await own.refresh()
    assert own.unheard == set(), "it stays heard"


async def test_another_policy_keeps_what_a_source_said_while_it_is_silent(tmp_path: Path) -> None:
    """Without that a reload while Sentinel or a name server is down would make `/sd` 503 and the health unknown."""
    before = made(tmp_path)
    await before.refresh()
    said = {part: told.error for part, told in before.parts.items()}

    def fails(_: str) -> list[str]:
        raise OSError("no name server")

    after = Sources(before._policy, before._keys, Names(fails), before)
    assert (after.unheard, after.heard) == (set(), True)
    assert {part: told.error for part, told in after.parts.items()} == said
    await after.refresh()
    assert "no name server" in after.parts["dns"].error
    assert after.unheard == set()
    new = Sources(
        Policy.model_validate({"fleet": {"sentinel": {"addresses": ["10.0.0.3"]}}}), before._keys, Names(), before
    )
    assert (new.unheard, new.heard, dict(new.parts)) == ({"sentinel"}, False, {})
