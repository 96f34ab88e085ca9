"""The last resort: winners are closed against a side that cannot pay.

Who lost more than all it had is closed at the price where its loss ends, so that nobody but the
other side of its own trades pays.  Of that side the profitable go first, by (mark / entry) x
(notional / account value), then the venue's own accounts, then whoever is left; positions sum to
zero, so there is always enough.  What rounding leaves is the insurance's.

Source: Hyperliquid, "Auto-deleveraging".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.emulator.exchange import endings, margin
from sidecar.emulator.exchange.positions import Deal, Side, hand_over, new_deal
from sidecar.emulator.exchange.state import Account, Coin, Position, VenueState
from sidecar.emulator.exchange.units import share_micros

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event

WORD = "Auto-Deleveraging"


def pool_value(state: VenueState, account: Account, coin: Coin) -> int:
    """What stands behind a position: the cross account, or the position's own money."""
    if margin.is_cross(account, coin):
        return margin.cross_value_micros(state, account)
    return margin.isolated_value_micros(coin, account.positions[coin.name])


def score(state: VenueState, account: Account, coin: Coin, position: Position) -> float:
    """How soon a position is taken: above 0 for those in profit, 0 for the others."""
    notional = abs(position.lots) * coin.mark_ticks
    gain = notional - position.entry_micros
    if (gain if position.lots > 0 else -gain) <= 0:
        return 0.0
    ratio = notional / position.entry_micros
    value = max(1, pool_value(state, account, coin))
    return (ratio if position.lots > 0 else 1 / ratio) * (notional / value)


def ranked(state: VenueState, coin: Coin, loser: Account) -> list[Account]:
    """Accounts on the other side of a loser's position, those that are closed first in front."""
    side = loser.positions[coin.name].lots
    found: list[tuple[int, float, Account]] = []
    for account in state.accounts.values():
        position = account.positions.get(coin.name)
        if position is None or position.lots * side >= 0:
            continue
        if margin.is_venue(account.address):
            found.append((1, 0.0, account))
            continue
        points = score(state, account, coin, position)
        found.append((0, -points, account) if points else (2, 0.0, account))
    found.sort(key=lambda row: row[:2])
    return [account for _, _, account in found]


def bankrupt_ticks(coin: Coin, lots: int, deficit_micros: int) -> int:
    """Price at which a position that lacks so much at the mark would lack nothing."""
    more = -(-deficit_micros // abs(lots))
    return coin.mark_ticks + more if lots > 0 else max(1, coin.mark_ticks - more)


def close(
    state: VenueState,
    now_ms: int,
    loser: Account,
    coin: Coin,
    deficit_micros: int,
    events: list[Event],
) -> None:
    """Closes the loser's position of a coin against winners at its bankruptcy price."""
    lots = loser.positions[coin.name].lots
    ticks = bankrupt_ticks(coin, lots, deficit_micros)
    kind = "Cross" if margin.is_cross(loser, coin) else "Isolated"
    word = f"Liquidated {kind} {'Long' if lots > 0 else 'Short'}"
    left = abs(lots)
    for winner in ranked(state, coin, loser):
        part = min(left, abs(winner.positions[coin.name].lots))
        made = new_deal(state, now_ms, ticks, part)
        deal = Deal(
            ticks, part, now_ms, made.tid, made.hash, loser.address, coin.mark_ticks, "backstop"
        )
        giver = Side(
            loser.address, lots < 0, is_taker=True, oid=state.next_oid, word=word, is_free=True
        )
        taker = Side(
            winner.address, lots > 0, is_taker=True, oid=state.next_oid + 1, word=WORD, is_free=True
        )
        state.next_oid += 2
        hand_over(state, coin, giver, taker, deal, events)
        endings.follow(state, now_ms, winner, coin, events)
        left -= part
        if left == 0:
            break
    assert left == 0, (coin.name, left)


def _losses(loser: Account, coins: list[Coin]) -> list[int]:
    """What each position lost; its notional where none lost anything."""
    found: list[int] = []
    sizes: list[int] = []
    for coin in coins:
        position = loser.positions[coin.name]
        size = abs(position.lots) * coin.mark_ticks
        gain = size - position.entry_micros
        found.append(max(0, -gain if position.lots > 0 else gain))
        sizes.append(size)
    return found if any(found) else sizes


def close_all(
    state: VenueState, now_ms: int, loser: Account, names: list[str], events: list[Event]
) -> None:
    """Closes positions that lost more than stood behind them.

    Each makes up for the deficit by its part of the losses, so that those who won pay.
    """
    coins = [state.coins[name] for name in names]
    deficit = -pool_value(state, loser, coins[0])
    losses = _losses(loser, coins)
    whole = sum(losses)
    for coin, loss in zip(coins, losses, strict=True):
        close(state, now_ms, loser, coin, share_micros(deficit, loss, whole), events)
