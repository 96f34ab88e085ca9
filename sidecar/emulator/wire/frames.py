"""Stream messages that all may see, and those about a subscription itself, as JSON text.

Each is made once and sent to all that want it.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final

import msgspec

from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.state import PublicTrade
from sidecar.emulator.wire import spot
from sidecar.emulator.wire.figures import coin_px
from sidecar.emulator.wire.replies_market import (
    BOOK_LEVELS,
    FAST_LEVELS,
    best_levels,
    book_of,
    candle_row,
    context,
    contexts,
    mid,
    mids,
    trade_row,
)
from sidecar.emulator.wire.universe import coin_named, dexs, live_coins
from sidecar.emulator.wire.view import View

PONG: Final = '{"channel":"pong"}'
REPLAYED_MS: Final = 20_000
"""How far back the first frame of `trades` reaches."""
RAW_DEFLATE: Final = -15
FIELDS: Final[dict[str, tuple[tuple[str, Any], ...]]] = {
    "l2Book": (("coin", None), ("nSigFigs", None), ("mantissa", None), ("fast", False)),
    "candle": (("interval", None), ("coin", None)),
    "userFills": (("user", None), ("aggregateByTime", False)),
    "activeAssetData": (("user", None), ("coin", None)),
}
"""What the venue names when it repeats a subscription, in its order, with its defaults."""
KNOWN_FIELDS: Final = ("coin", "user", "dex", "interval")

_ENCODER = msgspec.json.Encoder()
_PACKER: Final = 6


def text(data: Any) -> str:
    """JSON text without blanks."""
    return _ENCODER.encode(data).decode()


def frame(channel: str, data: Any) -> str:
    """A message of a channel; `data` is what msgspec can encode."""
    return text({"channel": channel, "data": data})


def filled(subscription: dict[str, Any]) -> dict[str, Any]:
    """The subscription with its defaults, in the order in which the venue repeats it.

    An address comes back in lower case; what the venue does not know of is left out as null is.
    """
    kind = subscription["type"]
    out: dict[str, Any] = {"type": kind}
    for name, default in FIELDS.get(kind, ()):
        given = subscription.get(name)
        out[name] = default if given is None else given
    for name, given in subscription.items():
        if name not in out and given is not None and name in KNOWN_FIELDS:
            out[name] = given
    if isinstance(out.get("user"), str):
        out["user"] = out["user"].lower()
    return out


def ack(method: str, subscription: dict[str, Any]) -> str:
    """`subscribe` or `unsubscribe` was done; the subscription comes back with its defaults."""
    return frame("subscriptionResponse", {"method": method, "subscription": filled(subscription)})


def error(message: str) -> str:
    """A complaint; the socket stays open."""
    return frame("error", message)


def post_info(post_id: int, request_type: str, body: bytes) -> str:
    """The reply to an `info` post; `body` is the JSON that `/info` would have answered."""
    payload = {"type": request_type, "data": msgspec.Raw(body)}
    return _post(post_id, {"type": "info", "payload": payload})


def post_action(post_id: int, body: bytes) -> str:
    """The reply to an `action` post; `body` is the JSON that `/exchange` would have answered."""
    return _post(post_id, {"type": "action", "payload": msgspec.Raw(body)})


def post_error(post_id: int, message: str) -> str:
    """A post that could not be carried out at all, such as `422 Failed to ...`."""
    return _post(post_id, {"type": "error", "payload": message})


def _post(post_id: int, response: dict[str, Any]) -> str:
    return frame("post", {"id": post_id, "response": response})


def l2_book(
    view: View,
    coin: str,
    *,
    n_sig_figs: int | None = None,
    mantissa: int | None = None,
    fast: bool = False,
) -> str:
    """The book: 20 levels a side, 5 when `fast`.  Raises UnknownNameError."""
    count = FAST_LEVELS if fast else BOOK_LEVELS
    data = book_of(view, coin, n_sig_figs, mantissa, count)
    if fast:
        data["fast"] = True
    return frame("l2Book", data)


def bbo(view: View, coin: str) -> str:
    """The best bid and ask; None where a side is empty.  Raises UnknownNameError."""
    if coin in spot.NAMES:
        return frame("bbo", {"coin": coin, "time": view.now_ms, "bbo": [None, None]})
    found = coin_named(view.state, coin)
    pair = best_levels(view.state, found)
    return frame("bbo", {"coin": coin, "time": view.now_ms, "bbo": pair})


def trades(view: View, rows: list[PublicTrade]) -> str:
    """New trades of one coin."""
    return frame("trades", [trade_row(view.state.coins[row.coin], row) for row in rows])


def recent_trades(view: View, coin: str) -> list[PublicTrade]:
    """Trades of the last 20 s, which the first frame of a subscription repeats."""
    found = view.state.coins.get(coin)
    if found is None:
        return []
    since_ms = view.now_ms - REPLAYED_MS
    return [trade for trade in found.trades if trade.time_ms >= since_ms]


def candle(view: View, coin: str, interval: str) -> str | None:
    """The bar that forms; None before the first trade.  Raises UnknownNameError."""
    if coin in spot.NAMES:
        return None
    found = coin_named(view.state, coin)
    bar = candles.forming(found, interval)
    return None if bar is None else frame("candle", candle_row(found, interval, bar))


def active_asset_ctx(view: View, coin: str) -> str:
    """The context of a perpetual; a spot pair has its own channel.  Raises UnknownNameError."""
    pair = spot.NAMES.get(coin)
    if pair is not None:
        return frame("activeSpotAssetCtx", {"coin": coin, "ctx": spot.context(view.state, pair)})
    found = coin_named(view.state, coin)
    return frame("activeAssetCtx", {"coin": coin, "ctx": context(view.state, found, view.now_ms)})


def all_mids(view: View, dex: str = "") -> str:
    """Mid prices by name.  Raises UnknownNameError."""
    found = mids(view.state, dex)
    return frame("allMids", {"dex": dex, "mids": found} if dex else {"mids": found})


def asset_ctxs(view: View, dex: str = "") -> str:
    """Contexts of one dex, by position.  Raises UnknownNameError."""
    return frame("assetCtxs", {"dex": dex, "ctxs": contexts(view.state, dex, view.now_ms)})


def spot_asset_ctxs(view: View) -> str:
    """Contexts of all spot pairs, which have names."""
    return frame("spotAssetCtxs", spot.contexts(view.state))


def all_dexs_asset_ctxs(view: View) -> str:
    """Contexts of all dexs, by position."""
    rows = [[dex, contexts(view.state, dex, view.now_ms)] for dex in dexs(view.state)]
    return frame("allDexsAssetCtxs", {"ctxs": rows})


def fast_asset_ctxs(
    view: View, known: dict[str, dict[str, str]]
) -> tuple[str | None, dict[str, dict[str, str]]]:
    """Mark and mid prices that differ from the `known` ones, packed, and what is known then.

    All of them when nothing is known; no message when nothing changed.
    """
    standing = {pair.name: spot.px(view.state, pair) for pair in spot.PAIRS}
    now = {name: {"markPx": px, "midPx": px} for name, px in standing.items()}
    for coin in live_coins(view.state):
        prices = now[coin.name] = {"markPx": coin_px(coin, coin.mark_ticks)}
        mid_px = mid(view.state, coin)
        if mid_px is not None:
            prices["midPx"] = mid_px
    changed = {}
    for name, prices in now.items():
        before = known.get(name, {})
        fresh = {field: px for field, px in prices.items() if before.get(field) != px}
        if fresh:
            changed[name] = fresh
    if not changed:
        return None, now
    return frame("fastAssetCtxs", packed(changed)), now


def packed(data: Any) -> str:
    """JSON as raw deflate in base64."""
    packer = zlib.compressobj(_PACKER, zlib.DEFLATED, RAW_DEFLATE)
    return base64.b64encode(packer.compress(_ENCODER.encode(data)) + packer.flush()).decode()
