"""Strategies as kernel records: complete, in order, and the same compiled or not."""

from __future__ import annotations

from typing import get_args

import numba
import numpy as np

from kernel.params import PARAMS, Params
from schemas.parameters import by_path, parameters
from schemas.records import fields, to_record, to_records
from schemas.strategy import Strategy, strategy_from, value_at
from schemas.strategy_orders import Confidence
from schemas.strategy_trade import Trade


def test_every_field_has_one_name_and_stands_in_declaration_order() -> None:
    names = [name for _, name, _, _ in fields()]

    assert len(set(names)) == len(names)
    assert list(PARAMS.names or ()) == names
    assert list(Params.__annotations__) == names
    assert all(PARAMS[name].itemsize == 8 for name in names)


def test_a_record_holds_each_value_and_words_by_their_place() -> None:
    strategy = Strategy(trade=Trade(entry_min_confidence="medium", stop_loss_atr=1.25))

    record = to_record(strategy)

    assert record.entry_min_confidence == get_args(Confidence).index("medium")
    assert record.stop_loss_atr == 1.25
    assert record.enable_ssf_filter == 1
    for path, name, kind, codes in fields():
        value = value_at(strategy, path)
        assert record[name] == (codes[value] if kind == "enum" else value), path


def test_compiled_code_and_plain_python_read_the_same_fields() -> None:
    def total(params: Params) -> float:
        return params.entry_min_adx + params.open_positions_max_count

    compiled = numba.njit(total)
    records = to_records([Strategy(), Strategy()])

    assert compiled(records[1]) == total(records[1]) == compiled(to_record(Strategy())) == 42.0


def test_parameters_that_only_the_host_reads_are_left_out() -> None:
    left_out = [each.path for each in parameters() if not each.in_kernel]

    assert "engine.interval" in left_out
    assert not {each.record_name for each in parameters() if not each.in_kernel} - {""}


def test_a_strategy_is_rebuilt_from_its_values() -> None:
    values = {path: value_at(Strategy(), path) for path in by_path()}

    assert strategy_from(values) == Strategy()
    assert np.array_equal(to_records([strategy_from(values)]), to_records([Strategy()]))
