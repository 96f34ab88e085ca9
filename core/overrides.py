"""Values of single symbols beside those of a sweep's rows: what an axis varies, it varies for all.

An axis stands above the `symbols` section as `--set` does; every other value of a symbol stays its
own in every row.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.expansion import with_values
from schemas.base import Value
from schemas.parameters import by_path, parameters
from schemas.strategy import ORDERED_OR_EQUAL_PAIRS, ORDERED_PAIRS, Strategy, value_at

Params = npt.NDArray[np.record]


def own_values(
    base: Strategy, symbols: Mapping[str, Strategy], varied: Collection[str]
) -> dict[str, dict[str, Value]]:
    """Symbol -> path -> value, for what differs from `base` and is not varied; in byte order."""
    return {
        symbol: {
            each.path: value_at(symbols[symbol], each.path)
            for each in parameters()
            if each.path not in varied
            and value_at(symbols[symbol], each.path) != value_at(base, each.path)
        }
        for symbol in sorted(symbols)
    }


def with_own(rows: Params, own: Mapping[str, Mapping[str, Value]], *, at: str) -> Params:
    """`[R, P]`: each of the `[R]` rows, then a copy of it for each symbol with its own values.

    Raises InputError, at `at`, when a symbol's values contradict those of a row.
    """
    out = np.repeat(rows[:, None], 1 + len(own), axis=1)
    for place, (symbol, values) in enumerate(own.items(), start=1):
        for path, value in values.items():
            each = by_path()[path]
            if each.in_kernel:
                code = each.choices.index(str(value)) if each.choices else value
                out[:, place][each.record_name] = code
        _refuse_disorder(out[:, place], symbol, at)
    return out


def own_strategies(row: Strategy, own: Mapping[str, Mapping[str, Value]]) -> dict[str, Strategy]:
    """The strategy of each symbol in a row."""
    return {symbol: with_values(row, values) for symbol, values in own.items()}


def _refuse_disorder(rows: Params, symbol: str, at: str) -> None:
    for pairs, holds in ((ORDERED_PAIRS, operator.lt), (ORDERED_OR_EQUAL_PAIRS, operator.le)):
        for lower, upper in pairs:
            names = [by_path()[path].record_name for path in (lower, upper)]
            if all(names) and not holds(rows[names[0]], rows[names[1]]).all():
                raise InputError(
                    f"{lower} and {upper} of {symbol} contradict each other in some rows",
                    at=at,
                    hint=f"narrow the axis, or give both values to symbols.{symbol}",
                )
