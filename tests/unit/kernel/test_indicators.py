"""Indicators against their formulas, written a second time over whole series."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import features as f
from tests.strategies import seeds

Floats = npt.NDArray[np.float64]
windows = st.integers(1, 12)


def bars_of(seed: int, count: int = 60) -> tuple[Floats, Floats, Floats, Floats]:
    """High, low, close, volume of a random walk in which some closes repeat."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.02, count) * (rng.random(count) < 0.85)
    close = 100.0 * np.exp(np.cumsum(steps))
    high = close * (1.0 + rng.random(count) * 0.02 * (rng.random(count) < 0.9))
    low = close / (1.0 + rng.random(count) * 0.02 * (rng.random(count) < 0.9))
    return high, low, close, rng.lognormal(3.0, 1.0, count)


def filled(
    series: f.Series,
    bars: tuple[Floats, Floats, Floats, Floats],
    present: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """The kernel's column of one symbol, a value per bar."""
    count = len(bars[0])
    shown = np.ones(count, np.bool_) if present is None else present
    flat = tuple(np.ascontiguousarray(values.reshape(-1, 1)) for values in bars)
    column = np.zeros((count + 1, 1))
    memory = np.zeros((1, f.memory_length(series)))
    kind, *spans = series
    f.fill_series(kind, tuple(spans), (*flat, shown.reshape(-1, 1)), memory, column)
    return column[1:, 0]


def ema(values: Floats, window: int) -> Floats:
    out = values.copy()
    alpha = 2.0 / (window + 1)
    for k in range(1, len(values)):
        out[k] = alpha * values[k] + (1.0 - alpha) * out[k - 1]
    return out


def rolling(values: Floats, window: int) -> list[Floats]:
    """The last `window` values up to each bar, fewer at the start."""
    return [values[max(0, k - window + 1) : k + 1] for k in range(len(values))]


def mean(values: Floats, window: int) -> Floats:
    return np.array([part.mean() for part in rolling(values, window)])


def ranges(high: Floats, low: Floats, close: Floats) -> Floats:
    before = np.concatenate([[np.nan], close[:-1]])
    spans = np.stack([high - low, np.abs(high - before), np.abs(low - before)])
    return np.concatenate([(high - low)[:1], spans[:, 1:].max(axis=0)])


def wilder(values: Floats, window: int) -> Floats:
    """Running mean of the first `window` values, then Wilder's smoothing."""
    out = np.empty(len(values))
    for k in range(len(values)):
        if k < window:
            out[k] = values[: k + 1].mean()
        else:
            out[k] = (out[k - 1] * (window - 1) + values[k]) / window
    return out


def rsi(close: Floats, window: int) -> Floats:
    change = np.diff(close)
    gains, losses = np.maximum(change, 0.0), np.maximum(-change, 0.0)
    out = np.full(len(close), 50.0)
    gain = loss = 0.0
    for k in range(window, len(close)):
        if k == window:
            gain, loss = gains[:window].mean(), losses[:window].mean()
        else:
            gain = (gain * (window - 1) + gains[k - 1]) / window
            loss = (loss * (window - 1) + losses[k - 1]) / window
        out[k] = 100.0 if loss == 0.0 else 100.0 - 100.0 / (1.0 + gain / loss)
    return out


def adx(high: Floats, low: Floats, close: Floats, window: int) -> tuple[Floats, Floats, Floats]:
    """(ADX, +DI, -DI); all 0 before bar `window`."""
    up, down = np.diff(high), -np.diff(low)
    moves = np.stack(
        [
            np.where((up > down) & (up > 0), up, 0.0),
            np.where((down > up) & (down > 0), down, 0.0),
            ranges(high, low, close)[1:],
        ]
    )
    out = np.zeros((3, len(close)))
    sums, seen = np.zeros(3), []
    for k in range(window, len(close)):
        if k == window:
            sums = moves[:, :window].sum(axis=1)
        else:
            sums = sums - sums / window + moves[:, k - 1]
        plus, minus = 100.0 * sums[:2] / sums[2] if sums[2] > 0 else (0.0, 0.0)
        total = plus + minus
        seen.append(100.0 * abs(plus - minus) / total if total > 0 else 0.0)
        out[1:, k] = plus, minus
    out[0, window:] = wilder(np.array(seen), window)
    return out[0], out[1], out[2]


def stoch_k(close: Floats, rsi_window: int, window: int, smooth: int) -> Floats:
    raw = []
    for part in rolling(rsi(close, rsi_window), window)[window - 1 :]:
        span = part.max() - part.min()
        raw.append((part[-1] - part.min()) / span if span > 0 else 0.5)
    out = np.full(len(close), 0.5)
    out[window - 1 :] = mean(np.array(raw), smooth)
    return out


def band_half(close: Floats, window: int) -> Floats:
    out = np.array([2.0 * part.std() for part in rolling(close, window)])
    out[: window - 1] = 0.0
    return out


def close_to(ours: Floats, theirs: Floats, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=atol)


@given(seeds, windows)
def test_exponential_mean(seed: int, window: int) -> None:
    bars = bars_of(seed)
    close_to(filled((f.KIND_EMA, window, 0, 0), bars), ema(bars[2], window))


@given(seeds)
def test_macd_histogram_and_the_run_of_its_moves(seed: int) -> None:
    bars = bars_of(seed)
    line = ema(bars[2], 12) - ema(bars[2], 26)
    hist = filled((f.KIND_MACD_HIST, 0, 0, 0), bars)
    runs = filled((f.KIND_MACD_RUN, 0, 0, 0), bars)

    close_to(hist, line - ema(line, 9))
    for k in range(1, len(hist)):
        sign = np.sign(hist[k] - hist[k - 1])
        longer = runs[k - 1] if runs[k - 1] * sign > 0 else 0.0
        assert runs[k] == (sign + longer if sign else 0.0)


@given(seeds, windows, windows)
def test_average_true_range_and_its_mean(seed: int, window: int, avg_window: int) -> None:
    bars = bars_of(seed)
    expected = wilder(ranges(*bars[:3]), window)

    close_to(filled((f.KIND_ATR, window, 0, 0), bars), expected)
    close_to(filled((f.KIND_ATR_AVG, window, avg_window, 0), bars), mean(expected, avg_window))


@given(seeds, windows)
def test_directional_index(seed: int, window: int) -> None:
    bars = bars_of(seed)
    expected = adx(*bars[:3], window)

    for kind, values in zip((f.KIND_ADX, f.KIND_PLUS_DI, f.KIND_MINUS_DI), expected, strict=True):
        close_to(filled((kind, window, 0, 0), bars), values, atol=1e-7)


@given(seeds, windows)
def test_relative_strength(seed: int, window: int) -> None:
    bars = bars_of(seed)
    ours = filled((f.KIND_RSI, window, 0, 0), bars)

    close_to(ours, rsi(bars[2], window), atol=1e-7)
    assert (ours[:window] == 50.0).all()
    assert ((ours >= 0.0) & (ours <= 100.0)).all()


@given(seeds, windows, windows, windows)
def test_stochastic_rsi(seed: int, rsi_window: int, window: int, smooth: int) -> None:
    bars = bars_of(seed)
    ours = filled((f.KIND_STOCH_K, rsi_window, window, smooth), bars)

    close_to(ours, stoch_k(bars[2], rsi_window, window, smooth), atol=1e-7)


@given(seeds, windows, windows)
def test_bands_and_their_width(seed: int, window: int, avg_window: int) -> None:
    bars = bars_of(seed)
    half = band_half(bars[2], window)
    width = 2.0 * half / bars[2]
    average = mean(width, avg_window)

    close_to(filled((f.KIND_BAND_MEAN, window, 0, 0), bars), mean(bars[2], window))
    close_to(filled((f.KIND_BAND_HALF, window, 0, 0), bars), half, atol=1e-6)
    ratio = filled((f.KIND_BAND_RATIO, window, avg_window, 0), bars)
    wide = average > 1e-6
    close_to(ratio[wide], width[wide] / average[wide], atol=1e-6)
    assert (ratio[: min(window - 1, len(ratio))] == 1.0).all()


@given(seeds, windows)
def test_mean_volume_of_the_bars_that_there_are(seed: int, window: int) -> None:
    bars = bars_of(seed)
    close_to(filled((f.KIND_VOLUME_MEAN, window, 0, 0), bars), mean(bars[3], window))


@given(seeds, windows, st.integers(2, 12))
def test_slope_of_the_slow_mean_over_both_ends_of_its_span(
    seed: int, window: int, span: int
) -> None:
    bars = bars_of(seed)
    slow = ema(bars[2], window)
    expected = np.zeros(len(slow))
    expected[span - 1 :] = (slow[span - 1 :] - slow[: len(slow) - span + 1]) / bars[2][span - 1 :]

    close_to(filled((f.KIND_SLOW_SLOPE, window, span, 0), bars), expected)


def every_series() -> list[f.Series]:
    kinds = [getattr(f, name) for name in dir(f) if name.startswith("KIND_")]
    return [(kind, 5, 4, 3) for kind in kinds if kind != f.KIND_NONE]


@pytest.mark.parametrize("series", every_series())
def test_a_bar_that_is_missing_does_not_exist_for_its_symbol(series: f.Series) -> None:
    rng = np.random.default_rng(7)
    bars = bars_of(7, 80)
    present = rng.random(80) < 0.7
    present[0] = False

    holed = filled(series, bars, present)
    dense = filled(series, tuple(values[present] for values in bars))  # type: ignore[arg-type]

    assert holed[present].tobytes() == dense.tobytes()
    before = np.concatenate([[0.0], holed[:-1]])
    assert (holed[~present] == before[~present]).all()


@pytest.mark.parametrize("series", every_series())
def test_a_copied_memory_goes_on_bit_for_bit(series: f.Series) -> None:
    high, low, close, volume = (values.reshape(-1, 1) for values in bars_of(8, 80))
    kind, *spans = series
    shown = np.ones((80, 1), np.bool_)

    def run(first: int, end: int, memory: Floats, last: float) -> Floats:
        column = np.zeros((end - first + 1, 1))
        column[0] = last
        part = tuple(x[first:end].copy() for x in (high, low, close, volume, shown))
        f.fill_series(kind, tuple(spans), part, memory, column)
        return column[1:, 0]

    whole = run(0, 80, np.zeros((1, f.memory_length(series))), 0.0)
    memory = np.zeros((1, f.memory_length(series)))
    first = run(0, 33, memory, 0.0)
    second = run(33, 80, memory.copy(), float(first[-1]))

    assert np.concatenate([first, second]).tobytes() == whole.tobytes()


def test_a_rise_without_a_fall_is_a_strength_of_one_hundred() -> None:
    close = np.arange(1.0, 20.0)
    bars = (close, close, close, close)

    ours = filled((f.KIND_RSI, 5, 0, 0), bars)

    assert (ours[:5] == 50.0).all()
    assert (ours[5:] == 100.0).all()
