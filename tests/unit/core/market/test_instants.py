"""One timeline of decisions: hours with quarters between them, and what must be covered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.market.bars import HOUR_MS, BarBlock, Rows, block_from_rows
from core.market.instants import instants_of, require_cover, with_finer
from kernel import codes
from tests.strategies import START_MS

QUARTER_MS = HOUR_MS // 4


def bars(
    interval: str, step_ms: int, closes: list[float], *, skip: tuple[int, ...] = ()
) -> BarBlock:
    """Bars of BTC that open and close at these closes, some of them missing."""
    kept = [k for k in range(len(closes)) if k not in skip]
    values = np.array([[closes[k]] * 4 + [1.0] for k in kept])
    ts = START_MS + step_ms * np.array(kept)
    rows = Rows(("BTC",), np.zeros(len(kept), np.int64), ts, values)
    return block_from_rows(rows, interval, synthetic=True)


def two_hours(*, skip: tuple[int, ...] = ()) -> BarBlock:
    """Two hours with the quarters in them as exit bars."""
    hours = bars("1h", HOUR_MS, [103.0, 107.0])
    quarters = bars("15m", QUARTER_MS, [100.0 + k for k in range(8)], skip=skip)
    return with_finer(hours, quarters, None)


def test_the_timeline_is_the_union_of_all_closes() -> None:
    found = instants_of(two_hours(), np.array([99.0]))

    assert ((found.ts_close_ms - START_MS) // QUARTER_MS).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found.row_of.tolist() == [-1, -1, -1, 0, 0, 0, 0, 1]
    assert found.is_row.tolist() == [False, False, False, True] * 2
    assert found.mark_px[:, 0].tolist() == [99.0, *(100.0 + k for k in range(8))]
    assert set(found.exit_kind[:, 0].tolist()) == {codes.BAR_EXIT}
    assert found.exit_ms == QUARTER_MS
    assert found.entry_at.shape == (0, 1)


def test_for_want_of_an_exit_bar_the_indicator_bar_stands_in_at_the_hour_alone() -> None:
    found = instants_of(two_hours(skip=(1, 3)), np.array([99.0]))

    assert ((found.ts_close_ms - START_MS) // QUARTER_MS).tolist() == [1, 3, 4, 5, 6, 7, 8]
    assert found.exit_kind[:, 0].tolist() == [1, 1, codes.BAR_INDICATOR, 1, 1, 1, 1]
    assert found.mark_px[3, 0] == 103.0


def test_entry_bars_count_between_indicator_bars_alone() -> None:
    block = two_hours()
    entries = replace(block, exit_bars=None, entry_bars=block.exit_bars)

    found = instants_of(entries, np.array([99.0]))

    assert found.entry_at[:, 0].tolist() == [True, True, True, False] * 2
    assert found.exit_kind[:, 0].tolist() == [0, 0, 0, codes.BAR_EXIT] * 2
    assert found.exit_ms == HOUR_MS


def test_finer_bars_that_end_too_early_are_named_with_their_range() -> None:
    block = two_hours(skip=(4, 5, 6, 7))

    with pytest.raises(
        InputError, match="the 15m bars do not cover the window for 1 of 1"
    ) as found:
        require_cover(block, 0, 2, np.ones(1, np.bool_))

    assert "BTC: its 15m bars go from" in found.value.at
    require_cover(block, 0, 1, np.ones(1, np.bool_))
    require_cover(block, 0, 2, np.zeros(1, np.bool_))
