"""Thousands of random actions on a whole venue: no micro is lost, and a second set of books agrees.

The second set knows nothing of margin, modes or books.  It adds up, in decimals, what the venue
told each user: deposits, transfers, fills with their fees, funding.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, field

from sidecar.emulator.exchange import liquidation, machine, margin
from sidecar.emulator.exchange.events import (
    Event,
    FillSeen,
    FundingPaid,
    LedgerMoved,
    Liquidated,
    Rejected,
)
from sidecar.emulator.exchange.requests import (
    ApproveBuilder,
    BuyRequests,
    Cancel,
    ChangeMargin,
    CreateSubAccount,
    Elapse,
    Fund,
    Move,
    Moved,
    MoveToSpot,
    MoveToSubAccount,
    OrderSpec,
    Place,
    Request,
    Send,
    SetLeverage,
    SetMode,
    StartTwap,
)
from sidecar.emulator.exchange.state import (
    HOUSE,
    Account,
    Coin,
    Leverage,
    Position,
    Tier,
    Trigger,
    VenueState,
)
from sidecar.emulator.exchange.units import px_step_ticks, px_text, size_text, usd_text
from tests.emulator_scene import coin as a_coin

START_MS = 1_790_000_040_000
USERS = ["0x" + f"{number:02x}" * 20 for number in range(16, 24)]
BUILDER = "0x" + "bb" * 20
USD = 1_000_000
CENT = Decimal("0.01")


def market() -> VenueState:
    """A deep coin in tiers, one that clients make alone, one of a dex with isolated margin."""
    coins = [
        a_coin("BTC", 0, 5, 500_000, has_background=True),
        a_coin("DUST", 1, 1, 50_000, tiers=[Tier(0, 10), Tier(20_000 * USD, 5)], leverage_max=10),
        a_coin(
            "xyz:GOLD",
            110_000,
            4,
            200_000,
            tiers=[Tier(0, 20)],
            leverage_max=20,
            only_isolated=True,
            has_background=True,
        ),
    ]
    state = VenueState(seed=3, now_ms=START_MS, coins={one.name: one for one in coins})
    state.accounts[HOUSE] = Account(HOUSE)
    return state


class Ledger(Struct):
    """What one user was told, added up.  `basis` is what the open position of a coin cost."""

    money: Decimal = Decimal(0)
    sizes: dict[str, Fraction] = field(default_factory=dict)
    basis: dict[str, Fraction] = field(default_factory=dict)


class Books(Struct):
    """The second set of books."""

    state: VenueState
    of: dict[str, Ledger] = field(default_factory=dict)
    fills_checked: int = 0
    liquidated: set[str] = field(default_factory=set)

    def user(self, address: str) -> Ledger:
        return self.of.setdefault(address, Ledger())

    def read(self, request: Request, events: list[Event]) -> None:
        """Adds up one step."""
        self.liquidated = {event.user for event in events if isinstance(event, Liquidated)}
        if isinstance(request, BuyRequests) and not isinstance(events[-1], Rejected):
            self.user(request.user).money -= Decimal(request.count) * Decimal("0.0005")
        for event in events:
            if isinstance(event, FillSeen):
                self.fill(event)
            elif isinstance(event, FundingPaid):
                self.user(event.user).money += Decimal(usd_text(event.row.micros))
            elif isinstance(event, LedgerMoved):
                self.move(event)

    def move(self, event: LedgerMoved) -> None:
        row = event.row.delta
        usdc = Decimal(str(row.get("usdc", 0)))
        fee = Decimal(str(row.get("fee", 0)))
        match row["type"]:
            case "deposit":
                self.user(event.user).money += usdc
            case "withdraw":
                self.user(event.user).money -= usdc + fee
            case "internalTransfer" | "subAccountTransfer":
                sent = event.user == row["user"]
                self.user(event.user).money += -usdc if sent else usdc - fee
            case other:
                assert other in ("accountClassTransfer", "liquidation"), other

    def fill(self, event: FillSeen) -> None:
        row, own = event.fill, self.user(event.user)
        decimals = self.state.coins[row.coin].size_decimals
        px, size = Decimal(px_text(row.ticks, decimals)), Decimal(size_text(row.lots, decimals))
        side = 1 if row.is_buy else -1
        own.money -= side * px * size + Decimal(usd_text(row.fee_micros))
        if row.builder_fee_micros:
            self.user(BUILDER).money += Decimal(usd_text(row.builder_fee_micros))
        held = own.sizes.get(row.coin, Fraction(0))
        assert held == Fraction(size_text(row.start_lots, decimals)), row
        basis = own.basis.get(row.coin, Fraction(0))
        signed = side * Fraction(size)
        closed = min(abs(held), abs(signed)) if held * signed < 0 else Fraction(0)
        cost = basis * closed / abs(held) if closed else Fraction(0)
        pnl = (1 if held > 0 else -1) * (Fraction(px) * closed - cost)
        assert abs(pnl - Fraction(usd_text(row.closed_pnl_micros))) < Fraction(CENT), row
        own.basis[row.coin] = basis - cost + Fraction(px) * (abs(signed) - closed)
        own.sizes[row.coin] = held + signed
        self.fills_checked += 1

    def compare(self) -> None:
        """Every user's money and positions are as told.  Only the money of one who was liquidated
        in this step may differ: the backstop or the insurance has it, which the audit knows."""
        for address, own in self.of.items():
            account = self.state.accounts[address]
            held = {name: p.lots for name, p in account.positions.items()}
            told = {
                name: int(size * 10 ** self.state.coins[name].size_decimals)
                for name, size in own.sizes.items()
                if size
            }
            assert held == told
            money = account.cash_micros + account.spot_micros
            money += sum(p.isolated_micros for p in account.positions.values())
            found = Decimal(usd_text(money))
            if address in self.liquidated:
                own.money = found
            assert abs(found - own.money) < CENT, (address, found, own.money)


def grid(coin: Coin, ticks: int) -> int:
    """The nearest valid price below."""
    ticks = max(ticks, 10)
    return ticks - ticks % px_step_ticks(ticks, coin.size_decimals)


def some_order(draw: Random, state: VenueState, coin: Coin) -> OrderSpec:
    is_buy = draw.random() < 0.5
    away = draw.choice([0, 1, 5, 20, 80, -1, -10]) * (-1 if is_buy else 1)
    ticks = grid(coin, coin.mark_ticks + coin.mark_ticks * away // 1_000)
    usd = draw.choice([15, 200, 3_000, 20_000, 150_000])
    trigger = None
    if draw.random() < 0.1:
        level = grid(coin, coin.mark_ticks * draw.choice([95, 98, 102, 105]) // 100)
        trigger = Trigger(level, is_market=True, tpsl=draw.choice(["tp", "sl"]))
        ticks = grid(coin, level * (108 if is_buy else 92) // 100)
    return OrderSpec(
        asset=coin.asset,
        is_buy=is_buy,
        limit_ticks=ticks,
        lots=max(1, usd * USD // ticks),
        reduce_only=draw.random() < 0.15,
        tif=None if trigger else draw.choice(["Gtc", "Gtc", "Ioc", "Ioc", "Alo"]),
        trigger=trigger,
    )


def some_move(draw: Random, state: VenueState) -> Moved:
    """The market goes a little way, and now and then far."""
    moves = []
    for coin in state.coins.values():
        far = draw.choice([1, 1, 1, 1, 2, 5, 60])
        px = max(1_000, coin.quote.px_ticks * (10_000 + draw.randint(-20, 20) * far) // 10_000)
        px = grid(coin, px)
        oracle = max(1, px + draw.randint(-px // 500, px // 500))
        rate = draw.choice([None, None, None, 0.004, -0.01])
        lots = draw.choice([0, 5, 500_000])
        moves.append(Move(coin.name, px, lots, oracle, px, rate))
    return Moved(tuple(moves))


def some_request(draw: Random, state: VenueState) -> Request:
    user = draw.choice(USERS)
    account = state.accounts[user]
    coin = draw.choice(list(state.coins.values()))
    micros = draw.choice([1, 7 * USD, 400 * USD, 5_000 * USD])
    kind = draw.choices(
        ["place", "move", "cancel", "money", "lever", "margin", "mode", "twap", "wait"],
        [60, 20, 8, 12, 5, 4, 1, 1, 2],
    )[0]
    match kind:
        case "place":
            builder = BUILDER if draw.random() < 0.1 else None
            orders = tuple(some_order(draw, state, coin) for _ in range(draw.randint(1, 2)))
            return Place(user, orders, builder=builder, builder_fee_tenths=30 if builder else 0)
        case "move":
            return some_move(draw, state)
        case "cancel":
            oids = account.open_oids or [1]
            oid = draw.choice(oids)
            asset = state.coins[state.orders[oid].coin].asset if oid in state.orders else 0
            return Cancel(user, ((asset, oid),))
        case "lever":
            mode = draw.choice(["cross", "isolated"])
            return SetLeverage(user, coin.asset, mode, draw.choice([1, 3, 10, 20, 40]))
        case "margin":
            sign = draw.choice([1, -1])
            return ChangeMargin(user, coin.asset, is_buy=True, micros=sign * micros)
        case "mode":
            return SetMode(user, draw.choice(["standard", "unified", "portfolio"]))
        case "twap":
            return StartTwap(user, coin.asset, draw.random() < 0.5, 10_000, False, 5, False)
        case "wait":
            return Elapse()
    return some_transfer(draw, state, user, micros)


def some_transfer(draw: Random, state: VenueState, user: str, micros: int) -> Request:
    other = draw.choice(USERS)
    subs = [account.address for account in state.accounts.values() if account.master == user]
    return draw.choice(
        [
            Fund(user, 20_000 * USD),
            Fund(user, -micros),
            Send(user, other, micros),
            Send(user, None, micros, "withdraw"),
            MoveToSpot(user, micros, to_perp=draw.random() < 0.5),
            BuyRequests(user, draw.randint(1, 1_000)),
            CreateSubAccount(user, "sub"),
            MoveToSubAccount(
                user, draw.choice(subs or [other]), micros, is_deposit=draw.random() < 0.5
            ),
        ]
    )


class Run(Struct):
    """How far a run went and what it met."""

    kinds: Counter[str]
    fills: int
    words: Counter[str]


def run(seed: int, count: int) -> Run:
    """So many actions; money, positions and the second books are compared after each."""
    draw = Random(seed)
    state = market()
    books = Books(state)
    now_ms = START_MS
    kinds: Counter[str] = Counter()
    words: Counter[str] = Counter()
    first = [Fund(user, draw.choice([50, 2_000, 60_000]) * USD) for user in USERS]
    allowed = [ApproveBuilder(user, BUILDER, 50) for user in USERS]
    opening: list[Request] = [*first, *allowed]
    for number in range(count + len(opening)):
        request = opening[number] if number < len(opening) else some_request(draw, state)
        now_ms += draw.choice([1, 40, 1_000, 6_000])
        if isinstance(request, Elapse):
            now_ms += draw.choice([30_000] * 5 + [3_600_000])
        events = machine.step(state, now_ms, request)
        books.read(request, events)
        assert margin.audit(state) == 0, (number, request)
        assert margin.positions_off(state) == {}, (number, request)
        books.compare()
        kinds[type(request).__name__] += 1
        kinds.update(type(event).__name__ for event in events)
        words.update(event.fill.dir for event in events if isinstance(event, FillSeen))
    return Run(kinds, books.fills_checked, words)


def test_money_is_conserved_to_the_micro_and_a_second_set_of_books_agrees() -> None:
    runs = [run(seed, 2_500) for seed in range(4)]

    kinds = sum((found.kinds for found in runs), Counter())
    words = sum((found.words for found in runs), Counter())
    assert sum(found.fills for found in runs) > 4_000
    for kind in ("FillSeen", "FundingPaid", "LedgerMoved", "Liquidated", "Rejected"):
        assert kinds[kind] > 50, kinds
    for word in ("Open Long", "Close Short", "Long > Short", "Short > Long", "Auto-Deleveraging"):
        assert words[word] > 0, words
    assert any(word.startswith("Liquidated Cross") for word in words)
    assert any(word.startswith("Liquidated Isolated") for word in words)


@st.composite
def tiers(draw: st.DrawFn) -> list[Tier]:
    """One to three tiers, each with a lower leverage than the one before."""
    count = draw(st.integers(1, 3))
    most = sorted(draw(st.sets(st.integers(1, 50), min_size=count, max_size=count)), reverse=True)
    bounds = sorted(
        draw(st.sets(st.integers(10_000, 10_000_000), min_size=count - 1, max_size=count - 1))
    )
    return [Tier(bound * USD, best) for bound, best in zip([0, *bounds], most, strict=True)]


@given(
    tiers=tiers(),
    lots=st.integers(1, 10**8),
    side=st.sampled_from([1, -1]),
    cash_usd=st.integers(-1_000_000, 20_000_000),
    is_isolated=st.booleans(),
)
def test_an_account_is_below_maintenance_on_one_side_of_its_liquidation_price_only(
    tiers: list[Tier], lots: int, side: int, cash_usd: int, is_isolated: bool
) -> None:
    coin = a_coin("BTC", 0, 5, 500_000, tiers=tiers, leverage_max=tiers[0].leverage_max)
    account = Account(USERS[0])
    state = VenueState(seed=1, now_ms=0, coins={"BTC": coin}, accounts={USERS[0]: account})
    raw = cash_usd * USD - side * lots * coin.mark_ticks
    account.positions["BTC"] = Position(side * lots, lots * coin.mark_ticks)
    account.leverages["BTC"] = Leverage("isolated" if is_isolated else "cross", 1)
    if is_isolated:
        account.positions["BTC"].isolated_micros = raw
    else:
        account.cash_micros = raw

    def is_low(ticks: int) -> bool:
        coin.mark_ticks = ticks
        pool = liquidation.Pool(account, "BTC" if is_isolated else None)
        return pool.value_micros(state) < pool.maintenance_micros(state)

    px = margin.liquidation_px(state, account, "BTC")

    if px is None:
        assert is_low(1) is (side < 0)
        return
    ticks = round(px * 10)
    slack = 2 + ticks // 10**9
    assert is_low(max(1, ticks - side * slack)) or ticks - side * slack < 1
    assert not is_low(ticks + side * slack) or ticks + side * slack < 1


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 110))
def test_money_is_conserved_over_ten_thousand_actions(seed: int) -> None:
    assert run(seed, 10_000).fills > 2_000
