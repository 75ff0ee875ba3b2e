"""A network between two ends, as a process: `python -m sandbox.slow_path`, or `SlowPath`.

Each way listens on a port and leads to another one. What comes back over it can be late, or no faster than so many bytes
a second, or be lost with its connection; what goes there is not held up.
"""

import argparse
import asyncio
import json
import selectors
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sandbox.files import write_atomic, write_json
from sandbox.module_child import module_argv, module_env
from sandbox.ports import LOOPBACK
from sandbox.process import Child
from sandbox.redis_node import START_TIMEOUT

_CHUNK = 4096
_LOOK_EVERY = 0.05


@dataclass(frozen=True)
class Pace:
    """How what comes back is held up: every `nth` piece by `delay` seconds, and all of it to `rate` bytes a second (0: not)."""

    delay: float = 0.0
    nth: int = 1
    rate: float = 0.0


class SlowPath(Child):
    """The running process. `ways` is port -> the port it leads to; none is held up at first."""

    def __init__(self, directory: Path, ways: Mapping[int, int]) -> None:
        self._file, self._ready = directory / "slow-path.json", directory / "slow-path.ready"
        self._ways = dict(ways)
        self._paces: dict[int, Pace] = {}
        self._cuts = dict.fromkeys(ways, 0)
        argv = module_argv("sandbox.slow_path", "--config", self._file, "--ready", self._ready)
        super().__init__("slow-path", argv, directory, module_env())

    def start(self) -> None:
        """Start; every way is open when this returns. Raises `StartFailed`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._ready.unlink(missing_ok=True)
        self._tell()
        super().start()
        self.wait_ready(self._ready.exists, START_TIMEOUT)

    def hold_up(self, port: int, pace: Pace) -> None:
        """Hold up what comes back over the way that begins at `port`, from a moment later on; `Pace()` lets it go."""
        self._paces[port] = pace
        self._tell()

    def cut(self, port: int) -> None:
        """Cut each connection that now goes over the way, when the next piece comes back over it."""
        self._cuts[port] += 1
        self._tell()

    def _tell(self) -> None:
        ways = [
            {"port": port, "to": to, "pace": asdict(self._paces.get(port, Pace())), "cuts": self._cuts[port]}
            for port, to in self._ways.items()
        ]
        write_json(self._file, {"ways": ways})


@dataclass
class Way:
    """One way: how it holds up now, how often it was cut, and how many pieces came back over it."""

    to: int
    pace: Pace = field(default_factory=Pace)
    cuts: int = 0
    pieces: int = 0

    def pause(self, size: int) -> float:
        """Seconds for which the next piece of that many bytes is held up."""
        self.pieces += 1
        late = self.pace.delay if self.pieces % self.pace.nth == 0 else 0.0
        return late + (size / self.pace.rate if self.pace.rate else 0.0)

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, until an end has had enough."""
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self.to)
        except OSError:
            writer.transport.abort()  # the other end is gone: this one is refused
            return
        await asyncio.gather(self._carry(reader, back, slow=False), self._carry(there, writer, slow=True))

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, slow: bool) -> None:
        before = self.cuts
        with suppress(OSError):
            while piece := await source.read(_CHUNK):
                if slow and self.cuts > before:
                    break
                if slow and (pause := self.pause(len(piece))):
                    await asyncio.sleep(pause)
                to.write(piece)
                await to.drain()
        to.close()


def _told(config: Path) -> Mapping[int, Way]:
    """The ways as the file has them now."""
    ways = json.loads(config.read_text())["ways"]
    return {each["port"]: Way(each["to"], Pace(**each["pace"]), each["cuts"]) for each in ways}


async def _serve(config: Path, ready: Path) -> None:
    ways = _told(config)
    servers = [await asyncio.start_server(way.join, LOOPBACK, port) for port, way in ways.items()]
    write_atomic(ready, "")
    while servers:
        await asyncio.sleep(_LOOK_EVERY)
        for port, told in _told(config).items():
            ways[port].pace, ways[port].cuts = told.pace, told.cuts


def main() -> None:
    """Carry until killed."""
    parser = argparse.ArgumentParser(description="A network that can be slow, between two ends on this machine.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--ready", type=Path, required=True)
    given = parser.parse_args()
    # Not epoll: it waits in whole milliseconds, and a millisecond is what a path may be late by.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_serve(given.config, given.ready))


if __name__ == "__main__":
    main()
