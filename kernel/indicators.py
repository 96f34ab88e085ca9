"""One-bar updates of the indicators; each keeps its memory in a float64 vector given by the caller.

A vector starts as zeros, is updated once per bar of its symbol, and a copy of it continues a run
bit for bit.  Windows hold the values present, so a partial window gives a partial mean, and sums
are taken anew each bar over the ring, in four lanes so that they cost little and never drift.
"""

from __future__ import annotations

import math
from typing import Final

from kernel.jit import device
from kernel.records import Floats

MACD_FAST_BARS: Final = 12.0
MACD_SLOW_BARS: Final = 26.0
MACD_SIGNAL_BARS: Final = 9.0
"""Floats, since a leaf is compiled anew for each whole number that is written out."""
BB_STD_MULT: Final = 2.0
RSI_NEUTRAL: Final = 50.0
STOCH_NEUTRAL: Final = 0.5

RING_HEAD: Final = 2
"""A ring is `[values seen, next place, values...]`."""


@device
def ring_push(ring: Floats, window: int, value: float) -> int:
    """Store `value` in a ring of `window` places; count of values now present."""
    place = int(ring[1])
    ring[RING_HEAD + place] = value
    place += 1
    ring[1] = 0.0 if place == window else float(place)
    if ring[0] < window:
        ring[0] += 1.0
    return int(ring[0])


@device
def ring_mean(ring: Floats, count: int) -> float:
    """Mean of the `count` values present, summed in four lanes."""
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    whole = count - count % 4
    for k in range(RING_HEAD, RING_HEAD + whole, 4):
        a += ring[k]
        b += ring[k + 1]
        c += ring[k + 2]
        d += ring[k + 3]
    for k in range(RING_HEAD + whole, RING_HEAD + count):
        a += ring[k]
    return ((a + b) + (c + d)) / count


@device
def mean_next(ring: Floats, window: int, value: float) -> float:
    """Mean of the last `window` values, fewer at the start."""
    return ring_mean(ring, ring_push(ring, window, value))


@device
def ema_next(memory: Floats, window: float, value: float) -> float:
    """Exponential mean with alpha 2/(window+1), seeded by the first value.  Memory: [seen, ema]."""
    if memory[0] == 0.0:
        memory[0] = 1.0
        memory[1] = value
        return value
    alpha = 2.0 / (window + 1.0)
    memory[1] = alpha * value + (1.0 - alpha) * memory[1]
    return memory[1]


@device
def macd_next(memory: Floats, close: float) -> float:
    """MACD histogram of EMA 12, 26 and 9.

    Memory: three EMAs of two, then the last histogram and the run of its strict moves.
    """
    fast = ema_next(memory[0:2], MACD_FAST_BARS, close)
    slow = ema_next(memory[2:4], MACD_SLOW_BARS, close)
    line = fast - slow
    hist = line - ema_next(memory[4:6], MACD_SIGNAL_BARS, line)
    run = memory[7]
    if hist > memory[6]:
        run = run + 1.0 if run > 0.0 else 1.0
    elif hist < memory[6]:
        run = run - 1.0 if run < 0.0 else -1.0
    else:
        run = 0.0
    memory[6] = hist
    memory[7] = run
    return hist


@device
def true_range(high: float, low: float, prev_close: float) -> float:
    """Largest of the bar's range and its distances from the previous close (Wilder 1978)."""
    return max(high - low, max(abs(high - prev_close), abs(low - prev_close)))


@device
def atr_next(memory: Floats, window: int, high: float, low: float, close: float) -> float:
    """Average true range: running mean of the first `window`, then Wilder's smoothing.

    Memory: [bars seen, sum of the first ranges, atr, previous close].
    """
    seen = memory[0]
    tr = high - low if seen == 0.0 else true_range(high, low, memory[3])
    memory[0] = seen + 1.0
    memory[3] = close
    if seen < window:
        memory[1] += tr
        memory[2] = memory[1] / memory[0]
    else:
        memory[2] = (memory[2] * (window - 1.0) + tr) / window
    return memory[2]


@device
def adx_next(memory: Floats, window: int, high: float, low: float, close: float) -> float:
    """Average directional index (Wilder 1978); 0 before bar `window`, warm at bar 2*window-1.

    Memory: [bars seen, high, low, close, sum +DM, sum -DM, sum TR, DX seen, sum DX, adx, +DI, -DI].
    """
    seen = memory[0]
    prev_high, prev_low, prev_close = memory[1], memory[2], memory[3]
    memory[0] = seen + 1.0
    memory[1] = high
    memory[2] = low
    memory[3] = close
    if seen == 0.0:
        return 0.0
    up = high - prev_high
    down = prev_low - low
    plus = up if up > down and up > 0.0 else 0.0
    minus = down if down > up and down > 0.0 else 0.0
    tr = true_range(high, low, prev_close)
    if seen <= window:
        memory[4] += plus
        memory[5] += minus
        memory[6] += tr
        if seen < window:
            return 0.0
    else:
        memory[4] = memory[4] - memory[4] / window + plus
        memory[5] = memory[5] - memory[5] / window + minus
        memory[6] = memory[6] - memory[6] / window + tr
    memory[10] = 100.0 * memory[4] / memory[6] if memory[6] > 0.0 else 0.0
    memory[11] = 100.0 * memory[5] / memory[6] if memory[6] > 0.0 else 0.0
    both = memory[10] + memory[11]
    dx = 100.0 * abs(memory[10] - memory[11]) / both if both > 0.0 else 0.0
    if memory[7] < window:
        memory[7] += 1.0
        memory[8] += dx
        memory[9] = memory[8] / memory[7]
    else:
        memory[9] = (memory[9] * (window - 1.0) + dx) / window
    return memory[9]


@device
def rsi_next(memory: Floats, window: int, close: float) -> float:
    """Relative strength index (Wilder 1978), 0 to 100; 50 until `window` changes were seen.

    Memory: [bars seen, previous close, mean or sum of gains, mean or sum of losses].
    """
    seen = memory[0]
    change = close - memory[1]
    memory[0] = seen + 1.0
    memory[1] = close
    if seen == 0.0:
        return RSI_NEUTRAL
    gain = change if change > 0.0 else 0.0
    loss = -change if change < 0.0 else 0.0
    if seen <= window:
        memory[2] += gain
        memory[3] += loss
        if seen < window:
            return RSI_NEUTRAL
        memory[2] /= window
        memory[3] /= window
    else:
        memory[2] = (memory[2] * (window - 1.0) + gain) / window
        memory[3] = (memory[3] * (window - 1.0) + loss) / window
    if memory[3] == 0.0:
        return 100.0
    return 100.0 - 100.0 / (1.0 + memory[2] / memory[3])


@device
def stoch_k_next(memory: Floats, rsi_window: int, window: int, smooth: int, close: float) -> float:
    """K line of the stochastic RSI, 0 to 1: place of RSI in its range, smoothed (Chande, Kroll).

    The neutral values of RSI's warm-up count.  Memory: RSI's four, a ring of `window`, a ring of
    `smooth`.
    """
    rsi = rsi_next(memory[0:4], rsi_window, close)
    ring = memory[4 : 4 + RING_HEAD + window]
    count = ring_push(ring, window, rsi)
    if count < window:
        return STOCH_NEUTRAL
    low = ring[RING_HEAD]
    high = ring[RING_HEAD]
    for k in range(RING_HEAD + 1, RING_HEAD + window):
        low = min(low, ring[k])
        high = max(high, ring[k])
    span = high - low
    raw = (rsi - low) / span if span > 0.0 else STOCH_NEUTRAL
    start = 4 + RING_HEAD + window
    return mean_next(memory[start : start + RING_HEAD + smooth], smooth, raw)


@device
def band_next(ring: Floats, window: int, close: float) -> tuple[float, float]:
    """(mean, half-width) of Bollinger's bands: two population deviations; half-width 0 until full.

    Bollinger (2001), with the deviation taken over the same window.
    """
    count = ring_push(ring, window, close)
    mean = ring_mean(ring, count)
    if count < window:
        return mean, 0.0
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    whole = count - count % 4
    for k in range(RING_HEAD, RING_HEAD + whole, 4):
        a += (ring[k] - mean) * (ring[k] - mean)
        b += (ring[k + 1] - mean) * (ring[k + 1] - mean)
        c += (ring[k + 2] - mean) * (ring[k + 2] - mean)
        d += (ring[k + 3] - mean) * (ring[k + 3] - mean)
    for k in range(RING_HEAD + whole, RING_HEAD + count):
        a += (ring[k] - mean) * (ring[k] - mean)
    return mean, BB_STD_MULT * math.sqrt(((a + b) + (c + d)) / count)


@device
def band_ratio_next(memory: Floats, window: int, avg_window: int, close: float) -> float:
    """Band width over its mean, the present one included; 1 while that mean is 0.

    Memory: a ring of `window` closes, a ring of `avg_window` widths.
    """
    half = band_next(memory[0 : RING_HEAD + window], window, close)[1]
    width = 2.0 * half / close if close > 0.0 else 0.0
    start = RING_HEAD + window
    mean = mean_next(memory[start : start + RING_HEAD + avg_window], avg_window, width)
    return width / mean if mean > 0.0 else 1.0


@device
def atr_avg_next(
    memory: Floats, window: int, avg_window: int, high: float, low: float, close: float
) -> float:
    """Mean of the last `avg_window` ATRs.  Memory: ATR's four, then a ring."""
    atr = atr_next(memory[0:4], window, high, low, close)
    return mean_next(memory[4 : 4 + RING_HEAD + avg_window], avg_window, atr)


@device
def ema_slope_next(memory: Floats, window: int, span: int, close: float) -> float:
    """(EMA now - EMA `span - 1` bars ago) / close; 0 until `span` values exist.

    Memory: EMA's two, then a ring of `span`.
    """
    ema = ema_next(memory[0:2], window, close)
    ring = memory[2 : 2 + RING_HEAD + span]
    count = ring_push(ring, span, ema)
    if count < span or close <= 0.0:
        return 0.0
    oldest = ring[RING_HEAD + int(ring[1])]
    return (ema - oldest) / close
