"""What chance alone would have given: the best of many worthless trials. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

EULER_GAMMA = 0.5772156649015329


@dataclass(frozen=True)
class Sample:
    """Count, mean and population variance of some figures."""

    count: int
    mean: float
    variance: float


def expected_best(count: int, variance: float) -> float:
    """Expected largest of `count` independent normal draws of mean 0 and this variance.

    Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio", equation for E[max]:
    sqrt(V) * ((1 - g) * Z(1 - 1/N) + g * Z(1 - 1/(N e))), with g Euler's constant and Z the
    inverse of the normal distribution function. 0 for one trial or none. The formula is the limit
    for many trials: 8 % low for two, within 3 % from three on.
    """
    if count <= 1 or variance <= 0.0:
        return 0.0
    # Z(1 - p) = -Z(p): 1 - 1/N would lose its digits for large N.
    quantile = NormalDist().inv_cdf
    common = -quantile(1.0 / count)
    rare = -quantile(1.0 / (count * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_GAMMA) * common + EULER_GAMMA * rare)


def pooled(samples: Iterable[Sample]) -> Sample:
    """The samples as one: N = sum n, m = sum(n m_i) / N, v = sum(n (v_i + (m_i - m)^2)) / N.

    Exact for population variances (law of total variance); order does not matter beyond rounding.
    """
    parts = [part for part in samples if part.count > 0]
    count = sum(part.count for part in parts)
    if count == 0:
        return Sample(0, 0.0, 0.0)
    mean = math.fsum(part.count * part.mean for part in parts) / count
    squares = (part.count * (part.variance + (part.mean - mean) ** 2) for part in parts)
    return Sample(count, mean, math.fsum(squares) / count)
