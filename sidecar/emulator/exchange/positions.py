"""A trade settled on both sides: money, positions, fees, rows, the public record.

The buyer pays ticks x lots micros of raw money and the seller gets them; nothing is rounded.  What
a position cost is kept as its entry notional, of which a close takes its proportional part.

A cross position is paid from the cash of the account.  An isolated one has its own money: what
opens brings its margin along from the cash, what closes takes its share of the position's money
out, so that the rest is as far from liquidation as before.  What opens it pays its fee out of its
own money too, as recorded positions show: 0.2259 ETH at 2213.9 with 20 times leverage and a fee of
0.025 % left -475.23904 USD there.  All other fees come from the cash.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from sidecar.emulator.exchange import candles, fees, margin
from sidecar.emulator.exchange.events import FillSeen, Traded
from sidecar.emulator.exchange.state import (
    HOUSE,
    Account,
    Coin,
    FillRow,
    Order,
    Position,
    PublicTrade,
    VenueState,
)
from sidecar.emulator.exchange.units import share_micros

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event

FILLS_MAX: Final = 10_000
"""Fills that the venue remembers of a user."""
TRADES_MAX: Final = 500
HOUR_MS: Final = 3_600_000
HOURS_KEPT: Final = 24
NO_HASH: Final = "0x" + "0" * 64
"""Fills of a TWAP have no transaction."""


class Match(Struct, frozen=True):
    """So many lots of the taker meet the maker at a price; `maker` None is the house."""

    taker: Order
    maker: Order | None
    ticks: int
    lots: int


class Deal(Struct, frozen=True):
    """What both sides of a trade share.

    `liquidated` is the user for whom the venue trades, `method` how: `market` or `backstop`.
    """

    ticks: int
    lots: int
    time_ms: int
    tid: int
    hash: str
    liquidated: str | None = None
    mark_ticks: int = 0
    method: str = ""


class Side(Struct, frozen=True):
    """Who trades, which way, on which terms.  `word` replaces the direction in the fill's row."""

    user: str
    is_buy: bool
    is_taker: bool
    order: Order | None = None
    oid: int = 0
    word: str = ""
    is_free: bool = False
    """No fee and no volume: the venue moves the position itself."""


class Change(Struct, frozen=True):
    """What a trade did to a position.  `shortfall_micros` is what the money of an isolated position
    that a liquidation closed lacked; the insurance has paid it."""

    start_lots: int
    end_lots: int
    closed_pnl_micros: int
    shortfall_micros: int = 0


def transaction_hash(state: VenueState) -> str:
    """The hash of the block that is being made: the same for all that happens in it."""
    return _hash_of(state.seed, state.block)


@lru_cache(maxsize=16)
def _hash_of(seed: int, block: int) -> str:
    return "0x" + blake2b(f"{seed}:{block}".encode(), digest_size=32).hexdigest()


def venue_account(state: VenueState, address: str) -> Account:
    """The account of an address, opened when there was none."""
    account = state.accounts.get(address)
    if account is None:
        account = state.accounts[address] = Account(address)
    return account


def sweep(state: VenueState, account: Account) -> None:
    """Moves the free cash of a unified or portfolio account to its spot side, or takes what lacks.

    What stays is what the cross positions cost, so that the perpetual side shows their profit and
    nothing else.
    """
    if account.mode == "standard":
        return
    free = account.cash_micros
    for name, position in account.positions.items():
        if margin.is_cross(account, state.coins[name]):
            free += position.entry_micros if position.lots > 0 else -position.entry_micros
    account.spot_micros += free
    account.cash_micros -= free


def direction(start_lots: int, end_lots: int) -> str:
    """The venue's word for a change of a position."""
    if start_lots > 0:
        if end_lots < 0:
            return "Long > Short"
        return "Open Long" if end_lots > start_lots else "Close Long"
    if start_lots < 0:
        if end_lots > 0:
            return "Short > Long"
        return "Open Short" if end_lots < start_lots else "Close Short"
    return "Open Long" if end_lots > 0 else "Open Short"


def _margin_in(state: VenueState, account: Account, coin: Coin, notional_micros: int) -> int:
    """What an opening isolated trade brings along: its initial margin, as far as money goes."""
    need = margin.initial_of(account, coin, notional_micros)
    if margin.is_venue(account.address):
        return need
    free = margin.cross_value_micros(state, account) - margin.initial_micros(state, account)
    return min(need, max(0, free))


def change(state: VenueState, account: Account, coin: Coin, signed_lots: int, deal: Deal) -> Change:
    """Books a trade on an account: money and position, without fee."""
    position = account.positions.get(coin.name)
    if position is None:
        position = account.positions[coin.name] = Position()
    start, ticks = position.lots, deal.ticks
    size = abs(signed_lots)
    closing = min(abs(start), size) if start * signed_lots < 0 else 0
    opening = size - closing
    is_cross = margin.is_cross(account, coin)
    pnl = shortfall = 0
    if closing:
        sign = 1 if start > 0 else -1
        cost = share_micros(position.entry_micros, closing, abs(start))
        pnl = sign * (ticks * closing - cost)
        position.entry_micros -= cost
        if is_cross:
            account.cash_micros += sign * ticks * closing
        else:
            own = share_micros(position.isolated_micros, closing, abs(start))
            position.isolated_micros -= own
            released = own + sign * ticks * closing
            if released < 0 and deal.liquidated == account.address:
                state.insurance_micros += released
                shortfall, released = -released, 0
            account.cash_micros += released
        position.lots -= sign * closing
    if opening:
        sign = 1 if signed_lots > 0 else -1
        if is_cross:
            account.cash_micros -= sign * ticks * opening
        else:
            moved = _margin_in(state, account, coin, ticks * opening)
            account.cash_micros -= moved
            position.isolated_micros += moved - sign * ticks * opening
        if position.lots == 0:
            position.funding_open_micros = 0
            position.cooldown_until_ms = 0
        position.lots += sign * opening
        position.entry_micros += ticks * opening
    position.funding_change_micros = 0
    coin.open_interest_lots += max(0, position.lots) - max(0, start)
    end = position.lots
    if end == 0:
        del account.positions[coin.name]
    return Change(start, end, pnl, shortfall)


def _charge(
    state: VenueState, account: Account, coin: Coin, side: Side, deal: Deal
) -> tuple[int, int]:
    """(fee with the builder's share, builder's share), taken from the account's cash."""
    notional = deal.ticks * deal.lots
    rates = fees.rates_e8(state, account, deal.time_ms)
    fee = fees.fee_micros(notional, rates[0] if side.is_taker else rates[1], coin)
    state.fees_micros += fee
    shared = 0
    if side.order is not None and side.order.builder is not None:
        shared = fees.builder_micros(notional, side.order)
        builder = venue_account(state, side.order.builder)
        builder.cash_micros += shared
        sweep(state, builder)
    account.cash_micros -= fee + shared
    fees.note_volume(account, deal.time_ms, notional, is_taker=side.is_taker)
    return fee + shared, shared


def _opens(changed: Change) -> bool:
    """Is there more of a position than before, or one on the other side?"""
    start, end = changed.start_lots, changed.end_lots
    return abs(end) > abs(start) or start * end < 0


def book_side(state: VenueState, coin: Coin, side: Side, deal: Deal, events: list[Event]) -> Change:
    """Books one side of a deal, and its row unless it is the venue's own account."""
    account = venue_account(state, side.user)
    if margin.is_venue(side.user):
        return change(state, account, coin, deal.lots if side.is_buy else -deal.lots, deal)
    changed = change(state, account, coin, deal.lots if side.is_buy else -deal.lots, deal)
    fee, shared = (0, 0) if side.is_free else _charge(state, account, coin, side, deal)
    if fee and _opens(changed) and not margin.is_cross(account, coin):
        account.positions[coin.name].isolated_micros -= fee
        account.cash_micros += fee
    sweep(state, account)
    order = side.order
    twap_id = order.twap_id if order is not None else None
    row = FillRow(
        coin=coin.name,
        ticks=deal.ticks,
        lots=deal.lots,
        is_buy=side.is_buy,
        time_ms=deal.time_ms,
        start_lots=changed.start_lots,
        dir=side.word or direction(changed.start_lots, changed.end_lots),
        closed_pnl_micros=changed.closed_pnl_micros,
        hash=deal.hash if twap_id is None else NO_HASH,
        oid=order.oid if order is not None else side.oid,
        crossed=side.is_taker,
        fee_micros=fee,
        tid=deal.tid,
        cloid=order.cloid if order is not None else None,
        builder_fee_micros=shared,
        liquidated_user=deal.liquidated,
        liquidation_mark_ticks=deal.mark_ticks,
        liquidation_method=deal.method,
        twap_id=twap_id,
    )
    account.fills.append(row)
    if len(account.fills) > FILLS_MAX:
        del account.fills[:-FILLS_MAX]
    events.append(FillSeen(side.user, row))
    return changed


def new_deal(state: VenueState, now_ms: int, ticks: int, lots: int) -> Deal:
    """A trade with its number and the hash of the block."""
    tid = state.next_tid
    state.next_tid += 1
    return Deal(ticks, lots, now_ms, tid, transaction_hash(state))


def _publish(
    state: VenueState, coin: Coin, deal: Deal, taker: Side, maker_user: str, events: list[Event]
) -> None:
    """The trade as all see it: last price, volumes, bars, the list of trades."""
    buyer, seller = (taker.user, maker_user) if taker.is_buy else (maker_user, taker.user)
    trade = PublicTrade(
        coin.name,
        taker.is_buy,
        deal.ticks,
        deal.lots,
        deal.time_ms,
        deal.tid,
        deal.hash,
        buyer,
        seller,
    )
    coin.last_ticks = deal.ticks
    coin.trades.append(trade)
    if len(coin.trades) > TRADES_MAX:
        del coin.trades[:-TRADES_MAX]
    notional = deal.ticks * deal.lots
    hour = deal.time_ms - deal.time_ms % HOUR_MS
    lots, micros = coin.hour_volumes.get(hour, (0, 0))
    coin.hour_volumes[hour] = (lots + deal.lots, micros + notional)
    if len(coin.hour_volumes) > HOURS_KEPT:
        del coin.hour_volumes[min(coin.hour_volumes)]
    fees.note_venue_volume(state, deal.time_ms, notional)
    candles.record(coin, deal.time_ms, deal.ticks, deal.lots)
    events.append(Traded(trade))


def _trade(
    state: VenueState, coin: Coin, taker: Side, maker: Side, deal: Deal, events: list[Event]
) -> None:
    """A trade in the book: published, then booked on the taker and on the maker."""
    _publish(state, coin, deal, taker, maker.user, events)
    book_side(state, coin, taker, deal, events)
    book_side(state, coin, maker, deal, events)


def _side_of(order: Order, *, is_taker: bool) -> Side:
    return Side(order.user, order.is_buy, is_taker, order)


def settle(state: VenueState, now_ms: int, coin: Coin, match: Match, events: list[Event]) -> None:
    """Book the match on both accounts; neither order's `lots` is touched.

    A taker with `is_liquidation` marks the fills of both sides as a liquidation; it pays the fee of
    a taker, as the venue asks no other for it.
    """
    deal = new_deal(state, now_ms, match.ticks, match.lots)
    taker = _side_of(match.taker, is_taker=True)
    if match.taker.is_liquidation:
        deal = Deal(
            deal.ticks,
            deal.lots,
            now_ms,
            deal.tid,
            deal.hash,
            match.taker.user,
            coin.mark_ticks,
            "market",
        )
    if match.maker is None:
        maker = Side(HOUSE, not taker.is_buy, is_taker=False)
    else:
        maker = _side_of(match.maker, is_taker=False)
    _trade(state, coin, taker, maker, deal, events)


def settle_house_taker(
    state: VenueState,
    now_ms: int,
    coin: Coin,
    maker: Order,
    ticks: int,
    lots: int,
    events: list[Event],
) -> None:
    """Book a trade in which the background market takes a resting order of a client."""
    taker = Side(HOUSE, not maker.is_buy, is_taker=True)
    deal = new_deal(state, now_ms, ticks, lots)
    _trade(state, coin, taker, _side_of(maker, is_taker=False), deal, events)


def print_house(
    state: VenueState,
    now_ms: int,
    coin: Coin,
    ticks: int,
    lots: int,
    events: list[Event],
    *,
    is_buy: bool,
) -> None:
    """Record a trade of the background market with itself: no money moves."""
    taker = Side(HOUSE, is_buy, is_taker=True)
    _publish(state, coin, new_deal(state, now_ms, ticks, lots), taker, HOUSE, events)


def hand_over(
    state: VenueState, coin: Coin, giver: Side, taker: Side, deal: Deal, events: list[Event]
) -> Change:
    """Books a trade that the venue makes outside of the book, which nobody else sees: a position
    goes from one account to another.  What comes back is the giver's change."""
    changed = book_side(state, coin, giver, deal, events)
    book_side(state, coin, taker, deal, events)
    return changed


def settle_delisting(state: VenueState, now_ms: int, coin: Coin, events: list[Event]) -> None:
    """Closes every position of a coin at its oracle price: it no longer trades."""
    deal = new_deal(state, now_ms, coin.oracle_ticks, 0)
    for account in list(state.accounts.values()):
        position = account.positions.get(coin.name)
        if position is None:
            continue
        own = Deal(deal.ticks, abs(position.lots), now_ms, deal.tid, deal.hash)
        side = Side(
            account.address, position.lots < 0, is_taker=False, word="Settlement", is_free=True
        )
        book_side(state, coin, side, own, events)
