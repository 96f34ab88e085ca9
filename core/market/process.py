"""The made-up market as a state machine: one minute of all symbols after another.  Pure.

`advance` takes a state and returns some hours of minutes and the state after them; the walk of
`core/market/walk.py` serves the same minutes one by one, can be saved and continued at any of them.
Whole histories (`core/market/synthetic.py`) are made by the same call, so that a seed names one
path, whichever way it is walked and whatever bars are made of it.

The process, with all chance from the seed:

* The return of a symbol is beta x the market's + that of one of four sectors + its own.  Each of
  these sources is symmetric noise times a volatility, plus rare jumps, plus the planted trend.
* Volatility is a Markov-switching multifractal: the variance is a product of components, each of
  which is calm or wild and is drawn anew at random hours, the fast ones often, the slow ones once
  in weeks.  Sectors and symbols share the market's slow components.  This gives persisting
  regimes, clustering at lags from an hour to weeks, and fat tails.
* A jump is some sigmas large with a Pareto tail, up or down alike, and falls into one minute.  It
  leaves the source's fast components wild.
* Volatility and volume have a profile over the hours of the day, UTC, and are lower on weekends.
* The planted trend adds to the market's and each symbol's own return a drift of `edge` x
  `DRIFT_SIGMA_FRAC` of the usual volatility.  Its sign is drawn anew for each regime, and regimes
  last a whole number of hours drawn evenly from `REGIME_HOURS`.  With `edge` 0 each price is a
  martingale, and the same seed draws the same numbers whatever `edge` is.
* The premium of the price over the oracle has a slow and a fast part for the market and for each
  symbol, which return to 0, and the slow one follows returns.  The mean of each hour gives the
  funding rate by the venue's formula.

Only +, -, x, /, square roots and comparisons are used: the same seed gives the same path
everywhere.

Source: L. Calvet, A. Fisher, "How to forecast long-run volatility: regime switching and the
estimation of multifractal processes", Journal of Financial Econometrics 2 (2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.market.bars import HOUR_MS, MINUTE_MS, Floats, Ints
from core.market.chance import Words, bells, raw_words, signs, sixteenths, units
from core.market.seasons import hour_sigma, hour_volume
from core.market.traits import SECTOR_COUNT, Traits, between

MINUTES = 60
FIRST_STREAM, HOUR_STREAM = 1, 2

# Chance of each volatility component to be drawn anew in an hour, slow first, and how far from 1
# the two variances are that it is drawn from.  The market's first `SHARED_COUNT` hold for all.
SWITCH_PER_HOUR = np.array([1 / 1500, 1 / 400, 1 / 120, 1 / 40, 1 / 8, 1 / 1.5])
SWING = np.array([0.38, 0.38, 0.38, 0.42, 0.55, 0.75])
COMPONENT_COUNT = len(SWITCH_PER_HOUR)
SHARED_COUNT = 3
FAST_COUNT = 2

JUMPS_PER_HOUR = 1 / 600
JUMP_SIGMAS = 5.0
JUMP_SIGMAS_MAX = 25.0
MOVE_MAX = 0.5

DRIFT_SIGMA_FRAC = 0.25
REGIME_HOURS = (48, 240)

# A minute's variance and volume vary evenly about their hour's by this factor, which is 1 in mean.
ACTIVITY_RANGE = (0.4, 1.6)
WICK_SIGMAS = 0.8

# Volume: the part that does not come with volatility, and bursts with a Pareto tail.
QUIET_SHARE = 0.4
BURST_MAX = 16.0

# What is left of the slow and of the fast part of a premium after an hour, and their noise.
PREMIUM_MEAN = 2.2e-4
PREMIUM_KEEP = np.array([0.99, 0.55])
MARKET_PREMIUM_NOISE = np.array([5.5e-5, 2.4e-4])
OWN_PREMIUM_NOISE = np.array([6.8e-5, 3.7e-4])
PREMIUM_PER_RETURN = 2.5e-3
BASIS_NOISE = 3e-4
BASIS_PART = 3
"""Of the four parts of a symbol's word of a minute: activity, the two wicks, the basis."""

INTEREST_8H = 0.0001
CLAMP_8H = 0.0005
RATE_CAP_1H = 0.04
RATE_UNIT = 1e10
"""Rates and premiums are whole multiples of 1e-10."""


@dataclass(frozen=True)
class MarketState:
    """All that the future depends on beside the traits.

    `hour` and `minute` count from the start and within the hour.  All else is as of the begin of
    the hour: `px` per symbol; `wildness` per source and volatility component; `trend_sign` and
    `trend_left_hours` per source; `premium`, slow and fast part of the market and each symbol.
    """

    hour: int
    minute: int
    px: Floats
    wildness: Floats
    trend_sign: Floats
    trend_left_hours: Ints
    premium: Floats


@dataclass(frozen=True)
class Hours:
    """A stretch of hours: arrays over hour, minute and symbol, or over hour and symbol.

    Prices are USD before rounding, `volume_lots` counts the smallest size of each symbol.
    `premium_frac` is the price over the oracle, less 1.  `rate_1h` is what a long position pays for
    an hour, due at its end, and `premium_1h_frac` the mean premium that it was made of.  Symbols
    that do not trade have a path too.
    """

    ts_open_ms: Ints
    open_px: Floats
    high_px: Floats
    low_px: Floats
    close_px: Floats
    oracle_px: Floats
    premium_frac: Floats
    volume_lots: Floats
    premium_1h_frac: Floats
    rate_1h: Floats


@dataclass(frozen=True)
class _Draws:
    """Words of chance of each hour, by source, by market and symbol, and by minute."""

    sources: Words
    premiums: Words
    minute_sources: Words
    minute_symbols: Words


def first_state(traits: Traits) -> MarketState:
    """The state at the start."""
    sources = traits.source_count
    words = raw_words(traits.seed, FIRST_STREAM, 0, sources * (COMPONENT_COUNT + 2))
    words = words.reshape(sources, COMPONENT_COUNT + 2)
    return MarketState(
        hour=0,
        minute=0,
        px=traits.first_px,
        wildness=_drawn_wildness(words[:, :COMPONENT_COUNT]),
        trend_sign=signs(words[:, -2]),
        trend_left_hours=_drawn_hours(words[:, -1]),
        premium=np.zeros((1 + len(traits.symbols), len(PREMIUM_KEEP))),
    )


def advance(traits: Traits, state: MarketState, hours: int = 1) -> tuple[Hours, MarketState]:
    """So many whole hours from the one that `state` lies in, and the state after them.

    A stretch in one piece and in many are equal to the last bit.
    """
    draws = _draw(traits, state.hour, hours)
    ts_ms = traits.start_ms + (state.hour + np.arange(hours, dtype=np.int64)) * HOUR_MS
    season = np.array([hour_sigma(each) for each in ts_ms.tolist()])[:, None]
    jump, wildness = _wildness(state.wildness, draws.sources)
    level = _level(wildness)
    trend, trend_sign, trend_left = _trend(state, draws.sources[:, :, -2:])
    source_sigma = traits.sigma_1h * level * season
    sigma = np.sqrt(_combined(traits, source_sigma * source_sigma, squared=True))
    activity = between(ACTIVITY_RANGE, sixteenths(draws.minute_symbols, 0))
    drift = traits.edge * DRIFT_SIGMA_FRAC / MINUTES * (trend * traits.sigma_1h)
    drift[:, 1 : 1 + SECTOR_COUNT] = 0.0
    moves = bells(draws.minute_sources)
    moves *= (source_sigma / np.sqrt(MINUTES))[:, None]
    moves[:, :, 1 + SECTOR_COUNT :] *= np.sqrt(activity)
    moves += drift[:, None]
    for hour, source, minute, size in jump:
        moves[hour, minute, source] += size * traits.sigma_1h[source]
    open_px, close_px = _path(traits, state.px, moves)
    hour_return = close_px[:, -1] / open_px[:, 0] - 1.0
    premium = _premium(state.premium, level, hour_return, draws.premiums)
    basis, mean_basis = _basis(premium, draws.minute_symbols)
    wick = (sigma * (WICK_SIGMAS / np.sqrt(MINUTES)))[:, None]
    moved = (sigma + np.abs(hour_return)) / (2.0 * season)
    usual_usd = _volume_usd(traits, ts_ms, moved, draws.premiums[:, 1:, -1])
    lots = np.rint(usual_usd[:, None] * activity / (close_px * traits.lot))
    stretch = Hours(
        ts_open_ms=ts_ms[:, None] + MINUTE_MS * np.arange(MINUTES, dtype=np.int64),
        open_px=open_px,
        high_px=np.maximum(open_px, close_px) * (1.0 + wick * sixteenths(draws.minute_symbols, 1)),
        low_px=np.minimum(open_px, close_px) * (1.0 - wick * sixteenths(draws.minute_symbols, 2)),
        close_px=close_px,
        oracle_px=close_px / (1.0 + basis),
        premium_frac=basis,
        volume_lots=np.maximum(lots, 1.0),
        premium_1h_frac=np.rint(mean_basis * RATE_UNIT) / RATE_UNIT,
        rate_1h=funding_rate_1h(mean_basis),
    )
    last_px, left = close_px[-1, -1].copy(), trend_left
    return stretch, MarketState(
        state.hour + hours, 0, last_px, wildness[-1], trend_sign, left, premium[-1]
    )


def funding_rate_1h(premium_frac: Floats) -> Floats:
    """The venue's rate per hour for an hour's mean premium: F8h / 8, capped."""
    interest = np.clip(INTEREST_8H - premium_frac, -CLAMP_8H, CLAMP_8H)
    rate = np.clip((premium_frac + interest) / 8.0, -RATE_CAP_1H, RATE_CAP_1H)
    # Rounding makes the base rate one number, whatever premium it was summed from.
    return np.rint(rate * RATE_UNIT) / RATE_UNIT


def _draw(traits: Traits, first: int, hours: int) -> _Draws:
    """The words of these hours; each hour has a place of its own in the stream."""
    sources, symbols = traits.source_count, len(traits.symbols)
    shapes = (
        (sources, COMPONENT_COUNT + 5),
        (1 + symbols, len(PREMIUM_KEEP) + 1),
        (MINUTES, sources),
        (MINUTES, symbols),
    )
    counts = [rows * columns for rows, columns in shapes]
    words = raw_words(traits.seed, HOUR_STREAM, first * sum(counts), hours * sum(counts))
    parts = np.split(words.reshape(hours, -1), np.cumsum(counts)[:-1], axis=1)
    return _Draws(*(part.reshape(hours, *shape) for part, shape in zip(parts, shapes, strict=True)))


def _drawn_wildness(words: Words) -> Floats:
    return 1.0 + SWING * signs(words)


def _drawn_hours(words: Words) -> Ints:
    shortest, longest = REGIME_HOURS
    return shortest + (units(words) * (longest + 1 - shortest)).astype(np.int64)


def _wildness(before: Floats, words: Words) -> tuple[list[tuple[int, int, int, float]], Floats]:
    """The jumps (hour, source, minute, usual sigmas of an hour), and each hour's wildness.

    The words of a source are one per component, then three of a jump: whether, how large, and in
    which minute to which side.
    """
    switches = words[:, :, :COMPONENT_COUNT]
    is_new = units(switches) < SWITCH_PER_HOUR
    drawn = _drawn_wildness(switches)
    whether, how_large, where = np.moveaxis(
        words[:, :, COMPONENT_COUNT : COMPONENT_COUNT + 3], 2, 0
    )
    hours, sources = np.nonzero(units(whether) < JUMPS_PER_HOUR)
    # A fourth root of an even number gives a Pareto tail with exponent 4.
    sizes = JUMP_SIGMAS / np.sqrt(np.sqrt(1.0 - units(how_large[hours, sources])))
    sizes = np.minimum(sizes, JUMP_SIGMAS_MAX) * signs(where[hours, sources])
    minutes = (units(where[hours, sources]) * MINUTES).astype(np.int64)
    is_new[hours, sources, -FAST_COUNT:] = True
    drawn[hours, sources, -FAST_COUNT:] = 1.0 + SWING[-FAST_COUNT:]
    # Each hour has the value of the last hour that drew one, or the one before the stretch.
    since = np.where(is_new, np.arange(1, len(words) + 1)[:, None, None], 0)
    np.maximum.accumulate(since, axis=0, out=since)
    wildness = np.take_along_axis(np.concatenate([before[None], drawn]), since, axis=0)
    jumps = zip(hours.tolist(), sources.tolist(), minutes.tolist(), sizes.tolist(), strict=True)
    return list(jumps), wildness


def _level(wildness: Floats) -> Floats:
    """Volatility of each source over its usual one: the root of the product of its components."""
    variance = wildness[:, :1, 0]
    for component in range(1, COMPONENT_COUNT):
        owner = slice(0, 1) if component < SHARED_COUNT else slice(None)
        variance = variance * wildness[:, owner, component]
    return np.sqrt(variance)


def _trend(state: MarketState, words: Words) -> tuple[Floats, Floats, Ints]:
    """Sign of the drift in each hour and of each source, and sign and hours left afterwards."""
    sign, left = state.trend_sign, state.trend_left_hours
    out = np.empty(words.shape[:2])
    for hour in range(len(words)):
        out[hour] = sign
        left = left - 1
        if not left.all():
            sign = np.where(left == 0, signs(words[hour, :, 0]), sign)
            left = np.where(left == 0, _drawn_hours(words[hour, :, 1]), left)
    return out, sign, left


def _combined(traits: Traits, sources: Floats, *, squared: bool = False) -> Floats:
    """Per symbol what the last axis says per source: beta x market + sector + own.

    With `squared` these are variances, which the square of beta scales.
    """
    beta = traits.beta * traits.beta if squared else traits.beta
    out: Floats = beta * sources[..., :1]
    out += sources[..., 1 + traits.sector]
    out += sources[..., 1 + SECTOR_COUNT :]
    return out


def _path(traits: Traits, px: Floats, moves: Floats) -> tuple[Floats, Floats]:
    """Price at the begin and at the end of each minute, from the sources' moves."""
    hours, symbols = len(moves), len(traits.symbols)
    path = np.empty((hours * MINUTES + 1, symbols))
    path[0] = px
    returns = _combined(traits, moves).reshape(-1, symbols)
    np.clip(returns, -MOVE_MAX, MOVE_MAX, out=path[1:])
    path[1:] += 1.0
    np.multiply.accumulate(path, axis=0, out=path)
    shape = (hours, MINUTES, symbols)
    return path[:-1].reshape(shape), path[1:].reshape(shape)


def _premium(before: Floats, level: Floats, hour_return: Floats, words: Words) -> Floats:
    """Slow and fast part of each premium, at the begin of the stretch and after each hour."""
    news = bells(words[:, :, : len(PREMIUM_KEEP)])
    news[:, :1] *= MARKET_PREMIUM_NOISE * level[:, :1, None]
    news[:, 1:] *= OWN_PREMIUM_NOISE * level[:, 1 + SECTOR_COUNT :, None]
    news[:, 1:, 0] += PREMIUM_PER_RETURN * hour_return
    out = np.concatenate([before[None], news])
    for hour in range(len(news)):
        out[hour + 1] += PREMIUM_KEEP * out[hour]
    return out


def _basis(premium: Floats, words: Words) -> tuple[Floats, Floats]:
    """Premium of each minute, and the mean of each hour.

    A minute lies on the line from one hour's premium to the next, with some noise about it.
    """
    ends = premium[:, 1:, 0] + premium[:, 1:, 1] + (premium[:, :1, 0] + premium[:, :1, 1])
    ends += PREMIUM_MEAN
    first, slope = ends[:-1], ends[1:] - ends[:-1]
    along = (np.arange(1.0, MINUTES + 1.0) / MINUTES)[:, None]
    noise = sixteenths(words, BASIS_PART)
    basis = first[:, None] + slope[:, None] * along + BASIS_NOISE * (noise - 0.5)
    # Sixteenths are whole multiples of 2^-16, so that their sum is exact in any order.
    mean_noise = np.add.reduce(noise, axis=1) / MINUTES
    mean_along = (MINUTES + 1.0) / (2.0 * MINUTES)
    return basis, first + slope * mean_along + BASIS_NOISE * (mean_noise - 0.5)


def _volume_usd(traits: Traits, ts_ms: Ints, moved: Floats, words: Words) -> Floats:
    """Usual notional of a minute of each hour, per symbol, in USD.

    Trading is busier in hours that are volatile and move, and comes in bursts.
    """
    season = np.array([hour_volume(each) for each in ts_ms.tolist()])[:, None]
    usual = np.sqrt(_combined(traits, traits.sigma_1h * traits.sigma_1h, squared=True))
    busy = QUIET_SHARE + (1.0 - QUIET_SHARE) * moved / usual
    # Mean 1: that of the reciprocal root of an even number is 2.
    product = (1.0 - sixteenths(words, 0)) * (1.0 - sixteenths(words, 1))
    burst = np.minimum(0.25 / np.sqrt(product), BURST_MAX)
    usd: Floats = traits.usual_usd_1h / MINUTES * season * busy * burst
    return usd
