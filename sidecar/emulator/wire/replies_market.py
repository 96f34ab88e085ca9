"""Prices, books, trades, bars and funding, as everyone sees them."""

from __future__ import annotations

from typing import Any, Final

from core.market.bars import HOUR_MS, INTERVALS
from sidecar.emulator.exchange import book, candles, funding
from sidecar.emulator.exchange.state import Bar, Coin, PublicTrade, VenueState
from sidecar.emulator.exchange.units import usd_text
from sidecar.emulator.wire import spot
from sidecar.emulator.wire.errors import BadShape
from sidecar.emulator.wire.figures import coin_px, coin_size, mid_text, rate_text, side_text
from sidecar.emulator.wire.gathering import GATHERED_FROM, check_grid, gathered
from sidecar.emulator.wire.replies_meta import meta
from sidecar.emulator.wire.requests_info import (
    Nothing,
    OfBook,
    OfCandles,
    OfCoin,
    OfCoinSpan,
    OfDex,
)
from sidecar.emulator.wire.universe import (
    MAIN_DEX,
    UnknownNameError,
    coin_named,
    coins_of,
    is_live,
)
from sidecar.emulator.wire.view import View

BOOK_LEVELS: Final = 20
FAST_LEVELS: Final = 5
CANDLES_MAX: Final = 5_000
ROWS_MAX: Final = 500
"""A reply over a time range holds at most so many rows."""
TRADES_SHOWN: Final = 10
DAY_HOURS: Final = 24
OTHER_VENUES: Final = ("BinPerp", "BybitPerp")

Level = dict[str, Any]


def all_mids(view: View, asked: OfDex) -> Any:
    """`allMids`."""
    return mids(view.state, asked.dex)


def mids(state: VenueState, dex: str | None) -> dict[str, str]:
    """Mid prices by name; where a book has no two sides, the last price.

    The venue's own dex has the spot pairs among its coins.
    """
    found = {coin.name: mid_or_last(state, coin) for coin in coins_of(state, dex)}
    if not dex:
        found |= {pair.name: spot.px(state, pair) for pair in spot.PAIRS}
    return dict(sorted(found.items()))


def mid_or_last(state: VenueState, coin: Coin) -> str:
    """The mid price, or the last one where the book has no two sides."""
    return mid(state, coin) or coin_px(coin, coin.last_ticks)


def mid(state: VenueState, coin: Coin) -> str | None:
    """The mid price; None without two sides."""
    bid, ask = best(state, coin)
    return None if bid is None or ask is None else mid_text(coin, bid, ask)


def best(state: VenueState, coin: Coin) -> tuple[int | None, int | None]:
    """Best bid and ask; a coin that does not trade has none."""
    return book.best(state, coin) if is_live(coin) else (None, None)


def contexts(state: VenueState, dex: str | None, now_ms: int) -> list[dict[str, Any]]:
    """Contexts of a dex, by position in its universe."""
    return [context(state, coin, now_ms) for coin in coins_of(state, dex)]


def context(state: VenueState, coin: Coin, now_ms: int) -> dict[str, Any]:
    """What moves about a coin; nulls where no book stands behind a number."""
    mid_px = mid(state, coin)
    impact = _impact(state, coin) if mid_px is not None else None
    day_lots, day_micros = _day_volume(coin, now_ms)
    is_dead = not is_live(coin)
    return {
        "funding": "0.0" if is_dead else rate_text(coin.funding_rate_1h),
        "openInterest": coin_size(coin, 0 if is_dead else coin.interest_lots()),
        "prevDayPx": coin_px(coin, coin.prev_day_ticks),
        "dayNtlVlm": usd_text(day_micros),
        "premium": None if mid_px is None else rate_text(coin.premium_last),
        "oraclePx": coin_px(coin, coin.oracle_ticks),
        "markPx": coin_px(coin, coin.mark_ticks),
        "midPx": mid_px,
        "impactPxs": impact,
        "dayBaseVlm": coin_size(coin, day_lots),
    }


def _impact(state: VenueState, coin: Coin) -> list[str] | None:
    bid, ask = book.impact_ticks(state, coin, funding.impact_notional_micros(coin))
    return None if bid is None or ask is None else [coin_px(coin, bid), coin_px(coin, ask)]


def _day_volume(coin: Coin, now_ms: int) -> tuple[int, int]:
    """Lots and micros of the last 24 hours, in whole hours."""
    since_ms = now_ms - DAY_HOURS * HOUR_MS
    recent = [sums for hour_ms, sums in coin.hour_volumes.items() if hour_ms > since_ms]
    return sum(lots for lots, _ in recent), sum(micros for _, micros in recent)


def meta_and_contexts(view: View, asked: OfDex) -> Any:
    """`metaAndAssetCtxs`: both lists have one row per coin, and the second has no names."""
    return [meta(view.state, asked.dex), contexts(view.state, asked.dex, view.now_ms)]


def l2_book(view: View, asked: OfBook) -> Any:
    """`l2Book`; None for an unknown coin.  Raises UnknownNameError for an unknown grid."""
    check_grid(asked.n_sig_figs, asked.mantissa)
    try:
        return book_of(view, asked.coin, asked.n_sig_figs, asked.mantissa)
    except UnknownNameError:
        return None


def book_of(
    view: View,
    name: str,
    n_sig_figs: int | None = None,
    mantissa: int | None = None,
    level_count: int = BOOK_LEVELS,
) -> dict[str, Any]:
    """A book, gathered when `n_sig_figs` is given.  Raises UnknownNameError."""
    if name in spot.NAMES:
        return {"coin": name, "time": view.now_ms, "levels": [[], []]}
    coin = coin_named(view.state, name)
    bids, asks = sides(view.state, coin, GATHERED_FROM if n_sig_figs else level_count)
    reply: dict[str, Any] = {"coin": name, "time": view.now_ms}
    spread = coin_px(coin, asks[0].ticks - bids[0].ticks) if bids and asks else None
    if n_sig_figs:
        step = mantissa or 1
        bids = gathered(bids, n_sig_figs, step, is_bid=True)[:level_count]
        asks = gathered(asks, n_sig_figs, step, is_bid=False)[:level_count]
    reply["levels"] = [
        [level_row(coin, level) for level in bids],
        [level_row(coin, level) for level in asks],
    ]
    if n_sig_figs and spread is not None:
        reply["spread"] = spread
    return reply


def sides(state: VenueState, coin: Coin, count: int) -> tuple[list[book.Level], list[book.Level]]:
    """Bids and asks, best first; a coin that does not trade has none."""
    return book.levels(state, coin, count) if is_live(coin) else ([], [])


def level_row(coin: Coin, level: book.Level) -> Level:
    """A level of a book."""
    return {
        "px": coin_px(coin, level.ticks),
        "sz": coin_size(coin, level.lots),
        "n": level.n,
    }


def best_levels(state: VenueState, coin: Coin) -> list[Level | None]:
    """The best bid and ask as levels, None where a side is empty."""
    bids, asks = sides(state, coin, 1)
    return [level_row(coin, side[0]) if side else None for side in (bids, asks)]


def candle_snapshot(view: View, asked: OfCandles) -> Any:
    """`candleSnapshot`: bars that overlap the span, the one that forms with them.

    Only the newest 5000 of an interval exist.  Raises UnknownNameError.
    """
    span = asked.req
    if span.interval not in INTERVALS:
        raise BadShape
    if span.coin in spot.NAMES:
        return []
    coin = coin_named(view.state, span.coin)
    end_ms = view.now_ms if span.end_time is None else span.end_time
    from_ms = candles.open_of(span.interval, span.start_time)
    found = bars(view, coin, span.interval, from_ms)
    return [candle_row(coin, span.interval, bar) for bar in found if bar.open_ms <= end_ms]


def bars(view: View, coin: Coin, interval: str, from_ms: int) -> list[Bar]:
    """Bars that open from `from_ms` on, of the newest 5000 that exist: the tape's, then ours."""
    since = candles.bars(coin, interval, from_ms, view.now_ms)
    if len(since) >= CANDLES_MAX:
        return since[-CANDLES_MAX:]
    before = view.tape.history(coin.name, interval, from_ms, view.now_ms)
    return (before + since)[-CANDLES_MAX:]


def candle_row(coin: Coin, interval: str, bar: Bar) -> dict[str, Any]:
    """A bar; `T` is its last millisecond."""
    return {
        "t": bar.open_ms,
        "T": candles.close_of(interval, bar.open_ms) - 1,
        "s": coin.name,
        "i": interval,
        "o": coin_px(coin, bar.open_ticks),
        "c": coin_px(coin, bar.close_ticks),
        "h": coin_px(coin, bar.high_ticks),
        "l": coin_px(coin, bar.low_ticks),
        "v": coin_size(coin, bar.lots),
        "n": bar.trade_count,
    }


def funding_history(view: View, asked: OfCoinSpan) -> Any:
    """`fundingHistory`: the first 500 payments of the span.  Raises UnknownNameError."""
    coin = coin_named(view.state, asked.coin)
    end_ms = view.now_ms if asked.end_time is None else asked.end_time
    own = [row for row in coin.funding if asked.start_time <= row[0] <= end_ms]
    # The venue's own rows are stamped a little late; one of the tape for the same hour is older.
    since_ms = coin.funding[0][0] - HOUR_MS // 2 if coin.funding else view.now_ms
    before = view.tape.funding_history(coin.name, asked.start_time, min(end_ms, since_ms))
    return [
        {
            "coin": coin.name,
            "fundingRate": rate_text(rate_1h),
            "premium": rate_text(premium),
            "time": time_ms,
        }
        for time_ms, rate_1h, premium in (before + own)[:ROWS_MAX]
    ]


def predicted_fundings(view: View, _: Nothing) -> Any:
    """`predictedFundings`: the coming payment; its time names the hour just settled."""
    settled_ms = view.now_ms - view.now_ms % HOUR_MS
    first, second = OTHER_VENUES
    return [
        [
            coin.name,
            [
                [first, None],
                [
                    "HlPerp",
                    {
                        "fundingRate": rate_text(coin.funding_rate_1h),
                        "nextFundingTime": settled_ms,
                        "fundingIntervalHours": 1,
                    },
                ],
                [second, None],
            ],
        ]
        for coin in coins_of(view.state, MAIN_DEX)
        if is_live(coin)
    ]


def recent_trades(view: View, asked: OfCoin) -> Any:
    """`recentTrades`, newest first.  Raises UnknownNameError."""
    if asked.coin in spot.NAMES:
        return []
    coin = coin_named(view.state, asked.coin)
    return [trade_row(coin, trade) for trade in reversed(coin.trades[-TRADES_SHOWN:])]


def trade_row(coin: Coin, trade: PublicTrade) -> dict[str, Any]:
    """A trade; `users` are the buyer and the seller."""
    return {
        "coin": trade.coin,
        "side": side_text(trade.is_buy),
        "px": coin_px(coin, trade.ticks),
        "sz": coin_size(coin, trade.lots),
        "time": trade.time_ms,
        "hash": trade.hash,
        "tid": trade.tid,
        "users": [trade.buyer, trade.seller],
    }
