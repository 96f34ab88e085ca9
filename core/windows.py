"""Search, purge and holdout: which bars a sweep may see and which `validate` judges on. Pure.

    |<----------- search ----------->|<- purge ->|<------- holdout ------->|

The holdout is the last `holdout_frac` of the bars. The purge is as long as the longest window of
any indicator. Recursive means (EMA, ATR, ADX) and means of means reach further back with fading
weight: the purge keeps positions and most of the memory apart, not the last digit of an indicator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from core.clock import utc_iso
from core.errors import InputError, RefusedError
from core.market.bars import Ints
from schemas.base import Value
from schemas.parameters import Parameter, parameters
from schemas.strategy import Strategy, value_at
from schemas.sweep import Windows

SLICE_COUNT_MIN = 1


def longest_window_bars(strategy: Strategy, axes: Sequence[tuple[str, Sequence[Value]]]) -> int:
    """Longest indicator window in bars that the strategy, or any value of an axis, asks for.

    Windows of a strategy that is not chosen anywhere do not count.
    """
    varied = dict(axes)
    windows = [p.path for p in parameters() if p.unit == "bars" and _may_act(p, strategy, varied)]
    found = [value_at(strategy, path) for path in windows]
    for path, values in axes:
        if path in windows:
            found.extend(values)
    return max(int(value) for value in found)


def _may_act(
    parameter: Parameter, strategy: Strategy, varied: Mapping[str, Sequence[Value]]
) -> bool:
    """Whether an indicator's window belongs to all strategies, or to one that may be chosen."""
    if not parameter.path.startswith("strategies."):
        return parameter.path.startswith("indicators.")
    assert parameter.when is not None, parameter.path
    path, needed = parameter.when
    return value_at(strategy, path) == needed or needed in varied.get(path, ())


def cut_windows(
    ts_open_ms: Ints,
    interval_ms: int,
    *,
    start_ms: int | None,
    end_ms: int | None,
    holdout_frac: float,
    purge_bars: int,
) -> Windows:
    """Search and holdout over the bars that open at `start_ms` or later and close by `end_ms`.

    Bars are counted on the common timeline `ts_open_ms`, ascending. Raises InputError when the
    bars do not suffice for a search, the purge and a holdout.
    """
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise InputError(
            f"the window ends at {utc_iso(end_ms)}, its start is {utc_iso(start_ms)}",
            at="window",
            hint="give a start that lies before the end",
        )
    first, end = 0, len(ts_open_ms)
    if start_ms is not None:
        first = int(np.searchsorted(ts_open_ms, start_ms, side="left"))
    if end_ms is not None:
        end = int(np.searchsorted(ts_open_ms, end_ms - interval_ms, side="right"))
    count = max(end - first, 0)
    holdout_count = math.ceil(count * holdout_frac)
    search_count = count - holdout_count - purge_bars
    if search_count < 1 or holdout_count < 1:
        raise InputError(
            f"{count:,} bars are too few: the holdout takes {holdout_count:,}, the purge "
            f"{purge_bars:,}, and {max(search_count, 0):,} are left to search",
            at="window",
            hint="store more bars, widen the window, or shorten the longest indicator window",
        )
    opens = ts_open_ms[first:end]
    return Windows(
        data_start_ms=int(opens[0]),
        data_end_ms=int(opens[-1]) + interval_ms,
        search_start_ms=int(opens[0]),
        search_end_ms=int(opens[search_count - 1]) + interval_ms,
        search_bar_count=search_count,
        purge_bars=purge_bars,
        holdout_start_ms=int(opens[count - holdout_count]),
        holdout_end_ms=int(opens[-1]) + interval_ms,
        holdout_bar_count=holdout_count,
    )


def cut_slices(
    ts_open_ms: Ints, interval_ms: int, *, start_ms: int, end_ms: int, count: int
) -> tuple[tuple[int, int], ...]:
    """`count` (start, end) pairs of as many bars each as can be, that tile the window in order.

    Raises InputError when the window has fewer bars than slices.
    """
    assert count >= SLICE_COUNT_MIN, count
    first = int(np.searchsorted(ts_open_ms, start_ms, side="left"))
    end = int(np.searchsorted(ts_open_ms, end_ms - interval_ms, side="right"))
    if end - first < count:
        raise InputError(
            f"the holdout has {max(end - first, 0)} bars, too few for {count} slices",
            at=f"window {start_ms} to {end_ms} ms",
            hint="store more bars, or ask for fewer slices in the gates file",
        )
    edges = [first + (end - first) * k // count for k in range(count + 1)]
    return tuple(
        (int(ts_open_ms[low]), int(ts_open_ms[high - 1]) + interval_ms)
        for low, high in pairwise(edges)
    )


def refuse_overlap(holdout: tuple[int, int], search: tuple[int, int], *, searched_by: str) -> None:
    """Raise RefusedError when the search window has seen any of the holdout's bars."""
    if overlaps(holdout, search):
        raise RefusedError(
            "the holdout overlaps a window that was searched, so it proves nothing",
            at=f"holdout {holdout[0]} to {holdout[1]} ms, {searched_by} searched {search[0]} to "
            f"{search[1]} ms",
            hint="judge on bars that no search has seen: store newer ones, or keep a smaller "
            "--holdout-frac",
        )


def overlaps(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (start, end) windows share an instant; the end is not part of a window."""
    return one[0] < other[1] and other[0] < one[1]
