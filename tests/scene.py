"""A market by hand: indicator columns as a test wants them, and the kernel's loop over them.

Each bar is neutral until told otherwise: level EMAs, ADX 30, no signal, no exit.  `PLAIN` has
costs, filters and optional rules off, so that a test switches on what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.market.bars import HOUR_MS, BarBlock
from core.simulate import market_of, new_book
from kernel import codes
from kernel.records import TRADE, Book, Columns, Floats, Output, Records
from kernel.scan import close_all, scan
from schemas.base import Value
from schemas.records import to_record
from schemas.strategy import strategy_from

START_MS = 1_700_006_400_000

NEUTRAL: Mapping[str, float] = {
    "close_px": 100.0,
    "ema_fast": 100.0,
    "ema_slow": 100.0,
    "ema_macro": 0.0,
    "macd_hist": 0.0,
    "macd_run": 0.0,
    "atr": 1.0,
    "atr_avg": 1.0,
    "adx": 30.0,
    "rsi": 50.0,
    "stoch_k": 0.5,
    "bb_width_ratio": 1.0,
    "vol_sma": 100.0,
    "vol_short": 100.0,
    "slow_slope_frac": 0.0,
    "aux_1": 0.0,
    "aux_2": 0.0,
    "aux_3": 0.0,
    "aux_4": 0.0,
}
"""Every series that decisions read."""

UP: Mapping[str, float] = {
    "ema_fast": 99.5,
    "ema_slow": 99.0,
    "ema_macro": 98.0,
    "rsi": 60.0,
    "macd_hist": 0.1,
    "macd_run": 1.0,
    "volume": 150.0,
}
"""What makes a bar a standard long signal of medium confidence."""

DOWN: Mapping[str, float] = {
    "ema_fast": 100.5,
    "ema_slow": 101.0,
    "ema_macro": 102.0,
    "rsi": 40.0,
    "macd_hist": -0.1,
    "macd_run": -1.0,
    "volume": 150.0,
}
PLAIN: Mapping[str, Value] = {
    "trade.entry_slippage_bps": 0.0,
    "trade.exit_slippage_bps": 0.0,
    "trade.taker_fee_bps": 0.0,
    "trade.enable_dynamic_sizing": False,
    "trade.allocation_frac": 0.1,
    "trade.leverage_medium": 1.0,
    "trade.leverage_high": 1.0,
    "trade.min_atr_frac": 0.0,
    "trade.entry_min_confidence": "low",
    "trade.enable_ssf_filter": False,
    "trade.enable_reef_filter": False,
    "trade.enable_reentry_cooldown": False,
    "trade.enable_pyramiding": False,
    "trade.enable_breakeven_stop": False,
    "trade.enable_vol_buffered_trailing": False,
    "trade.enable_partial_tp": False,
    "trade.enable_rsi_overextension_exit": False,
    "filters.enable_ranging_filter": False,
    "filters.enable_anomaly_filter": False,
    "filters.enable_extension_filter": False,
    "filters.require_adx_rising": False,
    "filters.use_stoch_rsi_filter": False,
    "filters.require_btc_alignment": False,
    "thresholds.entry.ave_enabled": False,
    "thresholds.entry.macd_mode": "none",
    "engine.lookback_bars": 1,
}


@dataclass(frozen=True)
class Played:
    """What the kernel made of a scene: trades by name, counters, marked equity, and the book."""

    trades: list[dict[str, Any]]
    counters: dict[str, int]
    equity_usd: Floats
    book: Book

    @property
    def account(self) -> Records:
        """The one account record."""
        return self.book.account[0]

    @property
    def reasons(self) -> list[str]:
        """Why each row was closed."""
        return [row["reason"] for row in self.trades]


class Scene:
    """Rows 0 to `rows - 1` of the named symbols, which must stand in byte order."""

    def __init__(self, rows: int, symbols: Sequence[str] = ("AAA",)) -> None:
        shape = (rows + 1, len(symbols))
        self.symbols = tuple(symbols)
        self.columns = {name: np.full(shape, value) for name, value in NEUTRAL.items()}
        self.high_px = np.full((rows, len(symbols)), np.nan)
        self.low_px = np.full((rows, len(symbols)), np.nan)
        self.volume = np.full((rows, len(symbols)), 100.0)
        self.funding_rate_1h = np.zeros((rows, len(symbols)))
        self.present = np.ones((rows, len(symbols)), np.bool_)
        self.last_bar_index = np.full(len(symbols), rows, np.int64)

    def bar(self, row: int, symbol: str = "AAA", **values: float) -> Scene:
        """Give one bar these values; high and low follow the close unless given."""
        s = self.symbols.index(symbol)
        for name, value in values.items():
            if name in ("high_px", "low_px", "volume", "funding_rate_1h"):
                getattr(self, name)[row, s] = value
            else:
                self.columns[name][row + 1, s] = value
        return self

    def up(self, row: int, symbol: str = "AAA", **values: float) -> Scene:
        """A long signal at one bar, around the close given."""
        return self._signal(UP, row, symbol, values)

    def down(self, row: int, symbol: str = "AAA", **values: float) -> Scene:
        """A short signal at one bar, around the close given."""
        return self._signal(DOWN, row, symbol, values)

    def _signal(
        self, signal: Mapping[str, float], row: int, symbol: str, values: Mapping[str, float]
    ) -> Scene:
        shift = values.get("close_px", 100.0) - 100.0
        emas = {name: value + shift for name, value in signal.items() if name.startswith("ema")}
        return self.bar(row, symbol, **{**signal, **emas, **values})

    def absent(self, row: int, symbol: str = "AAA") -> Scene:
        """No bar there: the columns keep their values, as the bank does."""
        s = self.symbols.index(symbol)
        self.present[row, s] = False
        for column in self.columns.values():
            column[row + 1, s] = column[row, s]
        return self

    def ends(self, row: int, symbol: str = "AAA") -> Scene:
        """The symbol's last bar is that of `row`."""
        self.last_bar_index[self.symbols.index(symbol)] = row
        for later in range(row + 1, len(self.present)):
            self.absent(later, symbol)
        return self

    def block(self) -> BarBlock:
        """The bars as a block."""
        close_px = self.columns["close_px"][1:].copy()
        return BarBlock(
            symbols=self.symbols,
            interval="1h",
            interval_ms=HOUR_MS,
            ts_open_ms=START_MS + HOUR_MS * np.arange(len(close_px), dtype=np.int64),
            open_px=close_px,
            high_px=np.where(np.isnan(self.high_px), close_px, self.high_px),
            low_px=np.where(np.isnan(self.low_px), close_px, self.low_px),
            close_px=close_px,
            volume=self.volume,
            present=self.present,
            last_bar_index=self.last_bar_index,
            synthetic=True,
            sha256="0" * 64,
            path="scene",
            funding_rate_1h=self.funding_rate_1h,
        )

    def play(
        self, values: Mapping[str, Value] | None = None, *, cash_usd: float = 10_000
    ) -> Played:
        """Run all rows with `PLAIN` and `values` over it; what is open at the end is closed."""
        market = market_of(self.block())
        rows = len(self.present)
        params = to_record(strategy_from({**PLAIN, **(values or {})}))
        book = new_book(len(self.symbols), float(cash_usd))
        out = Output(
            equity_usd=np.zeros(rows),
            trades=np.zeros(4 * rows * len(self.symbols), TRADE),
            counters=np.zeros(codes.COUNTER_COUNT, np.int64),
            counts_gates=True,
        )
        columns = Columns(**self.columns)
        assert scan(market, columns, params, book, out, (0, rows)) == rows
        now = (rows - 1, int(market.ts_close_ms[-1]))
        close_all(book, out, columns.close_px[-1], now, params)
        trades = out.trades[: int(book.account["trade_count"][0])]
        return Played(
            trades=[self._named(row) for row in trades],
            counters=dict(zip(codes.COUNTERS, out.counters.tolist(), strict=True)),
            equity_usd=out.equity_usd,
            book=book,
        )

    def _named(self, trade: Any) -> dict[str, Any]:
        """One trade with names for codes, and the rows of its entry and exit."""
        out = {name: trade[name].item() for name in TRADE.names or ()}
        out["symbol"] = self.symbols[out["symbol"]]
        out["reason"] = codes.REASONS[out["reason"]]
        for name in ("entry", "exit"):
            out[f"{name}_row"] = (out[f"{name}_ts_ms"] - START_MS) // HOUR_MS - 1
        return out
