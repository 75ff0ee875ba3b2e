"""Run a module whose wall clock can be set: `python -m sandbox.stepped_clock FILE MODULE ARGUMENTS...`.

The machine's clock is everybody's, so it is not touched: `time.time` and `datetime.now` of that one process give it plus the
seconds that stand in FILE at the moment. Monotonic clocks go on, as with a real step. Prometheus and Alertmanager are no
Python and cannot be told so.
"""

import datetime as datetime_module
import runpy
import sys
import time
from datetime import datetime as _datetime
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

_time = time.time


class _Either(type):
    """What C code makes is a plain datetime; it counts as one of ours."""

    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, _datetime)


def install(file: Path) -> None:
    """Let this process see the time that the file says; to be called before anybody has imported a clock."""

    def offset() -> float:
        return float(file.read_text() or 0)

    class Stepped(_datetime, metaclass=_Either):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return _datetime.now(tz) + timedelta(seconds=offset())

    time.time = lambda: _time() + offset()
    datetime_module.datetime = Stepped  # type: ignore[misc]  # the very point


def main() -> None:
    """Step the clock and become the module."""
    file, module = Path(sys.argv[1]), sys.argv[2]
    install(file)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(f"{module}.__main__", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
