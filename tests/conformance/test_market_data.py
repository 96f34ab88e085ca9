"""venue.md C.3 (market data and history), C.5 (symbols and ids), C.6 (prices and sizes)."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from core.market.bars import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS
from sidecar.emulator.exchange.state import Rules
from sidecar.emulator.exchange.units import is_valid_px
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.tape.synthetic import synthetic_spec, synthetic_tape
from tests.emulator_scene import MASTER, bare, busy, coin, fill
from tests.venue_box import START_MS, Box, Trader, box, order

SYMBOLS = 8
"""Of eight made-up symbols one has ended by noon of the fifth day, and two list late."""


@pytest.fixture
def venue() -> Box:
    """A venue with a builder's dex and four days of history."""
    return box(dex="xyz", symbols=SYMBOLS)


@pytest.fixture(scope="module")
def still() -> Box:
    """The same, for tests that only ask."""
    return box(dex="xyz", symbols=SYMBOLS)


@pytest.fixture
def trader(venue: Box) -> Trader:
    """A key with 100,000 USD."""
    return venue.trader()


def ask(venue: Box, kind: str, **fields: Any) -> Any:
    """The decoded reply to a question, which must be answered."""
    reply = venue.info(type=kind, **fields)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def bars(venue: Box, interval: str, start_ms: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Bars of BTC."""
    span = {"coin": "BTC", "interval": interval, "startTime": start_ms, "endTime": venue.now_ms}
    found: list[dict[str, Any]] = ask(venue, "candleSnapshot", req=span | more)
    return found


def mark(venue: Box, name: str, dex: str = "") -> Decimal:
    """The mark price of a coin."""
    meta, contexts = ask(venue, "metaAndAssetCtxs", dex=dex)
    names = [one["name"] for one in meta["universe"]]
    return Decimal(contexts[names.index(name)]["markPx"])


def test_c3_a_span_of_candles_is_nested_under_req(still: Box) -> None:
    span = {"coin": "BTC", "interval": "1h", "startTime": 0, "endTime": still.now_ms}

    assert still.info(type="candleSnapshot", **span).status == 422
    assert still.info(type="candleSnapshot", req=span).status == 200


@pytest.mark.parametrize("interval", INTERVALS)
def test_c3_every_interval_has_bars_whose_close_is_their_last_millisecond(
    still: Box, interval: str
) -> None:
    found = bars(still, interval)

    assert found
    assert list(found[0]) == ["t", "T", "s", "i", "o", "c", "h", "l", "v", "n"]
    for bar in found:
        assert {type(bar[name]) for name in "sioclhv"} == {str}
        assert {type(bar[name]) for name in "tTn"} == {int}
        assert (bar["s"], bar["i"]) == ("BTC", interval)
        low, high = Decimal(bar["l"]), Decimal(bar["h"])
        assert low <= min(Decimal(bar["o"]), Decimal(bar["c"]))
        assert high >= max(Decimal(bar["o"]), Decimal(bar["c"]))
    for one, other in itertools.pairwise(found):
        assert one["T"] < other["t"]
    if INTERVALS[interval]:
        assert {bar["T"] - bar["t"] + 1 for bar in found} == {INTERVALS[interval]}


def test_c3_other_intervals_are_no_request(still: Box) -> None:
    for interval in ("2m", "1H", "1D", ""):
        span = {"coin": "BTC", "interval": interval, "startTime": 0}
        assert still.info(type="candleSnapshot", req=span).status == 422


def test_c3_only_the_newest_5000_candles_exist(still: Box) -> None:
    found = bars(still, "1m")
    day = bars(still, "1m", start_ms=0, endTime=found[0]["t"] - 1)

    assert len(found) == 5_000
    assert found[-1]["t"] == still.now_ms - still.now_ms % MINUTE_MS
    assert day == []


def test_c3_the_last_candle_forms(venue: Box) -> None:
    venue.pass_ms(90_000)
    first = bars(venue, "1m", venue.now_ms - 5 * MINUTE_MS)
    venue.pass_ms(20_000)
    later = bars(venue, "1m", venue.now_ms - 5 * MINUTE_MS)

    assert first[-1]["t"] <= venue.now_ms - 20_000 < first[-1]["T"]
    assert later[:-1] == [bar for bar in first[:-1] if bar["t"] >= later[0]["t"]]
    assert later[-1]["n"] > first[-1]["n"]
    assert Decimal(later[-1]["v"]) > Decimal(first[-1]["v"])


def test_c3_minutes_without_a_trade_are_absent() -> None:
    scene = busy()
    span = {"coin": "BTC", "interval": "1m", "startTime": scene.now_ms - 10 * MINUTE_MS}

    opens = [bar["t"] for bar in scene.ask("candleSnapshot", req=span)]

    gaps = [(later - earlier) // MINUTE_MS for earlier, later in itertools.pairwise(opens)]
    assert gaps == [1, 1, 1, 1, 1, 1, 1, 1, 2]


def test_c3_finer_candles_make_the_coarser_ones(venue: Box) -> None:
    venue.pass_ms(10 * MINUTE_MS)
    hours = bars(venue, "1h", venue.now_ms - 5 * HOUR_MS)
    minutes = bars(venue, "1m", venue.now_ms - 6 * HOUR_MS)

    for hour in hours:
        within = [bar for bar in minutes if hour["t"] <= bar["t"] < hour["T"]]
        assert hour["o"] == within[0]["o"]
        assert hour["c"] == within[-1]["c"]
        assert Decimal(hour["h"]) == max(Decimal(bar["h"]) for bar in within)
        assert Decimal(hour["l"]) == min(Decimal(bar["l"]) for bar in within)
        assert Decimal(hour["v"]) == sum(Decimal(bar["v"]) for bar in within)


def test_c3_other_ranges_give_500_rows_and_are_paged_by_their_last_time() -> None:
    spec = synthetic_spec(1, 3, START_MS, history_days=30)
    tape = synthetic_tape(spec, START_MS)
    state = tape.first_state(Rules(limits_on=False))
    venue = Box(Gateway(state, tape, Plane()), START_MS)
    seen: list[int] = []
    start = 0
    while rows := ask(venue, "fundingHistory", coin="BTC", startTime=start):
        assert len(rows) <= 500
        seen += [row["time"] for row in rows if not seen or row["time"] > seen[-1]]
        if len(rows) < 500:
            break
        start = rows[-1]["time"]

    assert len(seen) == 30 * 24 + 12
    assert {later - earlier for earlier, later in itertools.pairwise(seen)} == {HOUR_MS}


def test_c3_funding_goes_on_where_history_ends() -> None:
    venue = box(symbols=1)
    venue.pass_ms(2 * HOUR_MS + 60_000)

    rows = ask(venue, "fundingHistory", coin="BTC", startTime=venue.now_ms - 5 * HOUR_MS)

    hours = [row["time"] // HOUR_MS for row in rows]
    assert hours == list(range(hours[0], hours[0] + 5))
    assert all(row["time"] % HOUR_MS < 1_000 for row in rows)


def test_c3_fills_are_2000_a_reply_and_10000_exist_and_orders_2000() -> None:
    scene = busy()
    account = scene.state.accounts[MASTER]
    account.fills = [fill(number, time_ms=number, oid=number) for number in range(10_500)]
    kept = scene.state.orders[account.ended[0]]
    account.ended = list(range(10**6, 10**6 + 2_500))
    scene.state.orders |= {oid: type(kept)(**fields(kept) | {"oid": oid}) for oid in account.ended}

    newest = scene.ask("userFills", user=MASTER)
    oldest = scene.ask("userFillsByTime", user=MASTER, startTime=0)

    assert (len(newest), newest[0]["tid"]) == (2_000, 10_499)
    assert (len(oldest), oldest[0]["tid"]) == (2_000, 500)
    assert len(scene.ask("historicalOrders", user=MASTER)) == 2_000


def fields(of: Any) -> dict[str, Any]:
    """The fields of a structure."""
    return {name: getattr(of, name) for name in of.__struct_fields__}


def test_c3_contexts_are_joined_by_position_and_have_no_names(still: Box) -> None:
    meta, contexts = ask(still, "metaAndAssetCtxs")
    mids = ask(still, "allMids")

    assert len(meta["universe"]) == len(contexts) == SYMBOLS
    for asset, context in zip(meta["universe"], contexts, strict=True):
        assert not {"name", "coin"} & set(context)
        if context["midPx"] is not None:
            assert context["midPx"] == mids[asset["name"]]


def test_c3_only_delisted_coins_have_the_key_and_their_mids_are_null(still: Box) -> None:
    meta, contexts = ask(still, "metaAndAssetCtxs")

    ended = [at for at, asset in enumerate(meta["universe"]) if "isDelisted" in asset]
    assert len(ended) == 1
    for at, (asset, context) in enumerate(zip(meta["universe"], contexts, strict=True)):
        is_ended = at in ended
        assert asset.get("isDelisted", False) is is_ended
        assert (context["midPx"] is None, context["premium"] is None) == (is_ended, is_ended)
    name = meta["universe"][ended[0]]["name"]
    assert ask(still, "l2Book", coin=name)["levels"] == [[], []]


def test_c3_metas_of_all_dexs_are_plain(still: Box) -> None:
    metas = ask(still, "allPerpMetas")

    assert metas == [ask(still, "meta"), ask(still, "meta", dex="xyz")]
    assert all(set(meta) == {"universe", "marginTables", "collateralToken"} for meta in metas)


def test_c3_predicted_funding_names_the_hour_just_settled() -> None:
    venue = box(symbols=1)
    venue.pass_ms(90 * MINUTE_MS)

    rows = ask(venue, "predictedFundings")
    assert [name for name, _ in rows] == ["BTC"]
    for _, venues in rows:
        own = dict(venues)["HlPerp"]
        assert own["nextFundingTime"] == venue.now_ms - venue.now_ms % HOUR_MS
        assert own["nextFundingTime"] <= venue.now_ms


def test_c3_k_coins_are_named_and_priced_as_they_are() -> None:
    scene = bare()
    scene.state.coins["kPEPE"] = coin("kPEPE", 3, 0, 12_345)

    assert scene.ask("meta")["universe"][3]["name"] == "kPEPE"
    assert scene.ask("allMids")["kPEPE"] == "0.012345"
    assert scene.ask("l2Book", coin="KPEPE") is None


def test_c5_a_perpetual_s_id_is_its_place_in_the_universe(venue: Box, trader: Trader) -> None:
    universe = ask(venue, "meta")["universe"]

    for asset, entry in enumerate(universe):
        if "isDelisted" in entry:
            continue
        price = f"{mark(venue, entry['name']) * Decimal('0.9'):.5g}"
        size = f"{Decimal(2_000) / Decimal(price):.{entry['szDecimals']}f}"
        (status,) = trader.place(order(px=_plain(price), size=_plain(size), asset=asset))
        oid = status["resting"]["oid"]
        found = ask(venue, "orderStatus", user=trader.user, oid=oid)
        assert found["order"]["order"]["coin"] == entry["name"]


def test_c5_ids_of_the_first_builder_s_dex_begin_at_110000(venue: Box, trader: Trader) -> None:
    assert [dex and dex["name"] for dex in ask(venue, "perpDexs")] == [None, "xyz"]
    universe = ask(venue, "meta", dex="xyz")["universe"]

    for place, entry in enumerate(universe):
        price = f"{mark(venue, entry['name'], 'xyz') * Decimal('0.9'):.5g}"
        size = f"{Decimal(2_000) / Decimal(price):.{entry['szDecimals']}f}"
        asked = order(px=_plain(price), size=_plain(size), asset=110_000 + place)
        (status,) = trader.place(asked)
        assert "resting" in status
    names = [one["coin"] for one in ask(venue, "openOrders", user=trader.user, dex="xyz")]
    assert sorted(names) == sorted(entry["name"] for entry in universe)
    assert ask(venue, "openOrders", user=trader.user) == []


def _plain(number: str) -> str:
    """Without exponent and trailing zeros."""
    return f"{Decimal(number).normalize():f}"


@pytest.mark.parametrize("asset", [8, 10_000, 100_000, 110_009, 120_000, 100_000_000])
def test_c5_ids_of_nothing_that_trades_are_refused(trader: Trader, asset: int) -> None:
    """Spot pairs are 10000 and up, outcomes 100000000 and up: neither trades here."""
    action = {"type": "order", "orders": [order(px="1", size="20", asset=asset)], "grouping": "na"}

    reply = trader.act(action)

    assert reply["status"] == "err"
    assert str(asset) in reply["response"]


def test_c5_spot_pairs_have_their_index_and_name_their_tokens(still: Box) -> None:
    spot = ask(still, "spotMeta")
    tokens = {token["index"]: token["name"] for token in spot["tokens"]}

    assert [(pair["index"], pair["name"]) for pair in spot["universe"]] == [
        (0, "PURR/USDC"),
        (1, "@1"),
    ]
    assert [tokens[index] for index in spot["universe"][1]["tokens"]] == ["HYPE", "USDC"]
    assert [one["coin"] for one in ask(still, "spotMetaAndAssetCtxs")[1]] == ["PURR/USDC", "@1"]


@pytest.mark.parametrize("name", ["0", "110000", "btc", "GOLD", "xyz:gold", "BTC-PERP"])
def test_c5_coins_are_asked_for_by_their_very_names(still: Box, name: str) -> None:
    assert ask(still, "l2Book", coin=name) is None
    assert still.info(type="recentTrades", coin=name).status == 500


@pytest.mark.parametrize(
    ("ticks", "size_decimals", "is_valid"),
    [
        (1_234_560, 2, False),
        (1_234_500, 2, True),
        (12_345_670_000, 2, True),
        (12_345_670, 1, False),
        (12_345_600_000, 1, True),
        (12_345, 0, True),
        (123_456, 0, False),
        (1, 0, True),
        (0, 0, False),
        (-10_000, 2, False),
    ],
)
def test_c6_prices_have_five_digits_but_whole_ones_any(
    ticks: int, size_decimals: int, is_valid: bool
) -> None:
    """Ticks are 10^-(6 - size decimals) USD: finer ones cannot be said at all."""
    assert is_valid_px(ticks, size_decimals) is is_valid


def test_c6_mark_and_oracle_prices_may_have_more_digits(venue: Box) -> None:
    digits = set()
    for _ in range(20):
        venue.pass_ms(3_000)
        _, contexts = ask(venue, "metaAndAssetCtxs")
        digits |= {len(contexts[0]["markPx"].replace(".", "").strip("0"))}

    assert max(digits) > 5


def test_c6_sizes_are_multiples_of_their_decimals(venue: Box, trader: Trader) -> None:
    entry = ask(venue, "meta")["universe"][0]
    price = _plain(f"{mark(venue, 'BTC') * Decimal('0.9'):.5g}")
    step = Decimal(1).scaleb(-entry["szDecimals"])
    fits, finer = Decimal("0.01") + step, Decimal("0.01") + step / 10

    taken, refused = trader.place(
        order(px=price, size=_plain(str(fits))), order(px=price, size=_plain(str(finer)))
    )

    assert "resting" in taken
    assert refused == {"error": "Order has invalid size."}


def test_c6_a_whole_close_may_be_small_and_a_part_may_not(venue: Box, trader: Trader) -> None:
    """At some 110,000 USD 0.00021 BTC are 23 USD, 0.00013 are 14, 0.00008 are 9."""
    high = _plain(f"{mark(venue, 'BTC') * Decimal('1.02'):.5g}")
    low = _plain(f"{mark(venue, 'BTC') * Decimal('0.98'):.5g}")
    (opened,) = trader.place(order(px=high, size="0.00021", tif="Ioc"))

    def sell(size: str) -> dict[str, Any]:
        asked = order(is_buy=False, px=low, size=size, tif="Ioc", reduce_only=True)
        status: dict[str, Any] = trader.place(asked)[0]
        return status

    assert "filled" in opened
    assert "filled" in sell("0.00013")
    assert sell("0.00004") == {"error": "Order must have minimum value of $10. asset=0"}
    assert "filled" in sell("0.00008")


def test_c6_the_largest_market_order_depends_on_the_leverage(still: Box) -> None:
    assert ask(still, "maxMarketOrderNtls") == [
        [25, "30000000.0"],
        [20, "5000000.0"],
        [10, "2000000.0"],
        [0, "500000.0"],
    ]


def test_a_history_of_whole_days_ends_with_the_bar_of_today(still: Box) -> None:
    days = bars(still, "1d")

    assert days[-1]["t"] == still.now_ms - still.now_ms % DAY_MS
    assert [later["t"] - one["t"] for one, later in itertools.pairwise(days)] == [DAY_MS] * 4
