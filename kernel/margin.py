"""Maintenance margin and liquidation, tested on bar extremes as a stand-in for the mark price.

Source: Hyperliquid's pages on margining and liquidations.  A position whose account (cross) or own
margin (isolated) falls to its maintenance margin is closed at the market; one that is found below
two thirds of it goes to the backstop, which keeps what is left of the maintenance margin.
"""

from __future__ import annotations

from typing import Final

from kernel import account as ledger
from kernel import codes
from kernel.bits import WORD_BITS, lowest_place
from kernel.intrabar import resting_stop_px, rests_in_market
from kernel.jit import device, loop
from kernel.params import Params
from kernel.records import Book, Market, Output, Position, Records, Rules

BACKSTOP_FRAC: Final = 2.0 / 3.0
BOUND_SLACK: Final = 1.0 + 1e-9
"""What a bound is raised by, so that its own rounding cannot undo it."""

AT_CLOSE: Final = 0.0
AT_WORST: Final = 1.0


@device
def tier_of(rules: Rules, s: int, notional_usd: float) -> int:
    """Index of the margin tier of a notional; the symbol's tiers are known."""
    j = 0
    while j + 1 < rules.tier_count[s] and notional_usd >= rules.tier_usd[s, j + 1]:
        j += 1
    return j


@device
def maintenance_usd(rules: Rules, s: int, notional_usd: float, params: Params) -> float:
    """Maintenance margin of a position; by the declared share where the tiers are unknown."""
    if rules.tier_count[s] == 0:
        return notional_usd * params.unknown_maintenance_frac
    j = tier_of(rules, s, notional_usd)
    return notional_usd * rules.tier_rate[s, j] - rules.tier_deduction_usd[s, j]


@device
def capped_leverage(
    rules: Rules, s: int, leverage: float, margin_usd: float, params: Params
) -> float:
    """Leverage of an order within what the venue grants a notional of that size."""
    if not params.enable_venue_rounding or rules.tier_count[s] == 0:
        return leverage
    j = tier_of(rules, s, margin_usd * leverage)
    return min(leverage, 0.5 / rules.tier_rate[s, j])


@device
def liquidation_px(
    rules: Rules, s: int, position: Position, spare: tuple[float, float], params: Params
) -> float:
    """Price at which a position's margin equals its maintenance margin; 0 if there is none.

    `spare` is (price, margin less maintenance margin at that price): of the account in cross mode,
    of the position in isolated mode.  The venue's formula, `price - side x spare / size /
    (1 - rate x side)`, solved in the tier that the result lies in.
    """
    px, spare_usd = spare
    side, size = position.side, position.size
    if rules.tier_count[s] == 0:
        rate = params.unknown_maintenance_frac
        return max(px - side * spare_usd / size / (1.0 - rate * side), 0.0)
    here = maintenance_usd(rules, s, size * px, params)
    for j in range(rules.tier_count[s]):
        rate = rules.tier_rate[s, j]
        # The spare margin as this tier alone would have it, also for a price outside it.
        own = spare_usd + here - (size * px * rate - rules.tier_deduction_usd[s, j])
        found = px - side * own / size / (1.0 - rate * side)
        if found <= 0.0:
            continue
        if tier_of(rules, s, size * found) == j:
            return found
    return 0.0


@device
def is_judged(market: Market, position: Position, s: int, k: int) -> bool:
    """True if a bar that opened at the entry or later closes at instant `k`."""
    kind = market.exit_kind[k, s]
    if kind == codes.BAR_NONE:
        return False
    length_ms = market.exit_ms if kind == codes.BAR_EXIT else market.interval_ms
    return market.ts_close_ms[k] - length_ms >= position.ts_entry_ms


@device
def worst_px(market: Market, position: Position, s: int, k: int) -> float:
    """The worst price of the bar at instant `k` for a position; the close if it is not judged."""
    if not is_judged(market, position, s, k):
        return market.mark_px[k + 1, s]
    return market.low_px[k, s] if position.side == codes.LONG else market.high_px[k, s]


@device
def cross_margin_usd(
    market: Market, book: Book, rows: Records, k: int, look: float
) -> tuple[float, float]:
    """(account value, maintenance margin) of the cross positions at the closes of instant `k`.

    AT_WORST takes each at its worst price, and the larger maintenance margin of the two.
    Isolated positions are left out with the margin that they hold.
    """
    value = book.account[0].cash_usd
    needed = 0.0
    for s in range(book.positions.shape[0]):
        position = book.positions[s]
        if position.side == codes.FLAT:
            continue
        params = rows[market.own[s]]
        if is_isolated(params):
            value -= position.margin_usd
            continue
        px = market.mark_px[k + 1, s]
        maintenance = maintenance_usd(market.rules, s, position.size * px, params)
        if look == AT_WORST:
            px = worst_px(market, position, s, k)
            maintenance = max(
                maintenance, maintenance_usd(market.rules, s, position.size * px, params)
            )
        value += position.side * (px - position.avg_px) * position.size
        needed += maintenance
    return value, needed


@device
def surely_lasts(market: Market, rows: Records, book: Book, k: int) -> bool:
    """True only if the margin lasts through the worst prices of instant `k` all at once.

    Cheaper than `cross_margin_usd`: the maintenance margin is taken at the symbol's highest rate.
    """
    value = book.account[0].cash_usd
    needed = 0.0
    for w in range(book.held.shape[0]):
        left = book.held[w]
        while left != 0:
            s = WORD_BITS * w + lowest_place(left)
            left &= left - 1
            params = rows[market.own[s]]
            if is_isolated(params):
                return False
            position = book.positions[s]
            px = worst_px(market, position, s, k)
            frac = market.maintenance_max_frac[s]
            if frac == 0.0:
                frac = params.unknown_maintenance_frac
            needed += position.size * max(px, market.mark_px[k + 1, s]) * frac
            value += position.side * (px - position.avg_px) * position.size
    return value >= needed * BOUND_SLACK


@device
def is_isolated(params: Params) -> bool:
    """True if a position answers with its own margin alone."""
    return params.margin_mode == codes.MARGIN_ISOLATED


@device
def is_watched(params: Params) -> bool:
    """True if liquidation is tested."""
    return bool(params.enable_liquidation)


@device
def own_margin_usd(
    rules: Rules, position: Position, s: int, px: float, params: Params
) -> tuple[float, float]:
    """(value, maintenance margin) of an isolated position at a price."""
    value = position.margin_usd + position.side * (px - position.avg_px) * position.size
    return value, maintenance_usd(rules, s, position.size * px, params)


@device
def liquidate(
    market: Market,
    book: Book,
    out: Output,
    where: tuple[int, int, float],
    margin: tuple[float, float],
    params: Params,
) -> None:
    """Close a position at the market or by the backstop; `where` is (symbol, instant, price).

    `margin` is (value, maintenance margin) at the last close, of the account or the position.  A
    bar that opened beyond the price is filled at its open.
    """
    s, k, px = where
    position = book.positions[s]
    mark_px = market.mark_px[k + 1, s]
    at_px = mark_px
    if is_judged(market, position, s, k):
        opened_beyond = position.side * (market.open_px[k, s] - px) <= 0.0
        at_px = market.open_px[k, s] if opened_beyond else px
    here = maintenance_usd(market.rules, s, position.size * at_px, params)
    before = maintenance_usd(market.rules, s, position.size * mark_px, params)
    value = margin[0] + position.side * (at_px - mark_px) * position.size
    if value < BACKSTOP_FRAC * (margin[1] + here - before):
        at_px -= position.side * min(here, value) / position.size
    what = (codes.REASON_LIQUIDATION, 1.0, market.ts_close_ms[k])
    ledger.close_position(market.rules, book, out, s, (at_px, codes.TAKER), what, params)


@device
def is_reached(market: Market, book: Book, where: tuple[int, int, float], params: Params) -> bool:
    """True if the bar at an instant touched a price before a resting stop; `where` as above."""
    s, k, px = where
    position = book.positions[s]
    side = position.side
    if px <= 0.0 or side * (worst_px(market, position, s, k) - px) > 0.0:
        return False
    if not rests_in_market(params) or not is_judged(market, position, s, k):
        return True
    return side * (resting_stop_px(position) - px) < 0.0


@loop
def liquidate_all(market: Market, rows: Records, book: Book, out: Output, k: int) -> None:
    """Close every position whose margin did not last through the bars of instant `k`.

    Others count at their closes.  The first look takes all at their worst at once; where that
    holds, nothing else need be looked at.
    """
    value, needed = cross_margin_usd(market, book, rows, k, AT_WORST)
    is_safe = value >= needed
    for s in range(book.positions.shape[0]):
        position = book.positions[s]
        if position.side == codes.FLAT:
            continue
        params = rows[market.own[s]]
        alone = is_isolated(params)
        if is_safe and not alone:
            continue
        mark_px = market.mark_px[k + 1, s]
        if alone:
            margin = own_margin_usd(market.rules, position, s, mark_px, params)
        else:
            margin = cross_margin_usd(market, book, rows, k, AT_CLOSE)
        spare = (mark_px, margin[0] - margin[1])
        px = liquidation_px(market.rules, s, position, spare, params)
        if is_reached(market, book, (s, k, px), params):
            liquidate(market, book, out, (s, k, px), margin, params)
