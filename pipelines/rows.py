"""From a file of candles or funding rates to checked rows.

Row numbers in messages are those a person counts: lines of a CSV, with the header as line 1, and
rows of a Parquet file from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from core.clock import LATEST_MS, utc_iso
from core.errors import InputError
from core.market.bars import (
    DAY_MS,
    Bools,
    Floats,
    Ints,
    Rows,
    phase_unit_ms,
)
from core.market.funding import FUNDING_LATE_MS, due_hours_ms
from core.market.quality import REASON_TEXT, REASONS, broken_bars

Holds = Literal["candles", "funding", "contexts"]
PARQUET_MAGIC = b"PAR1"
SHOWN = 5
# 2009-01-01: earlier times are seconds given as milliseconds, or nonsense.
EARLIEST_MS = 1_230_768_000_000
# Names that the venue and its neighbours use; nothing that breaks a comma-separated option.
SYMBOL_PATTERN = r"^[A-Za-z0-9@][A-Za-z0-9@_.:/-]{0,39}$"


@dataclass(frozen=True)
class FileLayout:
    """Columns of one kind of file: symbol, time, then values in the order of `Rows.values`."""

    time_column: str
    values: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, symbol and time first."""
        return ("symbol", self.time_column, *self.values)


LAYOUTS: dict[Holds, FileLayout] = {
    "candles": FileLayout("t", ("o", "h", "l", "c", "v")),
    "funding": FileLayout("time", ("rate", "premium"), optional=("premium",)),
}


@dataclass(frozen=True)
class FileRows:
    """What a file held: good rows, and counts of the others by reason and by symbol."""

    rows: Rows
    row_count: int
    duplicates: int
    unclosed: int
    bad_counts: dict[str, int]
    bad_examples: tuple[str, ...]
    symbol_duplicates: dict[str, int]
    symbol_bad: dict[str, int]
    symbol_crossed: dict[str, int]


@dataclass(frozen=True)
class _Columns:
    """A file's columns as arrays; `symbol_index` is -1 and `ts_ms` 0 where unusable."""

    symbols: tuple[str, ...]
    symbol_index: Ints
    ts_ms: Ints
    values: Floats


def read_rows(path: Path, holds: Holds, interval_ms: int, now_ms: int) -> FileRows:
    """The rows of a Parquet or CSV file, checked, sorted and free of repeats.

    Bad rows are counted and left out; whether they are acceptable is the caller's decision.
    Raises InputError for an unreadable file, missing or wrongly typed columns, and for one key
    with two different sets of values.
    """
    frame, first_row = _read_frame(path, LAYOUTS[holds])
    columns = _to_columns(frame, path, LAYOUTS[holds])
    ts_ms = columns.ts_ms
    if holds == "funding":  # keyed by the hour it fell due at; see core/store/funding.py
        ts_ms = due_hours_ms(ts_ms)
    reason = _judge(columns, ts_ms, holds, interval_ms)
    length_ms = interval_ms if holds == "candles" else 0
    unclosed = (reason < 0) & (ts_ms + length_ms > now_ms)
    keep = np.flatnonzero((reason < 0) & ~unclosed)
    keep = keep[np.lexsort((keep, ts_ms[keep], columns.symbol_index[keep]))]
    repeats = _repeats(columns, ts_ms, keep)
    _refuse_contradiction(path, columns, ts_ms, keep, repeats, first_row)
    bad = reason >= 0
    crossed = reason == REASONS.index("crossed_ohlc")
    unique = keep[~repeats]
    return FileRows(
        rows=_rows(columns, ts_ms, unique),
        row_count=len(ts_ms),
        duplicates=int(repeats.sum()),
        unclosed=int(unclosed.sum()),
        bad_counts={name: int((reason == code).sum()) for code, name in enumerate(REASONS)},
        bad_examples=tuple(
            f"row {row + first_row} {REASON_TEXT[REASONS[reason[row]]]}"
            for row in np.flatnonzero(bad)[:SHOWN].tolist()
        ),
        symbol_duplicates=_count_by_symbol(columns, keep[repeats]),
        symbol_bad=_count_by_symbol(columns, np.flatnonzero(bad)),
        symbol_crossed=_count_by_symbol(columns, np.flatnonzero(crossed)),
    )


def _read_frame(path: Path, layout: FileLayout) -> tuple[pl.DataFrame, int]:
    """The layout's columns as they are in the file, and the number of its first row."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
        if is_parquet:
            present = list(pl.read_parquet_schema(path))
            wanted = _present_columns(path, present, layout)
            return pl.read_parquet(path, columns=wanted), 1
        # All columns as text first: inferring types would hide on which line a value is wrong.
        text = pl.read_csv(path, infer_schema=False)
        return text.select(_present_columns(path, text.columns, layout)), 2
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror or error}",
            at=str(path),
            hint="check the path and its permissions",
        ) from error
    # Polars panics, instead of raising, on some broken Parquet pages.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError) as error:
        said = str(error).split("\n", maxsplit=1)[0][:200]
        raise InputError(
            f"the file cannot be read as Parquet or CSV: {said}",
            at=str(path),
            hint=f"give a Parquet or CSV file with the columns {', '.join(layout.columns)}",
        ) from error


def _present_columns(path: Path, present: Sequence[str], layout: FileLayout) -> list[str]:
    missing = [
        name for name in layout.columns if name not in present and name not in layout.optional
    ]
    if not missing:
        return [name for name in layout.columns if name in present]
    for kind, other in LAYOUTS.items():
        if other is not layout and {*other.columns} - {*other.optional} <= {*present}:
            raise InputError(
                f"the file has the columns of {kind}, not {', '.join(layout.columns)}",
                at=str(path),
                hint=f"add --kind {kind}",
            )
    renames = []
    for name in missing:
        near = [found for found in present if found.casefold().startswith(name[0].casefold())]
        near = [found for found in near if found not in layout.columns]
        renames += [f"{near[0]} -> {name}"] if near else []
    raise InputError(
        f"the file has no column {', '.join(missing)}",
        at=f"{path}: it has {', '.join(present[:20]) or 'no columns'}",
        hint=f"rename {', '.join(renames)}"
        if renames
        else f"the columns must be {', '.join(layout.columns)}",
    )


def _to_columns(frame: pl.DataFrame, path: Path, layout: FileLayout) -> _Columns:
    is_text = set(frame.dtypes) == {pl.String}
    if frame.height == 0:
        raise InputError("the file has no rows", at=str(path), hint="give a file with data")
    names = _typed(frame["symbol"], pl.String, path, is_text=is_text)
    names = names.set(~names.str.contains(SYMBOL_PATTERN), None)
    symbols = tuple(sorted(names.drop_nulls().unique().to_list()))
    index = names.cast(pl.Enum(list(symbols))).to_physical().cast(pl.Int64).fill_null(-1)
    times = _typed(frame[layout.time_column], pl.Int64, path, is_text=is_text).fill_null(0)
    values = np.full((frame.height, len(layout.values)), np.nan)
    for column, name in enumerate(layout.values):
        if name in frame.columns:
            found = _typed(frame[name], pl.Float64, path, is_text=is_text)
            values[:, column] = found.fill_null(float("nan")).to_numpy()
    ts_ms = times.to_numpy().astype(np.int64)
    known = ts_ms[ts_ms > 0]
    if len(known) and not EARLIEST_MS <= np.median(known) <= LATEST_MS:
        raise InputError(
            f"column {layout.time_column} does not look like milliseconds since 1970:"
            f" {int(known[0])}",
            at=str(path),
            hint="multiply seconds by 1000, divide microseconds by 1000",
        )
    # Adding zero turns -0.0 into 0.0, so that equal numbers are equal bytes in every hash.
    return _Columns(symbols, index.to_numpy().astype(np.int64), ts_ms, values + 0.0)


def _typed(found: pl.Series, wanted: type[pl.DataType], path: Path, *, is_text: bool) -> pl.Series:
    """The column as `wanted`; text is parsed, other types must already be of that sort."""
    if wanted is pl.String:
        fits = found.dtype == pl.String or isinstance(found.dtype, pl.Categorical | pl.Enum)
    elif wanted is pl.Int64:
        fits = found.dtype.is_integer()
    else:
        fits = found.dtype.is_numeric()
    if not fits and not is_text:
        raise InputError(
            f"column {found.name} is {found.dtype}, wanted {wanted.__name__}",
            at=str(path),
            hint="times are whole milliseconds since 1970 in UTC, prices are numbers",
        )
    stripped = found.str.strip_chars() if is_text else found
    typed = stripped.cast(wanted, strict=False)
    broken = typed.is_null() & found.is_not_null() & (stripped != "" if is_text else True)
    if broken.any():
        row = broken.arg_max() or 0
        raise InputError(
            f"column {found.name} holds {found[row]!r}, wanted {wanted.__name__}",
            at=f"{path}: row {row + (2 if is_text else 1)}",
            hint="correct the file; an empty cell counts as a missing value",
        )
    return typed


def _judge(columns: _Columns, ts_ms: Ints, holds: Holds, interval_ms: int) -> Ints:
    """Per row the index of the first reason for which it is bad, -1 when it is good."""
    with np.errstate(invalid="ignore"):
        unnamed = (columns.symbol_index < 0) | (ts_ms < EARLIEST_MS) | (ts_ms > LATEST_MS)
        if holds == "funding":
            misaligned = columns.ts_ms - ts_ms > FUNDING_LATE_MS
            broken = (
                ~np.isfinite(columns.values[:, 0]) | np.isinf(columns.values[:, 1]),
                np.zeros(len(ts_ms), np.bool_),
                np.zeros(len(ts_ms), np.bool_),
            )
        else:
            misaligned = ts_ms % interval_ms != _phase_ms(ts_ms[~unnamed], interval_ms)
            broken = broken_bars(columns.values)
    return np.select([unnamed, misaligned, *broken], list(range(len(REASONS))), -1).astype(np.int64)


def _phase_ms(ts_ms: Ints, interval_ms: int) -> int:
    """Where bars of this length begin: at 0, or for bars over a day on the file's own weekday."""
    if phase_unit_ms(interval_ms) == interval_ms or not len(ts_ms):
        return 0
    at_midnight = ts_ms[ts_ms % DAY_MS == 0]
    phases, counts = np.unique(at_midnight % interval_ms, return_counts=True)
    return int(phases[np.argmax(counts)]) if len(phases) else 0


def _repeats(columns: _Columns, ts_ms: Ints, order: Ints) -> Bools:
    """Along `order`, sorted by symbol and time: which rows have the key of the row before."""
    index, times = columns.symbol_index[order], ts_ms[order]
    same = np.zeros(len(order), np.bool_)
    same[1:] = (np.diff(index) == 0) & (np.diff(times) == 0)
    return same


def _refuse_contradiction(
    path: Path, columns: _Columns, ts_ms: Ints, order: Ints, repeats: Bools, first_row: int
) -> None:
    """Raise InputError when rows of one key have different values."""
    again = np.flatnonzero(repeats)
    ours, before = columns.values[order[again]], columns.values[order[again - 1]]
    same = (ours == before) | (np.isnan(ours) & np.isnan(before))
    wrong = again[~same.all(axis=1)]
    if not len(wrong):
        return
    row, other = int(order[wrong[0]]), int(order[wrong[0] - 1])
    symbol = columns.symbols[columns.symbol_index[row]]
    raise InputError(
        f"{len(wrong)} rows contradict another row of the same symbol and time; the first:"
        f" {symbol} {utc_iso(int(ts_ms[row]))}",
        at=f"{path}: rows {other + first_row} and {row + first_row}",
        hint="keep one of them; rows that repeat each other exactly are accepted",
    )


def _rows(columns: _Columns, ts_ms: Ints, chosen: Ints) -> Rows:
    """The chosen rows; symbols without any are dropped, so that indices stay dense."""
    used, index = np.unique(columns.symbol_index[chosen], return_inverse=True)
    return Rows(
        symbols=tuple(columns.symbols[position] for position in used.tolist()),
        symbol_index=index.astype(np.int64),
        ts_ms=ts_ms[chosen],
        values=columns.values[chosen],
    )


def _count_by_symbol(columns: _Columns, chosen: Ints) -> dict[str, int]:
    named = columns.symbol_index[chosen]
    counts = np.bincount(named[named >= 0], minlength=len(columns.symbols))
    return {columns.symbols[at]: int(counts[at]) for at in np.flatnonzero(counts).tolist()}
