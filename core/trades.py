"""Trades as a table for people and other programs: names instead of codes, a fixed column order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from kernel import codes
from kernel.records import Records

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    "position_id",
    "symbol",
    "side",
    "entry_ts_ms",
    "exit_ts_ms",
    "entry_px",
    "exit_px",
    "size",
    "is_partial",
    "leverage",
    "gross_pnl_usd",
    "entry_fee_usd",
    "exit_fee_usd",
    "entry_slippage_usd",
    "exit_slippage_usd",
    "funding_usd",
    "mae_frac",
    "mfe_frac",
    "adds",
    "confidence",
    "entry_mode",
    "entry_atr_px",
    "reason",
)


def trades_frame(trades: Records, symbols: tuple[str, ...]) -> pl.DataFrame:
    """One row per close or partial close, sorted by exit time, symbol and order of execution."""
    import polars as pl

    words = {
        "symbol": np.array(symbols),
        "confidence": np.array(codes.CONFIDENCES),
        "entry_mode": np.array(codes.ENTRY_MODES),
        "reason": np.array(codes.REASONS),
    }
    columns: dict[str, object] = {}
    for name in COLUMNS:
        values = np.ascontiguousarray(trades[name])
        if name in words:
            columns[name] = pl.Series(name, words[name][values].tolist(), dtype=pl.String)
        elif name == "side":
            sides = [codes.SIDES[int(side)] for side in values]
            columns[name] = pl.Series(name, sides, dtype=pl.String)
        elif name == "is_partial":
            columns[name] = values == 1
        else:
            columns[name] = values
    return pl.DataFrame(columns).sort("exit_ts_ms", "symbol", maintain_order=True)


def trades_sha256(trades: Records, symbols: tuple[str, ...]) -> str:
    """Hash of the rows as the kernel wrote them, symbols by name."""
    digest = hashlib.sha256("\0".join(symbols).encode())
    for name in COLUMNS:
        digest.update(np.ascontiguousarray(trades[name]).tobytes())
    return digest.hexdigest()
