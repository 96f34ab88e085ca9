"""Margin, positions, balances, ledgers, curves."""

from __future__ import annotations

import pytest

from core.market.bars import DAY_MS, HOUR_MS
from sidecar.emulator.exchange.state import FundingRow, Leverage, Position
from tests.emulator_scene import MASTER, NOW_MS, STRANGER, SUB, USD, Scene, bare, busy

ZEROS = {
    "accountValue": "0.0",
    "totalNtlPos": "0.0",
    "totalRawUsd": "0.0",
    "totalMarginUsed": "0.0",
}


def positions(scene: Scene, user: str = MASTER, dex: str = "") -> dict[str, dict[str, object]]:
    """Positions by coin."""
    state = scene.ask("clearinghouseState", user=user, dex=dex)
    return {one["position"]["coin"]: one["position"] for one in state["assetPositions"]}


def test_who_never_was_here_has_nothing() -> None:
    assert bare().ask("clearinghouseState", user=STRANGER) == {
        "marginSummary": ZEROS,
        "crossMarginSummary": ZEROS,
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "0.0",
        "assetPositions": [],
        "time": NOW_MS,
    }


def test_sums_are_those_of_the_positions() -> None:
    """Cash 100,000; 0.5 BTC bought at 80,600, isolated 2 ETH sold at 2,640 with 528 of margin."""
    state = busy().ask("clearinghouseState", user=MASTER)

    assert state["marginSummary"] == {
        "accountValue": "100568.0",
        "totalNtlPos": "45580.0",
        "totalRawUsd": "65508.0",
        "totalMarginUsed": "2564.0",
    }
    assert state["crossMarginSummary"] == {
        "accountValue": "100020.0",
        "totalNtlPos": "40320.0",
        "totalRawUsd": "59700.0",
        "totalMarginUsed": "2016.0",
    }
    assert state["crossMaintenanceMarginUsed"] == "504.0"


def test_a_cross_position_shows_what_it_cost_and_gains() -> None:
    assert positions(busy())["BTC"] == {
        "coin": "BTC",
        "szi": "0.5",
        "leverage": {"type": "cross", "value": 20},
        "entryPx": "80600.0",
        "positionValue": "40320.0",
        "unrealizedPnl": "20.0",
        "returnOnEquity": "0.0099255583",
        "liquidationPx": None,
        "marginUsed": "2016.0",
        "maxLeverage": 40,
        "cumFunding": {"allTime": "4.966798", "sinceOpen": "4.966798", "sinceChange": "0.0"},
    }


def test_an_isolated_short_has_its_own_money() -> None:
    """Sold for 5,280 with 528 of margin: 5,808 in hand, 5,260 to pay, 548 of equity."""
    eth = positions(busy())["ETH"]

    assert eth["szi"] == "-2.0"
    assert eth["leverage"] == {"type": "isolated", "value": 10, "rawUsd": "5808.0"}
    assert (eth["unrealizedPnl"], eth["marginUsed"]) == ("20.0", "548.0")
    assert eth["returnOnEquity"] == "0.0378787879"
    assert float(str(eth["liquidationPx"])) == pytest.approx(5_808 / (2 * 1.05))


def test_positions_of_another_dex_are_asked_for_there() -> None:
    scene = busy()
    account = scene.state.accounts[MASTER]
    account.leverages["xyz:GOLD"] = Leverage("isolated", 10)
    account.positions["xyz:GOLD"] = Position(10_000, 2_655 * USD, -2_389_500_000, 0, 0)

    assert "xyz:GOLD" not in positions(scene)
    assert set(positions(scene, dex="xyz")) == {"xyz:GOLD"}
    there = scene.ask("clearinghouseState", user=MASTER, dex="xyz")
    assert there["marginSummary"]["accountValue"] == "265.5"
    assert there["crossMarginSummary"] == ZEROS
    assert there["withdrawable"] == "0.0"


def test_closed_positions_are_not_shown() -> None:
    scene = busy()
    scene.state.accounts[MASTER].positions["BTC"] = Position()

    assert set(positions(scene)) == {"ETH"}


def test_a_unified_account_s_money_is_on_the_spot_side() -> None:
    scene = bare()
    scene.state.accounts[SUB] = account = busy().state.accounts[SUB]
    account.mode, account.cash_micros, account.spot_micros = "unified", 0, 500 * USD

    state = scene.ask("clearinghouseState", user=SUB)
    (balance,) = scene.ask("spotClearinghouseState", user=SUB)["balances"]

    assert state["marginSummary"] == ZEROS
    assert state["withdrawable"] == "0.0"
    assert (balance["total"], balance["hold"]) == ("500.0", "0.0")


def test_a_unified_account_holds_back_what_positions_use() -> None:
    """1 BTC at 80,640 with leverage 20 holds 4,032; it gains 40."""
    scene = bare()
    scene.state.accounts[SUB] = account = busy().state.accounts[SUB]
    account.mode, account.cash_micros, account.spot_micros = "unified", -80_600 * USD, 90_000 * USD
    account.positions["BTC"] = Position(100_000, 80_600 * USD, 0, 0, 0)

    state = scene.ask("clearinghouseState", user=SUB)
    (balance,) = scene.ask("spotClearinghouseState", user=SUB)["balances"]

    assert state["marginSummary"]["accountValue"] == "4072.0"
    assert state["withdrawable"] == "40.0"
    assert (balance["total"], balance["hold"]) == ("90040.0", "4032.0")


def test_spot_balances_are_those_that_are_there() -> None:
    scene = busy()

    assert scene.ask("spotClearinghouseState", user=SUB) == {"balances": []}
    assert scene.ask("spotClearinghouseState", user=MASTER)["balances"] == [
        {"coin": "USDC", "token": 0, "total": "25.0", "hold": "0.0", "entryNtl": "0.0"}
    ]


def test_room_to_trade_is_larger_on_the_side_that_closes() -> None:
    room = busy().ask("activeAssetData", user=MASTER, coin="BTC")
    buy, sell = (float(size) for size in room["maxTradeSzs"])
    buy_usd, sell_usd = (float(usd) for usd in room["availableToTrade"])

    assert sell > buy > 0
    assert buy_usd == pytest.approx(buy * 80_640 / 20)
    assert sell_usd == pytest.approx(sell * 80_640 / 20)
    assert room["leverage"] == {"type": "cross", "value": 20}
    assert room["markPx"] == "80640.0"


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (None, None, 2),
        (NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS, 2),
        (NOW_MS - 2 * HOUR_MS + 1, None, 1),
        (0, NOW_MS - HOUR_MS - 1, 1),
        (NOW_MS, None, 0),
    ],
)
def test_payments_are_paged_by_time_with_both_ends(
    start: int | None, end: int | None, count: int
) -> None:
    rows = busy().ask("userFunding", user=MASTER, startTime=start, endTime=end)

    assert len(rows) == count


def test_a_payment_says_what_was_paid_for() -> None:
    row = busy().ask("userFunding", user=MASTER, startTime=0)[0]

    assert row["delta"] == {
        "type": "funding",
        "coin": "BTC",
        "usdc": "-0.503999",
        "szi": "0.5",
        "fundingRate": "0.0000125",
        "nSamples": None,
    }


def test_no_page_of_payments_is_longer_than_500() -> None:
    scene = busy()
    scene.state.accounts[MASTER].funding = [
        FundingRow(1_000 * number, "BTC", 1, 1, 0.0) for number in range(1_200)
    ]
    seen: list[int] = []
    start = 0
    while rows := scene.ask("userFunding", user=MASTER, startTime=start):
        assert len(rows) <= 500
        seen += [row["time"] for row in rows if row["time"] not in seen]
        if len(rows) < 500:
            break
        start = rows[-1]["time"]

    assert seen == [1_000 * number for number in range(1_200)]


def test_the_ledger_has_deltas_as_they_were_written() -> None:
    rows = busy().ask("userNonFundingLedgerUpdates", user=MASTER, startTime=NOW_MS - HOUR_MS)

    assert [row["delta"] for row in rows] == [
        {"type": "accountClassTransfer", "usdc": "25.0", "toPerp": False}
    ]


def test_sub_accounts_are_listed_with_their_state_or_null() -> None:
    scene = busy()

    (sub,) = scene.ask("subAccounts", user=MASTER)

    assert (sub["name"], sub["subAccountUser"], sub["master"]) == ("Test", SUB, MASTER)
    assert sub["clearinghouseState"]["marginSummary"]["accountValue"] == "29.0"
    assert sub["spotState"] == {"balances": []}
    assert scene.ask("subAccounts", user=SUB) is None


def test_sub_accounts_are_also_told_by_dex_and_with_their_mode() -> None:
    scene = busy()

    (sub,) = scene.ask("subAccounts2", user=MASTER)

    states = dict(sub["dexToClearinghouseState"])
    assert list(states) == ["", "xyz"]
    assert states[""]["marginSummary"]["accountValue"] == "29.0"
    assert sub["abstraction"] == "disabled"
    assert scene.ask("subAccounts2", user=SUB) is None


def test_in_portfolio_mode_what_no_position_uses_is_lent() -> None:
    """500 USDC; 0.01 BTC at 80,640 with leverage 20 uses 40.32 and must keep 10.08."""
    scene = busy()
    account = scene.state.accounts[SUB]
    account.mode, account.cash_micros, account.spot_micros = "portfolio", -806 * USD, 500 * USD
    account.positions["BTC"] = Position(1_000, 806 * USD, 0, 0, 0)

    reply = scene.ask("spotClearinghouseState", user=SUB)

    assert reply["portfolioMarginEnabled"] is True
    (balance,) = reply["balances"]
    assert (balance["total"], balance["hold"]) == ("500.4", "40.32")
    assert (balance["supplied"], balance["ltv"]) == ("500.0", "0.0")
    assert reply["tokenToAvailableAfterMaintenance"] == [[0, "490.32"]]
    assert float(reply["portfolioMarginRatio"]) == pytest.approx(10.08 / 500.4)


def test_curves_begin_at_their_period_with_no_profit() -> None:
    curves = dict(busy().ask("portfolio", user=MASTER))

    assert list(curves) == [
        "day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime",
    ]  # fmt: skip
    day, week = curves["day"], curves["week"]
    assert day["accountValueHistory"][0] == [NOW_MS - DAY_MS, "100024.0"]
    assert day["pnlHistory"][0] == [NOW_MS - DAY_MS, "0.0"]
    assert day["pnlHistory"][-1] == [NOW_MS, "24.0"]
    assert week["pnlHistory"][-1] == [NOW_MS, "60.0"]
    assert (day["vlm"], curves["allTime"]["vlm"]) == ("168.41", "168.41")
    assert curves["perpDay"] == day


def test_long_curves_are_thinned_and_end_now() -> None:
    scene = busy()
    scene.state.accounts[MASTER].equity = [
        (HOUR_MS * number, USD * number, USD) for number in range(1_000)
    ]

    curve = dict(scene.ask("portfolio", user=MASTER))["allTime"]

    assert len(curve["accountValueHistory"]) == len(curve["pnlHistory"]) <= 101
    assert curve["accountValueHistory"][0] == [0, "0.0"]
    assert curve["pnlHistory"][0] == [0, "1.0"]
    # 100,568 on the side of perpetuals and 25 on the other, of 100,000 that came in.
    assert curve["accountValueHistory"][-1] == [NOW_MS, "100593.0"]
    assert curve["pnlHistory"][-1] == [NOW_MS, "593.0"]


def test_who_never_was_here_has_no_curve() -> None:
    for _, curve in bare().ask("portfolio", user=STRANGER):
        assert curve == {"accountValueHistory": [], "pnlHistory": [], "vlm": "0.0"}
