"""Sections of text: titled tables, and how a value is written for a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.clock import utc_iso

MAX_ROWS = 20
MAX_INLINE = 6
# Milliseconds since 1970 are shown as times from this on (2001); shorter ones are durations.
FIRST_TS_MS = 1_000_000_000_000
SHORT_HASH = 12
PAGE_COLUMNS = 118
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?( %)?")


@dataclass(frozen=True)
class Section:
    """A titled table; without a header its rows are label and value."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Renderer = Callable[[Mapping[str, Any]], list[Section]]
Headline = Callable[[Mapping[str, Any]], str]


def is_number(text: str) -> bool:
    """Whether a cell holds a number, or says that there is none."""
    return text in ("-", "") or NUMBER.fullmatch(text) is not None


def fields(body: Mapping[str, Any], title: str = "") -> list[Section]:
    """Sections for any body: its plain values first, then one section per nested group."""
    plain = [
        (label(key), value_text(key, value)) for key, value in body.items() if not _is_nested(value)
    ]
    sections = [Section(title or "content", (), tuple(plain))] if plain else []
    for key, value in body.items():
        name = f"{title}.{key}" if title else key
        if isinstance(value, dict) and value:
            columns = _columns(value)
            sections += [columns_section(name, columns)] if columns else fields(value, name)
        elif _is_nested(value):
            sections.append(records_section(name, value))
    return sections


def records_section(title: str, records: Sequence[Mapping[str, Any]]) -> Section:
    """A table with one row per record, cut after MAX_ROWS."""
    keys = [key for key, value in records[0].items() if not _is_nested(value)]
    rows = [
        tuple(value_text(key, record.get(key)) for key in keys) for record in records[:MAX_ROWS]
    ]
    return Section(_cut_title(title, len(records)), tuple(map(label, keys)), tuple(rows))


def columns_section(title: str, columns: Mapping[str, Sequence[Any]]) -> Section:
    """A table from equally long columns, cut after MAX_ROWS."""
    count = len(next(iter(columns.values())))
    rows = [
        tuple(value_text(key, column[index]) for key, column in columns.items())
        for index in range(min(count, MAX_ROWS))
    ]
    return Section(_cut_title(title, count), tuple(map(label, columns)), tuple(rows))


def label(key: str) -> str:
    """A field's name for people."""
    return key.replace("_", " ")


def value_text(key: str, value: Any) -> str:
    """A value for people, by the unit at the end of its key."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number_text(key, value)
    if isinstance(value, list):
        shown = ", ".join(value_text(key, item) for item in value[:MAX_INLINE])
        return shown if len(value) <= MAX_INLINE else f"{shown} ... ({len(value):,} values)"
    return "-" if value == {} else str(value)


def number_text(key: str, value: float) -> str:
    """A number for people: `_frac` in per cent, `_usd` with cents, `_ms` as a time if it is one."""
    if key.endswith("_ms") and value >= FIRST_TS_MS:
        return utc_iso(int(value))
    if key.endswith("_frac"):
        return f"{100.0 * value:,.2f} %"
    if key.endswith("_usd"):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return str(value) if key.endswith("seed") else f"{value:,}"
    return f"{value:,.6g}"


def signed_usd(value: float | None) -> str:
    """Money gained or lost, `+1,234.50`; `-` when there is none."""
    return "-" if value is None else f"{value:+,.2f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as `12.3 %`; `-` when there is none."""
    return "-" if value is None else f"{100.0 * value:,.{digits}f} %"


def figure(value: float | None, digits: int = 2) -> str:
    """A figure with thousands separators, `-` when there is none; counts have no decimals."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def minute(ts_ms: int) -> str:
    """A time as `2026-01-02 03:04`, UTC."""
    return utc_iso(ts_ms)[:16].replace("T", " ")


def day(utc: str) -> str:
    """The date of an ISO time."""
    return utc[:10]


def short_hash(text: str) -> str:
    """As much of a hash as tells it from others."""
    return text[:SHORT_HASH]


def listed(names: Sequence[str], count: int = MAX_INLINE) -> str:
    """The first names, and how many there are if that is not all."""
    shown = ", ".join(names[:count])
    return shown if len(names) <= count else f"{shown} and {len(names) - count:,} more"


def cut(text: str, columns: int) -> str:
    """The text if it fits, otherwise its beginning and ` ...`."""
    return text if len(text) <= columns else f"{text[: columns - 4]} ..."


def _is_nested(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _columns(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The value as columns of a table if it is that, otherwise nothing."""
    if not all(isinstance(column, list) for column in value.values()):
        return {}
    columns = dict(value)
    lengths = {len(column) for column in columns.values()}
    is_table = len(columns) > 1 and len(lengths) == 1 and lengths != {0}
    is_plain = is_table and not any(isinstance(c[0], dict | list) for c in columns.values())
    return columns if is_plain else {}


def _cut_title(title: str, count: int) -> str:
    return title if count <= MAX_ROWS else f"{title} (first {MAX_ROWS} of {count:,})"
