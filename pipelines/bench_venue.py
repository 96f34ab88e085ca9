"""A venue on this machine for `pipelines.bench`: made-up candles, as fast as they can be sent."""

from __future__ import annotations

import json
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from core.clock import ManualClock, monotonic_s
from core.market.bars import HOUR_MS

NOW_MS = 1_767_323_045_678
SYMBOLS = 8
BARS = 5_000
WEIGHT_PER_MINUTE = 100_000


def candles(symbol: str) -> bytes:
    """The newest 5,000 hourly candles of a symbol, as the venue would send them."""
    newest_ms = NOW_MS // HOUR_MS * HOUR_MS
    rows = []
    for age in range(BARS - 1, -1, -1):
        ts_ms, level = newest_ms - age * HOUR_MS, 60_000 + (age * 7_919) % 9_973
        prices = {"o": level + 0.5, "c": level + 3.5, "h": level + 9.5, "l": level - 8.5}
        rows.append(
            {
                "t": ts_ms,
                "T": ts_ms + HOUR_MS - 1,
                "s": symbol,
                "i": "1h",
                **{name: f"{price:.1f}" for name, price in prices.items()},
                "v": f"{10 + age % 90}.12345",
                "n": 1_000 + age,
            }
        )
    return json.dumps(rows, separators=(",", ":")).encode()


def replies() -> dict[tuple[str, str], bytes]:
    """The reply to each request, by its type and coin, made before anyone asks."""
    names = [f"C{number}" for number in range(SYMBOLS)]
    asset = {"szDecimals": 2, "maxLeverage": 10, "marginTableId": 10}
    context = dict.fromkeys(("funding", "openInterest", "dayNtlVlm", "oraclePx", "markPx"), "1.0")
    meta = {"universe": [{"name": name, **asset} for name in names], "marginTables": []}
    return {
        ("exchangeStatus", ""): json.dumps({"time": NOW_MS}).encode(),
        ("metaAndAssetCtxs", ""): json.dumps([meta, [context] * SYMBOLS]).encode(),
        **{("candleSnapshot", name): candles(name) for name in names},
    }


def serve() -> None:
    """Print the port, then answer until killed."""
    made = replies()

    class Handler(BaseHTTPRequestHandler):
        """Answers `/info`."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """Send what was made for this request."""
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = made[asked["type"], asked.get("req", {}).get("coin", "")]
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


def _silent(_: str) -> None:
    """Say nothing."""


def probe_fetch() -> dict[str, float]:
    """Rows per wall second from a server in a process of its own into an empty store.

    Everything that `perpkit fetch` does after its imports is in it: asking, decoding, checking,
    storing page by page, and the data report.
    """
    from pipelines.fetch_venue import run_venue
    from pipelines.venue_options import VenueRequest

    command = [sys.executable, "-c", "from pipelines.bench_venue import serve; serve()"]
    with Popen(command, stdout=PIPE, text=True) as server, tempfile.TemporaryDirectory() as folder:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        rates = []
        try:
            for name in ("first", "second", "third"):
                request = VenueRequest(
                    store=Path(folder) / name,
                    root=Path(folder),
                    venue=url,
                    symbols="all",
                    weight_per_minute=WEIGHT_PER_MINUTE,
                )
                began_s = monotonic_s()
                run_venue(request, ManualClock(NOW_MS), _silent, lambda *_: None)
                rates.append(SYMBOLS * (BARS - 1) / (monotonic_s() - began_s))
        finally:
            server.terminate()
    return {"rows_per_s": max(rates)}
