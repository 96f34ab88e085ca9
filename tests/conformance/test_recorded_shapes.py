"""Replies and stream messages have the shapes of recorded ones, and those decode with our wire.

venue.md C.1 (error bodies), C.3 (market data), C.4 (stream messages, acknowledgements).
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from core.market.bars import HOUR_MS
from core.venue.port import Span
from core.venue.wire import decode_candles, decode_funding, decode_time
from core.venue.wire_meta import decode_dexs, decode_snapshot, decode_universe
from sidecar.emulator.exchange.requests import MoveToSpot
from sidecar.emulator.exchange.state import Account
from sidecar.emulator.wire import info
from tests.emulator_scene import BUILDER, LIMIT_OID, MASTER, NOW_MS, Scene, busy
from tests.json_shapes import Shape, foreign, missing, shape_of, union
from tests.recorded_api import (
    Exchange,
    info_exchanges,
    recorded_errors,
)
from tests.venue_box import Box, box, order

POOLED = "0x" + "9d" * 20
MIXED_CASE = "0x" + "aB" * 20
NAMED_BY_COIN = {"allMids"}
EMPTY_HERE = {"delegatorHistory", "userVaultEquities"}
"""Nobody stakes here, and there are no vaults."""
RETIRED = {".assetPositions[].position.maxTradeSzs"}
"""Keys of 2023 that recordings of 2025 and 2026 do not have."""
ELSEWHERE = {
    f"[].delta.{name}"
    for name in (
        "amount", "destination", "fee", "feeToken", "nativeTokenFee", "nonce", "token",
        "usdcValue", "user",
    )
}  # fmt: skip
"""Fields of a ledger row whose kind, a spot transfer, does not happen here."""
POOL = {
    f"[].spotState.{name}"
    for name in (
        "balances[].ltv", "balances[].supplied", "portfolioMarginEnabled", "portfolioMarginRatio",
        "tokenToAvailableAfterMaintenance", "tokenToPortfolioBorrowRatio",
        "tokenToPortfolioSupplyRatio",
    )
}  # fmt: skip
"""What `subAccounts2` shows of a sub-account in portfolio mode, and so does `subAccounts`."""
NEWER = {
    "frontendOpenOrders": {"[].cloid: text", "[].children[].cloid"},
    "historicalOrders": {"[].order.cloid: text", "[].order.tif: null"},
    "openOrders": {"[].cloid", "[].origSz", "[].reduceOnly"},
    "orderStatus": {".order.order.cloid: text"},
    "perpsAtOpenInterestCap": {"[]: text"},
    "subAccounts": POOL,
    "userFills": {"[].cloid", "[].liquidation", "[].twapId: int"},
    "userFillsByTime": {"[].builderFee", "[].cloid", "[].liquidation", "[].twapId: int"},
}
"""What the venue's pages name and recordings do not happen to have: all of it must occur."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A venue with a sub-account in portfolio mode and a coin at its cap."""
    made = busy()
    pooled = Account(POOLED, spot_micros=894_089_960, role="subAccount", master=MASTER)
    pooled.mode = "portfolio"
    made.state.accounts[POOLED] = pooled
    made.state.coins["BTC"].open_interest_cap_micros = 1
    return made


@pytest.fixture(scope="module")
def recorded(shared_dir: Path) -> list[Exchange]:
    """All recorded exchanges that the emulator answers."""
    return [one for one in info_exchanges(shared_dir) if one.kind in info.TABLE]


def replayed(one: Exchange) -> dict[str, Any]:
    """The recorded request with our coins, our user and our time."""
    asked: dict[str, Any] = copy.deepcopy(one.request)
    whole = {
        "user": MIXED_CASE,
        "builder": BUILDER,
        "coin": "BTC",
        "oid": LIMIT_OID,
        "dex": "xyz",
        "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
        "startTime": 0,
        "endTime": NOW_MS,
        "req": {"coin": "BTC", "interval": "1m", "startTime": 0, "endTime": NOW_MS},
    }
    needed = info.TABLE[one.kind][0].__struct_encode_fields__
    optional = {"dex", "endTime"}
    for name, value in whole.items():
        if name in asked or (name in needed and name not in optional):
            asked[name] = value
    if one.request.get("dex") == "":
        asked["dex"] = ""
    if one.reply == {"status": "unknownOid"}:
        asked["oid"] = 999_999
    return asked


@pytest.fixture(scope="module")
def known(recorded: list[Exchange]) -> dict[str, Shape]:
    """What any recording of a type has."""
    known: dict[str, Shape] = {}
    for one in recorded:
        shape = shape_of(one.reply, is_map=one.kind in NAMED_BY_COIN)
        known[one.kind] = union(known.get(one.kind, Shape()), shape)
    # These two samples were shortened; what they lack is in the replies that they are made of.
    known["allPerpMetas"] = union(known["allPerpMetas"], known["metaAndAssetCtxs"])
    states = Shape(items=union(Shape({"text"}), known["clearinghouseState"]))
    subs = Shape(keys={"dexToClearinghouseState": Shape(items=states)})
    known["subAccounts2"] = union(
        union(known["subAccounts2"], known["subAccounts"]), Shape(items=subs)
    )
    return known


def test_every_recorded_type_of_request_is_answered(shared_dir: Path) -> None:
    asked = {one.kind for one in info_exchanges(shared_dir)}

    assert asked - set(info.TABLE) == set()
    assert len(asked) >= 30


def test_replies_have_every_key_that_recorded_ones_have(
    scene: Scene, recorded: list[Exchange]
) -> None:
    lacking = {}
    for one in recorded:
        reply = scene.ask(one.kind, **{k: v for k, v in replayed(one).items() if k != "type"})
        is_map = one.kind in NAMED_BY_COIN
        found = missing(shape_of(reply, is_map=is_map), shape_of(one.reply, is_map=is_map))
        found = [at for at in found if at not in RETIRED | ELSEWHERE]
        if found or (one.reply and not reply and one.kind not in EMPTY_HERE):
            lacking[one.name] = found or "nothing at all"

    assert lacking == {}


def test_replies_have_no_key_and_no_type_that_recorded_ones_have_not(
    scene: Scene, recorded: list[Exchange], known: dict[str, Shape]
) -> None:
    strange: dict[str, set[str]] = {}
    for one in recorded:
        reply = scene.ask(one.kind, **{k: v for k, v in replayed(one).items() if k != "type"})
        ours = shape_of(reply, is_map=one.kind in NAMED_BY_COIN)
        if found := foreign(ours, known[one.kind]):
            strange.setdefault(one.kind, set()).update(found)

    assert strange == NEWER


def test_a_wrong_key_or_type_would_be_found(scene: Scene, known: dict[str, Shape]) -> None:
    shape = known["clearinghouseState"]
    good = scene.ask("clearinghouseState", user=MASTER)
    renamed, retyped, nulled = (copy.deepcopy(good) for _ in range(3))
    renamed["assetPositions"][0]["position"]["size"] = "1.0"
    del renamed["assetPositions"][0]["position"]["szi"], renamed["assetPositions"][1]
    retyped["marginSummary"]["accountValue"] = 12.5
    nulled["withdrawable"] = None

    assert foreign(shape_of(renamed), shape) == [".assetPositions[].position.size"]
    assert ".assetPositions[].position.szi" in missing(shape_of(renamed), shape)
    assert foreign(shape_of(retyped), shape) == [".marginSummary.accountValue: float"]
    assert foreign(shape_of(nulled), shape) == [".withdrawable: null"]


def test_keys_come_in_the_order_of_the_newest_recordings(
    scene: Scene, recorded: list[Exchange]
) -> None:
    """Those of the SDK's cassettes are sorted by name, and samples were shortened by hand."""
    apart = {}
    for one in recorded:
        if not one.name.startswith(("go_h", "mcp", "small")) or one.kind in NAMED_BY_COIN:
            continue
        reply = scene.ask(one.kind, **{k: v for k, v in replayed(one).items() if k != "type"})
        found = out_of_order(reply, one.reply)
        if found:
            apart[one.name] = found

    assert apart == {}


def out_of_order(ours: Any, recorded: Any, place: str = "") -> list[str]:
    """Places whose keys, as far as both have them, stand in another order."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        mine = [key for key in ours if key in recorded]
        theirs = [key for key in recorded if key in ours]
        found = [] if mine == theirs else [f"{place}: {mine}, not {theirs}"]
        for key in mine:
            found += out_of_order(ours[key], recorded[key], f"{place}.{key}")
        return found
    if isinstance(ours, list) and isinstance(recorded, list):
        return [
            at
            for mine, theirs in zip(ours, recorded, strict=False)
            for at in out_of_order(mine, theirs, f"{place}[]")
        ]
    return []


def test_refused_requests_get_the_recorded_bodies(scene: Scene, shared_dir: Path) -> None:
    for error in recorded_errors(shared_dir).values():
        reply = scene.answer(error["request"])

        assert reply.status == error["status"]
        assert reply.content_type == error["content_type"]
        assert reply.body.decode() == error["body"]


def test_every_recorded_exchange_decodes_with_our_wire(recorded: list[Exchange]) -> None:
    decoded = [one.kind for one in recorded if decodes(one.kind, one.request, one.reply)]

    assert {kind: decoded.count(kind) for kind in set(decoded)} == {
        "meta": 17, "metaAndAssetCtxs": 4, "perpDexs": 4, "candleSnapshot": 3, "fundingHistory": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "request_of",
    [
        {"type": "meta"},
        {"type": "meta", "dex": "xyz"},
        {"type": "metaAndAssetCtxs"},
        {"type": "metaAndAssetCtxs", "dex": "xyz"},
        {"type": "perpDexs"},
        {"type": "exchangeStatus"},
        {"type": "fundingHistory", "coin": "BTC", "startTime": 0},
        {
            "type": "candleSnapshot",
            "req": {"coin": "BTC", "interval": "1m", "startTime": 0, "endTime": NOW_MS},
        },
    ],
    ids=lambda request: "-".join(str(v) for v in request.values() if isinstance(v, str)),
)
def test_our_replies_decode_with_our_wire(request_of: dict[str, Any]) -> None:
    reply = json.loads(busy().answer(request_of).body)

    assert decodes(request_of["type"], request_of, reply)


def decodes(kind: str, asked: dict[str, Any], reply: Any) -> bool:
    """Is there a decoder, and does it take the reply?  Errors of decoders go through."""
    dex = str(asked.get("dex") or "")
    span = Span(0, 2**53)
    if kind == "meta":
        return len(decode_universe(reply, dex).assets) == len(reply["universe"])
    if kind == "metaAndAssetCtxs":
        return len(decode_snapshot(reply, dex).contexts) == len(reply[1])
    if kind == "perpDexs":
        return decode_dexs(reply)[0] == "" and len(decode_dexs(reply)) == len(reply)
    if kind == "exchangeStatus":
        return decode_time(reply) == reply["time"]
    if kind == "candleSnapshot":
        page = decode_candles(reply, reply[0]["s"], reply[0]["i"], span)
        return page.row_count == len(reply) and page.bad_count == 0
    if kind == "fundingHistory":
        page = decode_funding(reply, reply[0]["coin"], span)
        return page.row_count == len(reply) and math.isfinite(page.values[0, 0])
    return False


def test_a_venue_that_was_traded_on_replies_in_recorded_shapes(known: dict[str, Shape]) -> None:
    """Not rows made by hand: orders, fills, funding and transfers that the exchange made."""
    traded, user = traded_venue()
    fields = {"user": user, "coin": "BTC", "startTime": 0, "dex": "", "oid": CLIENT_ID}
    strange: dict[str, set[str]] = {}
    for kind in sorted(known):
        needed = info.TABLE[kind][0].__struct_encode_fields__
        asked = {name: value for name, value in fields.items() if name in needed}
        if kind == "perpDexLimits":
            asked["dex"] = "xyz"
        if kind not in ("candleSnapshot", "tokenDetails", "maxBuilderFee"):
            reply = traded.info(type=kind, **asked)
            shape = shape_of(json.loads(reply.body), is_map=kind in NAMED_BY_COIN)
            strange[kind] = set(foreign(shape, known[kind])) - NEWER.get(kind, set())

    # Who has no sub-account is answered null; recorded were those who have.
    assert {kind: found for kind, found in strange.items() if found} == {
        "subAccounts": {": null"},
        "subAccounts2": {": null"},
    }
    assert len(strange) >= 27


CLIENT_ID = "0x" + "0" * 31 + "1"


def traded_venue() -> tuple[Box, str]:
    """A venue an hour after a client bought, rested, set a stop, worked a TWAP and moved money."""
    venue = box(dex="xyz", symbols=4)
    trader = venue.trader(usd=1_000_000)
    mark_px = float(json.loads(venue.info(type="metaAndAssetCtxs").body)[1][0]["markPx"])
    above, below, stop = (str(round(mark_px * times)) for times in (1.02, 0.9, 0.8))
    trigger = {"isMarket": True, "triggerPx": stop, "tpsl": "sl"}
    guard = order(is_buy=False, px=str(round(mark_px * 0.7)), size="0.1", reduce_only=True)
    twap = {"a": 1, "b": True, "s": "10", "r": False, "m": 5, "t": False}
    trader.place(order(px=above, size="1", tif="Ioc"), order(px=below, size="1", tif="Ioc"))
    trader.act(
        {
            "type": "order",
            "orders": [
                order(px=below, size="0.1", c=CLIENT_ID),
                guard | {"t": {"trigger": trigger}},
            ],
            "grouping": "normalTpsl",
        }
    )
    trader.act({"type": "twapOrder", "twap": twap})
    trader.act({"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 3})
    venue.apply(MoveToSpot(trader.user, 1_000_000, to_perp=False))
    venue.pass_ms(HOUR_MS + 60_000)
    return venue, trader.user
