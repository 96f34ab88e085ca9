"""A made-up market with a known trend in it, for demonstrations, tests and benchmarks.

The process, per bar, with all chance from one seeded generator:

* A market return and one own return per symbol are independent normal numbers times a volatility
  that clusters: a common multiplier wanders around 1 (AR(1), kept within `VOLATILITY_RANGE`).
* The planted trend adds to each of the two a drift of `edge` x `DRIFT_SIGMA_FRAC` of its usual
  volatility.  The sign of the drift is drawn anew for each regime, and regimes last a whole number
  of bars drawn evenly from `REGIME_BARS`.  So direction persists for days, which is what a
  trend-follower can earn from, and most symbols move with BTC, as BTC alignment presumes.
* A symbol's return is its beta times the market's plus its own; BTC is the market plus little.
* Close = open x (1 + return), the next open is this close, wicks are drawn on both sides.

With `edge` 0 nothing is left but the independent returns: each price is a martingale and no rule
can earn on average.  The same seed draws the same numbers whatever `edge` is.

Only +, -, x, / and square roots are used, and prices are rounded to five significant digits, as
the venue does: the same seed gives the same bars everywhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from core.errors import UsageError
from core.market.bars import HOUR_MS, Bools, Floats, Rows, interval_to_ms

# Raise it when the process changes: it is part of what names a synthetic source.
PROCESS_VERSION = 1
START_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
SYMBOLS_MAX = 1_000
BARS_MAX = 2_000_000
CELLS_MAX = 20_000_000

# Usual volatility of one hour, as a fraction of price: about 50 % a year for the market and 70 %
# for a symbol's own part, near what large perpetuals show.
MARKET_SIGMA_1H = 0.0055
OWN_SIGMA_1H = 0.0075
BTC_OWN_SIGMA_FRAC = 0.15
BETA_RANGE = (0.8, 1.4)

# The planted trend.
DRIFT_SIGMA_FRAC = 0.25
REGIME_BARS = (48, 240)

VOLATILITY_KEEP = 0.98
VOLATILITY_NOISE = 0.08
VOLATILITY_RANGE = (0.4, 2.5)
MOVE_SIGMAS_MAX = 8.0
WICK_SIGMA_FRAC = 0.45
SIGNIFICANT_DIGITS = 5

BTC_PX = 95_000.0
PX_RANGE = (0.5, 400.0)
BTC_NOTIONAL_1H_USD = 60e6
NOTIONAL_RANGE_1H_USD = (0.5e6, 20e6)
# Share of the volume that does not come with moves.  With it one bar in twelve has more than 2.5
# times the average volume of its last twenty, as recorded altcoin bars do.
QUIET_SHARE = 0.5

# Of all bars: where the late symbols begin, and where the early-ended ones end.
LISTING_RANGE_FRAC = (0.10, 0.30)
ENDING_FRAC = 0.85
HOLE_BARS = (1, 6)


@dataclass(frozen=True)
class MarketSpec:
    """What is generated.  Equal specs give equal bars.

    `late_count` symbols list late, `holed_count` have `hole_count` holes each, `ended_count` stop
    trading before the end; they are taken from the end of the list of symbols, so BTC is whole.
    """

    seed: int = 1
    symbol_count: int = 12
    bar_count: int = 4_000
    interval: str = "1h"
    start_ms: int = START_MS
    edge: float = 1.0
    late_count: int = 2
    holed_count: int = 1
    hole_count: int = 4
    ended_count: int = 1

    def __post_init__(self) -> None:
        """Raise UsageError for a market that cannot be made."""
        odd_count = self.late_count + self.holed_count + self.ended_count
        limits = {
            "symbols": (self.symbol_count, odd_count + 1, SYMBOLS_MAX),
            "bars": (self.bar_count, 100, BARS_MAX),
            "symbols x bars": (self.symbol_count * self.bar_count, 1, CELLS_MAX),
            "edge": (self.edge, 0.0, 4.0),
            "seed": (self.seed, 0, 2**63 - 1),
        }
        for name, (value, lowest, highest) in limits.items():
            if not lowest <= value <= highest:
                raise UsageError(
                    f"{name} of a synthetic market is {value}, it must be from {lowest} to"
                    f" {highest}",
                    hint="change the option; 12 symbols and 4000 bars are the default",
                )

    def identity(self) -> dict[str, float | int | str]:
        """All that the bars depend on, as plain JSON."""
        return {"process_version": PROCESS_VERSION, **asdict(self)}


def synthetic_rows(spec: MarketSpec) -> Rows:
    """The market of `spec` as rows: open, high, low, close in USD and volume in base units."""
    chance = np.random.Generator(np.random.PCG64(spec.seed))
    interval_ms = interval_to_ms(spec.interval)
    returns, sigma = _returns(spec, interval_ms, chance)
    bars = _bars(returns, sigma, interval_ms, chance)
    is_there = _presence(spec, chance)
    names = symbol_names(spec.symbol_count)
    order = sorted(range(len(names)), key=names.__getitem__)
    present = is_there[:, order].T
    symbol_index, bar_index = np.nonzero(present)
    values = bars[:, order].transpose(1, 0, 2)[present]
    return Rows(
        symbols=tuple(names[position] for position in order),
        symbol_index=symbol_index.astype(np.int64),
        ts_ms=spec.start_ms + bar_index.astype(np.int64) * interval_ms,
        values=round_significant(values),
    )


def symbol_names(count: int) -> tuple[str, ...]:
    """BTC, ETH and SOL, then names that no venue lists."""
    return ("BTC", "ETH", "SOL", *(f"SYN{number:02}" for number in range(4, count + 1)))[:count]


def round_significant(values: Floats) -> Floats:
    """Values rounded to five significant digits, correctly and so the same everywhere."""
    digits = f"%.{SIGNIFICANT_DIGITS - 1}e"
    flat = [float(digits % value) for value in values.ravel().tolist()]
    return np.array(flat, np.float64).reshape(values.shape)


def _returns(
    spec: MarketSpec, interval_ms: int, chance: np.random.Generator
) -> tuple[Floats, Floats]:
    """Simple returns per bar and symbol, and each bar's and symbol's own volatility."""
    bars, symbols = spec.bar_count, spec.symbol_count
    scale = float(np.sqrt(interval_ms / HOUR_MS))
    beta = _evenly(BETA_RANGE, symbols, chance)
    beta[0] = 1.0
    market_sigma = MARKET_SIGMA_1H * scale
    own_sigma: Floats = np.full(symbols, OWN_SIGMA_1H * scale)
    own_sigma[0] *= BTC_OWN_SIGMA_FRAC
    level = _volatility(bars, chance)
    trend = spec.edge * DRIFT_SIGMA_FRAC
    market = market_sigma * (level * chance.standard_normal(bars) + trend * _regimes(bars, chance))
    own = own_sigma * (
        level[:, None] * chance.standard_normal((bars, symbols))
        + trend * np.stack([_regimes(bars, chance) for _ in range(symbols)], axis=1)
    )
    usual = np.sqrt((beta * market_sigma) ** 2 + own_sigma**2)
    limit = np.minimum(MOVE_SIGMAS_MAX * usual, 0.5)
    return np.clip(beta * market[:, None] + own, -limit, limit), level[:, None] * usual


def _volatility(bars: int, chance: np.random.Generator) -> Floats:
    """The common volatility multiplier, around 1."""
    noise = (VOLATILITY_NOISE * chance.standard_normal(bars)).tolist()
    lowest, highest = VOLATILITY_RANGE
    level, levels = 1.0, []
    for shock in noise:
        level = min(max(1.0 + VOLATILITY_KEEP * (level - 1.0) + shock, lowest), highest)
        levels.append(level)
    return np.array(levels)


def _regimes(bars: int, chance: np.random.Generator) -> Floats:
    """The direction of the planted drift at each bar, 1.0 or -1.0."""
    lengths = chance.integers(REGIME_BARS[0], REGIME_BARS[1] + 1, bars // REGIME_BARS[0] + 1)
    signs = chance.integers(0, 2, len(lengths)) * 2.0 - 1.0
    return np.repeat(signs, lengths)[:bars]


def _bars(returns: Floats, sigma: Floats, interval_ms: int, chance: np.random.Generator) -> Floats:
    """Open, high, low, close and volume per bar and symbol, before rounding."""
    bars, symbols = returns.shape
    first_px = _evenly(PX_RANGE, symbols, chance)
    first_px[0] = BTC_PX
    close_px = first_px * np.cumprod(1.0 + returns, axis=0)
    open_px = np.vstack([first_px, close_px[:-1]])
    wicks = WICK_SIGMA_FRAC * sigma * np.abs(chance.standard_normal((2, bars, symbols)))
    wicks = np.minimum(wicks, 0.5)
    high_px = np.maximum(open_px, close_px) * (1.0 + wicks[0])
    low_px = np.minimum(open_px, close_px) * (1.0 - wicks[1])
    usual_usd = _evenly(NOTIONAL_RANGE_1H_USD, symbols, chance)
    usual_usd[0] = BTC_NOTIONAL_1H_USD
    scaled_usd = usual_usd * (interval_ms / HOUR_MS)
    # Trading is busier in bars that move, and comes in bursts.
    busy = QUIET_SHARE + (1.0 - QUIET_SHARE) * (returns / sigma) ** 2
    busy *= 0.4 + 0.6 * chance.standard_exponential((bars, symbols))
    return np.stack([open_px, high_px, low_px, close_px, scaled_usd * busy / close_px], axis=2)


def _evenly(bounds: tuple[float, float], count: int, chance: np.random.Generator) -> Floats:
    """One number per symbol, evenly between the bounds."""
    drawn: Floats = bounds[0] + (bounds[1] - bounds[0]) * chance.random(count)
    return drawn


def _presence(spec: MarketSpec, chance: np.random.Generator) -> Bools:
    """Which bars exist, per bar and symbol."""
    bars = spec.bar_count
    there = np.ones((bars, spec.symbol_count), np.bool_)
    last = spec.symbol_count
    for first_frac in np.linspace(*LISTING_RANGE_FRAC, spec.late_count).tolist():
        last -= 1
        there[: int(bars * first_frac), last] = False
    for _ in range(spec.holed_count):
        last -= 1
        starts = chance.integers(1, bars - 1 - HOLE_BARS[1], spec.hole_count)
        lengths = chance.integers(HOLE_BARS[0], HOLE_BARS[1] + 1, spec.hole_count)
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            there[start : start + length, last] = False
    for _ in range(spec.ended_count):
        last -= 1
        there[int(bars * ENDING_FRAC) :, last] = False
    return there
