"""The client of `make demo`: has a sidecar collect from an emulator, and says how far it is.

It does what any program may do: asks the venue which symbols there are, tells the sidecar by
`core.feed` what it wants, and reads what came.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import httpx

from core.clock import monotonic_s, sleep_s, utc_iso
from core.errors import InputError, PerpkitError, VenueError
from core.feed import Feed
from core.market.bars import HOUR_MS, MINUTE_MS
from core.store import candles

HOURS_LIVE: Final = 2
"""Hours that must close while it watches."""
HOURS_LEAST: Final = 100
BEFORE_CLOSE_MS: Final = 40 * MINUTE_MS
"""How long before the first of them the emulator begins."""
HISTORY_BARS: Final = 4_990
"""What the venue still has of 5,000 when some hours have passed."""
MINUTE_BARS: Final = 10
WATCHED: Final = 3
"""Symbols whose minutes are wanted too."""
LOOK_S: Final = 0.5
LIMIT_S: Final = 100.0


def say(text: str) -> None:
    """One line of the story."""
    sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Exit code of one act: `begin STORE`, `ended READY` or `collect READY SOCKET`."""
    act, path = arguments[0], Path(arguments[1])
    try:
        if act == "begin":
            sys.stdout.write(f"{begin(path)}\n")
        elif act == "ended":
            sys.stdout.write(",".join(_symbols(_ready(path), is_delisted=True)) + "\n")
        else:
            collect(_ready(path), Path(arguments[2]))
    except PerpkitError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        return error.exit_code
    return 0


def begin(store: Path) -> str:
    """When to begin in recorded bars, so that the last ones close while the sidecar watches."""
    opens = candles.load(store, "1h").ts_open_ms
    if len(opens) < HOURS_LEAST:
        raise InputError(
            f"the file has bars of {len(opens)} hours, the demo needs {HOURS_LEAST} at least",
            at=str(store),
            hint="give a file of more hourly bars; some thousand are worth a sweep",
        )
    close_ms = int(opens[-1]) + HOUR_MS
    return utc_iso(close_ms - (HOURS_LIVE - 1) * HOUR_MS - BEFORE_CLOSE_MS)


def collect(ready: dict[str, Any], socket: Path) -> None:
    """Return when all history is there and hours have closed live.  Raises VenueError when late."""
    symbols = _symbols(ready, is_delisted=False)
    with Feed(socket, client="demo") as feed, Feed(socket, client="demo minutes") as minutes:
        feed.interest(symbols, ["1h"], history_bars=HISTORY_BARS)
        minutes.interest(symbols[:WATCHED], ["1m"], history_bars=MINUTE_BARS, channels=["bbo"])
        say(f"wanted: {HISTORY_BARS:,} bars of 1h of {len(symbols)} symbols, 1m of {WATCHED}")
        _Watch(feed, symbols).run()
        health = feed.health()
    for row in health["stores"]:
        if row.get("written"):
            say(f"{row['store']}: {row['written']:,} rows, {row['revised']} revised")
    say(f"health: {'well' if health['ok'] else '; '.join(health['reasons'])}")


class _Watch:
    """What has come so far, and what of it was said."""

    def __init__(self, feed: Feed, symbols: list[str]) -> None:
        self.feed, self.symbols = feed, symbols
        self.first_ms: int | None = None
        """When the first hour that is seen closing opened."""
        self.minute_ms = 0
        self.said: list[str] = []

    def run(self) -> None:
        """Look until enough is there."""
        until_s = monotonic_s() + LIMIT_S
        while not self._is_enough():
            if monotonic_s() > until_s:
                raise VenueError(
                    f"not collected in {LIMIT_S:.0f} s: {self.said[-1]}",
                    at="perpkit sidecar",
                    hint="run it again while the machine has less to do",
                )
            sleep_s(LOOK_S)

    def _is_enough(self) -> bool:
        items = self.feed.ready(self.symbols, "1h")["items"]
        waiting = [item for item in items if not item["is_ready"]]
        if waiting and self.first_ms is None:
            self._say_once(f"history: {len(items) - len(waiting)} of {len(items)} symbols are here")
            return False
        newest_ms = min(item["newest_ms"] for item in items)
        if self.first_ms is None:
            self.first_ms = newest_ms + HOUR_MS
            self._say_once(f"history: all up to {utc_iso(newest_ms + HOUR_MS)}; now live")
        self._tell_minute()
        hours = (newest_ms - self.first_ms) // HOUR_MS + 1
        if hours:
            self._say_once(f"hour {hours} closed live at {utc_iso(newest_ms + HOUR_MS)}")
        return hours >= HOURS_LIVE and not waiting and self._is_paid(self.first_ms + HOUR_MS)

    def _is_paid(self, hour_ms: int) -> bool:
        """Is the funding that fell due then stored of each symbol?"""
        paid = sum(
            bool(self.feed.funding(symbol, hour_ms, hour_ms + HOUR_MS)["funding"])
            for symbol in self.symbols
        )
        self._say_once(f"funding due at {utc_iso(hour_ms)}: {paid} of {len(self.symbols)} symbols")
        return paid == len(self.symbols)

    def _tell_minute(self) -> None:
        """Every tenth minute of the first symbol, as it closed."""
        name = self.symbols[0]
        found = self.feed.candles(name, "1m", 1)["bars"]
        if not found or found[-1]["ts_open_ms"] < self.minute_ms + 10 * MINUTE_MS:
            return
        bar = found[-1]
        self.minute_ms = bar["ts_open_ms"]
        say(f"{name} 1m {utc_iso(self.minute_ms)} closed at {bar['close_px']:g}")

    def _say_once(self, text: str) -> None:
        if text not in self.said:
            self.said.append(text)
            say(text)


def _ready(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def _symbols(ready: dict[str, Any], *, is_delisted: bool) -> list[str]:
    """The venue's own symbols that trade, or those that do not any more."""
    reply = httpx.post(f"{ready['http']}/info", json={"type": "meta"}, trust_env=False)
    coins = reply.raise_for_status().json()["universe"]
    return [coin["name"] for coin in coins if bool(coin.get("isDelisted")) == is_delisted]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
