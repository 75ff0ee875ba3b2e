"""The policy is data: whoever imports it gets no client, server or clock with it."""

import ast
import sys
from pathlib import Path

import policy

ROOM = Path(policy.__file__).parent
MAY_IMPORT = {"policy", "pydantic", "pydantic_core", "yaml", "typing_extensions"}
READS_FILES = {"loader.py", "key_files.py"}
READS_YAML = {"yaml_text.py"}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {n.split(".")[0] for n in plain | {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}}


def test_the_policy_imports_nothing_but_the_standard_library_pydantic_and_yaml() -> None:
    found = {name for path in ROOM.glob("**/*.py") for name in imported(path)}
    assert found <= MAY_IMPORT | sys.stdlib_module_names


def test_only_one_module_knows_yaml() -> None:
    assert {path.name for path in ROOM.glob("**/*.py") if "yaml" in imported(path)} == READS_YAML


def test_only_the_loader_and_the_secrets_open_files() -> None:
    opens = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file", "resolve"}
    found = {
        path.name
        for path in ROOM.glob("**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in opens
    }
    assert found <= READS_FILES
