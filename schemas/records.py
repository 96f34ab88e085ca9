"""Strategies as kernel records: the bridge between the schema and the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from kernel.params import PARAMS, Params
from schemas.base import Value
from schemas.parameters import Type, parameters
from schemas.strategy import Strategy, value_at


@cache
def fields() -> tuple[tuple[str, str, Type, Mapping[str, int]], ...]:
    """(path, record name, type, code of each enum word) of each field, in the record's order."""
    return tuple(
        (
            parameter.path,
            parameter.record_name,
            parameter.type,
            {word: code for code, word in enumerate(parameter.choices)},
        )
        for parameter in parameters()
        if parameter.in_kernel
    )


def to_record(strategy: Strategy) -> Params:
    """The strategy as one kernel record, whose fields are read as attributes."""
    record: Params = to_records([strategy])[0]
    return record


def to_records(strategies: Sequence[Strategy]) -> npt.NDArray[np.record]:
    """One kernel record per strategy, in order."""
    records: npt.NDArray[np.record] = np.zeros(len(strategies), PARAMS)
    for path, name, _, codes in fields():
        records[name] = [_code(value_at(strategy, path), codes) for strategy in strategies]
    return records


def _code(value: Value, codes: Mapping[str, int]) -> float | int:
    """A value as the kernel holds it: words by their position, switches as 0 and 1."""
    return codes[value] if isinstance(value, str) else value
