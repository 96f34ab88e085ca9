"""A side that cannot pay, so that the venue deleverages whom the fault is about.

A debtor with money for no more than its margin opens the other side; then the market jumps in the
holder's favour by more than that money, and the exchange does what it does when nobody pays.
"""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.requests import Fund, Moved, Place, SetLeverage
from sidecar.emulator.exchange.state import Account, Coin, Position
from sidecar.emulator.faults.orders import DEBTOR, Act, at_market, filled_lots, move

MARGIN_TIMES: Final = 1.2
"""Its money, in times of the initial margin."""
JUMP_TIMES: Final = 1.5
"""The jump, in times of its money."""


def ruin_the_other_side(act: Act) -> bool:
    """Whether a position of one of the users was reduced without an order."""
    return True in [
        _reduced(act, account, act.state.coins[name])
        for account in act.users()
        for name in list(account.positions)
        if act.active.coin in (None, name)
    ]


def _reduced(act: Act, account: Account, coin: Coin) -> bool:
    held = account.positions.get(coin.name)
    if held is None or held.lots == 0:
        return False
    before = held.lots
    lots = max(1, int(abs(before) * min(1.0, act.active.number_of("frac"))))
    if not _indebted(act, coin, lots, is_buy=before < 0):
        return False
    frac = MARGIN_TIMES * JUMP_TIMES / coin.leverage_max
    times = 1 + frac if before > 0 else 1 - frac
    ticks = _winning_ticks(coin, held) * times
    act.apply(act.now_ms, Moved((move(coin, ticks),)))
    after = account.positions.get(coin.name)
    return after is None or abs(after.lots) < abs(before)


def _winning_ticks(coin: Coin, held: Position) -> float:
    """The mark, or the entry price where that is better for the holder."""
    entry = held.entry_micros / abs(held.lots)
    return max(coin.mark_ticks, entry) if held.lots > 0 else min(coin.mark_ticks, entry)


def _indebted(act: Act, coin: Coin, lots: int, *, is_buy: bool) -> bool:
    """The debtor holds so much with hardly any money."""
    micros = lots * coin.mark_ticks
    money = int(micros * MARGIN_TIMES / coin.leverage_max) + 1
    act.apply(act.now_ms, Fund(DEBTOR, money))
    act.apply(act.now_ms, SetLeverage(DEBTOR, coin.asset, "cross", coin.leverage_max))
    order = at_market(coin, lots, is_buy=is_buy)
    return filled_lots(act.apply(act.now_ms, Place(DEBTOR, (order,)))) > 0
