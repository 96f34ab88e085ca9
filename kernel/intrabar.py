"""Exits inside a bar: the stop and the targets that rest in the market until the next close.

The levels are those that the last close set, so nothing of the bar itself is known to them.  In a
bar that reaches both, the stop is taken first; a bar that opens beyond a level fills at its open.
"""

from __future__ import annotations

from kernel import codes
from kernel.exits import (
    profit_atr,
    stop_px,
    take_profit_atr,
    take_profit_exit,
    target_px,
)
from kernel.jit import device
from kernel.params import Params
from kernel.records import Position, Snapshot

Found = tuple[int, float, float, int]
"""(reason, fraction of size, price, role); REASON_NONE to hold."""


@device
def rests_in_market(params: Params) -> bool:
    """True if exits are triggered inside a bar."""
    return params.exit_trigger == codes.TRIGGER_INTRABAR


@device
def rest_levels(position: Position, snap: Snapshot, params: Params) -> None:
    """Set what rests in the market until the next close; the trailing stop stands already."""
    profit = profit_atr(position, snap)
    position.stop_px = stop_px(position, snap, profit, params)
    position.target_atr = take_profit_atr(snap, params)


@device
def resting_stop_px(position: Position) -> float:
    """The tighter of the hard and the trailing stop."""
    if position.trail_px == 0.0:
        return position.stop_px
    if position.side == codes.LONG:
        return max(position.stop_px, position.trail_px)
    return min(position.stop_px, position.trail_px)


@device
def intrabar_exit(
    position: Position, bar: tuple[float, float, float], params: Params, cooling: bool
) -> Found:
    """What the bar (open, high, low) triggered; while `cooling`, only the hard stop acts."""
    open_px, high_px, low_px = bar
    side = position.side
    worst, best = (low_px, high_px) if side == codes.LONG else (high_px, low_px)
    level = position.stop_px if cooling else resting_stop_px(position)
    if side * (worst - level) <= 0.0:
        trails = level != position.stop_px
        reason = codes.REASON_TRAILING_STOP if trails else codes.REASON_STOP_LOSS
        px = open_px if side * (open_px - level) <= 0.0 else level
        return reason, 1.0, px, codes.TAKER
    if cooling:
        return codes.REASON_NONE, 0.0, 0.0, codes.TAKER
    reason, fraction, mult = take_profit_exit(position, best, position.target_atr, params)
    if reason == codes.REASON_NONE:
        return codes.REASON_NONE, 0.0, 0.0, codes.TAKER
    level = target_px(position, mult)
    px = open_px if side * (open_px - level) >= 0.0 else level
    return reason, fraction, px, codes.MAKER
