"""Stream messages about one user."""

from __future__ import annotations

import json
from typing import Any

from core.market.bars import DAY_MS
from sidecar.emulator.exchange.events import Liquidated
from sidecar.emulator.wire import frames_user
from tests.emulator_scene import (
    AGENT,
    LIMIT_OID,
    MASTER,
    NOW_MS,
    STOP_OID,
    STRANGER,
    Scene,
    busy,
)

UPPER = "0x" + MASTER[2:].upper()


def data_of(text: str, channel: str) -> Any:
    """The data of a message of that channel."""
    message = json.loads(text)
    assert message["channel"] == channel
    return message["data"]


def test_orders_come_with_their_status() -> None:
    scene = busy()
    order = scene.state.orders[LIMIT_OID]

    (told,) = data_of(frames_user.order_updates(scene, [order]), "orderUpdates")

    assert told["order"] == scene.ask("openOrders", user=MASTER)[-1]
    assert (told["status"], told["statusTimestamp"]) == ("open", NOW_MS - 5_000)


def snapshots(scene: Scene, user: str) -> dict[str, Any]:
    """The first message of each channel that has history, by the name of its rows."""
    return {
        "fills": data_of(frames_user.user_fills_snapshot(scene, user), "userFills"),
        "fundings": data_of(frames_user.user_fundings_snapshot(scene, user), "userFundings"),
        "nonFundingLedgerUpdates": data_of(
            frames_user.ledger_updates_snapshot(scene, user), "userNonFundingLedgerUpdates"
        ),
        "twapSliceFills": data_of(
            frames_user.twap_slice_fills_snapshot(scene, user), "userTwapSliceFills"
        ),
        "history": data_of(frames_user.twap_history_snapshot(scene, user), "userTwapHistory"),
        "orderHistory": data_of(frames_user.historical_orders(scene, user), "userHistoricalOrders"),
    }


def test_first_messages_are_snapshots_and_name_the_user_in_lower_case() -> None:
    scene = busy()
    rows = {
        "fills": scene.ask("userFills", user=MASTER),
        "fundings": [
            {"time": row["time"], **{k: v for k, v in row["delta"].items() if k != "type"}}
            for row in scene.ask("userFunding", user=MASTER)[::-1]
        ],
        "nonFundingLedgerUpdates": scene.ask("userNonFundingLedgerUpdates", user=MASTER)[::-1],
        "twapSliceFills": scene.ask("userTwapSliceFills", user=MASTER),
        "history": scene.ask("twapHistory", user=MASTER),
        "orderHistory": scene.ask("historicalOrders", user=MASTER),
    }

    for name, data in snapshots(scene, UPPER).items():
        assert data == {"isSnapshot": True, "user": MASTER, name: rows[name]}
        assert rows[name], name


def test_snapshots_of_nobody_are_empty() -> None:
    for name, data in snapshots(busy(), STRANGER).items():
        assert data == {"isSnapshot": True, "user": STRANGER, name: []}


def test_later_messages_have_no_mark_of_a_snapshot() -> None:
    scene = busy()
    account = scene.state.accounts[MASTER]
    twaps = list(scene.state.twaps.values())
    later = {
        "userFills": frames_user.user_fills(scene, MASTER, account.fills[:1]),
        "userFundings": frames_user.user_fundings(scene, MASTER, account.funding[:1]),
        "userNonFundingLedgerUpdates": frames_user.ledger_updates(
            scene, MASTER, account.ledger[:1]
        ),
        "userTwapSliceFills": frames_user.twap_slice_fills(scene, MASTER, account.fills[2:3]),
        "userTwapHistory": frames_user.twap_history(scene, MASTER, twaps),
        "userHistoricalOrders": frames_user.historical_orders(
            scene, MASTER, [scene.state.orders[LIMIT_OID]]
        ),
    }

    for channel, text in later.items():
        data = data_of(text, channel)
        (name,) = set(data) - {"user"}
        assert (data["user"], len(data[name])) == (MASTER, 1), channel


def test_events_arrive_on_the_channel_user_one_kind_at_a_time() -> None:
    scene = busy()
    account = scene.state.accounts[MASTER]
    liquidated = Liquidated(MASTER, 5, 12_500_000, 806_400_000, is_backstop=False)
    texts = {
        "fills": frames_user.event_fills(scene, account.fills),
        "funding": frames_user.event_funding(scene, account.funding[0]),
        "liquidation": frames_user.event_liquidation(scene, liquidated),
        "nonUserCancel": frames_user.event_cancels(scene, [scene.state.orders[STOP_OID]]),
        "twapHistory": frames_user.event_twap(scene, list(scene.state.twaps.values())),
        "twapSliceFills": frames_user.event_twap_fills(scene, account.fills[2:3]),
    }

    told = {name: data_of(text, "user") for name, text in texts.items()}

    assert {name: list(data) for name, data in told.items()} == {name: [name] for name in texts}
    assert told["nonUserCancel"]["nonUserCancel"] == [{"coin": "BTC", "oid": STOP_OID}]
    assert told["liquidation"]["liquidation"]["liquidated_ntl_pos"] == "806.4"
    assert told["liquidation"]["liquidation"]["liquidated_account_value"] == "12.5"
    assert told["funding"]["funding"]["coin"] == "BTC"
    assert told["fills"]["fills"] == scene.ask("userFillsByTime", user=MASTER, startTime=0)


def test_states_equal_the_replies_of_http() -> None:
    scene = busy()
    margin = data_of(frames_user.clearinghouse_state(scene, UPPER), "clearinghouseState")
    orders = data_of(frames_user.open_orders(scene, UPPER), "openOrders")
    spot = data_of(frames_user.spot_state(scene, UPPER), "spotState")
    room = data_of(frames_user.active_asset_data(scene, UPPER, "BTC"), "activeAssetData")
    page = data_of(frames_user.web_data2(scene, UPPER), "webData2")

    state = scene.ask("clearinghouseState", user=MASTER)
    assert margin == {"dex": "", "user": MASTER, "clearinghouseState": state}
    front = scene.ask("frontendOpenOrders", user=MASTER)
    assert orders == {"dex": "", "user": MASTER, "orders": front}
    balances = scene.ask("spotClearinghouseState", user=MASTER)
    assert spot == {"user": MASTER, "spotState": balances}
    assert room == scene.ask("activeAssetData", user=MASTER, coin="BTC")
    assert page == scene.ask("webData2", user=MASTER)


def test_states_of_all_dexs_are_named() -> None:
    scene = busy()

    data = data_of(
        frames_user.all_dexs_clearinghouse_state(scene, MASTER), "allDexsClearinghouseState"
    )

    assert data["user"] == MASTER
    assert [dex for dex, _ in data["clearinghouseStates"]] == ["", "xyz"]
    assert data["clearinghouseStates"][0][1] == scene.ask("clearinghouseState", user=MASTER)


def test_running_twaps_are_told_by_dex() -> None:
    scene = busy()

    here = data_of(frames_user.twap_states(scene, MASTER), "twapStates")
    there = data_of(frames_user.twap_states(scene, MASTER, "xyz"), "twapStates")

    assert here["states"] == [[3, scene.ask("twapHistory", user=MASTER)[0]["state"]]]
    assert there == {"dex": "xyz", "user": MASTER, "states": []}
    scene.state.twaps[3].status = "finished"
    assert data_of(frames_user.twap_states(scene, MASTER), "twapStates")["states"] == []


def test_the_newer_page_tells_until_when_the_agent_is_valid() -> None:
    scene = busy()

    data = data_of(frames_user.web_data3(scene, UPPER), "webData3")

    assert data["userState"] == {
        "agentAddress": AGENT,
        "agentValidUntil": NOW_MS + 30 * DAY_MS,
        "serverTime": NOW_MS,
        "cumLedger": "100000.0",
        "isVault": False,
        "user": MASTER,
        "abstraction": "disabled",
    }
    assert data["perpDexStates"] == [{"totalVaultEquity": "0.0", "perpsAtOpenInterestCap": []}] * 2
    scene.now_ms = NOW_MS + 31 * DAY_MS
    late = data_of(frames_user.web_data3(scene, MASTER), "webData3")["userState"]
    assert (late["agentAddress"], late["agentValidUntil"]) == (None, None)


def test_a_notification_is_a_text() -> None:
    data = data_of(frames_user.notification("liquidated"), "notification")

    assert data == {"notification": "liquidated"}
