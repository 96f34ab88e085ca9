"""Stylised facts: figures that a market's bars and funding rates are known by.  Pure.

They measure recorded and made-up markets with one ruler (`docs/synthetic.md` shows both).  Returns
are differences of log closes of neighbouring bars.  A figure of a whole market is the median over
its symbols unless its line says otherwise; a symbol with too few values is left out of it, and a
figure that no symbol can give is NaN.

Sources: R. Cont, "Empirical properties of asset returns: stylized facts and statistical issues",
Quantitative Finance 1 (2001); B. Hill, "A simple general approach to inference about the tail of a
distribution", Annals of Statistics 3 (1975).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from core.market.bars import DAY_MS, HOUR_MS, BarBlock, Bools, Floats, Ints, Rows

VALUES_MIN = 500
"""Fewer values than this of a symbol, or of a pair, say little."""

TAIL_FRAC = 0.02
JUMP_SIGMAS = 4.0
JUMP_WINDOW_BARS = 168
BURST_RATIO = 2.5
BURST_WINDOW_BARS = 20

BASE_RATE_1H = 0.0001 / 8
"""What the venue charges an hour while the premium is within its clamp (interest alone)."""

PAST_HOURS = 24
HOURS_PER_DAY = 24


@dataclass(frozen=True)
class BarFacts:
    """Figures of hourly bars.

    `volatility_1h_frac` is the standard deviation of returns, `excess_kurtosis` 0 for a normal
    distribution, `hill_exponent` the tail index over the largest 2 % of absolute returns.
    `jump_share_frac` counts returns beyond 4 times the root mean square of the 168 before.
    `hour_profile_ratio` and `hour_volume_ratio` are the busiest hour of the day over the calmest,
    in mean absolute return and in notional; `weekend_ratio` is Saturday and Sunday over the other
    days, in mean absolute return.  `burst_share_frac` counts bars with more than 2.5 times the mean
    volume of the 20 before.  `mean_correlation` is the mean over pairs of symbols,
    `first_eigenvalue_frac` the largest eigenvalue of the correlation matrix over its size.
    """

    volatility_1h_frac: float
    excess_kurtosis: float
    hill_exponent: float
    jump_share_frac: float
    return_autocorrelation_1: float
    abs_autocorrelation_1: float
    abs_autocorrelation_24: float
    abs_autocorrelation_168: float
    mean_correlation: float
    first_eigenvalue_frac: float
    hour_profile_ratio: float
    weekend_ratio: float
    hour_volume_ratio: float
    volume_volatility_correlation: float
    burst_share_frac: float


@dataclass(frozen=True)
class FundingFacts:
    """Figures of hourly funding rates, as fractions of notional per hour.

    `base_share_frac` is the share of hours at exactly the base rate, `half_life_hours` what the
    autocorrelation at lag 1 of a first-order process means.  `past_return_correlation` is that of
    ranks, with the return of the 24 hours before.  `cross_correlation` is the mean over pairs.
    """

    mean_rate_1h: float
    std_rate_1h: float
    base_share_frac: float
    negative_share_frac: float
    autocorrelation_1: float
    autocorrelation_24: float
    half_life_hours: float
    past_return_correlation: float
    cross_correlation: float


def bar_facts(block: BarBlock) -> BarFacts:
    """The figures of a block of hourly bars, over all of its symbols."""
    returns = log_returns(block)
    columns = [column[np.isfinite(column)] for column in returns.T]
    columns = [column for column in columns if len(column) >= VALUES_MIN]
    correlation = pair_correlations(returns)
    notional = np.where(block.present, block.volume * block.close_px, np.nan)[1:]
    hours = (block.ts_open_ms[1:] // HOUR_MS) % HOURS_PER_DAY
    hour_profile = _profile(np.abs(returns), hours)
    return BarFacts(
        volatility_1h_frac=_median(float(column.std()) for column in columns),
        excess_kurtosis=_median(map(excess_kurtosis, columns)),
        hill_exponent=_median(map(hill_exponent, columns)),
        jump_share_frac=_median(map(jump_share_frac, columns)),
        return_autocorrelation_1=_lagged(returns, 1),
        abs_autocorrelation_1=_lagged(np.abs(returns), 1),
        abs_autocorrelation_24=_lagged(np.abs(returns), 24),
        abs_autocorrelation_168=_lagged(np.abs(returns), 168),
        mean_correlation=mean_off_diagonal(correlation),
        first_eigenvalue_frac=first_eigenvalue_frac(correlation),
        hour_profile_ratio=float(hour_profile.max() / hour_profile.min()),
        weekend_ratio=_weekend_ratio(np.abs(returns), block.ts_open_ms[1:]),
        hour_volume_ratio=_max_over_min(_profile(notional, hours)),
        volume_volatility_correlation=_paired(np.abs(returns), notional),
        burst_share_frac=_median(
            burst_share_frac(column[np.isfinite(column)])
            for column in notional.T
            if np.isfinite(column).sum() >= VALUES_MIN
        ),
    )


def funding_facts(rates: Rows, block: BarBlock) -> FundingFacts:
    """The figures of hourly rates; past returns are those of the block's hourly closes."""
    timeline, series = rate_table(rates)
    columns = [column[np.isfinite(column)] for column in series.T]
    columns = [column for column in columns if len(column) >= VALUES_MIN]
    lag_1 = _lagged(series, 1)
    past = _past_returns(block, rates.symbols, timeline)
    return FundingFacts(
        mean_rate_1h=_median(float(column.mean()) for column in columns),
        std_rate_1h=_median(float(column.std()) for column in columns),
        base_share_frac=_median(
            float((np.abs(column - BASE_RATE_1H) < 1e-10).mean()) for column in columns
        ),
        negative_share_frac=_median(float((column < 0.0).mean()) for column in columns),
        autocorrelation_1=lag_1,
        autocorrelation_24=_lagged(series, 24),
        half_life_hours=half_life(lag_1),
        past_return_correlation=_paired(past, series),
        cross_correlation=mean_off_diagonal(pair_correlations(series)),
    )


def log_returns(block: BarBlock) -> Floats:
    """Returns per bar but the first, and symbol; NaN where a bar or the one before is missing."""
    there = block.present[1:] & block.present[:-1]
    there &= (np.diff(block.ts_open_ms) == block.interval_ms)[:, None]
    close_px = np.where(block.present, block.close_px, 1.0)
    return np.where(there, np.diff(np.log(close_px), axis=0), np.nan)


def rate_table(rates: Rows) -> tuple[Ints, Floats]:
    """The hours at which rates fell due, and the rate per hour and symbol, NaN where none is."""
    timeline, at = np.unique(rates.ts_ms, return_inverse=True)
    table = np.full((len(timeline), len(rates.symbols)), np.nan)
    table[at, rates.symbol_index] = rates.values[:, 0]
    return timeline, table


def excess_kurtosis(values: Floats) -> float:
    """Fourth moment over the squared second, less 3."""
    away = values - values.mean()
    return float((away**4).mean() / (away**2).mean() ** 2 - 3.0)


def hill_exponent(values: Floats) -> float:
    """Tail index by Hill's estimator over the largest TAIL_FRAC of the absolute values."""
    count = int(len(values) * TAIL_FRAC)
    tail = np.sort(np.abs(values))[-count - 1 :]
    return float(count / np.log(tail[1:] / tail[0]).sum())


def jump_share_frac(values: Floats) -> float:
    """Share of values beyond JUMP_SIGMAS times the root mean square of the window before."""
    squares = np.concatenate([[0.0], np.cumsum(values**2)])
    before = (squares[JUMP_WINDOW_BARS:-1] - squares[: -JUMP_WINDOW_BARS - 1]) / JUMP_WINDOW_BARS
    return float((values[JUMP_WINDOW_BARS:] ** 2 > JUMP_SIGMAS**2 * before).mean())


def burst_share_frac(volume: Floats) -> float:
    """Share of bars with more than BURST_RATIO times the mean volume of the window before."""
    sums = np.concatenate([[0.0], np.cumsum(volume)])
    before = (sums[BURST_WINDOW_BARS:-1] - sums[: -BURST_WINDOW_BARS - 1]) / BURST_WINDOW_BARS
    return float((volume[BURST_WINDOW_BARS:] > BURST_RATIO * before).mean())


def pair_correlations(table: Floats) -> Floats:
    """Correlation of each pair of columns over the rows that both have; NaN where too few are."""
    there = np.isfinite(table)
    values = np.where(there, table, 0.0)
    weight = there.astype(np.float64)
    count = weight.T @ weight
    enough = np.where(count >= VALUES_MIN, count, np.nan)
    sums, squares = values.T @ weight, (values**2).T @ weight
    covariance = (values.T @ values) / enough - sums * sums.T / enough**2
    variance = squares / enough - (sums / enough) ** 2
    out: Floats = covariance / np.sqrt(variance * variance.T)
    return out


def mean_off_diagonal(matrix: Floats) -> float:
    """Mean of the known entries beside the diagonal; NaN when there are none."""
    entries = matrix[~np.eye(len(matrix), dtype=np.bool_)]
    entries = entries[np.isfinite(entries)]
    return float(entries.mean()) if len(entries) else float("nan")


def first_eigenvalue_frac(correlation: Floats) -> float:
    """Largest eigenvalue over the count of symbols; an unknown pair counts as the mean pair."""
    filled = np.where(np.isfinite(correlation), correlation, mean_off_diagonal(correlation))
    np.fill_diagonal(filled, 1.0)
    if not np.isfinite(filled).all():
        return float("nan")
    return float(np.linalg.eigvalsh(filled)[-1] / len(filled))


def half_life(autocorrelation: float) -> float:
    """Steps after which half of a deviation is left, in a first-order process."""
    if not 0.0 < autocorrelation < 1.0:
        return float("nan")
    return float(np.log(0.5) / np.log(autocorrelation))


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's correlation; ties stand in the order in which they came."""
    ranks = [np.argsort(np.argsort(values, kind="stable")) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def _max_over_min(values: Floats) -> float:
    return float(values.max() / values.min())


def _both(first: Floats, second: Floats, measure: Callable[[Floats, Floats], float]) -> float:
    """Median over columns of a measure of the rows that both tables have."""
    found = []
    for one, other in zip(first.T, second.T, strict=True):
        there = np.isfinite(one) & np.isfinite(other)
        if there.sum() >= VALUES_MIN:
            found.append(measure(one[there], other[there]))
    return _median(found)


def _lagged(table: Floats, lag: int) -> float:
    """Median over columns of the correlation of values with those `lag` rows before."""
    return _both(table[:-lag], table[lag:], lambda one, other: float(np.corrcoef(one, other)[0, 1]))


def _paired(first: Floats, second: Floats) -> float:
    return _both(first, second, rank_correlation)


def _profile(table: Floats, hours: Ints) -> Floats:
    """Mean over symbols of each hour's mean, every symbol scaled to a mean of 1."""
    known = table[:, np.isfinite(table).sum(axis=0) >= VALUES_MIN]
    scaled = known / np.nanmean(known, axis=0)
    return np.array([np.nanmean(scaled[hours == hour]) for hour in range(HOURS_PER_DAY)])


def _weekend_ratio(table: Floats, ts_ms: Ints) -> float:
    """Mean on Saturdays and Sundays over that on the other days, every symbol scaled alike."""
    is_weekend = is_weekend_day(ts_ms)
    known = table[:, np.isfinite(table).sum(axis=0) >= VALUES_MIN]
    scaled = known / np.nanmean(known, axis=0)
    return float(np.nanmean(scaled[is_weekend]) / np.nanmean(scaled[~is_weekend]))


def is_weekend_day(ts_ms: Ints) -> Bools:
    """Whether each instant lies on a Saturday or Sunday, UTC.  1970 began on a Thursday."""
    return (ts_ms // DAY_MS + 3) % 7 >= 5


def _past_returns(block: BarBlock, symbols: tuple[str, ...], timeline: Ints) -> Floats:
    """Return over PAST_HOURS up to each hour, per symbol of the rates; NaN where unknown."""
    close_ms = block.ts_open_ms + block.interval_ms
    out = np.full((len(timeline), len(symbols)), np.nan)
    columns = {symbol: column for column, symbol in enumerate(block.symbols)}
    log_px = np.where(block.present, np.log(np.where(block.present, block.close_px, 1.0)), np.nan)
    ends = np.searchsorted(close_ms, timeline)
    starts = np.searchsorted(close_ms, timeline - PAST_HOURS * HOUR_MS)
    last = len(close_ms) - 1
    known = (ends <= last) & (starts <= last)
    known &= close_ms[np.minimum(ends, last)] == timeline
    known &= close_ms[np.minimum(starts, last)] == timeline - PAST_HOURS * HOUR_MS
    for index, symbol in enumerate(symbols):
        if symbol in columns:
            column = log_px[:, columns[symbol]]
            out[known, index] = column[ends[known]] - column[starts[known]]
    return out
