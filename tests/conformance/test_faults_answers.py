"""What clients see of faults of what is said; names as in docs/faults.md."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.fault_scene import BTC, HOUR_MS, MINUTE_MS, SECOND_MS, Scene, shows
from tests.venue_box import order


@pytest.fixture
def scene() -> Scene:
    return Scene()


@shows("skew")
def test_a_clock_that_is_off_shows_in_every_answer_and_judges_every_nonce(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    two_days_ms = 2 * 24 * HOUR_MS
    number = scene.fault("skew", by_ms=two_days_ms + MINUTE_MS)
    scene.box.pass_ms(10 * SECOND_MS)

    assert scene.ask("exchangeStatus")["time"] > scene.box.now_ms + two_days_ms
    assert all(one["data"]["time"] > scene.box.now_ms for one in wire.heard("bbo"))
    refused = scene.trader.act({"type": "noop"})
    assert refused["status"] == "err"
    assert "nonce" in refused["response"]

    scene.box.gateway.plane.remove(number)
    scene.box.pass_ms(SECOND_MS)
    assert scene.trader.act({"type": "noop"})["status"] == "ok"
    assert scene.ask("exchangeStatus")["time"] <= scene.box.now_ms


@shows("jump")
def test_the_served_clock_jumps_and_jumps_back(scene: Scene) -> None:
    plane = scene.box.gateway.plane
    scene.fault("jump", by_ms=-90_000, after_s=10, for_s=10)
    offsets = []
    for _ in range(3):
        offsets.append(plane.clock_offset_ms(scene.box.now_ms))
        scene.box.pass_ms(10 * SECOND_MS)

    assert offsets == [0, -90_000, 0]


@shows("empty")
def test_an_account_seems_empty_while_it_holds_a_position(scene: Scene) -> None:
    scene.buy()
    scene.rest()
    scene.fault("empty", user=scene.user, for_s=10)

    account = scene.ask("clearinghouseState", user=scene.user)
    assert account["assetPositions"] == []
    assert account["marginSummary"]["accountValue"] == "0.0"
    assert scene.ask("openOrders", user=scene.user) == []
    assert scene.ask("userFills", user=scene.user) == []
    assert scene.lots() == 1_000

    scene.box.pass_ms(10 * SECOND_MS)
    assert len(scene.ask("clearinghouseState", user=scene.user)["assetPositions"]) == 1


@shows("partial_list")
def test_lists_lack_their_end(scene: Scene) -> None:
    for coin in range(2):
        px = ("113000", "6700")[coin]
        scene.trader.place(order(px=px, size="0.1", tif="Ioc", asset=coin))
    whole = scene.ask("clearinghouseState", user=scene.user)["assetPositions"]
    scene.fault("partial_list", frac=0.5, type="clearinghouseState")

    told = scene.ask("clearinghouseState", user=scene.user)["assetPositions"]

    assert (len(whole), len(told)) == (2, 1)
    assert len(scene.ask("userFills", user=scene.user)) == 2


@shows("meta_shift")
def test_asset_ids_mean_other_symbols_than_before(scene: Scene) -> None:
    scene.fault("meta_shift", coin=BTC, for_s=60)

    names = [one["name"] for one in scene.ask("meta")["universe"]]
    universe, contexts = scene.ask("metaAndAssetCtxs")
    assert names[:2] == ["ETH", BTC]
    assert [one["name"] for one in universe["universe"]] == names
    assert float(contexts[1]["markPx"]) > 10 * float(contexts[0]["markPx"])

    (status,) = scene.trader.place(order(px="113000", size="0.01", tif="Ioc", asset=1))
    assert status["filled"]["totalSz"] == "0.01"
    assert scene.lots() == 1_000

    scene.box.pass_ms(60 * SECOND_MS)
    assert scene.ask("meta")["universe"][0]["name"] == BTC


@shows("fee")
def test_fees_are_told_higher_than_they_were(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("userFills", user=scene.user)
    scene.fault("fee", factor=3.0)

    scene.buy()
    (message,) = wire.heard("userFills")
    (row,) = scene.ask("userFills", user=scene.user)

    taken_usd = scene.account.fills[0].fee_micros / 1e6
    assert float(row["fee"]) == pytest.approx(3 * taken_usd)
    assert message["data"]["fills"][0]["fee"] == row["fee"]


@shows("badfill")
def test_fills_are_told_beyond_the_limit_of_their_order(scene: Scene) -> None:
    scene.fault("badfill", bps=100.0)
    scene.buy()
    scene.trader.place(order(is_buy=False, px="111000", size="0.01", tif="Ioc", reduce_only=True))

    sold, bought = sorted(scene.ask("userFills", user=scene.user), key=lambda row: row["side"])

    assert float(bought["px"]) > 113_000
    assert float(sold["px"]) < 111_100
    assert [fill.ticks < 1_130_000 for fill in scene.account.fills] == [True, True]


@shows("glitch")
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_price_glitches_in_one_source_of_one_symbol(scene: Scene, factor: float) -> None:
    wire = scene.box.connect()
    true_px = float(scene.ask("allMids")[BTC])
    eth_px = scene.ask("allMids")["ETH"]
    scene.fault("glitch", factor=factor, coin=BTC, type="allMids")
    scene.fault("glitch", factor=factor, coin=BTC, channel="bbo")
    scene.fault("glitch", factor=factor, coin=BTC, type="candleSnapshot")
    wire.subscribe("bbo", coin=BTC)
    wire.subscribe("bbo", coin="ETH")
    wire.subscribe("trades", coin=BTC)
    scene.box.pass_ms(5 * MINUTE_MS)

    mids = scene.ask("allMids")
    quotes = wire.heard()
    bids = {one["data"]["coin"]: one["data"]["bbo"][0] for one in quotes if "bbo" in one["data"]}
    *_, spoiled, forming = scene.bars()
    assert float(mids[BTC]) == pytest.approx(factor * true_px, rel=0.05)
    assert float(mids["ETH"]) == pytest.approx(float(eth_px), rel=0.05)
    assert float(bids[BTC]["px"]) == pytest.approx(factor * true_px, rel=0.05)
    assert float(bids["ETH"]["px"]) == pytest.approx(float(eth_px), rel=0.05)
    assert float(spoiled["c"]) == pytest.approx(factor * true_px, rel=0.05)
    assert float(forming["c"]) == pytest.approx(true_px, rel=0.05)
    assert float(scene.ask("l2Book", coin=BTC)["levels"][0][0]["px"]) == pytest.approx(
        true_px, rel=0.05
    )


@shows("empty_book")
@pytest.mark.parametrize("how", ["empty", "one_side", "crossed"])
def test_the_book_is_told_without_sides_or_crossed(scene: Scene, how: str) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    scene.fault("empty_book", how=how, coin=BTC)
    scene.box.pass_ms(10 * SECOND_MS)

    bids, asks = scene.ask("l2Book", coin=BTC)["levels"]
    bid, ask = wire.heard("bbo")[-1]["data"]["bbo"]

    assert (bool(bids), bool(asks)) == (how != "empty", how == "crossed")
    assert (bid is not None, ask is not None) == (how != "empty", how == "crossed")
    if how == "crossed":
        assert float(bids[0]["px"]) > float(asks[0]["px"])
        assert float(bid["px"]) > float(ask["px"])
    assert scene.ask("l2Book", coin="ETH")["levels"][0]
    assert "filled" in scene.buy()[0]


def opens(bars: list[dict[str, Any]]) -> list[int]:
    return [bar["t"] // MINUTE_MS for bar in bars]


@shows("gap")
def test_bars_are_missing_before_the_newest(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("candle", coin=BTC, interval="1m")
    scene.fault("gap", rows=4, coin=BTC, for_s=150)
    scene.box.pass_ms(2 * MINUTE_MS)

    told = opens(scene.bars())
    assert wire.heard("candle") == []
    assert told[-1] - told[-2] == 5
    scene.box.pass_ms(MINUTE_MS)
    healed = opens(scene.bars())
    assert {after - before for before, after in pairwise(healed)} == {1}


@shows("revise")
def test_a_closed_bar_was_wrong_and_is_corrected_late(scene: Scene) -> None:
    scene.box.pass_ms(3 * MINUTE_MS)
    scene.fault("revise", bps=80.0, for_s=30)
    wrong = scene.bars()[-2]
    scene.box.pass_ms(30 * SECOND_MS)
    right = next(bar for bar in scene.bars() if bar["t"] == wrong["t"])

    assert float(wrong["c"]) == pytest.approx(1.008 * float(right["c"]), rel=1e-4)
    assert float(wrong["l"]) <= float(wrong["c"]) <= float(wrong["h"])


@shows("dup_bar")
def test_a_bar_comes_twice_with_two_contents(scene: Scene) -> None:
    scene.box.pass_ms(3 * MINUTE_MS)
    scene.fault("dup_bar")

    *_, first, second, forming = scene.bars()

    assert first["t"] == second["t"] < forming["t"]
    assert first["c"] != second["c"]


@shows("wrong_iv")
def test_bars_carry_the_label_of_another_interval(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("candle", coin=BTC, interval="1m")
    scene.fault("wrong_iv", interval="1h")
    scene.box.pass_ms(2 * MINUTE_MS)

    assert {bar["i"] for bar in scene.bars()} == {"1h"}
    assert {one["data"]["i"] for one in wire.heard("candle")} == {"1h"}
