"""A file of trades, ours or another system's, as closes: columns by name, every bad row named."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from core.clock import LATEST_MS, parse_utc_ms
from core.comparison import Close
from core.errors import InputError
from kernel import codes

NAMES: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "coin", "pair", "market", "asset"),
    "side": ("side", "direction", "position_side"),
    "entry time": ("entry_ts_ms", "entry_time", "entry_ts", "open_time", "open_date", "entry_date"),
    "exit time": ("exit_ts_ms", "exit_time", "exit_ts", "close_time", "close_date", "exit_date"),
    "entry price": ("entry_px", "entry_price", "open_price", "open_rate"),
    "exit price": ("exit_px", "exit_price", "close_price", "close_rate"),
    "size": ("size", "qty", "quantity", "amount", "sz", "contracts"),
}
"""What a file must say, and the column names that say it; case and spaces do not matter."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "pnl": ("net_pnl_usd", "pnl_usd", "pnl", "net_pnl", "profit", "profit_abs"),
    "fee": ("fee_usd", "fees_usd", "fee", "fees", "commission"),
    "reason": ("reason", "exit_reason", "exit_signal"),
    "adds": ("adds",),
}
OWN_FEES = ("entry_fee_usd", "exit_fee_usd")
OWN_PNL = ("gross_pnl_usd", "funding_usd")
SIDES = {
    "long": "long", "buy": "long", "1": "long", "b": "long",
    "short": "short", "sell": "short", "-1": "short", "s": "short",
}  # fmt: skip
EARLIEST_MS = 1_230_768_000_000
"""2009: a smaller number is seconds, not milliseconds."""


def read_closes(path: Path) -> list[Close]:
    """The rows of a CSV or parquet file; InputError for what is missing or cannot be read."""
    frame = _frame(path)
    lowered = {name.strip().lower().replace(" ", "_"): name for name in frame.columns}
    columns = {what: _column(lowered, names) for what, names in NAMES.items()}
    missing = [what for what, column in columns.items() if column is None]
    if missing:
        wanted = "; ".join(f"{what}: {', '.join(NAMES[what])}" for what in missing)
        raise InputError(
            f"the file has no column for {', '.join(missing)}",
            at=f"{path}: columns {', '.join(frame.columns)}",
            hint=f"name a column one of these: {wanted}",
        )
    columns |= {what: _column(lowered, names) for what, names in OPTIONAL.items()}
    first = 2 if path.suffix.lower() == ".csv" else 1
    return [
        _close(row, columns, lowered, f"{path}: row {number}")
        for number, row in enumerate(frame.iter_rows(named=True), first)
    ]


def closes_of(frame: pl.DataFrame) -> list[Close]:
    """The rows of our own table of trades."""
    columns = {what: _column({n: n for n in frame.columns}, names) for what, names in NAMES.items()}
    columns |= {"pnl": None, "fee": None, "reason": "reason", "adds": "adds"}
    lowered = {name: name for name in frame.columns}
    return [_close(row, columns, lowered, "trades") for row in frame.iter_rows(named=True)]


def _frame(path: Path) -> pl.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path, infer_schema_length=None)
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"the file cannot be read as trades: {str(error).splitlines()[0][:200]}",
            at=str(path),
            hint="give a CSV file with a header, or parquet",
        ) from error


def _column(lowered: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((lowered[name] for name in names if name in lowered), None)


def _close(
    row: Mapping[str, Any],
    columns: Mapping[str, str | None],
    lowered: Mapping[str, str],
    at: str,
) -> Close:
    def value(what: str) -> Any:
        column = columns[what]
        return None if column is None else row[column]

    def read(what: str, reader: Callable[[Any], Any]) -> Any:
        try:
            return reader(value(what))
        except (ValueError, TypeError, InputError) as error:
            raise InputError(
                f"this is no {what}: {value(what)!r}",
                at=f"{at}, column {columns[what]}",
                hint="correct the row, or leave it out",
            ) from error

    fee, pnl = read("fee", _maybe), read("pnl", _maybe)
    if columns["fee"] is None and all(name in lowered for name in OWN_FEES):
        fee = sum(float(row[lowered[name]]) for name in OWN_FEES)
        if columns["pnl"] is None and all(name in lowered for name in OWN_PNL):
            pnl = sum(float(row[lowered[name]]) for name in OWN_PNL) - fee
    reason, adds = value("reason"), value("adds")
    entry_ms, exit_ms = read("entry time", _time_ms), read("exit time", _time_ms)
    if exit_ms < entry_ms:
        raise InputError(
            "the exit lies before the entry",
            at=f"{at}: {entry_ms} to {exit_ms}",
            hint="correct the row, or leave it out",
        )
    return Close(
        symbol=read("symbol", _word),
        side=read("side", _side),
        entry_ts_ms=entry_ms,
        exit_ts_ms=exit_ms,
        entry_px=read("entry price", _positive),
        exit_px=read("exit price", _positive),
        size=read("size", _size),
        pnl_usd=pnl,
        fee_usd=fee,
        reason=None if reason is None else str(reason),
        adds=None if adds is None else int(adds),
    )


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _side(value: Any) -> str:
    if isinstance(value, float):
        value = int(value)
    found = SIDES.get(str(value).strip().lower())
    if found is None:
        raise ValueError
    assert found in codes.SIDES.values()
    return found


def _time_ms(value: Any) -> int:
    """Milliseconds since 1970 from a number of ms or s, an ISO text or a datetime in UTC."""
    if hasattr(value, "isoformat"):
        return parse_utc_ms(value.isoformat())
    if isinstance(value, str):
        if not value.strip().isdecimal():
            return parse_utc_ms(value)
        value = int(value)
    number = float(value)
    ts_ms = round(number if number >= EARLIEST_MS else 1000.0 * number)
    if not EARLIEST_MS <= ts_ms <= LATEST_MS:
        raise ValueError
    return ts_ms


def _positive(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number <= 0.0:
        raise ValueError
    return number


def _size(value: Any) -> float:
    return _positive(abs(float(value)))


def _maybe(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number
