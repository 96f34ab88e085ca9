"""What happens to positions below their maintenance margin.

The cross account and every isolated position is a pool of its own.  A pool worth less than its
maintenance margin at mark prices loses its open orders, then its positions go to the book, the
largest first and no more than it takes to be well again.  Of a position above 100,000 USD a fifth
goes first; for 30 s after that all of it goes.  A pool worth less than two thirds of the margin
is taken over whole by the venue's backstop, which keeps what is left of the money; coins of other
dexes have no backstop.  A pool worth less than nothing is deleveraged.  A pool with a halted coin
is neither taken over nor deleveraged: its price is nobody's to trade at.

Source: Hyperliquid, "Liquidations", and its announcement of partial liquidations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from sidecar.emulator.exchange import deleverage, endings, margin, matching, transfers
from sidecar.emulator.exchange.events import LedgerMoved, Liquidated
from sidecar.emulator.exchange.positions import (
    Deal,
    Side,
    hand_over,
    new_deal,
    transaction_hash,
    venue_account,
)
from sidecar.emulator.exchange.state import BACKSTOP, Account, Coin, LedgerRow, VenueState
from sidecar.emulator.exchange.units import size_text, usd_text

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event

COOLDOWN_MS: Final = 30_000
PARTS: Final = 5
"""A large position is first sold by a fifth."""


class Pool(Struct, frozen=True):
    """Positions that stand or fall together: the cross account's, or one isolated position."""

    account: Account
    isolated: str | None = None

    def names(self, state: VenueState) -> list[str]:
        """Coins of its positions, the largest first."""
        if self.isolated is not None:
            return [self.isolated] if self.isolated in self.account.positions else []
        sizes = {
            name: abs(position.lots) * state.coins[name].mark_ticks
            for name, position in self.account.positions.items()
            if margin.is_cross(self.account, state.coins[name])
        }
        return sorted(sizes, key=lambda name: -sizes[name])

    def value_micros(self, state: VenueState) -> int:
        """What it is worth at mark prices."""
        if self.isolated is None:
            return margin.cross_value_micros(state, self.account)
        position = self.account.positions.get(self.isolated)
        if position is None:
            return 0
        return margin.isolated_value_micros(state.coins[self.isolated], position)

    def maintenance_micros(self, state: VenueState) -> int:
        """What it must be worth."""
        if self.isolated is None:
            return margin.maintenance_micros(state, self.account)
        position = self.account.positions.get(self.isolated)
        if position is None:
            return 0
        coin = state.coins[self.isolated]
        return margin.maintenance_of(coin, abs(position.lots) * coin.mark_ticks)


def pools_of(state: VenueState, account: Account) -> list[Pool]:
    """All pools of an account."""
    pools = [
        Pool(account, name)
        for name in account.positions
        if not margin.is_cross(account, state.coins[name])
    ]
    return [*pools, Pool(account)]


def check(state: VenueState, now_ms: int, events: list[Event]) -> None:
    """Liquidate every account and isolated position below maintenance at its mark price."""
    for account in list(state.accounts.values()):
        if not account.positions or margin.is_venue(account.address):
            continue
        for pool in pools_of(state, account):
            if pool.names(state) and pool.value_micros(state) < pool.maintenance_micros(state):
                _liquidate(state, now_ms, pool, events)


def _is_low(state: VenueState, pool: Pool) -> bool:
    """Is it worth less than two thirds of its maintenance margin?"""
    return 3 * pool.value_micros(state) < 2 * pool.maintenance_micros(state)


def _liquidate(state: VenueState, now_ms: int, pool: Pool, events: list[Event]) -> None:
    """One round for one pool.  It is told of only when something was sold or taken over."""
    _cancel_orders(state, now_ms, pool, events)
    row, event = _announcement(state, now_ms, pool)
    done: list[Event] = []
    sold = is_taken = False
    if not _is_low(state, pool) or not _has_backstop(state, pool):
        sold = _sell(state, now_ms, pool, done)
    names = pool.names(state)
    is_halted = any(state.coins[name].is_halted for name in names)
    if names and not is_halted and _is_low(state, pool):
        if pool.value_micros(state) < 0:
            _deleverage(state, now_ms, pool, done)
            is_taken = True
        elif _has_backstop(state, pool):
            _take_over(state, now_ms, pool, done)
            is_taken = True
    if not sold and not is_taken:
        return
    state.next_liquidation_id += 1
    account = pool.account
    transfers.keep(account, row)
    events.append(
        Liquidated(
            account.address,
            event.liquidation_id,
            event.account_value_micros,
            event.notional_micros,
            is_backstop=is_taken,
        )
    )
    events.append(LedgerMoved(account.address, row))
    events.extend(done)
    _write_off(state, pool)


def _has_backstop(state: VenueState, pool: Pool) -> bool:
    """Does the venue's vault take what the pool holds?  Not what other dexes list."""
    return not any(state.coins[name].dex for name in pool.names(state))


def _cancel_orders(state: VenueState, now_ms: int, pool: Pool, events: list[Event]) -> None:
    """Ends the open orders of the pool's coins."""
    account = pool.account
    coins = dict.fromkeys(state.orders[oid].coin for oid in account.open_oids)
    for name in coins:
        if pool.isolated is None:
            is_ours = margin.is_cross(account, state.coins[name])
        else:
            is_ours = name == pool.isolated
        if is_ours:
            endings.cancel_all(state, now_ms, account, "liquidatedCanceled", events, name)


def _announcement(state: VenueState, now_ms: int, pool: Pool) -> tuple[LedgerRow, Liquidated]:
    """The ledger's row and the event of a liquidation, as things stand before it."""
    account = pool.account
    held: list[dict[str, str]] = []
    notional = 0
    for name in pool.names(state):
        coin, lots = state.coins[name], account.positions[name].lots
        held.append({"coin": name, "szi": size_text(lots, coin.size_decimals)})
        notional += abs(lots) * coin.mark_ticks
    value = pool.value_micros(state)
    row = LedgerRow(
        now_ms,
        transaction_hash(state),
        {
            "type": "liquidation",
            "liquidatedNtlPos": usd_text(notional),
            "accountValue": usd_text(value),
            "leverageType": "Cross" if pool.isolated is None else "Isolated",
            "liquidatedPositions": held,
        },
    )
    event = Liquidated(
        account.address, state.next_liquidation_id, value, notional, is_backstop=False
    )
    return row, event


def _sell(state: VenueState, now_ms: int, pool: Pool, events: list[Event]) -> bool:
    """Sends positions to the book until the pool is well; was anything sold?"""
    account = pool.account
    is_cooling = any(p.cooldown_until_ms > now_ms for p in account.positions.values())
    sold = 0
    for name in pool.names(state):
        if pool.value_micros(state) >= pool.maintenance_micros(state):
            break
        coin, position = state.coins[name], account.positions[name]
        lots = abs(position.lots)
        is_partial = (
            not is_cooling and lots * coin.mark_ticks > state.rules.liquidation_whole_micros
        )
        if is_partial:
            lots = max(1, lots // PARTS)
        part = matching.sell_out(state, now_ms, account, coin, lots, events)
        sold += part
        if is_partial and part and name in account.positions:
            account.positions[name].cooldown_until_ms = now_ms + COOLDOWN_MS
    return sold > 0


def _take_over(state: VenueState, now_ms: int, pool: Pool, events: list[Event]) -> None:
    """The backstop takes all positions at the mark, and the money behind them."""
    account = pool.account
    backstop = venue_account(state, BACKSTOP)
    kept = pool.value_micros(state)
    for name in pool.names(state):
        _hand_to_backstop(state, now_ms, account, state.coins[name], events)
    _take_money(account, kept)
    backstop.cash_micros += kept


def _hand_to_backstop(
    state: VenueState, now_ms: int, account: Account, coin: Coin, events: list[Event]
) -> None:
    """One position goes over at the mark price."""
    lots = account.positions[coin.name].lots
    kind = "Cross" if margin.is_cross(account, coin) else "Isolated"
    word = f"Liquidated {kind} {'Long' if lots > 0 else 'Short'}"
    ticks = coin.mark_ticks
    made = new_deal(state, now_ms, ticks, abs(lots))
    deal = Deal(ticks, abs(lots), now_ms, made.tid, made.hash, account.address, ticks, "backstop")
    giver = Side(
        account.address, lots < 0, is_taker=True, oid=state.next_oid, word=word, is_free=True
    )
    state.next_oid += 1
    hand_over(state, coin, giver, Side(BACKSTOP, lots > 0, is_taker=False), deal, events)
    endings.follow(state, now_ms, account, coin, events)


def _take_money(account: Account, micros: int) -> None:
    """Takes money from where the account's collateral lies."""
    if account.mode == "standard":
        account.cash_micros -= micros
    else:
        account.spot_micros -= micros


def _deleverage(state: VenueState, now_ms: int, pool: Pool, events: list[Event]) -> None:
    """Winners are closed against the pool; what rounding leaves goes to the insurance."""
    account = pool.account
    before = margin.collateral_micros(account)
    names = pool.names(state)
    deleverage.close_all(state, now_ms, account, names, events)
    for name in names:
        endings.follow(state, now_ms, account, state.coins[name], events)
    rest = margin.collateral_micros(account) - (before if pool.isolated is not None else 0)
    _take_money(account, rest)
    state.insurance_micros += rest


def _write_off(state: VenueState, pool: Pool) -> None:
    """What a cross account without positions owes after its liquidation, the insurance pays."""
    if pool.isolated is not None or pool.names(state):
        return
    owed = min(0, margin.collateral_micros(pool.account))
    _take_money(pool.account, owed)
    state.insurance_micros += owed
