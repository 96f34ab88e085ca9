"""From a simulation to the figures of its report; pure, no formula stands here twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.clock import utc_date
from core.simulate import Simulation
from kernel import codes
from kernel.metrics import DAY_MS
from kernel.records import Records
from schemas.replay import Costs, CurvePoint, Excursions, Slice


@dataclass(frozen=True)
class Ends:
    """Rows of a trades array grouped by position: its last row, its net PnL, whether it won."""

    last_row: np.ndarray
    won: np.ndarray


def net_pnl_usd(trades: Records) -> np.ndarray:
    """PnL of each row after fees and funding, its share of the entry fee among them."""
    costs = trades["entry_fee_usd"] + trades["exit_fee_usd"]
    net: np.ndarray = trades["gross_pnl_usd"] + trades["funding_usd"] - costs
    return net


def position_ends(trades: Records) -> Ends:
    """Where each position became flat; a position still open (a state was exported) has none."""
    ids, index = np.unique(trades["position_id"], return_inverse=True)
    net = np.bincount(index, weights=net_pnl_usd(trades), minlength=len(ids))
    last = np.zeros(len(ids), np.int64)
    np.maximum.at(last, index, np.arange(len(trades)))
    final = trades["is_partial"][last] == 0 if len(trades) else np.zeros(0, np.bool_)
    return Ends(last[final], net[final] > 0.0)


def slices(trades: Records, names: np.ndarray) -> tuple[Slice, ...]:
    """One slice per distinct name, `names[i]` being that of row i; sorted by name."""
    ends = position_ends(trades)
    net = net_pnl_usd(trades)
    fees = trades["entry_fee_usd"] + trades["exit_fee_usd"]
    found, index = np.unique(names, return_inverse=True)
    out = []
    for k, name in enumerate(found):
        rows = index == k
        ended = rows[ends.last_row]
        out.append(
            Slice(
                name=str(name),
                position_count=int(ended.sum()),
                close_count=int(rows.sum()),
                win_count=int(ends.won[ended].sum()),
                gross_pnl_usd=float(trades["gross_pnl_usd"][rows].sum()),
                fees_usd=float(fees[rows].sum()),
                net_pnl_usd=float(net[rows].sum()),
            )
        )
    return tuple(out)


def breakdowns(simulation: Simulation) -> dict[str, tuple[Slice, ...]]:
    """The report's `by_...` fields."""
    trades = simulation.trades
    symbols = np.array(simulation.symbols)
    days = [utc_date(int(ts) - 1)[:7] for ts in trades["exit_ts_ms"]]
    sides = np.where(trades["side"] == codes.LONG, "long", "short")
    return {
        "by_symbol": slices(trades, symbols[trades["symbol"]]),
        "by_side": slices(trades, sides),
        "by_confidence": slices(trades, np.array(codes.CONFIDENCES)[trades["confidence"]]),
        "by_entry_mode": slices(trades, np.array(codes.ENTRY_MODES)[trades["entry_mode"]]),
        "by_reason": slices(trades, np.array(codes.REASONS)[trades["reason"]]),
        "by_month": slices(trades, np.array(days, dtype=np.str_)),
    }


def costs(simulation: Simulation) -> Costs:
    """What the fills would have made without fees, slippage or funding, by sums alone."""
    stats = simulation.metrics
    net, fees, slippage, funding = (
        float(stats[name]) for name in ("net_pnl_usd", "fees_usd", "slippage_usd", "funding_usd")
    )
    exits = float(simulation.trades["exit_slippage_usd"].sum())
    return Costs(
        gross_at_mid_usd=net + fees + slippage - funding,
        fees_usd=fees,
        entry_slippage_usd=slippage - exits,
        exit_slippage_usd=exits,
        slippage_usd=slippage,
        funding_usd=funding,
        net_pnl_usd=net,
        net_without_fees_usd=net + fees,
        net_without_slippage_usd=net + slippage,
        net_without_funding_usd=net - funding,
    )


def excursions(trades: Records) -> Excursions:
    """How far positions went against and for us, by the last row of each."""
    ends = position_ends(trades)
    mae, mfe = trades["mae_frac"][ends.last_row], trades["mfe_frac"][ends.last_row]

    def of(values: np.ndarray, rank: float) -> float | None:
        return float(np.quantile(values, rank)) if len(values) else None

    return Excursions(
        mae_median_frac=of(mae, 0.5),
        mae_worst_frac=of(mae, 0.0),
        mfe_median_frac=of(mfe, 0.5),
        mfe_best_frac=of(mfe, 1.0),
        winners_mae_median_frac=of(mae[ends.won], 0.5),
        losers_mfe_median_frac=of(mfe[~ends.won], 0.5),
    )


def daily_curve(simulation: Simulation) -> tuple[CurvePoint, ...]:
    """Marked equity at the last instant of each UTC day; midnight ends a day."""
    ts, equity = simulation.ts_close_ms, simulation.equity_usd
    peaks = np.maximum(np.maximum.accumulate(equity), simulation.equity_start_usd)
    day = (ts - 1) // DAY_MS
    last = np.flatnonzero(np.append(day[1:] != day[:-1], [True]))
    return tuple(
        CurvePoint(
            ts_ms=int(ts[k]),
            equity_usd=float(equity[k]),
            drawdown_frac=float((peaks[k] - equity[k]) / peaks[k]) if peaks[k] > 0 else 0.0,
        )
        for k in last
    )
