"""Two processes that talk: in order, held up by who does not read, told when the other dies."""

from __future__ import annotations

import asyncio

from tests.simulation.local import BUFFER_BYTES
from tests.simulation.ports import LinkLostError, Ports, StreamEndedError
from tests.simulation.world import Plan, World

PIECE = b"x" * 1_000


def world() -> World:
    return World(Plan(1, horizon_ms=20_000, heal_ms=1_000))


async def dialled(ports: Ports) -> tuple[object, int]:
    """A connection to the server, and how often nobody was there."""
    refused = 0
    while True:
        try:
            return await ports.local.dial("server"), refused
        except LinkLostError:
            refused += 1
            await ports.clock.sleep_ms(100)


def test_bytes_arrive_in_order_and_the_end_comes_last() -> None:
    heard: list[bytes] = []

    async def serve(ports: Ports) -> None:
        listener = await ports.local.listen("server")
        stream = await listener.accept()
        for number in range(200):
            await stream.send(str(number).encode())
        stream.close()
        await asyncio.sleep(3_600)

    async def read(ports: Ports) -> None:
        stream = (await dialled(ports))[0]
        try:
            while True:
                heard.append(await stream.receive())  # type: ignore[attr-defined]
        except StreamEndedError:
            heard.append(b"end")
        await asyncio.sleep(3_600)

    found = world()
    found.add("server", serve)
    found.add("client", read)
    found.run(lambda _: [])

    assert heard == [*(str(number).encode() for number in range(200)), b"end"]


def test_who_does_not_read_holds_up_who_sends() -> None:
    sent: list[int] = []

    async def serve(ports: Ports) -> None:
        stream = await (await ports.local.listen("server")).accept()
        while True:
            await stream.send(PIECE)
            sent.append(len(PIECE))

    async def idle(ports: Ports) -> None:
        await dialled(ports)
        await asyncio.sleep(3_600)

    found = world()
    found.add("server", serve)
    found.add("client", idle)
    found.run(lambda _: [])

    assert BUFFER_BYTES < sum(sent) <= BUFFER_BYTES + 2 * len(PIECE)


def test_the_living_learn_that_the_other_died_and_find_its_next_life() -> None:
    told: list[str] = []

    async def serve(ports: Ports) -> None:
        listener = await ports.local.listen("server")
        while True:
            stream = await listener.accept()
            await stream.send(b"hello")

    async def read(ports: Ports) -> None:
        while True:
            stream, refused = await dialled(ports)
            told.append("refused" if refused else "in")
            try:
                while True:
                    told.append((await stream.receive()).decode())  # type: ignore[attr-defined]
            except StreamEndedError:
                told.append("ended")

    found = world()
    server = found.add("server", serve)
    found.add("client", read)
    found.net.at(5_000, lambda: server.kill("all", 1_000))
    found.run(lambda _: [])

    assert told[1:] == ["hello", "ended", "refused", "hello"]
    assert len(server.lives) == 2


def test_a_name_is_taken_while_its_owner_lives() -> None:
    said: list[str] = []

    async def serve(ports: Ports) -> None:
        try:
            await ports.local.listen("server")
            said.append("mine")
        except OSError:
            said.append("taken")
        await asyncio.sleep(3_600)

    found = world()
    first = found.add("one", serve)
    second = found.add("two", serve)
    found.net.at(5_000, lambda: first.kill("all", 60_000))
    found.net.at(6_000, lambda: second.kill("all", 10))
    found.run(lambda _: [])

    assert sorted(said[:2]) == ["mine", "taken"]
    assert "mine" in said[2:]
