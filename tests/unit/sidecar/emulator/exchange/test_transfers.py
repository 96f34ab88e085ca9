"""Money in, out and between accounts: the venue's words, rows and fees."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange import margin, transfers
from sidecar.emulator.exchange.events import Answered, Event, LedgerMoved, Rejected, Waiting
from sidecar.emulator.exchange.requests import (
    BuyRequests,
    CreateSubAccount,
    Fund,
    MoveToSpot,
    MoveToSubAccount,
    Send,
    SetMode,
)
from sidecar.emulator.exchange.state import HOUSE, VenueState
from tests.money_scene import (
    ALICE,
    BOB,
    BTC_LOTS,
    NOW_MS,
    PX,
    USD,
    assert_sound,
    rest,
    trade,
    venue,
)

STRANGER = "0x" + "57" * 20
SHORT = "Insufficient balance for withdrawal."


def ask(state: VenueState, request: transfers.Transfer) -> list[Event]:
    events: list[Event] = []
    transfers.handle(state, NOW_MS, request, events)
    assert_sound(state)
    return events


def refusal(state: VenueState, request: transfers.Transfer) -> str | None:
    """The venue's words; None when it did as asked.  A refusal changes nothing."""
    before = [(a.cash_micros, a.spot_micros, len(a.ledger)) for a in state.accounts.values()]
    last = ask(state, request)[-1]
    if isinstance(last, Rejected):
        after = [(a.cash_micros, a.spot_micros, len(a.ledger)) for a in state.accounts.values()]
        assert after == before
        return last.text
    return None


def delta(state: VenueState, user: str) -> dict[str, Any]:
    return dict(state.accounts[user].ledger[-1].delta)


def test_a_deposit_opens_an_account() -> None:
    state = venue()

    events = ask(state, Fund(STRANGER, 250 * USD))

    assert state.accounts[STRANGER].cash_micros == 250 * USD
    assert delta(state, STRANGER) == {"type": "deposit", "usdc": "250.0"}
    assert [type(event) for event in events] == [LedgerMoved, Answered]
    assert state.deposits_micros == 300_250 * USD


def test_money_that_is_bound_does_not_leave() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    free = margin.withdrawable_micros(state, state.accounts[ALICE])
    # a tenth of 50,000 stays, and the fee is gone
    assert free == 95_000 * USD - 22_500_000

    assert refusal(state, Fund(ALICE, -free - 1)) == SHORT
    assert refusal(state, Fund(ALICE, -free)) is None
    assert delta(state, ALICE)["type"] == "withdraw"


@pytest.mark.parametrize(
    "request_",
    [
        Send(STRANGER, BOB, USD),
        MoveToSpot(STRANGER, USD, to_perp=False),
        SetMode(STRANGER, "unified"),
        CreateSubAccount(STRANGER, "a"),
        BuyRequests(STRANGER, 1),
    ],
)
def test_who_never_deposited_may_do_nothing(request_: transfers.Transfer) -> None:
    text = f"Must deposit before performing actions. User: {STRANGER}"

    assert refusal(venue(), request_) == text


def test_a_withdrawal_costs_a_dollar() -> None:
    state = venue()

    assert refusal(state, Send(ALICE, None, 100 * USD, "withdraw")) is None

    assert state.accounts[ALICE].cash_micros == 99_900 * USD
    assert state.deposits_micros == 299_901 * USD
    assert state.fees_micros == 1 * USD
    assert delta(state, ALICE) == {
        "type": "withdraw",
        "usdc": "99.0",
        "nonce": NOW_MS,
        "fee": "1.0",
    }
    assert refusal(state, Send(ALICE, None, 1 * USD, "withdraw")) == SHORT


def test_both_sides_of_a_transfer_get_the_same_row() -> None:
    state = venue()

    assert refusal(state, Send(ALICE, BOB, 40 * USD)) is None

    assert delta(state, ALICE) == delta(state, BOB)
    assert delta(state, BOB) == {
        "type": "internalTransfer",
        "usdc": "40.0",
        "user": ALICE,
        "destination": BOB,
        "fee": "0.0",
    }
    assert state.accounts[BOB].cash_micros == 100_040 * USD


def test_the_first_transfer_to_an_address_costs_a_dollar() -> None:
    state = venue()
    assert refusal(state, Send(ALICE, STRANGER, 1 * USD)) == SHORT

    assert refusal(state, Send(ALICE, STRANGER, 40 * USD)) is None

    assert state.accounts[STRANGER].cash_micros == 39 * USD
    assert delta(state, STRANGER)["fee"] == "1.0"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Send(ALICE, BOB, 100_000 * USD + 1), SHORT),
        (Send(ALICE, BOB, 0), SHORT),
        (Send(ALICE, BOB, -5), SHORT),
        (Send(ALICE, ALICE, 5 * USD), "Cannot self-transfer."),
        (MoveToSpot(ALICE, 100_000 * USD + 1, to_perp=False), SHORT),
        (MoveToSpot(ALICE, 1, to_perp=True), SHORT),
        (MoveToSpot(ALICE, -1, to_perp=False), SHORT),
        (BuyRequests(ALICE, 0), SHORT),
        (BuyRequests(ALICE, 200_000_001), SHORT),
        (MoveToSubAccount(ALICE, BOB, USD, is_deposit=True), f"{ALICE} to {BOB}"),
    ],
)
def test_what_cannot_be_paid_is_refused_and_changes_nothing(
    request_: transfers.Transfer, words: str
) -> None:
    assert words in (refusal(venue(), request_) or "")


def test_money_moves_between_the_two_sides() -> None:
    state = venue()
    account = state.accounts[ALICE]

    assert refusal(state, MoveToSpot(ALICE, 12 * USD, to_perp=False)) is None
    assert (account.cash_micros, account.spot_micros) == (99_988 * USD, 12 * USD)
    assert delta(state, ALICE) == {"type": "accountClassTransfer", "usdc": "12.0", "toPerp": False}

    assert refusal(state, MoveToSpot(ALICE, 5 * USD, to_perp=True)) is None
    assert (account.cash_micros, account.spot_micros) == (99_993 * USD, 7 * USD)


def test_unified_mode_moves_free_money_to_the_spot_side_and_stops_transfers_between() -> None:
    state = venue()
    account = state.accounts[ALICE]
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    assert refusal(state, SetMode(ALICE, "unified")) is None

    assert account.cash_micros == -50_000 * USD
    assert account.spot_micros == 100_000 * USD - 22_500_000
    words = "Action disabled when unified account is active"
    assert refusal(state, MoveToSpot(ALICE, USD, to_perp=True)) == words
    assert refusal(state, Send(ALICE, BOB, USD)) is None
    assert account.spot_micros == 99_999 * USD - 22_500_000


def test_back_to_standard_only_without_positions_and_orders() -> None:
    state = venue()
    ask(state, SetMode(ALICE, "portfolio"))
    made = rest(state, ALICE, is_buy=True, ticks=PX, lots=1)
    assert "open positions or orders" in (refusal(state, SetMode(ALICE, "standard")) or "")

    state.accounts[ALICE].open_oids.remove(made.oid)
    assert refusal(state, SetMode(ALICE, "standard")) is None
    assert state.accounts[ALICE].mode == "standard"
    assert state.accounts[ALICE].spot_micros == 100_000 * USD


def test_deposits_to_a_unified_account_land_on_the_spot_side() -> None:
    state = venue(usd=0)
    ask(state, SetMode(ALICE, "unified"))

    ask(state, Fund(ALICE, 10 * USD))

    assert (state.accounts[ALICE].cash_micros, state.accounts[ALICE].spot_micros) == (0, 10 * USD)


def test_requests_are_bought_at_a_twentieth_of_a_cent() -> None:
    state = venue()

    assert refusal(state, BuyRequests(ALICE, 1_000)) is None

    account = state.accounts[ALICE]
    assert account.requests_bought == 1_000
    assert account.cash_micros == 100_000 * USD - 500_000
    assert state.fees_micros == 500_000


def rich(state: VenueState) -> None:
    state.accounts[ALICE].volume_micros = 100_000 * USD


def test_sub_accounts_need_volume() -> None:
    state = venue()
    state.accounts[ALICE].volume_micros = 12_066_754_321

    assert refusal(state, CreateSubAccount(ALICE, "one")) == (
        "Cannot create sub-accounts until enough volume traded. "
        "Required: $100000. Traded: $12066.75."
    )


def test_there_are_at_most_ten_sub_accounts_with_addresses_of_their_own() -> None:
    state = venue()
    rich(state)
    found: list[str] = []

    for number in range(10):
        answer = ask(state, CreateSubAccount(ALICE, f"s{number}"))[-1]
        assert isinstance(answer, Answered)
        assert answer.kind == "createSubAccount"
        word = answer.statuses[0]
        assert isinstance(word, Waiting)
        found.append(word.word)

    assert len(set(found)) == 10
    assert all(state.accounts[address].master == ALICE for address in found)
    assert state.accounts[found[3]].name == "s3"
    assert refusal(state, CreateSubAccount(ALICE, "s10")) == "Too many sub-accounts."
    state.accounts[found[0]].volume_micros = 100_000 * USD
    assert "may not" in (refusal(state, CreateSubAccount(found[0], "x")) or "")


def test_money_goes_to_a_sub_account_and_back() -> None:
    state = venue()
    rich(state)
    ask(state, CreateSubAccount(ALICE, "one"))
    sub = next(a for a in state.accounts.values() if a.master == ALICE)

    assert refusal(state, MoveToSubAccount(ALICE, sub.address, 30 * USD, is_deposit=True)) is None
    assert delta(state, sub.address) == {
        "type": "subAccountTransfer",
        "usdc": "30.0",
        "user": ALICE,
        "destination": sub.address,
    }
    assert sub.cash_micros == 30 * USD
    words = refusal(state, MoveToSubAccount(ALICE, sub.address, 31 * USD, is_deposit=False))
    assert words == SHORT
    assert refusal(state, MoveToSubAccount(ALICE, sub.address, 30 * USD, is_deposit=False)) is None
    assert delta(state, ALICE)["user"] == sub.address
    assert sub.deposited_micros == 0


def test_what_came_in_is_known_for_every_account() -> None:
    state = venue()
    ask(state, Send(ALICE, BOB, 40 * USD))
    ask(state, MoveToSpot(BOB, 10 * USD, to_perp=False))

    assert state.accounts[ALICE].deposited_micros == 99_960 * USD
    assert state.accounts[BOB].deposited_micros == 100_040 * USD


def test_a_ledger_keeps_the_newest_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "LEDGER_MAX", 3)
    state = venue()

    for usd in range(1, 6):
        ask(state, Fund(ALICE, usd * USD))

    assert [row.delta["usdc"] for row in state.accounts[ALICE].ledger] == ["3.0", "4.0", "5.0"]
