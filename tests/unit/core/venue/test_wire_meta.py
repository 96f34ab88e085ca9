"""Universes and contexts: each malformed field is named, and tiers are never guessed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from core.market.metadata import MarginTier
from core.venue.faults import MarginTableError, WireError
from core.venue.wire import decode_json, decode_time
from core.venue.wire_meta import decode_dexs, decode_snapshot, decode_universe, tiers_of

META: dict[str, Any] = {
    "universe": [
        {"szDecimals": 5, "name": "BTC", "maxLeverage": 40, "marginTableId": 56},
        {"szDecimals": 0, "name": "OLD", "maxLeverage": 3, "marginTableId": 3, "isDelisted": True},
        {"szDecimals": 1, "name": "ISO", "maxLeverage": 5, "marginTableId": 5, "isDelisted": None},
    ],
    "marginTables": [
        [56, {"description": "", "marginTiers": [
            {"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "15e7", "maxLeverage": 20}
        ]}]
    ],
}  # fmt: skip
CONTEXT = {
    "funding": "0.0000125",
    "openInterest": "1.0",
    "dayNtlVlm": "2.0",
    "premium": None,
    "oraclePx": "100.0",
    "markPx": "101.0",
    "midPx": None,
}


def changed(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """The good reply with one place changed."""
    meta = copy.deepcopy(META)
    place: Any = meta
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return meta


def test_a_universe_with_everything() -> None:
    universe = decode_universe(META, "")

    btc, old, iso = universe.assets
    assert (btc.asset_index, btc.size_decimals, btc.leverage_max) == (0, 5, 40.0)
    assert (old.is_delisted, iso.is_delisted, iso.only_isolated) == (True, False, False)
    assert tiers_of(btc, universe) == (MarginTier(0.0, 40.0), MarginTier(150e6, 20.0))
    assert tiers_of(old, universe) == (MarginTier(0.0, 3.0),)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("universe",), None, "universe was missing"),
        (("universe", 0), "BTC", "it was 'BTC', wanted an object"),
        (("universe", 0, "name"), 7, "name was 7, wanted str"),
        (("universe", 0, "szDecimals"), "5", "szDecimals was '5', wanted int"),
        (("universe", 0, "szDecimals"), 11, "szDecimals was 11, wanted from 0 to 8"),
        (("universe", 0, "maxLeverage"), "40", "maxLeverage was '40', wanted a number"),
        (("universe", 0, "maxLeverage"), True, "maxLeverage was True, wanted a number"),
        (("universe", 0, "maxLeverage"), 0, "maxLeverage was 0.0, wanted at least 1"),
        (("universe", 0, "marginTableId"), "56", "marginTableId was '56'"),
        (("universe", 1, "isDelisted"), "yes", "isDelisted was 'yes'"),
        (("universe", 1, "name"), "BTC", "name was 'BTC', wanted a name that stands there once"),
        (("marginTables", 0), [56], "marginTables was [56]"),
        (("marginTables", 0, 1, "marginTiers", 0, "lowerBound"), 0.0, "lowerBound was 0.0"),
        (("marginTables", 0, 1, "marginTiers", 0, "lowerBound"), "1.0", "ascend from 0"),
        (("marginTables", 0, 1, "marginTiers", 1, "lowerBound"), "NaN", "lowerBound was 'NaN'"),
        (("marginTables", 0, 1, "marginTiers", 1, "maxLeverage"), 50, "wanted leverage that falls"),
        (("marginTables", 0, 1, "marginTiers"), [], "lowerBound was []"),
    ],
)
def test_a_malformed_universe_names_its_field(
    path: tuple[Any, ...], value: object, says: str
) -> None:
    with pytest.raises(WireError) as caught:
        decode_universe(changed(path, value), "")

    assert says in caught.value.what
    assert len(caught.value.lines()) == 3


@pytest.mark.parametrize("table_id", [None, 0, 57, 99])
def test_a_table_that_is_not_given_is_an_error(table_id: int | None) -> None:
    universe = decode_universe(changed(("universe", 0, "marginTableId"), table_id), "")

    with pytest.raises(MarginTableError, match="the margin table of BTC is missing"):
        tiers_of(universe.assets[0], universe)


def test_symbols_of_a_builder_dex_carry_its_name() -> None:
    with pytest.raises(WireError, match="wanted a name that begins with xyz:"):
        decode_universe(META, "xyz")


def test_contexts_are_joined_by_position() -> None:
    snapshot = decode_snapshot([META, [CONTEXT | {"markPx": f"{n}.5"} for n in (1, 2, 3)]], "")

    assert [(one.symbol, one.mark_px) for one in snapshot.contexts] == [
        ("BTC", 1.5),
        ("OLD", 2.5),
        ("ISO", 3.5),
    ]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ([META], "wanted two parts"),
        ([META, [CONTEXT] * 2], "wanted one for each of 3 assets"),
        ([META, [CONTEXT, CONTEXT, CONTEXT | {"markPx": 100.0}]], "markPx was 100.0, wanted str"),
        ([META, [CONTEXT, CONTEXT, CONTEXT | {"oraclePx": None}]], "oraclePx was missing"),
        ([META, [CONTEXT, CONTEXT, CONTEXT | {"funding": "inf"}]], "funding was 'inf'"),
        ([META, [CONTEXT, CONTEXT, CONTEXT | {"midPx": " 1"}]], "midPx was ' 1'"),
        (None, "the reply was missing"),
    ],
)
def test_malformed_contexts_are_named(reply: object, says: str) -> None:
    with pytest.raises(WireError) as caught:
        decode_snapshot(reply, "")

    assert says in caught.value.what


def test_time_and_dexs() -> None:
    assert decode_time({"specialStatuses": None, "time": 1_767_323_045_678}) == 1_767_323_045_678
    assert decode_dexs([None, {"name": "xyz"}]) == ("", "xyz")
    for wrong in (None, {"time": "1767323045678"}, {}):
        with pytest.raises(WireError):
            decode_time(wrong)


@pytest.mark.parametrize("content", [b"", b"[1,", b"[NaN]", b"<html>", b"\xff\xfe"])
def test_what_is_no_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any kind of it
        decode_json(content)
