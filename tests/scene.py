"""A market by hand: indicator columns as a test wants them, and the kernel's loop over them.

Each bar is neutral until told otherwise: level EMAs, ADX 30, no signal, no exit.  `PLAIN` has
costs, filters and optional rules off, so that a test switches on what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.market.bars import HOUR_MS, BarBlock, Bools, interval_to_ms
from core.market.funding import HourlyFunding
from core.market.instants import with_finer
from core.market.metadata import SymbolMetadata
from core.market.record import market_of
from core.simulate import new_book, new_survey
from kernel import codes
from kernel.records import TRADE, Book, Columns, Floats, Market, Output, Records
from kernel.scan import close_all, scan
from kernel.survey import survey
from schemas.base import Value
from schemas.records import to_records
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


class Finer:
    """Shorter bars under a scene: each indicator bar has `parts` of them.

    A part without values is flat at the close of the bar before, the last one at its bar's own.
    """

    def __init__(self, rows: int, symbols: Sequence[str], lengths: tuple[str, int]) -> None:
        self.symbols = tuple(symbols)
        self.interval, parent_ms = lengths
        self.interval_ms = interval_to_ms(self.interval)
        self.parts = parent_ms // self.interval_ms
        shape = (rows * self.parts, len(symbols))
        self.px = {name: np.full(shape, np.nan) for name in ("open", "high", "low", "close")}
        self.present = np.ones(shape, np.bool_)

    def bar(self, row: int, part: int, symbol: str = "AAA", **values: float) -> Finer:
        """Give part 0, 1, ... of indicator bar `row` these prices; the rest follow its close."""
        for name, value in values.items():
            self.px[name.removesuffix("_px")][self._cell(row, part, symbol)] = value
        return self

    def absent(self, row: int, part: int, symbol: str = "AAA") -> Finer:
        """No such bar."""
        self.present[self._cell(row, part, symbol)] = False
        return self

    def _cell(self, row: int, part: int, symbol: str) -> tuple[int, int]:
        return row * self.parts + part, self.symbols.index(symbol)

    def block(self, parent_px: Floats) -> BarBlock:
        """The bars as a block; `parent_px` `[T+1, S]` are the closes of the indicator bars."""
        flat = np.repeat(parent_px[:-1], self.parts, axis=0)
        flat[self.parts - 1 :: self.parts] = parent_px[1:]
        close_px = np.where(np.isnan(self.px["close"]), flat, self.px["close"])
        filled = [
            np.where(np.isnan(self.px[name]), close_px, self.px[name])
            for name in ("open", "high", "low")
        ]
        ts_open_ms = START_MS + self.interval_ms * np.arange(len(close_px), dtype=np.int64)
        return BarBlock(
            self.symbols,
            self.interval,
            self.interval_ms,
            ts_open_ms,
            *filled,
            close_px=close_px,
            volume=np.full(close_px.shape, 100.0),
            present=self.present,
            last_bar_index=np.full(len(self.symbols), len(close_px), np.int64),
            synthetic=True,
            sha256="0" * 64,
            path="finer",
        )


class Scene:
    """Rows 0 to `rows - 1` of the named symbols, which must stand in byte order."""

    def __init__(
        self, rows: int, symbols: Sequence[str] = ("AAA",), *, interval: str = "1h"
    ) -> None:
        shape = (rows + 1, len(symbols))
        self.symbols = tuple(symbols)
        self.interval, self.interval_ms = interval, interval_to_ms(interval)
        self.exits: Finer | None = None
        self.entries: Finer | None = None
        self.metadata: dict[str, SymbolMetadata] = {}
        self.funding: HourlyFunding | None = None
        self.member: Bools | None = None
        self.open_px = np.full((rows, len(symbols)), np.nan)
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
            if name in ("open_px", "high_px", "low_px", "volume", "funding_rate_1h"):
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

    def exit_bars(self, interval: str = "15m") -> Finer:
        """Bars on which exits are judged."""
        lengths = (interval, self.interval_ms)
        self.exits = self.exits or Finer(len(self.present), self.symbols, lengths)
        return self.exits

    def entry_bars(self, interval: str = "15m") -> Finer:
        """Bars at whose closes signals are taken too."""
        lengths = (interval, self.interval_ms)
        self.entries = self.entries or Finer(len(self.present), self.symbols, lengths)
        return self.entries

    def knows(self, *metadata: SymbolMetadata) -> Scene:
        """What the venue says of symbols."""
        self.metadata.update({each.symbol: each for each in metadata})
        return self

    def due(
        self, hour: int, rate: float, symbol: str = "AAA", *, oracle_px: float = np.nan
    ) -> Scene:
        """A rate due `hour` hours after the scene begins; row r of an hourly one closes at r + 1.

        Rates that are never given are not known.
        """
        if self.funding is None:
            hours = len(self.present) * self.interval_ms // HOUR_MS + 1
            shape = (hours, len(self.symbols))
            self.funding = HourlyFunding(
                START_MS + HOUR_MS * np.arange(hours, dtype=np.int64),
                np.full(shape, np.nan),
                np.full(shape, np.nan),
            )
        cell = (hour, self.symbols.index(symbol))
        self.funding.rate[cell], self.funding.oracle_px[cell] = rate, oracle_px
        return self

    def block(self) -> BarBlock:
        """The bars as a block."""
        close_px = self.columns["close_px"][1:].copy()
        block = BarBlock(
            symbols=self.symbols,
            interval=self.interval,
            interval_ms=self.interval_ms,
            ts_open_ms=START_MS + self.interval_ms * np.arange(len(close_px), dtype=np.int64),
            open_px=np.where(np.isnan(self.open_px), close_px, self.open_px),
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
            funding=self.funding,
            metadata=tuple(self.metadata.get(symbol) for symbol in self.symbols),
            member=self.member,
        )
        finer = [
            None if each is None else each.block(self.columns["close_px"])
            for each in (self.exits, self.entries)
        ]
        return block if finer == [None, None] else with_finer(block, finer[0], finer[1])

    def market(self) -> Market:
        """The bars as the kernel reads them."""
        return market_of(self.block())

    def play(
        self, values: Mapping[str, Value] | None = None, *, cash_usd: float = 10_000
    ) -> Played:
        """Run all rows with `PLAIN` and `values` over it; what is open at the end is closed."""
        market = self.market()
        rows = len(market.ts_close_ms)
        params = to_records([strategy_from({**PLAIN, **(values or {})})])
        book = new_book(len(self.symbols), float(cash_usd))
        out = Output(
            equity_usd=np.zeros(rows),
            trades=np.zeros(4 * rows * len(self.symbols), TRADE),
            counters=np.zeros(codes.COUNTER_COUNT, np.int64),
        )
        columns = Columns(**self.columns)
        seen = new_survey(len(market.present), len(self.symbols))
        survey(market, columns, params, book.marks, seen, out.counters, (0, rows))
        assert scan(market, columns, seen, params, book, out, (0, rows)) == rows
        close_all(market, params, book, out, rows - 1)
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
            out[f"{name}_row"] = (out[f"{name}_ts_ms"] - START_MS) // self.interval_ms - 1
        return out
