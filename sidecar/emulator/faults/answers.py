"""What answers and messages say, made wrong.

`topic` is the type of a request or the channel of a message, `data` what was said, already decoded
and free to be changed.  Each gives what is said instead, or None when it has nothing to do there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sidecar.emulator.faults.market_words import (
    badly_filled,
    emptied_book,
    glitched,
    overcharged,
)
from sidecar.emulator.faults.numerals import shifted, with_times_shifted, zeroed
from sidecar.emulator.faults.state import Active

Change = Callable[[Active, str, Any], Any | None]
ACCOUNT_TOPICS: Final = frozenset(
    {"clearinghouseState", "spotClearinghouseState", "webData2", "webData3", "spotState"}
)
LIST_TOPICS: Final = frozenset(
    {
        "openOrders", "frontendOpenOrders", "userFills", "userFillsByTime", "historicalOrders",
        "userFunding", "userNonFundingLedgerUpdates", "userTwapSliceFills",
    }
)  # fmt: skip
LIST_KEYS: Final = ("assetPositions", "orders", "openOrders", "fills", "balances")
BARS: Final = "candleSnapshot"
BAR: Final = "candle"
CLOSED: Final = -2
"""Place of the newest closed bar; the last one is still forming."""
MUTED: Final = object()
"""The message is not sent at all."""


def _skewed(active: Active, topic: str, data: Any) -> Any | None:
    del topic
    return data if with_times_shifted(data, active.whole("by_ms")) else None


def _emptied(active: Active, topic: str, data: Any) -> Any | None:
    del active
    if topic in ACCOUNT_TOPICS and isinstance(data, dict):
        return zeroed(data)
    if topic not in LIST_TOPICS:
        return None
    if isinstance(data, list):
        return []
    if not isinstance(data, dict):
        return None
    return data | {key: [] for key in LIST_KEYS if isinstance(data.get(key), list)}


def _shortened(active: Active, topic: str, data: Any) -> Any | None:
    if topic not in ACCOUNT_TOPICS and topic not in LIST_TOPICS:
        return None
    frac = active.number_of("frac")
    if isinstance(data, list):
        return _head(data, frac)
    return data if _shorten_lists(data, frac) else None


def _shorten_lists(data: Any, frac: float) -> bool:
    """Whether a list that is longer than nothing was found in it, at any depth."""
    if not isinstance(data, dict):
        return False
    found = False
    for key, value in data.items():
        if key in LIST_KEYS and isinstance(value, list) and value:
            data[key] = _head(value, frac)
            found = True
        elif isinstance(value, dict):
            found |= _shorten_lists(value, frac)
    return found


def _head(items: list[Any], frac: float) -> list[Any] | None:
    return items[: int(len(items) * frac)] if items else None


def _universes_swapped(active: Active, topic: str, data: Any) -> Any | None:
    """Two symbols exchange their places, and their contexts with them."""
    if "one" not in active.was:
        return None
    one, other = int(active.was["one"] or 0), int(active.was["other"] or 0)
    lists: list[Any] = []
    if topic == "meta" and isinstance(data, dict):
        lists = [data.get("universe")]
    elif topic == "metaAndAssetCtxs" and _is_pair(data):
        lists = [data[0].get("universe"), data[1]]
    elif topic == "allPerpMetas" and isinstance(data, list) and data:
        lists = [data[0].get("universe")]
    elif topic == "assetCtxs" and isinstance(data, dict) and not data.get("dex"):
        lists = [data.get("ctxs")]
    elif topic == "allDexsAssetCtxs" and isinstance(data, dict):
        lists = [pair[1] for pair in data.get("ctxs", [])[:1]]
    found = [rows for rows in lists if isinstance(rows, list) and len(rows) > max(one, other)]
    for rows in found:
        rows[one], rows[other] = rows[other], rows[one]
    return data if found else None


def _is_pair(data: Any) -> bool:
    return isinstance(data, list) and len(data) == 2 and isinstance(data[0], dict)


def _bars(active: Active, topic: str, data: Any) -> list[dict[str, Any]] | None:
    """Bars of the fault's symbol that end with a closed one and a forming one; None: no such."""
    if topic != BARS or not isinstance(data, list) or len(data) < 2:
        return None
    return data if active.coin in (None, data[0].get("s")) else None


def _gapped(active: Active, topic: str, data: Any) -> Any | None:
    if topic == BAR and isinstance(data, dict):
        return MUTED
    bars = _bars(active, topic, data)
    if bars is None:
        return None
    missing = active.whole("rows")
    return bars[: max(0, len(bars) - 1 - missing)] + bars[-1:]


def _revised(active: Active, topic: str, data: Any) -> Any | None:
    bars = _bars(active, topic, data)
    if bars is None:
        return None
    bars[CLOSED] = _moved_bar(bars[CLOSED], active.number_of("bps"))
    return bars


def _doubled(active: Active, topic: str, data: Any) -> Any | None:
    bars = _bars(active, topic, data)
    if bars is None:
        return None
    return [*bars[:-1], _moved_bar(bars[CLOSED], active.number_of("bps")), bars[-1]]


def _moved_bar(bar: dict[str, Any], bps: float) -> dict[str, Any]:
    """The bar with its close, and its high if need be, so much higher: a sound bar, but another."""
    close = shifted(bar["c"], bps)
    return bar | {"c": close, "h": max(bar["h"], close, key=float)}


def _mislabelled(active: Active, topic: str, data: Any) -> Any | None:
    label = active.word("interval")
    if topic == BAR and isinstance(data, dict):
        return data | {"i": label}
    if topic != BARS or not isinstance(data, list) or not data:
        return None
    if active.coin not in (None, data[0].get("s")):
        return None
    return [bar | {"i": label} for bar in data]


CHANGES: Final[dict[str, Change]] = {
    "meta_shift": _universes_swapped,
    "empty": _emptied,
    "partial_list": _shortened,
    "fee": overcharged,
    "badfill": badly_filled,
    "glitch": glitched,
    "empty_book": emptied_book,
    "gap": _gapped,
    "revise": _revised,
    "dup_bar": _doubled,
    "wrong_iv": _mislabelled,
    "skew": _skewed,
}
"""What becomes of what is said, in this order."""
