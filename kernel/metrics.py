"""What a run amounts to: drawdown and daily returns of the marked curve, totals of the ledger."""

from __future__ import annotations

import math
from typing import Final

from kernel.jit import device, loop
from kernel.records import Account, Floats, Ints, Stats

DAY_MS: Final = 86_400_000


@loop
def curve_stats(ts_close_ms: Ints, equity_usd: Floats, start_usd: float, stats: Stats) -> None:
    """Fill drawdown, daily return moments and daily Sharpe of a marked equity curve.

    A close at midnight belongs to the day that ends.  Moments are over days, population style; a
    day that begins without equity returns 0, and so does a day without a close: bars may be longer
    than a day, and data may have holes.  Sharpe is 0 with fewer than two days or no deviation.
    """
    peak = start_usd
    day_start = start_usd
    total = 0.0
    squares = 0.0
    downs = 0.0
    days = 0
    last_day = (ts_close_ms[0] - 1) // DAY_MS if equity_usd.shape[0] > 0 else 0
    count = equity_usd.shape[0]
    for t in range(count):
        equity = equity_usd[t]
        peak = max(peak, equity)
        if peak - equity > stats.drawdown_max_usd:
            stats.drawdown_max_usd = peak - equity
        if peak > 0.0 and (peak - equity) / peak > stats.drawdown_max_frac:
            stats.drawdown_max_frac = (peak - equity) / peak
        day = (ts_close_ms[t] - 1) // DAY_MS
        if t + 1 == count or (ts_close_ms[t + 1] - 1) // DAY_MS != day:
            change = equity / day_start - 1.0 if day_start > 0.0 else 0.0
            day_start = equity
            days += max(day - last_day, 1)
            last_day = day
            total += change
            squares += change * change
            downs += min(change, 0.0) * min(change, 0.0)
    stats.day_count = days
    stats.bar_count = count
    stats.equity_end_usd = equity_usd[count - 1] if count > 0 else start_usd
    stats.net_pnl_usd = stats.equity_end_usd - start_usd
    if days == 0:
        return
    mean = total / days
    deviation = math.sqrt(max(squares / days - mean * mean, 0.0))
    stats.return_daily_mean = mean
    stats.return_daily_std = deviation
    stats.downside_daily_std = math.sqrt(downs / days)
    if days >= 2 and deviation > 0.0:
        stats.sharpe_daily = mean / deviation


@device
def ledger_stats(account: Account, stats: Stats) -> None:
    """Copy the ledger's totals; `curve_stats` has been called."""
    stats.gross_pnl_usd = account.gross_pnl_usd
    stats.fees_usd = account.fees_usd
    stats.slippage_usd = account.slippage_usd
    stats.funding_usd = account.funding_usd
    stats.turnover_usd = account.turnover_usd
    stats.gross_profit_usd = account.gross_profit_usd
    stats.gross_loss_usd = account.gross_loss_usd
    stats.best_position_usd = account.best_position_usd
    stats.position_count = account.position_count
    stats.win_count = account.win_count
    if stats.bar_count > 0:
        stats.exposure_frac = account.exposed_bar_count / stats.bar_count
        stats.exposure_mean_frac = account.exposure_sum / stats.bar_count
