"""The venue's universes, margin tables and asset contexts, decoded strictly.  Pure."""

from __future__ import annotations

import itertools
import math
from typing import Any

from core.market.metadata import MarginTier
from core.venue.faults import MarginTableError
from core.venue.port import Asset, AssetContext, Snapshot, Universe
from core.venue.wire import malformed

SINGLE_TIER_BELOW = 50
"""A margin table id below this is itself the leverage of a table with a single tier."""


def decode_dexs(reply: object) -> tuple[str, ...]:
    """Names of a `perpDexs` reply; the first entry is null and stands for the venue's own dex."""
    entries = _list(reply, "perpDexs", "the reply")
    return tuple(
        "" if entry is None else _field(_object(entry, "perpDexs"), "name", str, "perpDexs")
        for entry in entries
    )


def decode_universe(reply: object, dex: str) -> Universe:
    """The universe of a `meta` reply; early recordings have no margin tables, which is allowed."""
    meta = _object(reply, "meta")
    tables = dict(
        _margin_table(entry)
        for entry in _list(meta.get("marginTables", []), "meta", "marginTables")
    )
    assets = tuple(
        _asset(entry, index)
        for index, entry in enumerate(_list(meta.get("universe"), "meta", "universe"))
    )
    names = [asset.symbol for asset in assets]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise malformed("meta.universe", "name", twice, "a name that stands there once")
    for name in names:
        if dex and not name.startswith(f"{dex}:"):
            raise malformed("meta.universe", "name", name, f"a name that begins with {dex}:")
    return Universe(dex, assets, tables)


def decode_snapshot(reply: object, dex: str) -> Snapshot:
    """Universe and contexts of a `metaAndAssetCtxs` reply, joined by position."""
    parts = _list(reply, "metaAndAssetCtxs", "the reply")
    if len(parts) != 2:
        raise malformed("metaAndAssetCtxs", "the reply", len(parts), "two parts")
    universe = decode_universe(parts[0], dex)
    contexts = _list(parts[1], "metaAndAssetCtxs", "contexts")
    if len(contexts) != len(universe.assets):
        raise malformed(
            "metaAndAssetCtxs",
            "contexts",
            f"{len(contexts)} contexts",
            f"one for each of {len(universe.assets)} assets, since they have no names",
        )
    return Snapshot(
        universe,
        tuple(
            _context(entry, asset.symbol)
            for entry, asset in zip(contexts, universe.assets, strict=True)
        ),
    )


def tiers_of(asset: Asset, universe: Universe) -> tuple[MarginTier, ...]:
    """The margin tiers of an asset, from 0 USD up.

    An id below 50 is a single tier with that leverage.  Raises MarginTableError where the venue
    gives no id, or no table of that id: tiers are never guessed.
    """
    table_id = asset.margin_table_id
    if table_id is not None and table_id in universe.margin_tables:
        return universe.margin_tables[table_id]
    if table_id is not None and 0 < table_id < SINGLE_TIER_BELOW:
        return (MarginTier(0.0, float(table_id)),)
    raise MarginTableError(
        f"the margin table of {asset.symbol} is missing: "
        + ("the venue names none" if table_id is None else f"there is no table {table_id}"),
        at=f"meta.marginTables: {', '.join(map(str, sorted(universe.margin_tables))) or 'none'}",
        hint=f"nothing was stored about {asset.symbol}; fetch again later, its tiers are never"
        " guessed",
    )


def _asset(entry: object, index: int) -> Asset:
    asset = _object(entry, f"meta.universe[{index}]")
    place = f"meta.universe[{index}]"
    size_decimals = _field(asset, "szDecimals", int, place)
    leverage = _number(asset, "maxLeverage", place)
    if not 0 <= size_decimals <= 8:
        raise malformed(place, "szDecimals", size_decimals, "from 0 to 8")
    if not leverage >= 1:
        raise malformed(place, "maxLeverage", leverage, "at least 1")
    return Asset(
        symbol=_field(asset, "name", str, place),
        asset_index=index,
        size_decimals=size_decimals,
        leverage_max=leverage,
        margin_table_id=_optional(asset, "marginTableId", int, place, None),
        is_delisted=_optional(asset, "isDelisted", bool, place, False),  # noqa: FBT003
        only_isolated=_optional(asset, "onlyIsolated", bool, place, False),  # noqa: FBT003
        margin_mode=_optional(asset, "marginMode", str, place, ""),
    )


def _margin_table(entry: object) -> tuple[int, tuple[MarginTier, ...]]:
    pair = _list(entry, "meta", "marginTables")
    if len(pair) != 2 or type(pair[0]) is not int:
        raise malformed("meta", "marginTables", pair, "pairs of an id and a table")
    place = f"meta.marginTables[{pair[0]}]"
    tiers = tuple(
        MarginTier(
            _decimal(_object(tier, place), "lowerBound", place),
            _number(_object(tier, place), "maxLeverage", place),
        )
        for tier in _list(_object(pair[1], place).get("marginTiers"), place, "marginTiers")
    )
    bounds = [tier.lower_bound_usd for tier in tiers]
    if not tiers or bounds[0] != 0.0 or any(a >= b for a, b in itertools.pairwise(bounds)):
        raise malformed(place, "lowerBound", bounds, "bounds that ascend from 0")
    for before, after in itertools.pairwise(tiers):
        if after.leverage_max > before.leverage_max:
            raise malformed(place, "maxLeverage", after.leverage_max, "leverage that falls")
    if tiers[-1].leverage_max < 1:
        raise malformed(place, "maxLeverage", tiers[-1].leverage_max, "at least 1")
    return pair[0], tiers


def _context(entry: object, symbol: str) -> AssetContext:
    place = f"contexts of {symbol}"
    context = _object(entry, place)
    return AssetContext(
        symbol=symbol,
        mark_px=_decimal(context, "markPx", place),
        oracle_px=_decimal(context, "oraclePx", place),
        mid_px=_decimal_or_none(context, "midPx", place),
        funding_rate_1h=_decimal(context, "funding", place),
        open_interest=_decimal(context, "openInterest", place),
        day_notional_usd=_decimal(context, "dayNtlVlm", place),
        premium=_decimal_or_none(context, "premium", place),
    )


def _object(value: object, place: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise malformed(place, "it", value, "an object")
    return value


def _list(value: object, place: str, name: str) -> list[Any]:
    if type(value) is not list:
        raise malformed(place, name, value, "a list")
    return value


def _field(entry: dict[str, Any], name: str, kind: type, place: str) -> Any:
    value = entry.get(name)
    if type(value) is not kind:
        raise malformed(place, name, value, kind.__name__)
    return value


def _optional(entry: dict[str, Any], name: str, kind: type, place: str, absent: Any) -> Any:
    """A field that may be missing or null."""
    return absent if entry.get(name) is None else _field(entry, name, kind, place)


def _number(entry: dict[str, Any], name: str, place: str) -> float:
    """A JSON number that is finite; the venue writes leverage without a fraction."""
    value = entry.get(name)
    if type(value) not in (int, float) or not math.isfinite(float(value)):  # type: ignore[arg-type]
        raise malformed(place, name, value, "a number")
    return float(value)  # type: ignore[arg-type]


def _decimal(entry: dict[str, Any], name: str, place: str) -> float:
    """A finite number in a string, which is how the venue writes prices and sizes."""
    text = _field(entry, name, str, place)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text or text != text.strip():
        raise malformed(place, name, text, "a decimal number")
    return value + 0.0


def _decimal_or_none(entry: dict[str, Any], name: str, place: str) -> float | None:
    return None if entry.get(name) is None else _decimal(entry, name, place)
