"""What the market and fills are told to be, made wrong: prices, books, fees.

As in `answers`: None when there is nothing to do in what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sidecar.emulator.faults.numerals import shifted, times
from sidecar.emulator.faults.state import Active

BAR_PRICES: Final = ("o", "h", "l", "c")
CONTEXT_PRICES: Final = ("markPx", "midPx")
FILL_LISTS: Final = ("userFills", "userFillsByTime")
USER_CHANNEL: Final = "user"
BUY: Final = "B"


def overcharged(active: Active, topic: str, data: Any) -> Any | None:
    """Fees of fills times the factor."""
    factor = active.number_of("factor")

    def change(fill: dict[str, Any]) -> None:
        fill["fee"] = times(fill["fee"], factor)

    return _each_fill(active, topic, data, change)


def badly_filled(active: Active, topic: str, data: Any) -> Any | None:
    """Prices of fills against their user."""
    bps = active.number_of("bps")

    def change(fill: dict[str, Any]) -> None:
        fill["px"] = shifted(fill["px"], bps if fill["side"] == BUY else -bps)

    return _each_fill(active, topic, data, change)


def _each_fill(
    active: Active, topic: str, data: Any, change: Callable[[dict[str, Any]], None]
) -> Any | None:
    fills = data
    if topic == USER_CHANNEL or (topic in FILL_LISTS and isinstance(data, dict)):
        fills = data.get("fills")
    elif topic not in FILL_LISTS:
        return None
    if not isinstance(fills, list):
        return None
    mine = [fill for fill in fills if active.coin in (None, fill.get("coin"))]
    for fill in mine:
        change(fill)
    return data if mine else None


def emptied_book(active: Active, topic: str, data: Any) -> Any | None:
    """The book of the symbol without its sides, or with sides that cross."""
    if topic not in ("l2Book", "bbo") or not isinstance(data, dict):
        return None
    if active.coin not in (None, data.get("coin")):
        return None
    how = active.word("how")
    if topic == "bbo":
        bid, ask = data["bbo"]
        told = {"empty": [None, None], "one_side": [bid, None], "crossed": [ask, bid]}
        return data | {"bbo": told[how]}
    bids, asks = data["levels"]
    levels = {"empty": [[], []], "one_side": [bids, []], "crossed": [asks, bids]}
    return data | {"levels": levels[how]}


def glitched(active: Active, topic: str, data: Any) -> Any | None:
    """Prices of the market times the factor: one source of them at a time, never the oracle's."""
    rows = list(_priced(active, topic, data))
    factor = active.number_of("factor")
    for row, keys in rows:
        for key in keys:
            if isinstance(row.get(key), str):
                row[key] = times(row[key], factor)
    return data if rows else None


def _priced(
    active: Active, topic: str, data: Any
) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """(object, keys of its prices) of all that the topic says about the symbol."""
    reader = READERS.get(topic)
    if reader is not None and data:
        yield from reader(active.coin, data)


Rows = Iterator[tuple[dict[str, Any], tuple[str, ...]]]


def _mids(coin: str | None, data: Any) -> Rows:
    mids = data.get("mids", data)
    names = tuple(mids) if coin is None else (coin,)
    found = tuple(name for name in names if name in mids)
    if found:
        yield mids, found


def _levels(coin: str | None, data: Any) -> Rows:
    if coin in (None, data.get("coin")):
        for side in data.get("levels", []):
            for level in side:
                yield level, ("px",)


def _quotes(coin: str | None, data: Any) -> Rows:
    if coin in (None, data.get("coin")):
        for quote in data.get("bbo", []):
            if quote is not None:
                yield quote, ("px",)


def _trades(coin: str | None, data: Any) -> Rows:
    for trade in data:
        if coin in (None, trade.get("coin")):
            yield trade, ("px",)


def _bar(coin: str | None, data: Any) -> Rows:
    if coin in (None, data.get("s")):
        yield data, BAR_PRICES


def _newest_bar(coin: str | None, data: Any) -> Rows:
    if len(data) >= 2 and coin in (None, data[-2].get("s")):
        yield data[-2], BAR_PRICES


def _context(coin: str | None, data: Any) -> Rows:
    if coin in (None, data.get("coin")):
        yield data.get("ctx", {}), CONTEXT_PRICES


def _contexts(coin: str | None, data: Any) -> Rows:
    universe, contexts = data
    for asset, context in zip(universe["universe"], contexts, strict=False):
        if coin in (None, asset["name"]):
            yield context, CONTEXT_PRICES


READERS: Final[dict[str, Callable[[str | None, Any], Rows]]] = {
    "allMids": _mids,
    "l2Book": _levels,
    "bbo": _quotes,
    "trades": _trades,
    "recentTrades": _trades,
    "candle": _bar,
    "candleSnapshot": _newest_bar,
    "activeAssetCtx": _context,
    "metaAndAssetCtxs": _contexts,
}
