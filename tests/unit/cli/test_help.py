"""Every command explains itself with an example that is one."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, cachewatch


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all commands below it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


ALL = dict(commands(cachewatch))


def examples(command: click.Command) -> list[list[str]]:
    """The words of each cachewatch call in the example of a command, without those in front of the command's name."""
    text = (command.epilog or "").removeprefix("Example: ")
    calls = [shlex.split(call) for call in re.split("&&|\\|", text)]
    return [call[1:] for call in calls if call and call[0] == "cachewatch"]


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "cachewatch")
def test_help_shows_what_the_command_does_and_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cachewatch, [*path, "--help"], prog_name="cachewatch")
    assert shown.exit_code == 0
    assert f"Usage: {' '.join(('cachewatch', *path))} " in shown.output
    assert "Example: cachewatch" in shown.output
    assert ALL[path].help


GROUPS = [path for path, command in ALL.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "cachewatch")
def test_a_list_of_commands_says_of_each_in_a_line_what_it_does(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cachewatch, [*path, "--help"], prog_name="cachewatch", env={"COLUMNS": "80"})
    listed = shown.output.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(listed) == len([below for below in ALL if below[:-1] == path and below])
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "cachewatch")
def test_the_example_of_a_command_is_accepted_by_it(path: tuple[str, ...]) -> None:
    """Parsed, not run: names of options and commands that do not exist are found here."""
    found = examples(ALL[path])
    assert any(" ".join(path) in " ".join(words) for words in found)
    for words in found:
        context: click.Context = cachewatch.make_context("cachewatch", list(words))
        while isinstance(context.command, click.Group):
            left = [*context._protected_args, *context.args]
            if not left:
                assert context.command.invoke_without_command
                break
            name, command, rest = context.command.resolve_command(context, left)
            assert command is not None
            context = command.make_context(name or "", rest, parent=context)


def test_the_commands_are_those_of_the_design() -> None:
    assert {*COMMANDS} == {"init", "check", "build", "serve", "notify", "demo", "alerts", "dashboards"}
    assert {" ".join(path) for path in ALL if len(path) == 2} == {
        "alerts backtest",
        "alerts test-page",
        "alerts build",
        "alerts catalogue",
        "dashboards build",
        "demo break",
        "demo heal",
    }


def test_a_command_that_does_not_exist_is_wrong_usage() -> None:
    ended = CliRunner().invoke(cachewatch, ["frobnicate"])
    assert ended.exit_code == 2
    assert "No such command 'frobnicate'" in ended.output


def test_the_version_is_told() -> None:
    assert re.search(r"\d+\.\d+\.\d+", CliRunner().invoke(cachewatch, ["--version"]).output)
