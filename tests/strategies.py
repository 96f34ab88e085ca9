"""Small random markets and random strategies: seeded builders, and hypothesis over their seeds.

A seed stands for one market and one strategy for ever, so that a failing seed is the bug report.
Markets are short and wild and windows are small, so that a few hundred bars see most of the rules.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from core.market.bars import HOUR_MS, BarBlock, Bools, Rows, block_from_rows
from core.market.funding import with_funding
from core.market.instants import with_finer
from core.market.metadata import MarginTier, SymbolMetadata
from schemas.base import Value
from schemas.parameters import Parameter, parameters
from schemas.strategy import ORDERED_OR_EQUAL_PAIRS, ORDERED_PAIRS, Strategy, strategy_from

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

START_MS = 1_700_006_400_000
"""A midnight, UTC."""

SYMBOLS = ("BTC", "ETH", "PAXG", "SOL", "kPEPE")
FIRST_PRICES_PX = {"BTC": 40_000.0, "ETH": 2_000.0, "PAXG": 2_500.0, "SOL": 60.0, "kPEPE": 0.0012}

seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class SymbolBars:
    """Bars of one symbol: open times, and open, high, low, close, volume per bar."""

    symbol: str
    ts_ms: Ints
    values: Floats


def random_symbol(rng: np.random.Generator, symbol: str, bar_count: int) -> SymbolBars:
    """Bars of one symbol: drifts that turn, calm and wild spells, a few jumps, bursts of volume."""
    turns = np.repeat(rng.normal(0.0, 0.004, bar_count), rng.integers(8, 50, bar_count))
    spells = np.repeat(rng.lognormal(-5.0, 0.7, bar_count), rng.integers(10, 60, bar_count))
    moves = turns[:bar_count] + spells[:bar_count] * rng.normal(0.0, 1.0, bar_count)
    jumps = rng.random(bar_count) < 0.01
    moves[jumps] += rng.normal(0.0, 0.15, int(jumps.sum()))
    close = FIRST_PRICES_PX.get(symbol, 10.0) * np.exp(np.cumsum(np.clip(moves, -0.6, 0.6)))
    opened = np.concatenate([close[:1], close[:-1]])
    reach = 1.0 + spells[:bar_count] * rng.random((2, bar_count))
    high = np.maximum(opened, close) * reach[0]
    low = np.minimum(opened, close) / reach[1]
    volume = rng.lognormal(4.0, 0.8, bar_count) * np.where(rng.random(bar_count) < 0.1, 5.0, 1.0)
    values = np.stack([opened, high, low, close, volume], axis=1)
    return SymbolBars(symbol, START_MS + HOUR_MS * np.arange(bar_count, dtype=np.int64), values)


def thinned(rng: np.random.Generator, bars: SymbolBars) -> SymbolBars:
    """The bars with, at random, a late listing, an early end and holes."""
    count = len(bars.ts_ms)
    kept = np.ones(count, np.bool_)
    if rng.random() < 0.5:
        kept[: rng.integers(1, count // 2)] = False
    if rng.random() < 0.4:
        kept[rng.integers(count * 2 // 3, count) :] = False
    for _ in range(rng.integers(0, 4)):
        first = int(rng.integers(0, count))
        kept[first : first + int(rng.integers(1, 12))] = False
    if not kept.any():
        kept[count // 2] = True
    return SymbolBars(bars.symbol, bars.ts_ms[kept], bars.values[kept])


def block_of(series: list[SymbolBars], *, shift_ms: int = 0) -> BarBlock:
    """The block of these symbols' bars, whatever their order."""
    ordered = sorted(series, key=lambda bars: bars.symbol)
    counts = [len(bars.ts_ms) for bars in ordered]
    rows = Rows(
        symbols=tuple(bars.symbol for bars in ordered),
        symbol_index=np.repeat(np.arange(len(ordered)), counts).astype(np.int64),
        ts_ms=np.concatenate([bars.ts_ms for bars in ordered]) + shift_ms,
        values=np.concatenate([bars.values for bars in ordered]),
    )
    return block_from_rows(rows, "1h", synthetic=True)


def random_series(seed: int, bar_count: int | None = None) -> list[SymbolBars]:
    """Bars of three to five symbols, BTC and PAXG among them; BTC mostly whole."""
    rng = np.random.default_rng([seed, 1])
    count = bar_count or int(rng.integers(250, 401))
    others = [symbol for symbol in SYMBOLS if symbol not in ("BTC", "PAXG")]
    chosen = list(rng.choice(others, size=int(rng.integers(1, 4)), replace=False))
    out = []
    for symbol in ["BTC", "PAXG", *map(str, chosen)]:
        bars = random_symbol(rng, symbol, count)
        whole = symbol == "BTC" and rng.random() < 0.7
        out.append(bars if whole else thinned(rng, bars))
    return out


def random_market(seed: int, bar_count: int | None = None) -> BarBlock:
    """A market of 250 to 400 hourly bars, or `bar_count`, with all that a store may hold beside.

    Most have funding rates and venue rules of some symbols, a third finer exit or entry bars.
    """
    block = with_rules(seed, block_of(random_series(seed, bar_count)))
    rng = np.random.default_rng([seed, 6])
    parts = [int(rng.choice([2, 4])) if rng.random() < 0.35 else 0 for _ in range(2)]
    exits, entries = (finer_bars(rng, block, count) if count else None for count in parts)
    block = with_finer(block, exits, entries)
    rng = np.random.default_rng([seed, 5])
    if rng.random() < 0.2:
        return block
    return with_funding(block, *random_rates(rng, block))


def with_rules(seed: int, block: BarBlock) -> BarBlock:
    """The block with venue rules for most of its symbols: lots, tiers, a listing or two."""
    rng = np.random.default_rng([seed, 7])
    opens = block.ts_open_ms
    found: list[SymbolMetadata | None] = []
    for symbol in block.symbols:
        tiers = (MarginTier(0.0, 20.0), MarginTier(float(rng.choice([800.0, 5e4])), 5.0))
        listed_ms = int(opens[rng.integers(0, 60)]) if rng.random() < 0.3 else None
        delisted_ms = int(opens[-rng.integers(1, 60)]) if rng.random() < 0.1 else None
        lot_decimals = max(int(np.log10(FIRST_PRICES_PX.get(symbol, 10.0))), 0)
        rules = SymbolMetadata(symbol, lot_decimals, 20.0, tiers, listed_ms, delisted_ms)
        found.append(rules if rng.random() < 0.6 else None)
    return replace(block, metadata=tuple(found))


def finer_bars(rng: np.random.Generator, block: BarBlock, parts: int) -> BarBlock:
    """Bars of a `parts`-th of the interval whose paths stay inside each bar; some are missing."""
    shape = (*block.close_px.shape, parts)
    low, high = block.low_px[..., None], block.high_px[..., None]
    inner = low + (high - low) * rng.random((*shape[:2], parts - 1))
    path = np.concatenate([block.open_px[..., None], inner, block.close_px[..., None]], axis=2)
    opened, closed = path[..., :-1], path[..., 1:]
    top, bottom = np.maximum(opened, closed), np.minimum(opened, closed)
    at_high, at_low = rng.integers(0, parts, (2, *shape[:2]))
    np.put_along_axis(top, at_high[..., None], high, axis=2)
    np.put_along_axis(bottom, at_low[..., None], low, axis=2)
    kept = block.present[..., None] & (rng.random(shape) > 0.03)

    def flat(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(-1, shape[1])

    step_ms = block.interval_ms // parts
    opens = (block.ts_open_ms[:, None] + step_ms * np.arange(parts)).ravel()
    fields = {"open_px": opened, "high_px": top, "low_px": bottom, "close_px": closed}
    return replace(
        block,
        interval=f"{step_ms // 60_000}m",
        interval_ms=step_ms,
        ts_open_ms=opens,
        volume=np.ones((len(opens), shape[1])),
        present=flat(kept),
        last_bar_index=np.full(shape[1], len(opens), np.int64),
        metadata=(),
        **{name: flat(np.where(kept, values, 0.0)) for name, values in fields.items()},
    )


def random_rates(rng: np.random.Generator, block: BarBlock) -> tuple[Rows, Rows]:
    """Hourly rates that change every eight hours, some missing, and oracle prices at some hours."""
    hours = len(block.ts_open_ms)
    ts = block.ts_open_ms + block.interval_ms
    rates = rng.normal(0.0, 6e-5, (-(-hours // 8), len(block.symbols))).repeat(8, axis=0)[:hours]
    oracle = block.close_px * rng.uniform(0.99, 1.01, block.close_px.shape)
    known = rng.random(rates.shape) > 0.05
    seen = block.present & (rng.random(rates.shape) < 0.5)
    late = rng.integers(0, 120, hours)
    return (
        _rows(block.symbols, ts + late, known, np.stack([rates, rates], axis=2)),
        _rows(block.symbols, ts - late, seen, np.stack([oracle, oracle], axis=2)),
    )


def _rows(symbols: tuple[str, ...], ts_ms: Ints, chosen: Bools, values: Floats) -> Rows:
    """The chosen cells of `[T, S]` as rows; `values` is `[T, S, columns]`."""
    symbol_index, row = np.nonzero(chosen.T)
    return Rows(symbols, symbol_index, ts_ms[row], values[row, symbol_index])


def random_value(rng: np.random.Generator, parameter: Parameter) -> Value:
    """A value within the parameter's bounds, mostly near those that a sweep would take."""
    if parameter.type == "bool":
        return bool(rng.random() < 0.5)
    if parameter.type == "enum":
        return str(rng.choice(parameter.choices))
    bounds = dict(parameter.bounds)
    if parameter.path.endswith("_window_bars") or parameter.leaf == "stoch_rsi_smooth_bars":
        return int(rng.integers(int(bounds[">="]), 26))
    known = [float(value) for value in (*parameter.axis, parameter.default)]
    low, high = min(known), max(known)
    spread = max(high - low, 0.5 * abs(high), 1e-3)
    value = float(rng.uniform(low - 0.5 * spread, high + 0.5 * spread))
    value = min(max(value, bounds.get(">=", -np.inf)), bounds.get("<=", np.inf))
    if ">" in bounds and value <= bounds[">"]:
        value = float(parameter.default)
    return round(value) if parameter.type == "int" else value


EASY: Mapping[str, Value] = {
    "trade.entry_min_confidence": "low",
    "thresholds.entry.min_adx": 12.0,
    "filters.enable_ranging_filter": False,
    "filters.enable_anomaly_filter": False,
    "filters.enable_extension_filter": False,
    "trade.enable_ssf_filter": False,
    "trade.reverse_entry_signal": False,
    "market_regime.enable_auto_reverse": False,
    "market_regime.enable_regime_filter": False,
    "market_regime.enable_gate": False,
    "filters.require_btc_alignment": False,
    "thresholds.entry.enable_pullback_entries": True,
    "thresholds.entry.enable_slow_drift_entries": True,
}
"""Values that let many entries through; each strategy takes most of them."""


def random_values(seed: int) -> dict[str, Value]:
    """A value for every kernel parameter; pairs that must stand in order do.

    Each is drawn by its own name, so that a new parameter leaves the others as they were.
    """
    values = {
        each.path: random_value(np.random.default_rng([seed, zlib.crc32(each.path.encode())]), each)
        if each.in_kernel
        else each.default
        for each in parameters()
    }
    rng = np.random.default_rng([seed, 2])
    for path, value in EASY.items():
        if rng.random() < 0.7:
            values[path] = value
    values["engine.lookback_bars"] = int(rng.integers(1, 60))
    for path in ("trade.entry_cooldown_s", "trade.exit_cooldown_s"):
        values[path] = int(rng.integers(0, 20_000))  # up to five bars, so that it blocks at times
    # Half of them are of the trend family, which most of the parameters belong to.
    if np.random.default_rng([seed, 7]).random() < 0.5:
        values["strategies.entry_strategy"] = "trend"
    in_order(values)
    return values


def in_order(values: dict[str, Value]) -> None:
    """Change values until every pair that must stand in order does; pairs may form chains."""
    pairs = (*ORDERED_PAIRS, *ORDERED_OR_EQUAL_PAIRS)
    for lower, upper in pairs * len(pairs):
        first, second = values[lower], values[upper]
        assert not isinstance(first, str)
        assert not isinstance(second, str)
        if first >= second:
            values[lower], values[upper] = second, first
        if values[lower] == values[upper] and (lower, upper) in ORDERED_PAIRS:
            values[upper] = values[lower] + (1 if isinstance(values[lower], int) else 0.5)


def random_strategy(seed: int, fixed: Mapping[str, Value] | None = None) -> Strategy:
    """A strategy of random values within the declared bounds, `fixed` ones as given."""
    return strategy_from({**random_values(seed), **(fixed or {})})
