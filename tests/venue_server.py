"""A venue on this machine for tests: `/info` over generated candles and funding, faults on call.

It pages, forms the newest bar, keeps 5,000 bars, back-fills bars without trades before a listing,
and answers as the venue does to what it does not know.  A fault is a function that sees each
request first and may answer in its place.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from core.market.bars import DAY_MS, HOUR_MS, interval_to_ms

NOW_MS = 1_767_323_045_678
"""2026-01-02T03:04:05.678Z."""

Request = dict[str, Any]
Reply = tuple[int, bytes]
Fault = Callable[[Request], Reply | None]


def as_json(value: object) -> Reply:
    """A good reply."""
    return 200, json.dumps(value).encode()


UNKNOWN: Reply = (500, b"null")
TOO_MANY: Reply = (429, b"<html>429 Too Many Requests</html>")


@dataclass
class Coin:
    """One perpetual of the world; it trades from `listed_ms` up to `delisted_ms`."""

    name: str
    listed_ms: int = NOW_MS - 400 * DAY_MS
    delisted_ms: int | None = None
    margin_table_id: int = 51
    day_notional_usd: float = 1e6
    seed: int = 1


@dataclass
class World:
    """What the venue would say at `now_ms`."""

    coins: list[Coin]
    now_ms: int = NOW_MS
    backfill_ms: int = 0
    kept: int = 5_000
    candle_page: int = 5_000
    funding_page: int = 500
    tables: dict[int, list[tuple[str, int]]] = field(
        default_factory=lambda: {51: [("0.0", 10), ("3000000.0", 5)]}
    )
    other_dexs: dict[str, list[Coin]] = field(default_factory=dict)
    fault: Fault | None = None
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        self.requests.append(request)
        if self.fault is not None and (reply := self.fault(request)) is not None:
            return reply
        kind = request.get("type")
        if kind == "exchangeStatus":
            return as_json({"specialStatuses": None, "time": self.now_ms})
        if kind == "perpDexs":
            return as_json([None, *({"name": name} for name in self.other_dexs)])
        if kind == "meta":
            return as_json(self.meta(request.get("dex", "")))
        if kind == "metaAndAssetCtxs":
            dex = request.get("dex", "")
            return as_json([self.meta(dex), [self.context(coin) for coin in self.of(dex)]])
        if kind == "candleSnapshot":
            return self._of_coin(request["req"], self.candles)
        if kind == "fundingHistory":
            return self._of_coin(request, self.funding)
        return 422, b"Failed to deserialize the JSON body into the target type"

    def of(self, dex: str) -> list[Coin]:
        """The coins of a dex."""
        return self.other_dexs[dex] if dex else self.coins

    def meta(self, dex: str) -> dict[str, Any]:
        """A `meta` reply."""
        universe = []
        for coin in self.of(dex):
            asset = {
                "szDecimals": 2,
                "name": coin.name,
                "maxLeverage": 10,
                "marginTableId": coin.margin_table_id,
            }
            if coin.delisted_ms is not None and coin.delisted_ms <= self.now_ms:
                asset["isDelisted"] = True
            universe.append(asset)
        tables = [
            [key, {"description": "", "marginTiers": [
                {"lowerBound": bound, "maxLeverage": leverage} for bound, leverage in tiers
            ]}]
            for key, tiers in self.tables.items()
        ]  # fmt: skip
        return {"universe": universe, "marginTables": tables}

    def context(self, coin: Coin) -> dict[str, Any]:
        """One entry of the contexts."""
        gone = coin.delisted_ms is not None
        return {
            "funding": "0.0000125",
            "openInterest": "12.5",
            "prevDayPx": "99.0",
            "dayNtlVlm": str(coin.day_notional_usd),
            "premium": None if gone else "0.0001",
            "oraclePx": "100.0",
            "markPx": "100.1",
            "midPx": None if gone else "100.05",
            "impactPxs": None,
            "dayBaseVlm": "10",
        }

    def candles(self, coin: Coin, request: Request) -> list[dict[str, Any]]:
        """The candles of one request: the forming one too, and the one that the span begins in."""
        interval = request["interval"]
        unit_ms = interval_to_ms(interval)
        newest = self.now_ms // unit_ms * unit_ms
        begin = max(
            request["startTime"] // unit_ms * unit_ms,
            newest - (self.kept - 1) * unit_ms,
            (coin.listed_ms - self.backfill_ms) // unit_ms * unit_ms,
        )
        end = min(request["endTime"], newest, (coin.delisted_ms or self.now_ms) - 1)
        opens = range(begin, end + 1, unit_ms)
        return [candle(coin, interval, ts_ms, self.now_ms) for ts_ms in opens][: self.candle_page]

    def funding(self, coin: Coin, request: Request) -> list[dict[str, Any]]:
        """The funding payments of one request."""
        begin = max(request["startTime"], coin.listed_ms)
        end = min(request.get("endTime", self.now_ms), self.now_ms, coin.delisted_ms or self.now_ms)
        first = -(-begin // HOUR_MS) * HOUR_MS
        rows = [
            {
                "coin": coin.name,
                "fundingRate": f"{rate_of(coin, hour_ms):.10f}",
                "premium": "0.0001",
                "time": hour_ms + 37,
            }
            for hour_ms in range(first, end + 1, HOUR_MS)
            if hour_ms + 37 <= end
        ]
        return rows[: self.funding_page]

    def _of_coin(
        self, request: Request, rows: Callable[[Coin, Request], list[dict[str, Any]]]
    ) -> Reply:
        for coins in (self.coins, *self.other_dexs.values()):
            for coin in coins:
                if coin.name == request["coin"]:
                    return as_json(rows(coin, request))
        return UNKNOWN

    def count(self, kind: str) -> int:
        """How many requests of a kind came."""
        return sum(request.get("type") == kind for request in self.requests)


def rate_of(coin: Coin, hour_ms: int) -> float:
    """The funding rate of an hour."""
    return 1e-5 * (1 + (hour_ms // HOUR_MS * 7 + coin.seed) % 11)


def candle(coin: Coin, interval: str, ts_ms: int, now_ms: int) -> dict[str, Any]:
    """One candle, a pure function of its key; it only grows while it forms."""
    unit_ms = interval_to_ms(interval)
    key = ts_ms // 60_000 * 7_919 + coin.seed * 104_729 + unit_ms
    a, b, c, d = ((key * prime & 0xFFFF) / 0x10000 for prime in (31_337, 65_521, 40_503, 48_271))
    opened, closed = 100 + 10 * a, 100 + 10 * b
    volume = round(1 + 9 * d, 3) if ts_ms >= coin.listed_ms // DAY_MS * DAY_MS else 0.0
    if ts_ms + unit_ms > now_ms:
        closed, volume = opened, round(volume / 2, 3)
    return {
        "t": ts_ms,
        "T": ts_ms + unit_ms - 1,
        "s": coin.name,
        "i": interval,
        "o": f"{opened:.4f}",
        "c": f"{closed:.4f}",
        "h": f"{max(opened, closed) + c:.4f}",
        "l": f"{min(opened, closed) - c:.4f}",
        "v": str(volume),
        "n": 5,
    }


class Answers(Protocol):
    """Whatever can answer a request."""

    def answer(self, request: Request) -> Reply:
        """The reply."""
        ...


@contextmanager
def served(world: Answers) -> Iterator[str]:
    """The base address of a server that answers for `world` until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, body = world.answer(request)
            if status == 0:  # a cut connection
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
