"""The official Python SDK, unmodified, trades on a running emulator as it does on the venue.

The emulator is the real program in a process of its own; only its base address is given to the SDK.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import eth_account
import pytest
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.signing import (
    get_timestamp_ms,
    order_request_to_order_wire,
    order_wires_to_order_action,
    sign_l1_action,
)
from hyperliquid.utils.types import Cloid

from tests.conftest import REPOSITORY

WALLET = eth_account.Account.from_key("0x" + "0a" * 32)
USER = WALLET.address
"""With a checksum, as wallets write it."""
POOR = eth_account.Account.from_key("0x" + "0b" * 32)
READY_S = 60.0
HEARD_S = 12.0


@contextmanager
def emulator(*options: str) -> Iterator[dict[str, Any]]:
    """A running emulator and what it printed when it was ready."""
    command = [sys.executable, "-m", "cli", "emulator", "--port", "0", "--json", *options]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    alarm = threading.Timer(READY_S, process.kill)
    alarm.start()
    try:
        line = process.stdout.readline()
        alarm.cancel()
        assert line, f"the emulator ended with {process.wait()}"
        yield json.loads(line)
    finally:
        alarm.cancel()
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with emulator("--seed", "1", "--fund", f"{USER}=100000") as ready:
        yield ready["http"]


@pytest.fixture(scope="module")
def exchange(base_url: str) -> Iterator[Exchange]:
    client = Exchange(WALLET, base_url, timeout=10)
    yield client
    client.session.close()
    client.info.session.close()


@pytest.fixture
def info(exchange: Exchange) -> Info:
    return exchange.info


@dataclass
class Heard:
    """Messages of a subscription, as the SDK hands them over."""

    messages: list[Any] = field(default_factory=list)
    condition: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, message: Any) -> None:
        with self.condition:
            self.messages.append(message)
            self.condition.notify_all()

    def wait(self, is_it: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first message of this kind; fails when none comes in time."""
        with self.condition:
            found = self.condition.wait_for(lambda: any(map(is_it, self.messages)), timeout=HEARD_S)
            assert found, self.messages
            return next(message for message in self.messages if is_it(message))


@pytest.fixture
def streams(base_url: str) -> Iterator[Info]:
    """An SDK client with its WebSocket."""
    client = Info(base_url, timeout=10)
    yield client
    manager: Any = client.ws_manager
    # Its reader sleeps up to 10 s in `select` when its socket is closed under it; an end of file
    # wakes it.
    manager.ws.sock.sock.shutdown(socket.SHUT_RDWR)
    manager.join(timeout=10)
    assert not manager.is_alive()
    client.disconnect_websocket()
    client.session.close()


def status_of(reply: Any, kind: str = "order") -> Any:
    """The only status of a batch of one."""
    assert reply["status"] == "ok", reply
    assert reply["response"]["type"] == kind
    (status,) = reply["response"]["data"]["statuses"]
    return status


def position_of(info: Info, coin: str = "BTC") -> float:
    positions = info.user_state(USER)["assetPositions"]
    return sum(
        float(one["position"]["szi"]) for one in positions if one["position"]["coin"] == coin
    )


def passive_px(info: Info, coin: str = "BTC") -> float:
    """A price well below the market that every tick allows."""
    return round(float(info.all_mids()[coin]) * 0.9, -2)


def test_it_learns_the_market(info: Info) -> None:
    meta = info.meta()
    names = [coin["name"] for coin in meta["universe"]]
    assert names[:2] == ["BTC", "ETH"]
    assert [info.name_to_asset(name) for name in names] == list(range(len(names)))
    tables = dict(meta["marginTables"])
    for coin in meta["universe"]:
        number = coin["marginTableId"]
        tier = tables[number]["marginTiers"][0] if number > 50 else {"maxLeverage": number}
        assert tier["maxLeverage"] == coin["maxLeverage"]
    assert len(info.meta_and_asset_ctxs()[1]) == len(names)
    assert set(names) <= set(info.all_mids())
    book = info.l2_snapshot("BTC")
    bids, asks = book["levels"]
    assert float(bids[0]["px"]) < float(asks[0]["px"])
    now_ms = get_timestamp_ms()
    assert abs(book["time"] - now_ms) < 5_000
    candles = info.candles_snapshot("BTC", "1m", now_ms - 3_600_000, now_ms)
    assert 59 <= len(candles) <= 61
    assert info.funding_history("BTC", now_ms - 10 * 3_600_000)
    assert info.spot_meta()["tokens"]
    assert len(info.spot_meta_and_asset_ctxs()) == 2
    assert info.perp_dexs()[0] is None


def test_it_knows_its_account(info: Info) -> None:
    summary = info.user_state(USER)["marginSummary"]
    assert float(summary["accountValue"]) > 90_000
    assert info.user_role(USER) == {"role": "user"}
    assert info.user_fees(USER)["userCrossRate"] == "0.00045"
    assert info.user_rate_limit(USER)["nRequestsCap"] >= 10_000
    assert info.spot_user_state(USER)["balances"] is not None
    assert info.query_sub_accounts(USER) in (None, [])
    assert info.extra_agents(USER) == []
    assert info.user_state(POOR.address)["assetPositions"] == []


def test_an_order_is_placed_looked_up_modified_and_canceled(exchange: Exchange, info: Info) -> None:
    px = passive_px(info)
    status = status_of(exchange.order("BTC", True, 0.01, px, {"limit": {"tif": "Gtc"}}))
    oid = status["resting"]["oid"]

    (mine,) = [order for order in info.open_orders(USER) if order["oid"] == oid]
    assert (mine["coin"], mine["side"], float(mine["limitPx"])) == ("BTC", "B", px)
    found = info.query_order_by_oid(USER, oid)
    assert (found["status"], found["order"]["status"]) == ("order", "open")

    status = status_of(
        exchange.modify_order(oid, "BTC", True, 0.02, px - 100, {"limit": {"tif": "Gtc"}})
    )
    new_oid = status["resting"]["oid"]
    assert new_oid != oid
    assert info.query_order_by_oid(USER, oid)["order"]["status"] == "canceled"
    (mine,) = info.frontend_open_orders(USER)
    assert (mine["oid"], float(mine["sz"]), float(mine["limitPx"])) == (new_oid, 0.02, px - 100)

    assert status_of(exchange.cancel("BTC", new_oid), "cancel") == "success"
    assert info.open_orders(USER) == []
    words = status_of(exchange.cancel("BTC", new_oid), "cancel")["error"]
    assert words.startswith("Order was never placed, already canceled, or filled.")


def test_an_order_is_named_by_its_client(exchange: Exchange, info: Info) -> None:
    cloid = Cloid.from_str("0x000000000000000000000000000000ab")
    px = passive_px(info)
    kind = {"limit": {"tif": "Alo"}}
    status = status_of(exchange.order("BTC", True, 0.01, px, kind, cloid=cloid))
    assert status["resting"]["cloid"] == cloid.to_raw()
    assert info.query_order_by_cloid(USER, cloid)["order"]["order"]["cloid"] == cloid.to_raw()

    status = status_of(exchange.modify_order(cloid, "BTC", True, 0.01, px - 100, kind, cloid=cloid))
    assert status["resting"]["cloid"] == cloid.to_raw()
    assert status_of(exchange.cancel_by_cloid("BTC", cloid), "cancel") == "success"
    assert info.query_order_by_cloid(USER, cloid)["order"]["status"] == "canceled"
    unknown = Cloid.from_int(12345)
    assert info.query_order_by_cloid(USER, unknown) == {"status": "unknownOid"}


def test_it_opens_and_closes_at_the_market(exchange: Exchange, info: Info) -> None:
    filled = status_of(exchange.market_open("BTC", True, 0.05))["filled"]
    assert float(filled["totalSz"]) == 0.05
    assert position_of(info) == 0.05
    assert abs(float(filled["avgPx"]) / float(info.all_mids()["BTC"]) - 1) < 0.01

    filled = status_of(exchange.market_close("BTC"))["filled"]
    assert float(filled["totalSz"]) == 0.05
    assert position_of(info) == 0.0
    fills = info.user_fills(USER)
    assert {fill["dir"] for fill in fills} == {"Open Long", "Close Long"}
    assert sum(float(fill["fee"]) for fill in fills) > 0
    assert info.user_fills_by_time(USER, get_timestamp_ms() - 60_000)
    assert info.historical_orders(USER)


def test_stops_wait_for_their_price(exchange: Exchange, info: Info) -> None:
    px = passive_px(info)
    status_of(exchange.market_open("BTC", True, 0.05))
    stop = {"trigger": {"triggerPx": px, "isMarket": True, "tpsl": "sl"}}
    order = {"coin": "BTC", "is_buy": False, "sz": 0.05, "limit_px": px - 1_000}
    order |= {"order_type": stop, "reduce_only": True}
    reply = exchange.bulk_orders([order], grouping="positionTpsl")
    assert status_of(reply) == "waitingForTrigger"
    (waiting,) = info.frontend_open_orders(USER)
    assert (waiting["isTrigger"], waiting["orderType"]) == (True, "Stop Market")
    assert float(waiting["triggerPx"]) == px

    status_of(exchange.market_close("BTC"))
    assert info.frontend_open_orders(USER) == []


def test_it_sets_leverage_and_isolated_margin(exchange: Exchange, info: Info) -> None:
    assert exchange.update_leverage(5, "ETH", is_cross=False)["status"] == "ok"
    status_of(exchange.market_open("ETH", True, 1.0))
    try:
        (eth,) = [
            one["position"]
            for one in info.user_state(USER)["assetPositions"]
            if one["position"]["coin"] == "ETH"
        ]
        assert (eth["leverage"]["type"], eth["leverage"]["value"]) == ("isolated", 5)
        before = float(eth["marginUsed"])
        assert exchange.update_isolated_margin(50.0, "ETH")["status"] == "ok"
        after = info.user_state(USER)["assetPositions"][0]["position"]
        assert float(after["marginUsed"]) == pytest.approx(before + 50.0, abs=5.0)
    finally:
        status_of(exchange.market_close("ETH"))
    words = exchange.update_leverage(1_000, "ETH")
    assert words["status"] == "err"


def test_it_is_refused_in_the_words_of_the_venue(exchange: Exchange, info: Info) -> None:
    limit = {"limit": {"tif": "Gtc"}}
    words = exchange.schedule_cancel(get_timestamp_ms() + 10_000)
    assert words["status"] == "err"
    assert words["response"].startswith("Cannot set scheduled cancel time until enough volume")
    error = status_of(exchange.order("BTC", True, 0.00001, passive_px(info), limit))["error"]
    assert error.startswith("Order must have minimum value of $10.")
    error = status_of(exchange.order("BTC", True, 0.01, 12345.67, limit))["error"]
    assert error.startswith("Price must be divisible by tick size.")
    mid = float(info.all_mids()["BTC"])
    alo = {"limit": {"tif": "Alo"}}
    error = status_of(exchange.order("BTC", True, 0.01, round(mid * 1.05, -2), alo))["error"]
    assert error.startswith("Post only order would have immediately matched, bbo was ")
    ioc = {"limit": {"tif": "Ioc"}}
    error = status_of(exchange.order("BTC", True, 0.01, passive_px(info), ioc))["error"]
    assert error.startswith("Order could not immediately match against any resting orders.")
    error = status_of(exchange.order("BTC", False, 0.01, round(mid * 1.1, -2), limit, True))[
        "error"
    ]
    assert error.startswith("Reduce only order would increase position.")


def test_a_stranger_is_told_who_it_is(base_url: str) -> None:
    client = Exchange(POOR, base_url, timeout=10)
    words = client.update_leverage(3, "BTC")
    assert words["status"] == "err"
    assert words["response"].startswith("User or API Wallet 0x")
    words = client.usd_transfer(1.0, USER.lower())
    address = POOR.address.lower()
    assert words["response"] == f"Must deposit before performing actions. User: {address}"
    client.session.close()
    client.info.session.close()


def test_an_agent_trades_for_it(exchange: Exchange, info: Info, base_url: str) -> None:
    reply, key = exchange.approve_agent("robot")
    assert reply == {"status": "ok", "response": {"type": "default"}}
    agent = eth_account.Account.from_key(key)
    (listed,) = info.extra_agents(USER)
    assert (listed["name"], listed["address"]) == ("robot", agent.address.lower())
    assert info.user_role(agent.address)["role"] == "agent"

    client = Exchange(agent, base_url, account_address=USER, timeout=10)
    px = passive_px(info)
    status = status_of(client.order("BTC", True, 0.01, px, {"limit": {"tif": "Gtc"}}))
    assert [order["oid"] for order in info.open_orders(USER)] == [status["resting"]["oid"]]
    assert status_of(client.cancel("BTC", status["resting"]["oid"]), "cancel") == "success"
    client.session.close()
    client.info.session.close()


def test_it_sets_itself_up_as_clients_do(exchange: Exchange) -> None:
    builder = eth_account.Account.from_key("0x" + "0c" * 32).address
    done = {"status": "ok", "response": {"type": "default"}}
    assert exchange.approve_builder_fee(builder, "0.01%") == done
    assert exchange.set_referrer("PERPKIT") == done
    assert exchange.noop(get_timestamp_ms() - 5_000) == done
    assert exchange.usd_class_transfer(10.0, False) == done
    assert exchange.usd_class_transfer(10.0, True) == done
    assert exchange.usd_transfer(5.0, builder.lower()) == done
    filled = exchange.market_open("BTC", True, 0.01, builder={"b": builder, "f": 10})
    assert "filled" in status_of(filled)
    assert "filled" in status_of(exchange.market_close("BTC"))


def test_an_action_after_its_time_is_refused(exchange: Exchange) -> None:
    exchange.set_expires_after(get_timestamp_ms() - 1_000)
    try:
        assert exchange.update_leverage(3, "BTC")["response"] == "Action already expired"
        exchange.set_expires_after(get_timestamp_ms() + 10_000)
        assert exchange.update_leverage(3, "BTC")["status"] == "ok"
    finally:
        exchange.set_expires_after(None)


MARKET: list[tuple[dict[str, Any], str]] = [
    ({"type": "allMids"}, "allMids"),
    ({"type": "l2Book", "coin": "BTC"}, "l2Book"),
    ({"type": "bbo", "coin": "BTC"}, "bbo"),
    ({"type": "candle", "coin": "BTC", "interval": "1m"}, "candle"),
    ({"type": "activeAssetCtx", "coin": "BTC"}, "activeAssetCtx"),
    ({"type": "activeAssetData", "user": USER, "coin": "BTC"}, "activeAssetData"),
    ({"type": "userFills", "user": USER}, "userFills"),
    ({"type": "userFundings", "user": USER}, "userFundings"),
    ({"type": "userNonFundingLedgerUpdates", "user": USER}, "userNonFundingLedgerUpdates"),
    ({"type": "webData2", "user": USER}, "webData2"),
]


def test_its_streams_arrive(
    streams: Info, exchange: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = {}
    for subscription, channel in MARKET:
        heard[channel] = Heard()
        streams.subscribe(subscription, heard[channel])
    trades, events, orders = Heard(), Heard(), Heard()
    streams.subscribe({"type": "trades", "coin": "BTC"}, trades)
    streams.subscribe({"type": "userEvents", "user": USER}, events)
    streams.subscribe({"type": "orderUpdates", "user": USER}, orders)
    for channel, messages in heard.items():
        assert messages.wait()["channel"] == channel
    begun = len(heard["activeAssetCtx"].messages)
    heard["activeAssetCtx"].wait(lambda _: len(heard["activeAssetCtx"].messages) > begun)

    oid = status_of(exchange.market_open("BTC", True, 0.01))["filled"]["oid"]
    status_of(exchange.market_close("BTC"))

    assert any(
        fill["oid"] == oid
        for fill in events.wait(lambda one: "fills" in one["data"])["data"]["fills"]
    )
    orders.wait(lambda one: any(row["order"]["oid"] == oid for row in one["data"]))
    heard["userFills"].wait(lambda one: any(fill["oid"] == oid for fill in one["data"]["fills"]))
    trades.wait(lambda one: any(USER.lower() in trade.get("users", ()) for trade in one["data"]))
    printed = capsys.readouterr().out
    unexpected = [line for line in printed.splitlines() if "subscriptionResponse" not in line]
    assert unexpected == []


def test_it_can_leave_a_stream(streams: Info) -> None:
    mids = Heard()
    subscription: Any = {"type": "allMids"}
    number = streams.subscribe(subscription, mids)
    mids.wait()

    assert streams.unsubscribe(subscription, number)


def test_an_order_goes_over_the_socket_too(streams: Info, exchange: Exchange) -> None:
    """The SDK has no call for it, so its own socket sends what it signed."""
    mids = Heard()
    streams.subscribe({"type": "allMids"}, mids)
    mids.wait()
    replies = Heard()
    manager: Any = streams.ws_manager
    manager.ws.on_message = lambda _socket, text: replies(json.loads(text))
    nonce = get_timestamp_ms()
    wire = order_request_to_order_wire(
        {
            "coin": "BTC",
            "is_buy": True,
            "sz": 0.01,
            "limit_px": passive_px(exchange.info),
            "order_type": {"limit": {"tif": "Gtc"}},
            "reduce_only": False,
        },
        0,
    )
    action = order_wires_to_order_action([wire])
    payload = {
        "action": action,
        "nonce": nonce,
        "signature": sign_l1_action(WALLET, action, None, nonce, None, False),
        "vaultAddress": None,
    }
    request = {"type": "action", "payload": payload}
    manager.ws.send(json.dumps({"method": "post", "id": 7, "request": request}))

    data = replies.wait(lambda one: one["channel"] == "post")["data"]
    assert data["id"] == 7
    status = status_of(data["response"]["payload"])
    assert status_of(exchange.cancel("BTC", status["resting"]["oid"]), "cancel") == "success"
