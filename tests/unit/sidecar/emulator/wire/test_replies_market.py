"""Prices, books, trades, bars and funding."""

from __future__ import annotations

from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.state import Coin
from tests.emulator_scene import NOW_MS, bare, busy, coin, rest


def test_a_book_shows_twenty_levels_a_side_best_first() -> None:
    scene = bare()
    for step in range(30):
        rest(scene.state, "ETH", is_buy=True, ticks=262_000 - 10 * step, lots=10)
        rest(scene.state, "ETH", is_buy=False, ticks=264_000 + 10 * step, lots=10)

    bids, asks = scene.ask("l2Book", coin="ETH")["levels"]

    assert (len(bids), len(asks)) == (20, 20)
    assert bids[0] == {"px": "2629.9", "sz": "10.0", "n": 1}
    assert [float(level["px"]) for level in bids] == sorted(
        (float(level["px"]) for level in bids), reverse=True
    )
    assert [float(level["px"]) for level in asks] == sorted(float(level["px"]) for level in asks)


def test_orders_at_one_price_are_one_level() -> None:
    scene = bare()
    rest(scene.state, "BTC", is_buy=True, ticks=806_390, lots=50_000)

    bids, _ = scene.ask("l2Book", coin="BTC")["levels"]

    assert bids[0] == {"px": "80639.0", "sz": "1.5", "n": 2}


def test_a_gathered_book_tells_the_true_spread() -> None:
    reply = bare().ask("l2Book", coin="BTC", nSigFigs=3)

    assert reply["spread"] == "1.0"
    assert reply["levels"] == [
        [{"px": "80600.0", "sz": "6.0", "n": 3}],
        [{"px": "80700.0", "sz": "12.0", "n": 3}],
    ]


def test_a_gathered_book_with_one_side_has_no_spread() -> None:
    scene = bare()
    scene.state.coins["BTC"].asks = type(scene.state.coins["BTC"].asks)()

    reply = scene.ask("l2Book", coin="BTC", nSigFigs=5, mantissa=5)

    assert "spread" not in reply
    assert reply["levels"] == [[{"px": "80635.0", "sz": "6.0", "n": 3}], []]


def test_spot_pairs_are_known_and_have_no_book() -> None:
    scene = bare()

    assert scene.ask("l2Book", coin="@1")["levels"] == [[], []]
    assert scene.ask("recentTrades", coin="PURR/USDC") == []
    span = {"coin": "PURR/USDC", "interval": "1h", "startTime": 0}
    assert scene.ask("candleSnapshot", req=span) == []


def test_mids_lie_half_way_and_fall_back_to_the_last_price() -> None:
    mids = bare().ask("allMids")

    assert mids == {
        "@1": "25.0",
        "BTC": "80639.5",
        "ETH": "2629.95",
        "MATIC": "0.3754",
        "PURR/USDC": "0.15",
    }
    assert bare().ask("allMids", dex="xyz") == {"xyz:GOLD": "2654.95", "xyz:OIL": "62.0"}


def test_a_mid_may_need_one_decimal_more_than_a_price() -> None:
    scene = bare()
    rest(scene.state, "BTC", is_buy=True, ticks=806_399, lots=1)

    assert scene.ask("allMids")["BTC"] == "80639.95"


def test_a_context_has_the_day_s_sums_and_the_impact_prices() -> None:
    _, contexts = bare().ask("metaAndAssetCtxs")

    assert contexts[0] == {
        "funding": "0.0000125",
        "openInterest": "36295.80812",
        "prevDayPx": "72576.0",
        "dayNtlVlm": "4490636699.0",
        "premium": "-0.0005540084",
        "oraclePx": "80640.0",
        "markPx": "80640.0",
        "midPx": "80639.5",
        "impactPxs": ["80639.0", "80640.0"],
        "dayBaseVlm": "56265.69068",
    }


def test_volumes_older_than_a_day_are_left_out() -> None:
    scene = bare()
    btc = scene.state.coins["BTC"]
    btc.hour_volumes = {NOW_MS - NOW_MS % 3_600_000 - 24 * 3_600_000: (10**9, 10**9)}

    _, contexts = scene.ask("metaAndAssetCtxs")

    assert (contexts[0]["dayNtlVlm"], contexts[0]["dayBaseVlm"]) == ("0.0", "0.0")


def test_a_coin_that_is_not_listed_yet_is_nowhere() -> None:
    scene = bare()
    scene.state.coins["SOON"] = coin("SOON", 3, 2, 1_000, is_listed=False)

    assert [one["name"] for one in scene.ask("meta")["universe"]] == ["BTC", "ETH", "MATIC"]
    assert "SOON" not in scene.ask("allMids")
    assert scene.ask("l2Book", coin="SOON") is None


def test_a_coin_before_its_listing_keeps_the_places_of_those_behind_it() -> None:
    scene = bare()
    scene.state.coins["ETH"].is_listed = False

    universe, contexts = scene.ask("metaAndAssetCtxs")

    assert [one["name"] for one in universe["universe"]] == ["BTC", "ETH", "MATIC"]
    assert universe["universe"][1]["isDelisted"] is True
    assert contexts[1]["midPx"] is None


def test_bars_of_the_tape_and_of_the_venue_are_one_row() -> None:
    """Nothing traded in the last minute but one."""
    span = {"coin": "BTC", "interval": "1m", "startTime": NOW_MS - 200_000}

    bars = busy().ask("candleSnapshot", req=span)

    assert [bar["t"] for bar in bars] == [NOW_MS - NOW_MS % 60_000 - 60_000 * k for k in (3, 2, 0)]
    assert bars[0] == {
        "t": NOW_MS - NOW_MS % 60_000 - 180_000,
        "T": NOW_MS - NOW_MS % 60_000 - 120_001,
        "s": "BTC",
        "i": "1m",
        "o": "80600.0",
        "c": "80610.0",
        "h": "80650.0",
        "l": "80590.0",
        "v": "0.1",
        "n": 3,
    }


def test_the_end_of_a_span_is_counted_in_and_may_be_absent() -> None:
    scene, minute_ms = busy(), NOW_MS - NOW_MS % 60_000
    span = {"coin": "BTC", "interval": "1m", "startTime": 0}

    whole = scene.ask("candleSnapshot", req=span)
    cut = scene.ask("candleSnapshot", req=span | {"endTime": minute_ms - 120_000})

    assert whole[-1]["t"] == minute_ms
    assert cut[-1]["t"] == minute_ms - 120_000


def test_funding_of_the_tape_comes_before_the_venue_s_and_none_twice() -> None:
    scene = busy()
    own_ms = scene.state.coins["BTC"].funding[0][0]

    rows = scene.ask("fundingHistory", coin="BTC", startTime=own_ms - 2 * 3_600_000)

    assert [row["time"] - own_ms for row in rows] == [
        -3_600_000 - 50, 0, 3_600_000, 7_200_000,
    ]  # fmt: skip
    assert rows[0] == {
        "coin": "BTC",
        "fundingRate": "0.00002",
        "premium": "0.0003",
        "time": own_ms - 3_600_050,
    }


def test_recent_trades_are_the_newest_ten_newest_first() -> None:
    rows = busy().ask("recentTrades", coin="BTC")

    assert [row["tid"] for row in rows] == list(range(514, 504, -1))
    assert [row["side"] for row in rows[:2]] == ["B", "A"]


def test_bars_of_a_month_close_with_the_month() -> None:
    scene = bare()
    btc: Coin = scene.state.coins["BTC"]
    candles.record(btc, NOW_MS, 806_400, 10)

    (bar,) = scene.ask("candleSnapshot", req={"coin": "BTC", "interval": "1M", "startTime": 0})

    assert bar["T"] + 1 - bar["t"] == 30 * 86_400_000
