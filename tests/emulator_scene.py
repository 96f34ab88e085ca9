"""A small venue made by hand: three coins, a builder's dex, and a user who has done everything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from core.market.bars import DAY_MS, HOUR_MS
from sidecar.emulator.exchange import book, candles
from sidecar.emulator.exchange.state import (
    HOUSE,
    Account,
    Agent,
    Bar,
    Coin,
    FillRow,
    FundingRow,
    LedgerRow,
    Leverage,
    Order,
    Position,
    PublicTrade,
    Quote,
    Tier,
    Trigger,
    Twap,
    VenueState,
)
from sidecar.emulator.exchange.units import MICROS_PER_USD
from sidecar.emulator.wire import info

NOW_MS = 1_790_000_080_000
"""Forty seconds after a whole minute."""
MASTER = "0x" + "ab" * 20
SUB = "0x" + "5b" * 20
AGENT = "0x" + "a9" * 20
NAMED_AGENT = "0x" + "aa" * 20
BUILDER = "0x" + "b1" * 20
STRANGER = "0x" + "57" * 20
CLOID = "0x" + "c1" * 16
HASH = "0x" + "11" * 32
USD = MICROS_PER_USD
LIMIT_OID, STOP_OID, TARGET_OID, ENDED_OID, MARKET_OID = 11, 12, 13, 7, 8


@dataclass
class Past:
    """The market before the venue's start, as given."""

    bars: dict[tuple[str, str], list[Bar]] = field(default_factory=dict)
    rates: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)

    def history(self, coin: str, interval: str, from_ms: int, to_ms: int) -> list[Bar]:
        rows = self.bars.get((coin, interval), [])
        return [bar for bar in rows if from_ms <= bar.open_ms <= to_ms]

    def funding_history(
        self, coin: str, from_ms: int, to_ms: int
    ) -> list[tuple[int, float, float]]:
        return [row for row in self.rates.get(coin, []) if from_ms <= row[0] <= to_ms]


@dataclass
class Scene:
    """What replies are made from."""

    state: VenueState
    tape: Past
    now_ms: int = NOW_MS

    def ask(self, kind: str, **fields: Any) -> Any:
        """The reply to a request, which must succeed."""
        reply = self.answer({"type": kind, **fields})
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def answer(self, request: Any) -> info.InfoReply:
        """The whole reply."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return info.answer(self, body)


def coin(name: str, asset: int, decimals: int, px_ticks: int, **changes: Any) -> Coin:
    """A coin without background liquidity: its book is what a test puts there."""
    values: dict[str, Any] = {
        "name": name,
        "asset": asset,
        "dex": name.partition(":")[0] if ":" in name else "",
        "size_decimals": decimals,
        "leverage_max": 40,
        "margin_table_id": 56,
        "tiers": [Tier(0, 40), Tier(150_000_000 * USD, 20)],
        "quote": Quote(px_ticks),
        "oracle_ticks": px_ticks,
        "mark_ticks": px_ticks,
        "last_ticks": px_ticks,
        "external_ticks": px_ticks,
        "prev_day_ticks": px_ticks * 9 // 10,
        "has_background": False,
    }
    return Coin(**(values | changes))


def rest(state: VenueState, name: str, *, is_buy: bool, ticks: int, lots: int) -> Order:
    """An order of the house in a book."""
    order = Order(
        oid=1_000 + state.next_oid,
        user=HOUSE,
        coin=name,
        is_buy=is_buy,
        limit_ticks=ticks,
        orig_lots=lots,
        lots=lots,
        tif="Alo",
        reduce_only=False,
        placed_ms=NOW_MS,
    )
    state.next_oid += 1
    state.orders[order.oid] = order
    book.rest(state.coins[name], order)
    return order


def bare() -> Scene:
    """BTC, ETH, a builder's xyz:GOLD, two delisted ones, and nobody is there."""
    single = [Tier(0, 10)]
    alone: dict[str, Any] = {"only_isolated": True, "margin_table_id": 10, "tiers": single}
    made = [
        coin("BTC", 0, 5, 806_400),
        coin("ETH", 1, 4, 263_000, margin_table_id=10, tiers=single, leverage_max=10),
        coin("MATIC", 2, 1, 37_540, is_delisted=True, margin_mode="strictIsolated", **alone),
        coin(
            "xyz:GOLD",
            110_000,
            4,
            265_500,
            margin_mode="strictIsolated",
            leverage_max=10,
            growth_mode=True,
            **alone,
        ),
        coin("xyz:OIL", 110_001, 3, 62_000, is_delisted=True, **alone),
    ]
    state = VenueState(seed=1, now_ms=NOW_MS, coins={one.name: one for one in made})
    state.accounts[HOUSE] = Account(HOUSE)
    for name, one in state.coins.items():
        if one.is_delisted:
            continue
        for step in range(3):
            px = one.quote.px_ticks
            rest(state, name, is_buy=True, ticks=px - 10 - 10 * step, lots=100_000 * (step + 1))
            rest(state, name, is_buy=False, ticks=px + 10 * step, lots=200_000 * (step + 1))
        one.funding_rate_1h, one.premium_last = 0.0000125, -0.0005540084
        one.open_interest_lots = 3_629_580_812
        one.hour_volumes[NOW_MS - NOW_MS % HOUR_MS] = (5_626_569_068, 4_490_636_699 * USD)
    return Scene(state, Past())


def busy() -> Scene:
    """The same with trades, bars, funding, and a user with everything that replies can show."""
    scene = bare()
    state = scene.state
    btc = state.coins["BTC"]
    for number in range(15):
        at_ms = NOW_MS - 30_000 + 2_000 * number
        ticks = 806_390 + number
        candles.record(btc, at_ms, ticks, 1_000)
        btc.trades.append(
            PublicTrade(
                "BTC", number % 2 == 0, ticks, 1_000, at_ms, 500 + number, HASH, MASTER, HOUSE
            )
        )
    hour_ms = NOW_MS - NOW_MS % HOUR_MS
    btc.funding += [(hour_ms - HOUR_MS * k + 50, 0.0000125, 0.0001) for k in (2, 1, 0)]
    scene.tape.rates["BTC"] = [(hour_ms - HOUR_MS * k, 0.00002, 0.0003) for k in range(900, 2, -1)]
    minute_ms = NOW_MS - NOW_MS % 60_000
    scene.tape.bars["BTC", "1m"] = [
        Bar(minute_ms - 60_000 * k, 806_000, 806_500, 805_900, 806_100, 10_000, 3)
        for k in range(40, 1, -1)
    ]
    _people(state)
    _orders(state)
    _rows(state)
    return scene


def _people(state: VenueState) -> None:
    account = Account(
        MASTER,
        cash_micros=100_000 * USD,
        spot_micros=25 * USD,
        deposited_micros=100_000 * USD,
        volume_micros=168 * USD + 410_000,
        requests_used=147,
        referrer="FRIEND",
    )
    account.leverages["ETH"] = Leverage("isolated", 10)
    account.positions["BTC"] = Position(50_000, 40_300 * USD, 0, 4_966_798, 0)
    account.cash_micros -= 40_300 * USD
    account.positions["ETH"] = Position(-20_000, 5_280 * USD, 5_808 * USD, 0, 0)
    account.funding_micros["BTC"] = 4_966_798
    far_ms = NOW_MS + 30 * DAY_MS
    account.agents = {"": Agent(AGENT, "", far_ms), "bot": Agent(NAMED_AGENT, "bot", far_ms)}
    account.builders[BUILDER] = 10
    account.day_volumes[NOW_MS - NOW_MS % DAY_MS] = (100 * USD, 68 * USD + 410_000)
    account.equity = [
        (NOW_MS - HOUR_MS * k, (100_000 + k) * USD, (10 - k) * USD) for k in range(60, -1, -1)
    ]
    state.accounts[MASTER] = account
    state.agent_of = {AGENT: (MASTER, ""), NAMED_AGENT: (MASTER, "bot")}
    state.accounts[SUB] = Account(
        SUB, cash_micros=29 * USD, role="subAccount", master=MASTER, name="Test"
    )


def _order(oid: int, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "oid": oid,
        "user": MASTER,
        "coin": "BTC",
        "is_buy": True,
        "limit_ticks": 800_000,
        "orig_lots": 1_000,
        "lots": 1_000,
        "tif": "Gtc",
        "reduce_only": False,
        "placed_ms": NOW_MS - 5_000,
        "status_ms": NOW_MS - 5_000,
    }
    return Order(**(values | changes))


def _orders(state: VenueState) -> None:
    account = state.accounts[MASTER]
    closing = {"is_buy": False, "reduce_only": True, "tif": None, "parent_oid": LIMIT_OID}
    stop = Trigger(780_000, is_market=True, tpsl="sl")
    target = Trigger(850_000, is_market=False, tpsl="tp")
    made = [
        _order(LIMIT_OID, cloid=CLOID, children=[STOP_OID, TARGET_OID]),
        _order(STOP_OID, trigger=stop, limit_ticks=700_000, **closing),
        _order(TARGET_OID, trigger=target, limit_ticks=849_000, **closing),
        _order(ENDED_OID, status="canceled", status_ms=NOW_MS - 60_000, tif="Alo"),
        _order(MARKET_OID, status="filled", status_ms=NOW_MS, tif="FrontendMarket", lots=0),
    ]
    state.orders |= {order.oid: order for order in made}
    account.open_oids = [LIMIT_OID, STOP_OID, TARGET_OID]
    account.ended = [ENDED_OID, MARKET_OID]
    account.cloids[CLOID] = LIMIT_OID
    twap = Twap(3, MASTER, "BTC", True, 50_000, False, 30, False, NOW_MS - 90_000, NOW_MS, 57)
    twap.executed_lots, twap.executed_micros, twap.status_ms = 2_000, 1_612_800_000, NOW_MS - 90_000
    state.twaps[3] = twap


def fill(tid: int, **changes: Any) -> FillRow:
    """A fill of the user."""
    values: dict[str, Any] = {
        "coin": "BTC",
        "ticks": 806_400,
        "lots": 100,
        "is_buy": True,
        "time_ms": NOW_MS - 10_000 + tid,
        "start_lots": 0,
        "dir": "Open Long",
        "closed_pnl_micros": 0,
        "hash": HASH,
        "oid": MARKET_OID,
        "crossed": True,
        "fee_micros": 36_288,
        "tid": tid,
    }
    return FillRow(**(values | changes))


def _rows(state: VenueState) -> None:
    account = state.accounts[MASTER]
    account.fills = [
        fill(1),
        fill(2, cloid=CLOID, builder_fee_micros=806),
        fill(3, twap_id=3, hash="0x" + "0" * 64),
        fill(
            4,
            liquidated_user=MASTER,
            liquidation_mark_ticks=800_000,
            liquidation_method="market",
            is_buy=False,
            dir="Close Long",
            closed_pnl_micros=-640_000,
        ),
    ]
    account.funding = [
        FundingRow(NOW_MS - HOUR_MS * k, "BTC", -503_999, 50_000, 0.0000125) for k in (2, 1)
    ]
    account.ledger = [
        LedgerRow(NOW_MS - DAY_MS, HASH, {"type": "deposit", "usdc": "100000.0"}),
        LedgerRow(
            NOW_MS - HOUR_MS,
            HASH,
            {"type": "accountClassTransfer", "usdc": "25.0", "toPerp": False},
        ),
    ]
