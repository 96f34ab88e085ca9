"""venue.md C.2, C.10: nonces, expiry, agents and the request budget of an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.exchange import admission, approvals
from sidecar.emulator.exchange.events import Answered, Event, Rejected
from sidecar.emulator.exchange.requests import (
    ApproveAgent,
    ApproveBuilder,
    Cancel,
    ClientRequest,
    Envelope,
    Noop,
    SetReferrer,
)
from sidecar.emulator.exchange.state import Account, VenueState
from tests.signed_venue import NONCE, OTHER, USER, VAULT, venue

DAY_MS = 86_400_000
NOOP = Noop(USER)
KEYS = [f"0x{number:040x}" for number in range(100, 120)]


def admit(
    state: VenueState,
    nonce: int,
    request: ClientRequest = NOOP,
    *,
    now_ms: int = NONCE,
    signer: str = USER,
    expires_ms: int | None = None,
    weight: int = 1,
) -> str | None:
    """None when it was let in, the venue's words otherwise."""
    events: list[Event] = []
    envelope = Envelope(request, signer, nonce, expires_ms, weight)
    is_in = admission.admit(state, now_ms, envelope, events)
    if is_in:
        assert events == []
        return None
    (event,) = events
    assert isinstance(event, Rejected)
    return event.text


def approve(
    state: VenueState, request: ApproveAgent | ApproveBuilder | SetReferrer, now_ms: int = NONCE
) -> str | None:
    events: list[Event] = []
    approvals.handle(state, now_ms, request, events)
    (event,) = events
    if isinstance(event, Rejected):
        return event.text
    assert event == Answered("default")
    return None


def agent(key: str, name: str = "bot", valid_until_ms: int | None = None) -> ApproveAgent:
    return ApproveAgent(USER, key, name, valid_until_ms)


@pytest.mark.parametrize("kept", [20, 100])
@given(offsets=st.lists(st.integers(0, 300), max_size=200))
def test_a_nonce_is_new_and_above_the_lowest_that_is_kept(kept: int, offsets: list[int]) -> None:
    state = venue(USER)
    state.rules.nonces_kept = kept
    used: list[int] = []
    for offset in offsets:
        nonce = NONCE + offset
        highest = sorted(used)[-kept:]
        is_new = nonce not in highest and (len(used) < kept or nonce > highest[0])

        words = admit(state, nonce)

        assert (words is None) == is_new
        if is_new:
            used.append(nonce)
        elif nonce in highest:
            assert words == f"Invalid nonce: duplicate nonce {nonce}"
        else:
            assert words == f"Invalid nonce: nonce too low {nonce} < {highest[0]}"
    assert state.signers == {} if not used else state.signers[USER].nonces == sorted(used)[-kept:]


@pytest.mark.parametrize("past_days", [1, 2])
@pytest.mark.parametrize(
    ("from_low", "from_high", "words"),
    [
        (0, None, "Invalid nonce: nonce too low {nonce} < {low}"),
        (1, None, None),
        (None, -1, None),
        (None, 0, "Invalid nonce: nonce too high {nonce} > {high}"),
    ],
)
def test_a_nonce_lies_within_days_before_and_one_after(
    past_days: int, from_low: int | None, from_high: int | None, words: str | None
) -> None:
    """The venue's pages name one day before or two; both are rules that can be set."""
    state = venue(USER)
    state.rules.nonce_past_ms = past_days * DAY_MS
    low, high = NONCE - past_days * DAY_MS, NONCE + DAY_MS
    nonce = low + from_low if from_low is not None else high + (from_high or 0)

    assert admit(state, nonce) == (words and words.format(nonce=nonce, low=low, high=high))


def test_each_key_has_its_own_nonces_and_its_sub_accounts_share_them() -> None:
    state = venue(USER)
    state.accounts[VAULT] = Account(VAULT, role="subAccount", master=USER)
    assert approve(state, agent(OTHER)) is None

    assert admit(state, NONCE) is None
    assert admit(state, NONCE, signer=OTHER) is None
    assert admit(state, NONCE, Noop(VAULT)) == f"Invalid nonce: duplicate nonce {NONCE}"
    assert admit(state, NONCE + 1, Noop(VAULT), signer=OTHER) is None


def test_an_expired_action_costs_five_times_and_its_nonce() -> None:
    state = venue(USER)
    assert admit(state, NONCE, expires_ms=NONCE) is None
    assert admit(state, NONCE + 1, expires_ms=NONCE - 1, weight=3) == "Action already expired"
    assert state.accounts[USER].requests_used == 1 + 15
    assert admit(state, NONCE + 1) == f"Invalid nonce: duplicate nonce {NONCE + 1}"


def test_a_stranger_is_nobody() -> None:
    state = venue(USER, OTHER)
    assert admit(state, NONCE, signer=KEYS[0]) == (f"User or API Wallet {KEYS[0]} does not exist.")
    assert admit(state, NONCE, signer=OTHER) == f"User or API Wallet {OTHER} does not exist."
    assert KEYS[0] not in state.signers
    assert admit(state, NONCE, Noop(KEYS[0]), signer=KEYS[0]) is not None


def test_the_budget_grows_with_volume_and_with_what_was_bought() -> None:
    state = venue(USER)
    account = state.accounts[USER]
    account.volume_micros = 437_920_000
    account.requests_used = 10_436
    assert admission.requests_cap(state, account) == 10_437
    assert admit(state, NONCE) is None
    account.trickle_ms = NONCE
    assert admit(state, NONCE + 1) == (
        "Too many cumulative requests sent (10438 > 10437) for cumulative volume traded $437.92. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    account.requests_bought = 1
    assert admit(state, NONCE + 2) is None
    assert account.requests_used == 10_438


def test_who_used_it_up_sends_one_request_per_ten_seconds() -> None:
    state = venue(USER)
    account = state.accounts[USER]
    account.requests_used = 10_000

    assert admit(state, NONCE, weight=2) is not None
    assert admit(state, NONCE + 1) is None
    assert admit(state, NONCE + 2, now_ms=NONCE + 9_999) is not None
    assert admit(state, NONCE + 3, now_ms=NONCE + 10_000) is None
    assert account.requests_used == 10_002


def test_a_batch_counts_its_items() -> None:
    state = venue(USER)
    assert admit(state, NONCE, weight=10_000) is None
    assert admit(state, NONCE + 1, weight=2) is not None
    assert state.accounts[USER].requests_used == 10_000


def test_cancels_have_a_larger_budget() -> None:
    state = venue(USER)
    account = state.accounts[USER]
    cancel = Cancel(USER, ((1, 1),))
    account.requests_used = 19_999
    account.trickle_ms = NONCE
    assert admit(state, NONCE, cancel) is None
    assert admit(state, NONCE + 1, cancel) is not None

    account.volume_micros = 200_000 * 1_000_000
    account.requests_used = 210_000 + 99_999
    assert admit(state, NONCE + 2, cancel) is None
    assert admit(state, NONCE + 3, cancel) is not None


def test_limits_can_be_off_and_are_counted_still() -> None:
    state = venue(USER)
    state.rules.limits_on = False
    state.accounts[USER].requests_used = 10_000

    assert admit(state, NONCE, weight=50) is None
    assert state.accounts[USER].requests_used == 10_050


def test_a_unified_account_has_so_many_actions_a_day() -> None:
    state = venue(USER)
    account = state.accounts[USER]
    account.mode = "unified"
    account.volume_micros = 10**14
    assert admit(state, NONCE, weight=50_000) is None
    words = "Too many actions in one day for a unified account. Current limit is 50000"
    assert admit(state, NONCE + 1) == words
    assert admit(state, NONCE + 2, now_ms=NONCE + DAY_MS) is None
    account.mode = "standard"
    assert admit(state, NONCE + 3, weight=50_000) is None


def test_an_agent_signs_until_its_time_is_over() -> None:
    state = venue(USER)
    assert approve(state, agent(OTHER, valid_until_ms=NONCE + 10)) is None

    assert admit(state, NONCE, signer=OTHER, now_ms=NONCE + 9) is None
    words = f"User or API Wallet {OTHER} does not exist."
    assert admit(state, NONCE + 1, signer=OTHER, now_ms=NONCE + 10) == words


@pytest.mark.parametrize(
    ("until_ms", "stored_ms"),
    [
        (None, NONCE + 90 * DAY_MS),
        (NONCE + 180 * DAY_MS, NONCE + 180 * DAY_MS),
        (NONCE + 180 * DAY_MS + 1, None),
        (NONCE, None),
        (0, None),
    ],
)
def test_an_agent_is_valid_for_ninety_days_or_up_to_twice_that(
    until_ms: int | None, stored_ms: int | None
) -> None:
    state = venue(USER)
    words = approve(state, agent(OTHER, valid_until_ms=until_ms))

    if stored_ms is None:
        assert words == "Agent valid_until already expired."
        assert state.agent_of == {}
    else:
        assert words is None
        assert state.accounts[USER].agents["bot"].valid_until_ms == stored_ms


def test_a_name_has_one_key_and_a_new_one_replaces_it_at_once() -> None:
    state = venue(USER)
    for name in ("bot", ""):
        old, new = KEYS[:2] if name else KEYS[2:4]
        assert approve(state, agent(old, name)) is None
        assert admit(state, NONCE, signer=old) is None
        assert approve(state, agent(new, name)) is None
        assert admit(state, NONCE + 1, signer=old) == f"User or API Wallet {old} does not exist."
        assert admit(state, NONCE, signer=new) is None
        assert state.accounts[USER].agents[name].address == new
        # Its nonces are forgotten: approved again, it would take an old request once more.
        assert old not in state.signers
    assert sorted(state.agent_of) == sorted((KEYS[1], KEYS[3]))


def test_a_name_is_taken_back_by_approving_nobody() -> None:
    state = venue(USER)
    assert approve(state, agent(OTHER)) is None
    assert approve(state, agent(approvals.NOBODY)) is None

    assert admit(state, NONCE, signer=OTHER) is not None
    assert approve(state, agent(OTHER), NONCE + 4_999) == "User has pending agent removal"
    assert approve(state, agent(OTHER), NONCE + 5_000) is None


def test_there_are_three_named_agents_and_an_unnamed_one() -> None:
    state = venue(USER)
    for number, key in enumerate(KEYS[:3]):
        assert approve(state, agent(key, f"bot{number}", NONCE + DAY_MS + number)) is None
    words = "Too many extra agents for cumulative volume traded. Current limit is 3"
    assert approve(state, agent(KEYS[3], "bot3")) == words
    assert approve(state, agent(KEYS[4], "")) is None
    assert approve(state, agent(KEYS[5], "bot1")) is None
    # One whose time is over makes room.
    assert approve(state, agent(KEYS[6], "bot3"), NONCE + DAY_MS) is None
    assert approve(state, agent(KEYS[7], "bot4"), NONCE + DAY_MS) == words


def test_two_more_for_each_sub_account() -> None:
    state = venue(USER)
    state.accounts[VAULT] = Account(VAULT, role="subAccount", master=USER)
    for number in range(5):
        assert approve(state, agent(KEYS[number], f"bot{number}")) is None
    assert approve(state, agent(KEYS[5], "bot5")) == (
        "Too many extra agents for cumulative volume traded. Current limit is 5"
    )


@pytest.mark.parametrize("key", [OTHER, USER, KEYS[0]])
def test_a_key_serves_once(key: str) -> None:
    state = venue(USER, OTHER)
    assert approve(state, agent(KEYS[0], "first")) is None

    assert approve(state, agent(key, "second")) == "Extra agent already used."


def test_a_name_is_short() -> None:
    assert approve(venue(USER), agent(OTHER, "n" * 16)) is None
    assert approve(venue(USER), agent(OTHER, "n" * 17)) == (
        "Extra agent name must be between 1 and 16 characters long"
    )


def test_builders_are_approved_up_to_a_fee() -> None:
    state = venue(USER)
    builders = state.accounts[USER].builders
    assert approve(state, ApproveBuilder(USER, OTHER, 1_001)) == "Builder fee rate is too high."
    assert approve(state, ApproveBuilder(USER, OTHER, 100)) is None
    assert approve(state, ApproveBuilder(USER, OTHER, 50)) is None
    assert builders == {OTHER: 50}
    assert approve(state, ApproveBuilder(USER, OTHER, 0)) is None
    assert builders == {}
    for key in KEYS[:10]:
        assert approve(state, ApproveBuilder(USER, key, 1)) is None
    assert approve(state, ApproveBuilder(USER, KEYS[10], 1)) == (
        "Too many approved builders. Current limit is 10"
    )


def test_a_referral_code_is_noted_once() -> None:
    state = venue(USER)
    assert approve(state, SetReferrer(USER, "")) == "Referral code not registered"
    assert approve(state, SetReferrer(USER, "ABC")) is None
    assert approve(state, SetReferrer(USER, "DEF")) == "Referrer already set."
    assert state.accounts[USER].referrer == "ABC"
