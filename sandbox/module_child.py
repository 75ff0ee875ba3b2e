"""How a module of this project is run as a child process, from a checkout as well as from an installed wheel."""

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def module_argv(module: str, *arguments: object) -> tuple[str, ...]:
    """Return the command that runs `module` under this interpreter."""
    return (sys.executable, "-m", module, *(str(argument) for argument in arguments))


def module_env() -> dict[str, str]:
    """Return the environment that lets a child in another directory find the modules that we run from."""
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{_ROOT}{os.pathsep}{inherited}" if inherited else str(_ROOT), "PYTHONUNBUFFERED": "1"}
