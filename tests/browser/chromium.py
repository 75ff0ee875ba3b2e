"""Chromium without a window, spoken to in its own protocol (CDP) over a WebSocket.

No driver stands between: one would have to match the version of the browser, which Debian renews every few weeks.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any, Self

import aiohttp

from sandbox import binaries
from sandbox.ports import LOOPBACK
from sandbox.process import Child, Started, wait_until

_START = 60.0
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-breakpad --disable-dev-shm-usage --disable-extensions "
    "--disable-default-apps --no-default-browser-check --password-store=basic --hide-scrollbars --remote-debugging-port=0 "
    "--force-color-profile=srgb --disable-features=Translate,OptimizationHints,MediaRouter"
).split()


class Chromium(Started):
    """The browser process. Its profile lives in `directory` and is thrown away with it.

    What it leaves behind beside that has a folder of its own: it holds a socket, so that its path has to be short.
    """

    def __init__(self, directory: Path) -> None:
        self._profile = directory / "profile"
        self._litter = Path(tempfile.gettempdir()) / f"cachewatch-{secrets.token_hex(4)}"
        homes = {name: str(directory) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        argv: tuple[str | Path, ...] = (
            binaries.find("chromium"),
            *_FLAGS,
            f"--user-data-dir={self._profile}",
            "about:blank",
        )
        self._child = Child("chromium", argv, directory, {**homes, "TMPDIR": str(self._litter)})

    @property
    def _port_file(self) -> Path:
        return self._profile / "DevToolsActivePort"

    def start(self) -> None:
        """Start, and wait until it can be spoken to."""
        self._port_file.unlink(missing_ok=True)  # of the last one
        self._litter.mkdir(mode=0o700)
        self._child.start()
        self._child.wait_ready(lambda: self._port_file.exists() and "\n" in self._port_file.read_text(), _START)

    def stop(self) -> None:
        """End it with all its children."""
        self._child.stop(grace=20.0)
        shutil.rmtree(self._litter, ignore_errors=True)

    @property
    def address(self) -> str:
        """Where it is spoken to."""
        return f"http://{LOOPBACK}:{self._port_file.read_text().split()[0]}"


class Tab:
    """One page. `said` is what went to its console, and what went wrong; `asked` every address that it requested."""

    def __init__(self, browser: Chromium) -> None:
        self._browser = browser
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.said: list[str] = []
        self.asked: list[str] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        async with self._session.put(f"{self._browser.address}/json/new?about:blank") as answer:
            target = await answer.json()
        self._id = target["id"]
        self._socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            await self.send(f"{domain}.enable")
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._session.get(f"{self._browser.address}/json/close/{self._id}"):
            pass
        await self._socket.close()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._session.close()

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(60.0):
            told = await answer
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        return dict(told["result"])

    async def open(self, address: str) -> None:
        """Go to a page."""
        await self.send("Page.navigate", url=address)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited when it is a promise. AssertionError when it throws."""
        told = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def until(self, expression: str, patience: float = 60.0) -> Any:
        """Wait until a JavaScript expression is true. AssertionError with what the page says when it does not become so."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    if value := await self.evaluate(expression):
                        return value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            page = await self.evaluate("document.body.innerText")
            raise AssertionError(
                f"waited {patience:g} s in vain for {expression}; console: {self.said}; page:\n{page}"
            ) from None

    async def text(self, selector: str) -> str:
        """What a reader sees in the first element that fits."""
        return str(await self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def sized(self, width: int, height: int, scale: float = 1.0, phone: bool = False) -> None:
        """Be a screen of that many CSS pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    async def prefers(self, **features: str) -> None:
        """Set media features, as in `color_scheme="dark"`."""
        named = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        await self.send("Emulation.setEmulatedMedia", features=named)

    async def press(self, key: str, code: int) -> None:
        """Press a key that types nothing, such as Tab (9), or Enter (13)."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    async def picture(self, file: Path, whole: bool = False) -> None:
        """A PNG of the screen, or of the whole page."""
        told = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(told["data"]))

    async def accessible(self) -> list[dict[str, Any]]:
        """What a screen reader is told: `{"role", "name", ...}` of every node that is not hidden from it."""
        nodes = (await self.send("Accessibility.getFullAXTree"))["nodes"]
        return [
            {"role": node["role"]["value"], "name": node.get("name", {}).get("value", "")}
            for node in nodes
            if not node["ignored"]
        ]

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self._note(told["method"], told["params"])

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.said.append(f"{told['type']}: {[a.get('value', a.get('description')) for a in told['args']]}")
        elif method == "Runtime.exceptionThrown":
            self.said.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
        elif method == "Log.entryAdded":
            self.said.append(f"{told['entry']['level']}: {told['entry']['text']} {told['entry'].get('url', '')}")


def wait_gone(directory: Path) -> None:
    """Wait until no process has its profile in that directory."""
    wait_until(lambda: not _holders(directory), 20.0, "every process of the browser to end")


def _holders(directory: Path) -> list[str]:
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = line.read_bytes()
        except OSError:
            continue
        if str(directory).encode() in command:
            found.append(line.parent.name)
    return found
