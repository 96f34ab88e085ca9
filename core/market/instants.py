"""One timeline of decisions: the closes of indicator bars and of finer exit and entry bars.  Pure.

At an instant an exit is judged on the exit bar that closes there; for want of one, on the
indicator bar.  Between two indicator bars the last closed one gives the indicators.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.clock import utc_iso
from core.errors import InputError
from core.market.bars import BarBlock, Bools, Floats, Ints, block_sha256
from kernel import codes
from kernel.records import Kinds


@dataclass(frozen=True)
class Instants:
    """The timeline as `kernel.records.Market` has it."""

    ts_close_ms: Ints
    row_of: Ints
    is_row: Bools
    exit_kind: Kinds
    open_px: Floats
    high_px: Floats
    low_px: Floats
    mark_px: Floats
    entry_at: Bools
    exit_ms: int


def instants_of(view: BarBlock, before_px: Floats) -> Instants:
    """The instants of a view; `before_px[S]` are the last closes known before it, 0 for none."""
    closes = view.ts_open_ms + view.interval_ms
    if view.exit_bars is None and view.entry_bars is None:
        return Instants(
            ts_close_ms=closes,
            row_of=np.arange(len(closes)),
            is_row=np.ones(len(closes), np.bool_),
            exit_kind=np.ascontiguousarray(view.present).view(np.int8),
            open_px=view.open_px,
            high_px=view.high_px,
            low_px=view.low_px,
            mark_px=last_known(view.close_px, view.present, before_px),
            entry_at=np.zeros((0, len(view.symbols)), np.bool_),
            exit_ms=view.interval_ms,
        )
    finer = [each for each in (view.entry_bars, view.exit_bars) if each is not None]
    ts = np.unique(
        np.concatenate([closes, *(each.ts_open_ms + each.interval_ms for each in finer)])
    )
    row_of = np.searchsorted(closes, ts, side="right") - 1
    is_row = (row_of >= 0) & (closes[np.maximum(row_of, 0)] == ts)
    shape = (len(ts), len(view.symbols))
    close_px, known = np.zeros(shape), np.zeros(shape, np.bool_)
    for each in (view, *finer):
        _put(close_px, each.close_px, ts, each)
        _put(known, each.present, ts, each)
    exits = view if view.exit_bars is None else view.exit_bars
    kind = np.zeros(shape, np.int8)
    ohl = [np.zeros(shape), np.zeros(shape), np.zeros(shape)]
    for each, code in ((view, codes.BAR_INDICATOR), (exits, codes.BAR_EXIT)):
        _put(kind, np.full(each.present.shape, code, np.int8), ts, each)
        for out, values in zip(ohl, (each.open_px, each.high_px, each.low_px), strict=True):
            _put(out, values, ts, each)
    return Instants(
        ts_close_ms=ts,
        row_of=row_of,
        is_row=is_row,
        exit_kind=kind,
        open_px=ohl[0],
        high_px=ohl[1],
        low_px=ohl[2],
        mark_px=last_known(close_px, known, before_px),
        entry_at=_entries(view, ts, is_row),
        exit_ms=exits.interval_ms,
    )


def _put(out: Any, values: Any, ts: Ints, bars: BarBlock) -> None:
    """Write the present cells of `bars` into the rows of `out` at which they close."""
    at = np.searchsorted(ts, bars.ts_open_ms + bars.interval_ms)
    part = out[at]
    part[bars.present] = values[bars.present]
    out[at] = part


def _entries(view: BarBlock, ts: Ints, is_row: Bools) -> Bools:
    """Where entry bars close between indicator bars; no rows when there are none."""
    bars = view.entry_bars
    if bars is None:
        return np.zeros((0, len(view.symbols)), np.bool_)
    out = np.zeros((len(ts), len(view.symbols)), np.bool_)
    out[np.searchsorted(ts, bars.ts_open_ms + bars.interval_ms)] = bars.present
    out[is_row] = False
    return out


def last_known(close_px: Floats, known: Bools, before_px: Floats) -> Floats:
    """`[K+1, S]`: the last known close up to each instant, `before_px` before the first."""
    rows = np.arange(1, len(close_px) + 1)[:, None]
    source = np.maximum.accumulate(np.where(known, rows, 0), axis=0)
    padded = np.concatenate([before_px[None, :], close_px])
    out: Floats = np.concatenate([before_px[None, :], np.take_along_axis(padded, source, axis=0)])
    return out


def with_finer(block: BarBlock, exits: BarBlock | None, entries: BarBlock | None) -> BarBlock:
    """The block with finer bars of its symbols, within its own first open and last close."""
    span_ms = (int(block.ts_open_ms[0]), int(block.ts_open_ms[-1]) + block.interval_ms)

    def fitted(bars: BarBlock | None) -> BarBlock | None:
        return None if bars is None else aligned_to(bars, block.symbols).between(*span_ms)

    part = replace(block, exit_bars=fitted(exits), entry_bars=fitted(entries))
    return replace(part, sha256=block_sha256(part))


def aligned_to(bars: BarBlock, symbols: tuple[str, ...]) -> BarBlock:
    """The bars with the columns of `symbols`; a symbol that they lack has none present."""
    columns = {symbol: column for column, symbol in enumerate(bars.symbols)}
    kept = [k for k, symbol in enumerate(symbols) if symbol in columns]
    source = [columns[symbols[k]] for k in kept]

    def of(array: Any) -> Any:
        out = np.zeros((len(array), len(symbols)), array.dtype)
        out[:, kept] = array[:, source]
        return out

    return replace(
        bars,
        symbols=symbols,
        open_px=of(bars.open_px),
        high_px=of(bars.high_px),
        low_px=of(bars.low_px),
        close_px=of(bars.close_px),
        volume=of(bars.volume),
        present=of(bars.present),
        last_bar_index=np.full(len(symbols), len(bars.ts_open_ms), np.int64),
    )


def require_cover(block: BarBlock, first: int, end: int, tradable: Bools) -> None:
    """Raise InputError unless the finer bars span rows `first` to `end` of each tradable symbol."""
    for bars in (block.exit_bars, block.entry_bars):
        if bars is None:
            continue
        short = []
        for s in np.flatnonzero(tradable):
            rows = np.flatnonzero(block.present[first:end, s]) + first
            own = np.flatnonzero(bars.present[:, s])
            if len(rows) and (not len(own) or not _spans(block, rows, bars, own)):
                short.append(int(s))
        if short:
            raise _cover_error(block, bars, short)


def _spans(block: BarBlock, rows: Ints, bars: BarBlock, own: Ints) -> bool:
    starts = bars.ts_open_ms[own[0]] < block.ts_open_ms[rows[0]] + block.interval_ms
    last_ms = block.ts_open_ms[rows[-1]] + block.interval_ms
    return bool(
        starts and bars.ts_open_ms[own[-1]] + bars.interval_ms > last_ms - block.interval_ms
    )


def _cover_error(block: BarBlock, bars: BarBlock, short: list[int]) -> InputError:
    names = [block.symbols[s] for s in short]
    own = bars.ts_open_ms[bars.present[:, short[0]]]
    span = (
        f"its {bars.interval} bars go from {utc_iso(int(own[0]))} to "
        f"{utc_iso(int(own[-1]) + bars.interval_ms)}"
        if len(own)
        else f"it has no {bars.interval} bars"
    )
    shown = " ".join(names[:6]) + (" ..." if len(names) > 6 else "")
    return InputError(
        f"the {bars.interval} bars do not cover the window for {len(names)} of "
        f"{len(block.symbols)} symbols: {shown}",
        at=f"{bars.path}: {names[0]}: {span}",
        hint="fetch them, choose --start and --end inside, or name the covered symbols with "
        "--symbols",
    )
