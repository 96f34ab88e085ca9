"""Where on one axis points lie: counts per level, smoothed between neighbours. Pure."""

from __future__ import annotations

import numpy as np

from core.constraints import Floats
from core.search.space import Ints, SpaceAxis

BANDWIDTH = 1.0
"""Width of the kernel over deviation times n^(-1/5), Scott's rule (1992)."""
WIDTH_MIN_LEVELS = 0.5
"""Narrowest kernel: a level shares an eighth of its weight with each neighbour."""
REACH_WIDTHS = 4.0
"""Where the kernel is cut: 6e-5 of it lies beyond."""
DIRECT_PRODUCTS_MAX = 1_000_000
"""Longer convolutions go through a Fourier transform: an axis may have 10,000 levels."""


def density(axis: SpaceAxis, weights: Floats, prior_weight: float = 1.0) -> Floats:
    """Probability of each open level, from weights per level.

    p(v) = (c / L + sum_i w_i K(v, v_i)) / (c + sum_i w_i), with c the weight of the even prior. K
    is a Gaussian over places in the order of values, cut off and normalised within the axis; for
    words and switches it is 1 at the level itself.
    """
    total = float(weights.sum())
    spread = weights if axis.order is None else _smoothed(axis.order, weights, total)
    return (prior_weight / axis.level_count + spread) / (prior_weight + total)


def width_levels(places: Floats, weights: Floats, count: float, exponent: float = -0.2) -> float:
    """Width of the kernel in levels: deviation of the places times count^exponent, or the least."""
    total = float(weights.sum())
    if total <= 0.0 or count <= 0.0:
        return WIDTH_MIN_LEVELS
    mean = float((weights * places).sum()) / total
    deviation = float(np.sqrt((weights * (places - mean) ** 2).sum() / total))
    return float(max(BANDWIDTH * deviation * count**exponent, WIDTH_MIN_LEVELS))


def kernel(width: float, level_count: int) -> Floats:
    """The Gaussian at whole distances up to its reach, or to the length of the axis."""
    reach = min(int(np.ceil(REACH_WIDTHS * width)), level_count - 1)
    distances = np.arange(-reach, reach + 1)
    return np.exp(-0.5 * (distances / width) ** 2)


def _smoothed(order: Ints, weights: Floats, total: float) -> Floats:
    if total <= 0.0:
        return weights
    by_value = weights[order]
    places = np.arange(len(order), dtype=np.float64)
    shape = kernel(width_levels(places, by_value, total), len(order))
    mass = _along(np.ones(len(order)), shape)  # of each kernel that lies within the axis
    out: Floats = np.empty(len(order))
    out[order] = _along(by_value / mass, shape)
    return out


def _along(values: Floats, shape: Floats) -> Floats:
    """The convolution, as long as `values`; by Fourier transform where that is cheaper."""
    reach = len(shape) // 2
    if len(values) * len(shape) < DIRECT_PRODUCTS_MAX:
        return np.convolve(values, shape)[reach : reach + len(values)]
    length = len(values) + len(shape) - 1
    whole = np.fft.irfft(np.fft.rfft(values, length) * np.fft.rfft(shape, length), length)
    return np.maximum(whole[reach : reach + len(values)], 0.0)  # rounding may fall below 0


def best_of(good: Floats, other: Floats, draws: float, uniforms: Floats) -> Ints:
    """A level per uniform: the best by good / other among `draws` levels drawn from `good`.

    The largest of m draws has the distribution function F(s)^m, F that of one draw; so no
    candidate is made, and m need not be whole.
    """
    order = np.argsort(good / other, kind="stable")
    below = np.cumsum(good[order])
    found = np.searchsorted(below / below[-1], uniforms ** (1.0 / draws), side="right")
    chosen: Ints = order[np.minimum(found, len(order) - 1)]
    return chosen
