"""What a tear sheet draws, as plain data: curves, months, positions, candles."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clock import utc_date
from core.market.bars import BarBlock
from core.report import net_pnl_usd
from core.simulate import Simulation
from kernel import codes
from kernel.exits import ATR_FALLBACK_FRAC
from kernel.records import Floats, Ints, Records
from schemas.base import Value

CURVE_POINTS_MAX = 12_000
CANDLES_PER_SYMBOL_MAX = 20_000
CANDLES_MAX = 500_000
"""Bars that a sheet holds at most, so that a browser opens it; one takes 22 letters."""

Values = Mapping[str, Value]


@dataclass(frozen=True)
class Replayed:
    """A simulation with the bars it ran over and the values that held for each symbol."""

    simulation: Simulation
    block: BarBlock
    values: Values
    symbol_values: Mapping[str, Values]


def sheet_data(body: Mapping[str, Any], replayed: Replayed | None) -> dict[str, Any]:
    """Everything that the sheet's script reads; without a simulation only what the report holds."""
    data: dict[str, Any] = {
        "start_usd": body["equity_start_usd"],
        "months": months(body["curve"], body["equity_start_usd"]),
        "costs": body["costs"],
        "gates": body["gates"],
    }
    if replayed is None:
        curve = body["curve"]
        data["curve"] = {
            "ts_ms": [point["ts_ms"] for point in curve],
            "equity_usd": [round(point["equity_usd"], 2) for point in curve],
            "drawdown_frac": [round(point["drawdown_frac"], 6) for point in curve],
        }
        return data
    simulation = replayed.simulation
    data["curve"] = curve_of(replayed)
    data["positions"] = positions_of(replayed)
    data["symbols"] = symbols_by_count(simulation)
    data["candles"] = candles_of(replayed, data["symbols"])
    return data


def months(curve: list[Mapping[str, Any]], start_usd: float) -> list[dict[str, Any]]:
    """Return of each month of the marked daily curve: `{month: "2026-01", return_frac}`."""
    ends: dict[str, float] = {}
    for point in curve:
        ends[utc_date(point["ts_ms"] - 1)[:7]] = point["equity_usd"]
    out, before = [], start_usd
    for month, equity in ends.items():
        change = equity / before - 1.0 if before > 0 else None
        out.append({"month": month, "return_frac": change, "net_usd": equity - before})
        before = equity
    return out


def curve_of(replayed: Replayed) -> dict[str, list[float]]:
    """Equity, drawdown and exposure at each instant, thinned when there are too many.

    A thinned point stands for the instants up to it: its drawdown is the deepest of them, equity
    and exposure are the last.
    """
    simulation = replayed.simulation
    equity = simulation.equity_usd
    peaks = np.maximum(np.maximum.accumulate(equity), simulation.equity_start_usd)
    drawdown = np.where(peaks > 0.0, (peaks - equity) / np.where(peaks > 0.0, peaks, 1.0), 0.0)
    long_usd, short_usd = notional_usd(replayed)
    base = np.where(equity > 0.0, equity, np.inf)
    stride = -(-len(equity) // CURVE_POINTS_MAX)
    last = np.minimum(np.arange(stride - 1, len(equity) + stride - 1, stride), len(equity) - 1)
    first = np.arange(0, len(equity), stride)
    return {
        "ts_ms": simulation.ts_close_ms[last].tolist(),
        "equity_usd": np.round(equity[last], 2).tolist(),
        "drawdown_frac": np.round(np.maximum.reduceat(drawdown, first), 6).tolist(),
        "long_frac": np.round((long_usd / base)[last], 5).tolist(),
        "short_frac": np.round((short_usd / base)[last], 5).tolist(),
    }


def notional_usd(replayed: Replayed) -> tuple[Floats, Floats]:
    """Notional of long and of short positions after each instant, marked at the last closes.

    What was added to a position counts from its entry on, since a trade holds one entry time.
    """
    simulation, block = replayed.simulation, replayed.block
    ts = simulation.ts_close_ms
    marks = last_closes(block)[np.searchsorted(block.ts_open_ms + block.interval_ms, ts)]
    sizes = np.zeros((2, *marks.shape))
    trades = simulation.trades
    begin = np.searchsorted(ts, trades["entry_ts_ms"])
    end = np.searchsorted(ts, trades["exit_ts_ms"])
    which = (trades["side"] == codes.SHORT).astype(np.int64)
    held = end > begin
    np.add.at(sizes, (which[held], begin[held], trades["symbol"][held]), trades["size"][held])
    np.add.at(sizes, (which[held], end[held], trades["symbol"][held]), -trades["size"][held])
    held_usd = (np.cumsum(sizes, axis=1) * marks).sum(axis=2)
    return np.maximum(held_usd[0], 0.0), np.maximum(held_usd[1], 0.0)


def last_closes(block: BarBlock) -> Floats:
    """The last known close of each symbol at each row; 0 before its first bar."""
    rows = np.where(block.present, np.arange(len(block.ts_open_ms))[:, None], 0)
    return np.take_along_axis(block.close_px, np.maximum.accumulate(rows, axis=0), axis=0)


def symbols_by_count(simulation: Simulation) -> list[str]:
    """Symbols that were traded, the one with most positions first."""
    trades = simulation.trades
    ended = trades["symbol"][trades["is_partial"] == 0]
    counts = np.bincount(ended, minlength=len(simulation.symbols))
    order = sorted(range(len(counts)), key=lambda s: (-counts[s], simulation.symbols[s]))
    return [simulation.symbols[s] for s in order if counts[s] > 0]


def positions_of(replayed: Replayed) -> list[dict[str, Any]]:
    """Every position from entry to flat with its closes, in order of entry."""
    trades = replayed.simulation.trades
    net = net_pnl_usd(trades)
    grouped: dict[int, list[int]] = {}
    for row, position in enumerate(trades["position_id"].tolist()):
        grouped.setdefault(position, []).append(row)
    out = [_position(replayed, trades, net, rows) for rows in grouped.values()]
    return sorted(out, key=lambda position: (position["entry_ts_ms"], position["symbol"]))


def _position(
    replayed: Replayed, trades: Records, net: np.ndarray, rows: list[int]
) -> dict[str, Any]:
    final = trades[rows[-1]]
    symbol = replayed.simulation.symbols[int(final["symbol"])]
    return {
        "symbol": symbol,
        "side": codes.SIDES[int(final["side"])],
        "entry_ts_ms": int(final["entry_ts_ms"]),
        "entry_px": _figures(final["entry_px"]),
        "size": _figures(trades["size"][rows].sum()),
        "adds": int(final["adds"]),
        "net_usd": round(float(net[rows].sum()), 4),
        "mae_frac": round(float(final["mae_frac"]), 6),
        "mfe_frac": round(float(final["mfe_frac"]), 6),
        "mode": codes.ENTRY_MODES[int(final["entry_mode"])],
        "exits": [
            {
                "ts_ms": int(trades["exit_ts_ms"][row]),
                "px": _figures(trades["exit_px"][row]),
                "size": _figures(trades["size"][row]),
                "reason": codes.REASONS[int(trades["reason"][row])],
            }
            for row in rows
        ],
        **levels_px(final, replayed.symbol_values.get(symbol, replayed.values)),
    }


def levels_px(trade: np.record, values: Values) -> dict[str, float | None]:
    """Stop and targets as they stood at entry, from the average entry and the ATR of the entry.

    Rules that move them later (trailing, breakeven, trend strength) are not in it.
    """
    entry_px = float(trade["entry_px"])
    atr_px = float(trade["entry_atr_px"]) or ATR_FALLBACK_FRAC * entry_px
    step_px = int(trade["side"]) * atr_px
    first = float(values["trade.partial_tp_atr"])
    partial = bool(values["trade.enable_partial_tp"]) and first > 0.0
    return {
        "stop_px": _figures(entry_px - step_px * float(values["trade.stop_loss_atr"])),
        "target_px": _figures(entry_px + step_px * float(values["trade.take_profit_atr"])),
        "first_target_px": _figures(entry_px + step_px * first) if partial else None,
    }


def candles_of(replayed: Replayed, symbols: list[str]) -> dict[str, dict[str, Any]]:
    """Candles of the traded symbols as base64 float32, most traded first, while there is room."""
    block = replayed.block
    first_ms = int(replayed.simulation.ts_close_ms[0]) - block.interval_ms
    since = int(np.searchsorted(block.ts_open_ms, first_ms))
    out: dict[str, dict[str, Any]] = {}
    room = CANDLES_MAX
    for symbol, column in zip(symbols, block.columns_of(symbols).tolist(), strict=True):
        rows = since + np.flatnonzero(block.present[since:, column])
        stride = max(1, -(-len(rows) // CANDLES_PER_SYMBOL_MAX))
        if -(-len(rows) // stride) > room:
            break
        room -= -(-len(rows) // stride)
        out[symbol] = _candles(block, column, rows, stride)
    return out


def _candles(block: BarBlock, column: int, rows: Ints, stride: int) -> dict[str, Any]:
    """The rows of one symbol, `stride` of them to a candle."""
    starts = np.arange(0, len(rows), stride)
    ends = np.minimum(starts + stride, len(rows)) - 1
    opens_ms = block.ts_open_ms[rows][starts]
    step_ms = block.interval_ms * stride
    even = bool((np.diff(opens_ms) == step_ms).all())
    return {
        "step_ms": step_ms,
        "first_ms": int(opens_ms[0]),
        "at": None if even else _packed((opens_ms - opens_ms[0]) // block.interval_ms, "<i4"),
        "bar_ms": block.interval_ms,
        "open": _packed(block.open_px[rows, column][starts], "<f4"),
        "high": _packed(np.maximum.reduceat(block.high_px[rows, column], starts), "<f4"),
        "low": _packed(np.minimum.reduceat(block.low_px[rows, column], starts), "<f4"),
        "close": _packed(block.close_px[rows, column][ends], "<f4"),
    }


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode("ascii")


def _figures(value: float) -> float:
    """The number with eight significant digits: enough for a price, short as text."""
    return float(f"{float(value):.8g}")
