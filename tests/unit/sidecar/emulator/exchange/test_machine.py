"""One step after another: time, blocks, what falls due, rules by name."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange import clockwork, machine
from sidecar.emulator.exchange.events import (
    Answered,
    FillSeen,
    HourClosed,
    Rejected,
    Resting,
    Traded,
)
from sidecar.emulator.exchange.requests import (
    Adjust,
    Cancel,
    ClientRequest,
    Elapse,
    Envelope,
    Listed,
    Move,
    Moved,
    Noop,
    Request,
    ScheduleCancel,
)
from tests.exchange_floor import ALICE, BOB, BTC, START_MS, USD, Floor, spec, stop

DAY_MS = 86_400_000


@pytest.fixture
def floor() -> Floor:
    """Two users with money and much volume."""
    made = Floor()
    made.fund(ALICE, BOB)
    for user in (ALICE, BOB):
        made.state.accounts[user].volume_micros = 2_000_000 * USD
    return made


def resting(floor: Floor, user: str = ALICE, **fields: Any) -> int:
    status = floor.order(user, **({"limit_ticks": 590_000} | fields))
    assert isinstance(status, Resting), status
    return status.oid


def test_every_request_has_its_handler() -> None:
    kinds = {*ClientRequest.__args__, *Request.__args__}
    assert kinds == set(machine.HANDLERS)


def test_who_has_no_account_may_do_nothing(floor: Floor) -> None:
    stranger = "0x" + "9" * 40
    words = f"Must deposit before performing actions. User: {stranger}"
    assert floor.error(Cancel(stranger, ((BTC, 1),))) == words
    assert stranger not in floor.state.accounts


def test_a_noop_is_answered(floor: Floor) -> None:
    floor.ask(Noop(ALICE))
    assert floor.the(Answered) == Answered("default")


def test_an_envelope_goes_through_admission_first(floor: Floor) -> None:
    envelope = Envelope(Noop(ALICE), signer=ALICE, nonce=START_MS)
    assert machine.step(floor.state, START_MS, envelope) == [Answered("default")]
    again = machine.step(floor.state, START_MS, envelope)
    assert again == [Rejected(f"Invalid nonce: duplicate nonce {START_MS}")]


def test_time_does_not_go_back(floor: Floor) -> None:
    floor.wait(10_000)
    machine.step(floor.state, floor.now_ms - 5_000, Elapse())
    assert floor.state.now_ms == floor.now_ms


def test_all_trades_of_one_request_share_a_hash_and_no_other_has_it(floor: Floor) -> None:
    floor.fund(ALICE, usd=50_000_000)
    floor.order(ALICE, limit_ticks=620_000, lots=2_000_000, tif="Ioc")
    first = {event.trade.hash for event in floor.all(Traded)}
    assert len(floor.all(Traded)) > 2
    assert first == {event.fill.hash for event in floor.all(FillSeen)}
    floor.order(BOB, limit_ticks=620_000, tif="Ioc")
    second = {event.trade.hash for event in floor.all(Traded)}
    assert (len(first), len(second), len(first | second)) == (1, 1, 2)


def test_the_scheduled_cancel_takes_all_orders_and_no_position(floor: Floor) -> None:
    floor.order(ALICE, limit_ticks=620_000, tif="Ioc")
    closing = {"is_buy": False, "reduce_only": True}
    oids = [
        resting(floor),
        resting(floor, limit_ticks=500_000, trigger=stop(550_000), **closing),
        resting(floor, asset=1, limit_ticks=290_000),
    ]
    kept = resting(floor, BOB)
    floor.ask(ScheduleCancel(ALICE, floor.now_ms + 5_000))
    assert floor.the(Answered) == Answered("default")
    floor.wait(4_999)
    assert floor.told() == []
    floor.wait(1)
    assert floor.told() == [(oid, "scheduledCancel") for oid in oids]
    assert floor.get(kept).status == "open"
    assert floor.held(ALICE) == 1_000
    account = floor.state.accounts[ALICE]
    assert (account.dms_ms, floor.state.armed) == (None, {})
    assert list(account.dms_fired.values()) == [1]


def test_it_takes_waiting_children_too(floor: Floor) -> None:
    closing = {"is_buy": False, "reduce_only": True}
    floor.place(
        ALICE,
        spec(limit_ticks=590_000),
        spec(limit_ticks=500_000, trigger=stop(550_000), **closing),
        grouping="normalTpsl",
    )
    floor.move(590_000, lots=300)
    floor.ask(ScheduleCancel(ALICE, floor.now_ms + 5_000))
    floor.wait(5_000)
    assert [status for _, status in floor.told()] == ["scheduledCancel"] * 2
    assert floor.state.accounts[ALICE].open_oids == []
    assert floor.held(ALICE) == 300


def test_it_may_be_moved_and_taken_back_as_often_as_one_likes(floor: Floor) -> None:
    oid = resting(floor)
    for _ in range(30):
        floor.ask(ScheduleCancel(ALICE, floor.now_ms + 6_000))
        assert floor.the(Answered) == Answered("default")
        floor.wait(3_000)
    floor.ask(ScheduleCancel(ALICE, None))
    floor.wait(60_000)
    assert floor.get(oid).status == "open"
    assert floor.state.accounts[ALICE].dms_fired == {}


def test_it_fires_ten_times_a_day(floor: Floor) -> None:
    for _ in range(10):
        floor.ask(ScheduleCancel(ALICE, floor.now_ms + 5_000))
        floor.wait(5_000)
    refused = ScheduleCancel(ALICE, floor.now_ms + 5_000)
    words = "Too many scheduled cancels triggered for the day. Limit is 10."
    assert floor.error(refused) == words
    floor.ask(ScheduleCancel(BOB, floor.now_ms + 5_000))
    assert floor.the(Answered) == Answered("default")
    floor.now_ms += DAY_MS
    floor.ask(ScheduleCancel(ALICE, floor.now_ms + 5_000))
    assert floor.the(Answered) == Answered("default")


def test_it_is_five_seconds_ahead_at_least(floor: Floor) -> None:
    words = "Scheduled cancel time too early, must be at least 5 seconds from now."
    assert floor.error(ScheduleCancel(ALICE, floor.now_ms + 4_999)) == words


@pytest.mark.parametrize("at_ms", [None, START_MS + 60_000])
def test_setting_and_clearing_it_need_a_million_of_volume(floor: Floor, at_ms: int | None) -> None:
    account = floor.state.accounts[ALICE]
    account.volume_micros = 373_472_050
    assert floor.error(ScheduleCancel(ALICE, at_ms)) == (
        "Cannot set scheduled cancel time until enough volume traded. "
        "Required: $1000000. Traded: $373.47205."
    )
    account.volume_micros = 0
    assert floor.error(ScheduleCancel(ALICE, at_ms)).endswith("Traded: $0.")
    account.volume_micros = 1_000_000 * USD
    floor.ask(ScheduleCancel(ALICE, at_ms))
    assert floor.the(Answered) == Answered("default")


def test_the_premium_is_sampled_every_five_seconds_and_funding_paid_each_hour(
    floor: Floor,
) -> None:
    floor.order(ALICE, limit_ticks=620_000, tif="Ioc")
    one = floor.state.coins["BTC"]
    before = one.premium_count
    floor.wait(60_000)
    assert one.premium_count == before + 12
    hour = clockwork.HOUR_MS
    floor.now_ms = (floor.now_ms // hour + 1) * hour
    floor.ask(Elapse())
    assert {event.coin for event in floor.all(HourClosed)} == {"BTC", "ETH", "DOGE"}
    assert floor.state.next_hour_ms == floor.now_ms + hour
    floor.wait(3 * hour)
    assert len([event for event in floor.all(HourClosed) if event.coin == "BTC"]) == 3


def test_what_falls_due_is_done_in_the_order_of_its_times(floor: Floor) -> None:
    """A cancel due before a slice of the same account leaves nothing of it to trade with."""
    oid = resting(floor, limit_ticks=599_000)
    floor.ask(ScheduleCancel(ALICE, floor.now_ms + 5_000))
    floor.now_ms += 10_000
    floor.ask(Moved((Move("BTC", 590_000, 10, 590_000, 590_000),)))
    assert floor.told()[0] == (oid, "scheduledCancel")
    assert floor.get(oid).status_ms == floor.now_ms - 5_000
    assert floor.held(ALICE) == 0


def test_all_coins_of_one_instant_move_together(floor: Floor) -> None:
    floor.ask(
        Moved(
            (
                Move("BTC", 601_000, 5, 601_000, 601_000),
                Move("ETH", 301_000, 5, 301_000, 301_000),
                Move("NONE", 1, 1, 1, 1),
            )
        )
    )
    assert [event.trade.coin for event in floor.all(Traded)] == ["BTC", "ETH"]
    assert floor.state.coins["ETH"].last_ticks == 301_000


def test_a_coin_is_listed_when_the_tape_says_so(floor: Floor) -> None:
    one = floor.state.coins["ETH"]
    one.is_listed = False
    request = spec(1, limit_ticks=290_000)
    assert isinstance(floor.error(machine.Place(ALICE, (request,))), str)
    floor.move(301_000, lots=3, coin="ETH")
    assert floor.events == []
    floor.ask(Listed("ETH", is_delisted=False))
    resting(floor, asset=1, limit_ticks=290_000)
    assert floor.error(Listed("NONE", is_delisted=False)) == "Unknown coin NONE"


@pytest.mark.parametrize(
    ("what", "value", "coin"),
    [
        ("band_frac", 0.5, None),
        ("band_frac", 1, None),
        ("limits_on", False, None),
        ("post_only_until_ms", 5, None),
        ("is_halted", True, "BTC"),
        ("open_interest_cap_micros", None, "BTC"),
        ("open_interest_cap_micros", 10, "BTC"),
        ("px_ticks", 610_000, "BTC"),
    ],
)
def test_rules_are_changed_by_name(floor: Floor, what: str, value: Any, coin: str | None) -> None:
    floor.ask(Adjust(what, value, coin))
    assert floor.all(Rejected) == []
    if coin is not None:
        one = floor.state.coins[coin]
        place: Any = one if hasattr(one, what) else one.quote
    else:
        place = floor.state if hasattr(floor.state, what) else floor.state.rules
    assert getattr(place, what) == value


@pytest.mark.parametrize(
    ("what", "value", "coin"),
    [
        ("no_such_rule", 1, None),
        ("accounts", 1, None),
        ("limits_on", 1, None),
        ("nonces_kept", True, None),
        ("nonces_kept", 0.5, None),
        ("nonces_kept", None, None),
        ("name", 1, "BTC"),
        ("is_halted", True, "NONE"),
    ],
)
def test_what_is_no_rule_or_not_its_kind_is_refused(
    floor: Floor, what: str, value: Any, coin: str | None
) -> None:
    assert floor.error(Adjust(what, value, coin)).startswith("Unknown")
