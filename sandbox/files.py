"""Files that others read while we write them."""

import json
import os
from pathlib import Path

from sandbox.errors import SandboxError


def write_atomic(path: Path, text: str, mode: int = 0o644) -> None:
    """Write under a temporary name and rename: a reader sees the old text or the new one, never half of it. `SandboxError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise SandboxError(f"{path} cannot be written: {error.strerror}") from error


def write_json(path: Path, value: object, mode: int = 0o644) -> None:
    """Write a value as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2) + "\n", mode)
