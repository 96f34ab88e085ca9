"""The sidecar's socket: whatever a client says or leaves unsaid, the others are served."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from core.clock import monotonic_s
from core.errors import InputError, RefusedError, UsageError
from core.feed import AsyncFeed, Feed, FeedLostError
from schemas.sidecar import FRAME_BYTES_MAX
from sidecar.market.facts import UserEvent
from sidecar.market.socket_file import bound
from tests.market_socket import USER, Raw, scene

WRONG: list[tuple[bytes, int | None, str]] = [
    (b"", None, "cannot be read"),
    (b"not json", None, "cannot be read"),
    (b"\xff\xfe", None, "cannot be read"),
    (b"[1]", None, "cannot be read"),
    (b'{"id":7}', 7, "missing required field"),
    (b'{"id":"7","method":"mids"}', None, "expected `int`, was `str`"),
    (b'{"id":7,"method":"mids","more":1}', 7, "unknown field"),
    (b'{"id":7,"method":"dance"}', 7, "method 'dance' is not known"),
    (b'{"id":7,"method":"mids","params":[]}', 7, "cannot be read"),
    (b'{"id":7,"method":"mids","params":{"symbols":"BTC"}}', 7, "expected `array`"),
    (b'{"id":7,"method":"mids","params":{"symbols":[1]}}', 7, "expected `str`"),
    (b'{"id":7,"method":"mids","params":{"when":1}}', 7, "unknown field"),
    (b'{"id":7,"method":"candles","params":{"symbol":"A","interval":"7m"}}', 7, "interval '7m'"),
    (b'{"id":7,"method":"candles","params":{"symbol":"A","interval":"1M"}}', 7, "cannot be stored"),
    (b'{"id":7,"method":"user_events","params":{"user":"0x12"}}', 7, "cannot be read"),
    (b'{"id":7,"method":"hello","params":{"protocol":99}}', 7, "protocol 99"),
    (b'{"id":7,"method":"subscribe","params":{"kinds":["user"]}}', 7, "no user was named"),
    (b'{"id":7,"method":"funding","params":{"symbol":"A","from_ms":2,"to_ms":1}}', 7, "backwards"),
]


@pytest.mark.parametrize(("line", "number", "words"), WRONG, ids=range(len(WRONG)))
def test_wrong_requests_are_answered_and_the_connection_lives(
    tmp_path: Path, line: bytes, number: int | None, words: str
) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box:
            raw = await Raw.connect(box.path)

            answer = await raw.say(line)

            assert (answer["id"], answer["ok"]) == (number, False)
            assert words in answer["error"]["what"]
            assert answer["error"]["next"]
            assert (await raw.ask("stats"))["ok"]
            await raw.close()

    asyncio.run(body())


def test_a_line_without_an_end_is_refused_and_others_go_on(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box:
            raw, other = await Raw.connect(box.path), await Raw.connect(box.path)
            raw.writer.write(b"x" * (FRAME_BYTES_MAX + 10))

            answer = await raw.line()

            assert "1,048,576 are the limit" in answer["error"]["what"]
            assert await raw.reader.read() == b""
            assert (await other.ask("hello"))["ok"]
            await raw.close()
            await other.close()

    asyncio.run(body())


def test_ten_thousand_symbols_are_refused_and_a_thousand_are_not(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box:
            raw = await Raw.connect(box.path)

            many = await raw.ask("interest", symbols=[f"S{i}" for i in range(10_000)])
            some = await raw.ask("interest", symbols=[f"S{i}" for i in range(1_000)])

            assert not many["ok"]
            assert "length <= 1000" in many["error"]["what"]
            assert some["ok"]
            await raw.close()

    asyncio.run(body())


def test_an_address_in_any_case_is_one_user_read_by_cursor_and_never_taken(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box:
            log = box.daemon.accounts.log()
            log.append([UserEvent(USER, "fill", str(i), i, {"n": i}) for i in range(5)], 1)
            upper = "0X" + USER[2:].upper()
            async with AsyncFeed(box.path) as feed:
                first = await feed.call("user_events", {"user": upper, "limit": 3})
                again = await feed.call("user_events", {"user": USER, "limit": 3})
                rest = await feed.call("user_events", {"user": USER, "after": first["cursor"]})
                acked = await feed.call(
                    "ack", {"consumer": "live", "user": upper, "cursor": first["cursor"]}
                )
                with pytest.raises(UsageError):
                    await feed.call("ack", {"consumer": "live", "user": USER, "cursor": 99})

            assert first == again
            assert [e["data"]["n"] for e in first["events"] + rest["events"]] == [0, 1, 2, 3, 4]
            assert (first["more"], rest["more"]) == (True, False)
            assert acked == {"cursor": first["cursor"]}

    asyncio.run(body())


def test_a_long_poll_ends_with_news_with_time_and_with_another_boot(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box, AsyncFeed(box.path) as feed:
            box.quote("BTC", 100.0)
            seq = (await feed.call("hello"))["seq"]
            asked = {"symbols": ["BTC"], "after_seq": seq, "timeout_ms": 5_000}
            task = asyncio.create_task(feed.call("wait", asked))
            await asyncio.sleep(0.05)
            box.quote("ETH", 7.0)
            await asyncio.sleep(0.05)
            assert not task.done()
            box.quote("BTC", 101.0)
            woken = await task
            late = await feed.call(
                "wait", {"symbols": ["BTC"], "after_seq": woken["seq"], "timeout_ms": 30}
            )
            reset = await feed.call("wait", {"after_seq": 1 << 40})

            assert woken["changed"]
            assert woken["mids"]["BTC"]["px"] == 101.5
            assert (late["timed_out"], late["reset"]) == (True, False)
            assert (reset["changed"], reset["reset"]) == (True, True)

    asyncio.run(body())


def test_every_trade_is_pushed_and_of_quotes_the_last(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box, AsyncFeed(box.path) as feed:
            await feed.subscribe(["trade", "bbo"])
            for i in range(1, 301):
                box.trade("BTC", i)
                box.quote("BTC", 1_000.0 + i)
                if i % 20 == 0:
                    await asyncio.sleep(0.001)
            tids: list[int] = []
            last: dict[str, Any] = {}
            while len(tids) < 300 or last.get("bid", [0])[0] != 1_300.0:
                for item in (await asyncio.wait_for(feed.push(), 5)).items:
                    if item["kind"] == "trade":
                        tids.append(item["tid"])
                    else:
                        last = item

            assert tids == list(range(1, 301))

    asyncio.run(body())


def test_a_client_that_reads_nothing_delays_nobody_and_is_told(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box, AsyncFeed(box.path) as feed:
            deaf = await Raw.connect(box.path)
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
            request = b'{"id":1,"method":"subscribe","params":{"kinds":["trade"]}}\n'
            deaf.writer.write(request)
            await feed.subscribe(["bbo"], ["ETH"])
            worst_s, tid = 0.0, 0
            while not any(c["resyncs"] for c in box.hub.describe()):
                for _ in range(200):
                    tid += 1
                    box.trade("BTC", tid)
                began_s = monotonic_s()
                box.quote("ETH", 1e6 + tid)
                await asyncio.wait_for(feed.push(), 5)
                worst_s = max(worst_s, monotonic_s() - began_s)
                assert tid < 100_000
            described = box.hub.describe()
            waiting = max(client["waiting_items"] for client in described)
            deaf.writer.transport.resume_reading()  # type: ignore[attr-defined]
            while (line := await deaf.line()).get("push") != "resync":
                assert line.get("ok", True)

            assert "dropped" in line["reason"]
            assert waiting <= 5_000
            assert worst_s < 1.0
            deaf.writer.transport.abort()
            await asyncio.sleep(0.01)

    asyncio.run(body())


def test_a_client_that_vanishes_leaves_nothing_behind(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box:
            for _ in range(20):
                raw = await Raw.connect(box.path)
                await raw.ask("interest", symbols=["BTC"])
                raw.writer.write(b'{"id":2,"method":"wait","params":{}}\n{"id":3,"meth')
                raw.writer.transport.abort()
            while box.hub.counts["clients"]:
                await asyncio.sleep(0.01)

            assert box.hub.interests() == []
            assert box.hub.waits.is_idle

    asyncio.run(body())


def test_a_named_clients_interest_outlives_its_connection_until_the_lease_ends(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        async with scene(tmp_path) as box:
            raw = await Raw.connect(box.path)
            await raw.ask("hello", client="live")
            await raw.ask("interest", symbols=["BTC"], lease_ms=1_000)
            await raw.close()
            await asyncio.sleep(0.05)
            kept = [interest.symbols for interest in box.hub.interests()]
            began_s = monotonic_s()
            while box.hub.interests():
                assert monotonic_s() - began_s < 5
                await asyncio.sleep(0.05)

            assert kept == [("BTC",)]

    asyncio.run(body())


def test_strangers_are_turned_away_and_the_socket_is_ours_alone(tmp_path: Path) -> None:
    async def body() -> None:
        async with scene(tmp_path, uids=(os.geteuid() + 1,)) as box:
            raw = await Raw.connect(box.path)
            assert await raw.reader.read() == b""
            assert box.server.counts["strangers"] == 1
            assert stat.S_IMODE(box.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(box.path.parent.stat().st_mode) == 0o700
            await raw.close()

    asyncio.run(body())


def test_a_stale_socket_is_replaced_a_living_one_and_a_file_are_not(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s.sock"
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with bound(path) as listener:
        assert listener.getsockname()
        with pytest.raises(RefusedError), bound(path):
            pass
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(InputError, match="no socket"), bound(path):
        pass
    assert path.read_text() == "mine"
    path.parent.chmod(0o755)
    with pytest.raises(InputError, match="lets others in"), bound(path):
        pass


def test_a_server_that_talks_nonsense_is_an_error_and_no_hang(tmp_path: Path) -> None:
    async def body(said: bytes) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(said)
            await writer.drain()
            writer.close()

        path = tmp_path / f"{len(said)}.sock"
        server = await asyncio.start_unix_server(talk, str(path))
        feed = Feed(path, timeout_s=2.0)
        with pytest.raises(FeedLostError):
            await asyncio.to_thread(feed.mids)
        server.close()

    for said in (b"nonsense\n", b"{}\n", b"", b"x" * (FRAME_BYTES_MAX + 1)):
        asyncio.run(body(said))


def test_the_blocking_client_asks_again_and_says_what_it_wants_again(tmp_path: Path) -> None:
    async def body() -> None:
        with Feed(tmp_path / "run" / "s.sock", client="paper") as feed:
            async with scene(tmp_path) as box:
                await asyncio.to_thread(feed.interest, ["BTC"], ["1m"])
                assert [i.symbols for i in box.hub.interests()] == [("BTC",)]
            async with scene(tmp_path) as box:
                box.quote("BTC", 5.0)
                mids = await asyncio.to_thread(feed.mids, ["BTC"])
                assert mids["mids"]["BTC"]["px"] == 5.5
                assert [i.symbols for i in box.hub.interests()] == [("BTC",)]
        with pytest.raises(FeedLostError):
            feed.mids()

    asyncio.run(body())
