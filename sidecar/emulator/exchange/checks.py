"""May this order be placed?  The venue's checks in their order, with its words.

Those on the order's own numbers come first, then those on the market, then those on the account.
Words of the checks that depend on the market or the account end with the asset's number.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sidecar.emulator.exchange import book, endings, margin, matching, triggers
from sidecar.emulator.exchange.requests import OrderSpec
from sidecar.emulator.exchange.state import Account, Coin, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD, px_text

TICK: Final = "Price must be divisible by tick size."
ZERO_SIZE: Final = "Order has zero size."
BAD_PRICE: Final = "Order has invalid price."
POST_ONLY_PERIOD: Final = "Only post-only orders allowed immediately after a network upgrade"
REDUCE_ONLY: Final = "Reduce only order would increase position."
BAD_TRIGGER: Final = "Invalid TP/SL price."
CAPPED: Final = "Order would increase open interest while open interest is capped"
TOO_AGGRESSIVE: Final = (
    "Order rejected due to price more aggressive than oracle while at open interest cap"
)
TOO_QUICK: Final = "Order would increase open interest too quickly"
FAR_FROM_ORACLE: Final = "Price too far from oracle"
TOO_MANY: Final = "Too many open orders"
NO_MATCH: Final = "Order could not immediately match against any resting orders."
NO_LIQUIDITY: Final = "No liquidity available for market order."
HALTED: Final = "Trading is halted."
MARGIN_WORDS: Final = {
    "perpMarginRejected": "Insufficient margin to place order.",
    "perpMaxPositionRejected": (
        "Order would cause position to exceed margin tier limit at current leverage"
    ),
}

MARKET_ORDER_MAX_USD: Final = ((25, 30_000_000), (20, 5_000_000), (10, 2_000_000), (0, 500_000))
"""By least highest leverage; a limit order may have ten times as much."""
LIMIT_ORDER_TIMES: Final = 10
VOLUME_PER_OPEN_ORDER_MICROS: Final = 5_000_000 * MICROS_PER_USD
CROWDED_COUNT: Final = 1_000
"""With so many open orders no more reduce-only and trigger orders are taken."""


class Refusal(NamedTuple):
    """The status that the order ends with, and what its sender reads."""

    status: str
    text: str


class Case(NamedTuple):
    """An order with all that its checks look at."""

    state: VenueState
    now_ms: int
    account: Account
    coin: Coin
    spec: OrderSpec
    is_child: bool
    """A stop or target that waits for the order before it."""
    is_position_tpsl: bool


def _no(case: Case, status: str, text: str) -> Refusal:
    """A refusal with the asset's number at its end."""
    return Refusal(status, f"{text} asset={case.coin.asset}")


def refusal(case: Case) -> Refusal | None:
    """Why the order is not taken; None when it is."""
    for check in CHECKS:
        found = check(case)
        if found is not None:
            return found
    return None


def outright(case: Case) -> Refusal | None:
    """Why it is not even looked at: its own numbers, a closed market, a price from nowhere."""
    return _numbers(case) or _open_market(case) or _band(case)


def _numbers(case: Case) -> Refusal | None:
    """Its own numbers."""
    spec = case.spec
    if spec.fault is not None:
        if spec.fault == TICK:
            return _no(case, "tickRejected", spec.fault)
        return Refusal(spec.fault_status, spec.fault)
    if spec.lots <= 0 and not case.is_position_tpsl:
        return Refusal("rejected", ZERO_SIZE)
    if spec.limit_ticks <= 0 or (spec.trigger is not None and spec.trigger.ticks <= 0):
        return Refusal("rejected", BAD_PRICE)
    return None


def _open_market(case: Case) -> Refusal | None:
    """Does the market take such orders now?"""
    state, coin = case.state, case.coin
    if coin.is_halted or state.halted_until_ms > case.now_ms:
        return _no(case, "rejected", HALTED)
    if state.post_only_until_ms > case.now_ms and case.spec.tif != "Alo":
        return _no(case, "rejected", POST_ONLY_PERIOD)
    return None


def _band(case: Case) -> Refusal | None:
    """Is the price anywhere near the market's?  A stop's price is judged by its trigger."""
    spec, coin, rules = case.spec, case.coin, case.state.rules
    if spec.trigger is not None:
        return None
    if abs(spec.limit_ticks - coin.mark_ticks) > rules.band_frac * coin.mark_ticks:
        share = round(rules.band_frac * 100)
        text = f"Order price cannot be more than {share}% away from the reference price"
        return Refusal("rejected", text)
    if abs(spec.limit_ticks - coin.oracle_ticks) > rules.oracle_band_frac * coin.oracle_ticks:
        return _no(case, "oracleRejected", FAR_FROM_ORACLE)
    return None


def _trigger(case: Case) -> Refusal | None:
    """A stop that would fire at once, or whose limit could not trade once it fired."""
    spec = case.spec
    if spec.trigger is None:
        return None
    ticks = spec.trigger.ticks
    if spec.trigger.is_market and (
        spec.limit_ticks < ticks if spec.is_buy else spec.limit_ticks > ticks
    ):
        return _no(case, "badTriggerPxRejected", BAD_TRIGGER)
    if not case.is_child and triggers.is_reached(
        spec.trigger, case.coin.mark_ticks, is_buy=spec.is_buy
    ):
        return _no(case, "badTriggerPxRejected", BAD_TRIGGER)
    return None


def _value(case: Case) -> Refusal | None:
    """Neither too small (but a position may be closed whole) nor too large."""
    spec, state, coin = case.spec, case.state, case.coin
    if case.is_position_tpsl:
        return None
    ticks = spec.trigger.ticks if spec.trigger is not None else spec.limit_ticks
    micros = spec.lots * ticks
    if micros < state.rules.min_order_micros and not _closes_all(case) and not case.is_child:
        usd = state.rules.min_order_micros // MICROS_PER_USD
        return _no(case, "minTradeNtlRejected", f"Order must have minimum value of ${usd}.")
    most = next(usd for least, usd in MARKET_ORDER_MAX_USD if coin.leverage_max >= least)
    if not is_market(spec):
        most *= LIMIT_ORDER_TIMES
    if micros > most * MICROS_PER_USD:
        return Refusal("rejected", f"Order value too large. Max is ${most}.")
    return None


def is_market(spec: OrderSpec) -> bool:
    """Does it trade at once or not at all?"""
    if spec.trigger is not None:
        return spec.trigger.is_market
    return spec.tif in ("Ioc", "FrontendMarket")


def _closes_all(case: Case) -> bool:
    """A reduce-only order for no less than the whole position."""
    spec = case.spec
    room = endings.reducible_lots(case.account, case.coin.name, is_buy=spec.is_buy)
    return spec.reduce_only and 0 < room <= spec.lots


def _reduces(case: Case) -> Refusal | None:
    """Reduce-only means that there is something to reduce; a child's position is yet to come."""
    spec = case.spec
    if not spec.reduce_only or case.is_child:
        return None
    if endings.reducible_lots(case.account, case.coin.name, is_buy=spec.is_buy) == 0:
        return _no(case, "reduceOnlyRejected", REDUCE_ONLY)
    return None


def open_orders_max(state: VenueState, account: Account) -> int:
    """How many open orders the account may have."""
    more = account.volume_micros // VOLUME_PER_OPEN_ORDER_MICROS
    return min(state.rules.open_orders_initial + more, state.rules.open_orders_max)


def _count(case: Case) -> Refusal | None:
    """Is there room for one more open order?  What never rests needs none."""
    spec = case.spec
    if is_market(spec) and spec.trigger is None:
        return None
    count = len(case.account.open_oids)
    is_extra = spec.reduce_only or spec.trigger is not None
    most = open_orders_max(case.state, case.account)
    if count >= most or (is_extra and count >= min(CROWDED_COUNT, most)):
        return _no(case, "tooManyOpenOrdersRejected", TOO_MANY)
    return None


def _interest(case: Case) -> Refusal | None:
    """Open interest: no more of it at its cap, and no order that would jump over the cap."""
    spec, coin = case.spec, case.coin
    cap = coin.open_interest_cap_micros
    if cap is None or spec.trigger is not None:
        return None
    position = case.account.positions.get(coin.name)
    held = position.lots if position is not None else 0
    after = held + (spec.lots if spec.is_buy else -spec.lots)
    if spec.reduce_only:
        after = max(0, after) if held > 0 else min(0, after)
    if matching.is_capped(coin):
        if held * after < 0:
            return _no(case, "positionFlipAtOpenInterestCapRejected", CAPPED)
        if abs(after) > abs(held):
            return _no(case, "positionIncreaseAtOpenInterestCapRejected", CAPPED)
        is_past = (
            spec.limit_ticks > coin.oracle_ticks
            if spec.is_buy
            else spec.limit_ticks < coin.oracle_ticks
        )
        if is_past and not is_market(spec):
            return _no(case, "tooAggressiveAtOpenInterestCapRejected", TOO_AGGRESSIVE)
        return None
    more = max(0, abs(after) - abs(held))
    if (coin.interest_lots() + more) * coin.mark_ticks > cap:
        return _no(case, "openInterestIncreaseRejected", TOO_QUICK)
    return None


def _margin(case: Case) -> Refusal | None:
    """Can the account pay for it?  Stops are judged when they fire."""
    spec = case.spec
    if spec.trigger is not None:
        return None
    status = margin.refusal(
        case.state,
        case.account,
        case.coin,
        is_buy=spec.is_buy,
        lots=spec.lots,
        ticks=spec.limit_ticks,
        reduce_only=spec.reduce_only,
    )
    return _no(case, status, MARGIN_WORDS[status]) if status is not None else None


def _post_only(case: Case) -> Refusal | None:
    """A post-only order must not trade at once."""
    spec, coin = case.spec, case.coin
    if spec.tif != "Alo" or spec.trigger is not None:
        return None
    if not matching.is_crossing(case.state, coin, spec.limit_ticks, is_buy=spec.is_buy):
        return None
    bid, ask = book.best(case.state, coin)
    text = f"{_plain(coin, bid)}@{_plain(coin, ask)}"
    text = f"Post only order would have immediately matched, bbo was {text}."
    return _no(case, "badAloPxRejected", text)


def _plain(coin: Coin, ticks: int | None) -> str:
    """A price without a needless `.0`."""
    if ticks is None:
        return "None"
    return px_text(ticks, coin.size_decimals).removesuffix(".0")


def unmet(coin: Coin, status: str) -> str | None:
    """What the sender reads of an order that had to trade at once and met nothing."""
    words = {
        "iocCancelRejected": NO_MATCH,
        "marketOrderNoLiquidityRejected": NO_LIQUIDITY,
        "reduceOnlyCanceled": REDUCE_ONLY,
    }
    text = words.get(status)
    return f"{text} asset={coin.asset}" if text is not None else None


CHECKS: Final = (
    _numbers,
    _open_market,
    _band,
    _trigger,
    _value,
    _reduces,
    _count,
    _interest,
    _margin,
    _post_only,
)
