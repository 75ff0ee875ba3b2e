"""`cachewatch`, and `python -m cli`, which is the same."""

import os
import sys
from pathlib import Path


def run() -> None:
    """Run the command line; see `cli.main.main`. Ctrl-C while the imports run is 130 too."""
    _reopen()
    try:
        from cli.main import main

        main()
    except KeyboardInterrupt:
        sys.exit(130)


def _reopen() -> None:
    """Let what the caller closed (`>&-`) lead nowhere: it would be no stream, and its number the next file's."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  # for as long as we run
            os.set_inheritable(stream.fileno(), True)  # the prober would have none
            setattr(sys, name, stream)


if __name__ == "__main__":
    run()
