"""Oracle and mark prices as the market moves.

The mark is the median of three: the oracle plus a 150 s average of the mid less the oracle, the
median of best bid, best ask and last trade, and the perpetuals of other venues.  The average uses
the weight dt / (150 s + dt), which needs no exponential and so is the same on every machine.

Source: Hyperliquid, "Robust price indices".
"""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange import book
from sidecar.emulator.exchange.requests import Move
from sidecar.emulator.exchange.state import Coin, VenueState

ORACLE_MS: Final = 3_000
"""Validators publish the oracle price about this often."""
BASIS_MS: Final = 150_000
HOUR_MS: Final = 3_600_000
HOURS_KEPT: Final = 24


def median(values: list[int]) -> int:
    """The middle value; of an even number the mean of the middle two, rounded down."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


def _follow_basis(coin: Coin, now_ms: int, mid_ticks: float) -> None:
    """Moves the average of mid less oracle."""
    basis = mid_ticks - coin.oracle_ticks
    if coin.basis_ms == 0:
        coin.basis_ema_ticks = basis
    else:
        dt = max(0, now_ms - coin.basis_ms)
        coin.basis_ema_ticks += (basis - coin.basis_ema_ticks) * (dt / (BASIS_MS + dt))
    coin.basis_ms = now_ms


def _note_hour(coin: Coin, now_ms: int) -> None:
    """Keeps the mark of each hour's start for a day: the price of a day ago."""
    hour = now_ms - now_ms % HOUR_MS
    if hour == coin.hour_ms:
        return
    coin.hour_ms = hour
    coin.hour_ticks.append(coin.mark_ticks)
    if len(coin.hour_ticks) > HOURS_KEPT:
        coin.prev_day_ticks = coin.hour_ticks.pop(0)


def on_move(state: VenueState, now_ms: int, coin: Coin, move: Move) -> None:
    """Take in the tape's oracle and external prices, and set the mark price anew."""
    _note_hour(coin, now_ms)
    if coin.oracle_ms == 0 or now_ms - coin.oracle_ms >= ORACLE_MS:
        coin.oracle_ticks = move.oracle_ticks
        coin.oracle_ms = now_ms
    coin.external_ticks = move.external_ticks
    if move.rate_1h is not None:
        coin.known_rate_1h = move.rate_1h
    remark(state, now_ms, coin)


def remark(state: VenueState, now_ms: int, coin: Coin) -> None:
    """Sets the mark price from what stands in the book and on other venues now."""
    bid, ask = book.best(state, coin)
    if bid is not None and ask is not None:
        _follow_basis(coin, now_ms, (bid + ask) / 2)
    seen = [ticks for ticks in (bid, ask, coin.last_ticks) if ticks is not None]
    fair = round(coin.oracle_ticks + coin.basis_ema_ticks)
    coin.mark_ticks = max(1, median([fair, median(seen), coin.external_ticks]))
