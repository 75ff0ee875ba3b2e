"""Host names: a name server that is slow, dead or fickle costs only the names it does not tell."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from exporter.failures import NodeError
from exporter.names import Names, look_up


class Server:
    """A name server: what it says of each name; a name it does not know is an error, and `slow` makes it hang."""

    def __init__(self) -> None:
        self.says: dict[str, list[str]] = {}
        self.asked = 0
        self.answering = threading.Event()
        self.answering.set()

    def __call__(self, host: str) -> list[str]:
        self.asked += 1
        self.answering.wait(30)
        if host not in self.says:
            raise OSError(-2, "Name or service not known")
        return self.says[host]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.answering.set()


async def test_an_address_needs_no_name_server(server: Server) -> None:
    names = Names(server)
    assert [await names.resolve(host) for host in ["10.0.0.1", "::1", "0:0:0:0:0:0:0:1"]] == ["10.0.0.1", "::1", "::1"]
    await names.refresh(["10.0.0.1"], 1.0)
    assert server.asked == 0


async def test_a_name_is_looked_up_once_and_then_known(server: Server) -> None:
    server.says["cache"] = ["10.0.0.1"]
    names = Names(server)
    assert set(await asyncio.gather(names.resolve("cache"), names.resolve("cache"))) == {"10.0.0.1"}
    assert server.asked == 1


async def test_a_name_without_an_address_is_refused_with_the_reason(server: Server) -> None:
    names = Names(server)
    with pytest.raises(NodeError, match="cannot be resolved: Name or service not known") as refused:
        await names.resolve("nowhere")
    assert refused.value.result == "refused"
    assert not names.unanswered("nowhere")


async def test_a_name_that_no_server_could_ever_know_is_refused_too() -> None:
    names = Names()
    with pytest.raises(NodeError) as refused:
        await names.resolve("a" * 70 + ".example")
    assert refused.value.result == "refused"


async def test_a_name_that_cannot_be_asked_for_ends_its_lookup() -> None:
    """What newer versions of Python say to a NUL in a name; 3.11 asks for what stands before it."""

    def look(_: str) -> list[str]:
        raise ValueError("embedded null character")

    names = Names(look)
    with pytest.raises(NodeError, match="embedded null character") as refused:
        async with asyncio.timeout(20):
            await names.resolve("a\0b.example")
    assert refused.value.result == "refused"


async def test_the_machines_own_names_are_found() -> None:
    assert {"127.0.0.1", "::1"} & set(look_up("localhost"))


async def test_a_dead_name_server_does_not_take_the_address_away(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.says["cache"] = ["10.0.0.1"]
    names = Names(server)
    await names.refresh(["cache"], 5.0)
    server.says.clear()
    for _ in range(3):
        await names.refresh(["cache"], 5.0)
    assert names.address("cache") == "10.0.0.1"
    assert caplog.text.count("cache cannot be resolved") == 1, "told once, not at each refresh"
    assert "staying with 10.0.0.1" in caplog.text


async def test_a_name_with_several_addresses_stays_with_the_first_it_had(server: Server) -> None:
    names = Names(server)
    for order in (["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1"]):
        server.says["cache"] = order
        await names.refresh(["cache"], 5.0)
    assert names.address("cache") == "10.0.0.1"


async def test_a_name_that_moves_is_followed(server: Server) -> None:
    names = Names(server)
    for address in ("10.0.0.1", "10.0.0.2"):
        server.says["cache"] = [address]
        await names.refresh(["cache"], 5.0)
    assert names.address("cache") == "10.0.0.2"


async def test_a_hanging_name_server_holds_nobody_longer_than_they_want_and_piles_up_no_lookups(server: Server) -> None:
    server.says["cache"] = ["10.0.0.1"]
    server.answering.clear()
    names = Names(server)
    for _ in range(3):
        await names.refresh(["cache"], 0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await names.resolve("cache")
    assert server.asked == 1
    assert names.unanswered("cache"), "nothing is known of it, neither an address nor a failure"
    server.answering.set()
    assert await names.resolve("cache") == "10.0.0.1"


def test_a_loop_that_ends_does_not_wait_for_a_hanging_name_server(server: Server) -> None:
    server.answering.clear()
    names = Names(server)
    asyncio.run(names.refresh(["cache"], 0.01))
    (lookup,) = [thread for thread in threading.enumerate() if thread.name == "look up cache"]
    assert lookup.daemon
    server.answering.set()
    lookup.join(10)
    assert not lookup.is_alive()


async def test_a_name_is_used_by_the_address_that_can_be_reached_for_as_long_as_it_has_it(server: Server) -> None:
    server.says["cache"] = ["::1", "10.0.0.1", "10.0.0.2"]
    names = Names(server)
    assert await names.resolve("cache") == "::1"
    names.use("cache", "10.0.0.1")
    names.use("cache", "10.0.0.1")
    assert (names.candidates("cache"), names.turned) == (("10.0.0.1", "::1", "10.0.0.2"), 1)
    await names.refresh(["cache"], 5.0)
    assert names.address("cache") == "10.0.0.1"
    server.says["cache"] = ["::1"]
    await names.refresh(["cache"], 5.0)
    assert (names.candidates("cache"), names.candidates("other")) == (("::1",), ())
