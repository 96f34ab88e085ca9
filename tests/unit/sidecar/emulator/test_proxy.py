"""Real connections on loopback through the proxy, with real bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import ManualClock, PacingClock, SystemClock, monotonic_s
from core.errors import InputError
from schemas.fault_schedule import FaultSpec
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.state import Counter, PlaneState
from sidecar.emulator.proxy import CONNECTIONS_MAX, Proxy

LOOPBACK = "127.0.0.1"
TEXT = bytes(range(256)) * 8
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Rig:
    """A server that repeats what it hears, and a proxy in front of it."""

    def __init__(self, proxy: Proxy, port: int, clock: PacingClock) -> None:
        self.proxy = proxy
        self.port = port
        self.clock = clock
        self.heard = bytearray()
        self.server_ends = 0

    def fault(self, name: str, **keys: Any) -> int:
        spec = FaultSpec.model_validate({"fault": name, "via": "proxy", **keys})
        return self.proxy.plane.add(spec, self.clock.now_ms())

    def counter(self, name: str) -> Counter:
        return self.proxy.plane.counters()[name]

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        self.server_ends += 1
        writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOOPBACK, self.port)

    async def repeated(self, text: bytes = TEXT) -> bytes:
        """What comes back for a text on a connection of its own, which then ends."""
        reader, writer = await self.connect()
        writer.write(text)
        writer.write_eof()
        found = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return found


@asynccontextmanager
async def rig(clock: PacingClock | None = None, seed: int = 0) -> AsyncIterator[Rig]:
    clock = clock or SystemClock()
    talk: list[Talk] = []
    server = await asyncio.start_server(lambda r, w: talk[0](r, w), LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    proxy = Proxy(LOOPBACK, port, Plane(PlaneState(seed=seed)), clock)
    found = Rig(proxy, await proxy.start(LOOPBACK, 0), clock)
    talk.append(found.echo)
    try:
        yield found
    finally:
        await proxy.stop()
        server.close()


async def flooded(writer: asyncio.StreamWriter) -> None:
    """Write more than any line holds."""
    for _ in range(64):
        writer.write(bytes(1 << 20))
        await writer.drain()


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """One byte, there and back."""
    writer.write(b"x")
    return await reader.readexactly(1)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_without_faults_every_byte_passes_both_ways() -> None:
    async def work() -> None:
        async with rig() as found:
            texts = [sha256(bytes([index])).digest() * 40_000 for index in range(3)]
            assert await asyncio.gather(*map(found.repeated, texts)) == texts
            size = sum(map(len, texts))
            assert found.proxy.counts == {
                "connections": 3, "refused": 0, "bytes_up": size, "bytes_down": size,
            }  # fmt: skip
            assert found.proxy.plane.counters() == {}

    run(work())


@given(
    text=st.binary(min_size=1, max_size=300),
    piece_bytes=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=25, deadline=None)
def test_bytes_split_anywhere_are_the_same_at_the_other_end(
    text: bytes, piece_bytes: int, seed: int
) -> None:
    async def work() -> None:
        async with rig(seed=seed) as found:
            found.fault("split", piece_bytes=piece_bytes)
            assert await found.repeated(text) == text
            assert bytes(found.heard) == text

    run(work())


def test_split_bytes_arrive_piece_by_piece() -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("split", piece_bytes=1, direction="down")
            reader, writer = await found.connect()
            writer.write(b"abcdefgh" * 32)
            sizes = []
            while sum(sizes) < 256:
                sizes.append(len(await reader.read(256)))
            writer.close()
            assert len(sizes) > 8
            assert found.counter("split").had_effect >= 250

    run(work())


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_cut_ends_the_connection_after_so_many_bytes(how: str) -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("cut", how=how, after_bytes=100, direction="down")
            reader, writer = await found.connect()
            writer.write(TEXT)
            if how == "rst":
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(reader.read(), 5)
            else:
                assert await asyncio.wait_for(reader.read(), 5) == TEXT[:100]
            writer.close()
            assert found.counter("cut").had_effect == 1

    run(work())


def test_a_cut_meets_a_connection_on_which_nothing_moves() -> None:
    async def work() -> None:
        async with rig() as found:
            reader, writer = await found.connect()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            found.fault("cut", how="fin")
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    run(work())


def test_a_black_hole_neither_hands_on_nor_ends() -> None:
    async def work() -> None:
        async with rig() as found:
            reader, writer = await found.connect()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            number = found.fault("blackhole")
            await asyncio.sleep(0.05)
            writer.write(b"is there anybody?")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.15)
            assert bytes(found.heard) == b"hello"

            found.proxy.plane.remove(number)
            writer.write(b"still nobody: the line is dead for good")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)
            assert await found.repeated() == TEXT
            assert found.counter("blackhole").had_effect >= 2
            writer.close()

    run(work())


def test_half_a_black_hole_takes_orders_and_hides_their_answers() -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("blackhole", direction="down")
            reader, writer = await found.connect()
            writer.write(b"an order")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.15)
            assert bytes(found.heard) == b"an order"
            assert found.counter("blackhole").had_effect == 1
            writer.close()

    run(work())


def test_a_stall_holds_bytes_back_and_loses_none() -> None:
    async def work() -> None:
        async with rig() as found:
            number = found.fault("stall", for_s=60)
            reader, writer = await found.connect()
            writer.write(TEXT)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)
            found.proxy.plane.remove(number)
            assert await asyncio.wait_for(reader.readexactly(len(TEXT)), 5) == TEXT
            assert found.counter("stall").had_effect == 1
            writer.close()

    run(work())


def test_a_slow_line_takes_its_time() -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("throttle", bytes_per_s=10_000, direction="down")
            begun_s = monotonic_s()
            assert await found.repeated(TEXT) == TEXT
            assert monotonic_s() - begun_s >= len(TEXT) / 10_000 * 0.9
            assert found.counter("throttle").had_effect >= 4

    run(work())


def test_a_delay_counts_on_the_clock_that_it_is_given() -> None:
    async def work() -> None:
        clock = ManualClock(1_000_000)
        async with rig(clock) as found:
            found.fault("delay", delay_ms=7_000, direction="up")
            assert await found.repeated() == TEXT
            assert clock.now_ms() >= 1_007_000
            assert found.counter("delay").had_effect >= 1

    run(work())


@pytest.mark.parametrize("how", ["noise", "utf8", "truncate"])
def test_bytes_are_garbled_in_one_direction(how: str) -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("garble", how=how, direction="down", count=1)
            text = b"plain text " * 20
            back = await found.repeated(text)
            assert bytes(found.heard) == text
            assert back != text
            if how != "truncate":
                assert sum(a != b for a, b in zip(back, text, strict=True)) == 1
            assert found.counter("garble").had_effect == 1

    run(work())


def test_what_is_accepted_and_hangs_never_reaches_the_venue() -> None:
    async def work() -> None:
        async with rig() as found:
            number = found.fault("accept_hang")
            reader, writer = await found.connect()
            writer.write(b"hello")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)
            assert bytes(found.heard) == b""
            found.proxy.plane.remove(number)
            assert await found.repeated() == TEXT
            assert found.counter("accept_hang").had_effect == 1
            writer.close()

    run(work())


def test_flapping_connections_end_by_themselves() -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("flap", delay_ms=60)
            for _ in range(3):
                reader, writer = await found.connect()
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
                assert await asyncio.wait_for(reader.read(), 5) == b""
                writer.close()
            assert found.counter("flap").had_effect == 3

    run(work())


def test_one_connection_in_three_is_cut_when_it_says_so() -> None:
    async def work() -> None:
        async with rig() as found:
            found.fault("cut", how="fin", every=3)
            sizes = [len(await found.repeated()) for _ in range(6)]
            assert [size == len(TEXT) for size in sizes] == [True, True, False] * 2

    run(work())


def test_a_reader_that_does_not_read_stops_the_writer() -> None:
    async def work() -> None:
        async with rig() as found:
            _, writer = await found.connect()
            found.fault("stall", for_s=60)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(flooded(writer), 0.5)
            assert found.proxy.counts["bytes_up"] == 0
            writer.transport.abort()

    run(work())


def test_a_venue_that_is_not_there_ends_the_connection() -> None:
    async def work() -> None:
        async with rig() as found:
            found.proxy.target = (LOOPBACK, 1)
            reader, writer = await found.connect()
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    run(work())


def test_a_port_in_use_is_told_in_three_lines() -> None:
    async def work() -> None:
        async with rig() as found:
            other = Proxy(LOOPBACK, found.port, Plane(), SystemClock())
            with pytest.raises(InputError) as refused:
                await other.start(LOOPBACK, found.port)
            what, at, hint = refused.value.lines()
            assert "cannot listen" in what
            assert at.endswith(f"{LOOPBACK}:{found.port}")
            assert "--proxy-port" in hint

    run(work())


def test_no_more_connections_than_it_can_look_after(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with rig() as found:
            held = [await found.connect() for _ in range(3)]
            for reader, writer in held:
                assert await answered(reader, writer) == b"x"
            reader, writer = await found.connect()
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await answered(reader, writer)
            assert found.proxy.counts["refused"] == 1
            for _, one in [*held, (reader, writer)]:
                one.close()

    assert CONNECTIONS_MAX > 1_000
    monkeypatch.setattr("sidecar.emulator.proxy.CONNECTIONS_MAX", 3)
    run(work())
