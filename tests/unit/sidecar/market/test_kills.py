"""A sidecar killed again and again, as a process over real sockets and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.clock import monotonic_s, sleep_s
from core.feed import Feed
from core.store.candles import load_rows
from tests.emulator_process import USER, Emulator, emulator, order
from tests.sidecar_process import Sidecar, start

MINUTE_MS = 60_000
SPEED = 60
SERVING_S_MAX = 3.0
SETTLE_S = 30.0


def until(holds: Callable[[], bool], limit_s: float) -> None:
    """Return when it holds; fail when it does not in time."""
    give_up_s = monotonic_s() + limit_s
    while not holds():
        assert monotonic_s() < give_up_s, "it never came to hold"
        sleep_s(0.05)


class Reader:
    """A program that takes events of the user by cursor and acknowledges them."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.cursor = 0
        self.keys: list[tuple[str, str]] = []

    def take(self) -> None:
        """What is there and was not taken yet."""
        with Feed(self.socket) as feed:
            while events := feed.user_events(USER, after=self.cursor)["events"]:
                self.keys += [(event["kind"], event["key"]) for event in events]
                self.cursor = events[-1]["cursor"]
                feed.ack("reader", USER, self.cursor)


def buy(venue: Emulator, asset: int, symbol: str, size: str) -> None:
    """Buy at the market."""
    px = round(float(venue.info(type="allMids")[symbol]) * 1.02)
    assert "filled" in venue.act(order(asset, str(px), size, tif="Ioc")).text


def true_bars(venue: Emulator, symbol: str, from_ms: int, to_ms: int) -> dict[int, Any]:
    """Closed bars as the venue has them."""
    asked = {"coin": symbol, "interval": "1m", "startTime": from_ms, "endTime": to_ms - 1}
    rows = venue.info(type="candleSnapshot", req=asked)
    return {row["t"]: [float(row[name]) for name in "ohlcv"] for row in rows if row["t"] < to_ms}


def stored_bars(folder: Path, symbol: str, from_ms: int, to_ms: int) -> dict[int, Any]:
    """Closed bars as any command reads them while the sidecar writes."""
    rows = load_rows(folder / "store", "1m").rows
    return {
        int(ts_ms): values.tolist()
        for index, ts_ms, values in zip(rows.symbol_index, rows.ts_ms, rows.values, strict=True)
        if rows.symbols[index] == symbol and from_ms <= ts_ms < to_ms
    }


def killed(venue: Emulator, folder: Path, kills: int) -> tuple[list[float], Reader]:
    """Trade, kill and start again so often; how long each start took, and who read on."""
    begin_ms = venue.control("GET", "/clock")["now_ms"] // MINUTE_MS * MINUTE_MS
    starts: list[float] = []

    def boot() -> Sidecar:
        began_s = monotonic_s()
        options = ("--symbols", "BTC,ETH", "--history-bars", "50", "--users", USER)
        found = start(venue, folder, *options)
        with Feed(Path(found.ready["socket"])) as feed:
            feed.health()
        starts.append(monotonic_s() - began_s)
        return found

    sidecar = boot()
    reader = Reader(Path(sidecar.ready["socket"]))
    try:
        for number in range(kills):
            buy(venue, 0, "BTC", "0.001")
            # From at once to a second later: before, while and after it is told and stored.
            sleep_s(0.1 * (number * 7 % 11))
            sidecar.kill()
            buy(venue, 1, "ETH", "0.01")
            sidecar = boot()
            if number % 3 == 0:
                reader.take()
        end_ms = venue.control("GET", "/clock")["now_ms"] // MINUTE_MS * MINUTE_MS
        fills = len(venue.truth()["fills"])

        def is_whole() -> bool:
            reader.take()
            return sum(kind == "fill" for kind, _ in reader.keys) >= fills and all(
                len(stored_bars(folder, symbol, begin_ms, end_ms))
                == len(true_bars(venue, symbol, begin_ms, end_ms))
                for symbol in ("BTC", "ETH")
            )

        until(is_whole, SETTLE_S)
        for symbol in ("BTC", "ETH"):
            true = true_bars(venue, symbol, begin_ms, end_ms)
            assert len(true) > 5
            assert stored_bars(folder, symbol, begin_ms, end_ms) == true
        assert fills > kills
    finally:
        sidecar.kill()
    return starts, reader


def examine(folder: Path, kills: int) -> None:
    with emulator("--speed", str(SPEED), "--fund", f"{USER}=100000000") as venue:
        starts, reader = killed(venue, folder, kills)
        fills = venue.truth()["fills"]

    assert max(starts) <= SERVING_S_MAX, starts
    assert len(set(reader.keys)) == len(reader.keys)
    assert sum(kind == "fill" for kind, _ in reader.keys) == len(fills)


def test_ten_kills_lose_no_bar_and_no_event(tmp_path: Path) -> None:
    examine(tmp_path, 10)


@pytest.mark.proof
def test_two_hundred_kills_lose_no_bar_and_no_event(tmp_path: Path) -> None:
    examine(tmp_path, 200)
