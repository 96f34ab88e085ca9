"""Bodies posted to `/exchange`: what is no request, whose request it is, and its numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.exchange import requests
from sidecar.emulator.exchange.requests import Envelope, Place
from sidecar.emulator.exchange.state import Account, Agent, Position, Trigger, VenueState
from sidecar.emulator.wire import actions, signatures
from sidecar.emulator.wire.errors import BadJson, BadShape, BodyError, TooLarge
from tests.signed_venue import (
    CLOID,
    KEY,
    NONCE,
    OTHER,
    OTHER_KEY,
    USER,
    VAULT,
    order_action,
    posted,
    signed,
    user_signed,
    venue,
)

DEEP = b'{"action":' + b"[" * 100_000 + b"]" * 100_000 + b',"nonce":1}'
SIGNATURE = signatures.sign_l1(order_action(), KEY, NONCE)
GOOD = posted(order_action(), SIGNATURE, NONCE)


def enveloped(found: actions.Signed, state: VenueState | None = None) -> Envelope:
    answer = found.to_envelope(venue(USER) if state is None else state)
    assert isinstance(answer, Envelope), answer
    return answer


def reason(found: actions.Signed, state: VenueState | None = None) -> str:
    answer = found.to_envelope(venue(USER) if state is None else state)
    assert isinstance(answer, str), answer
    return answer


def spec_of(**changes: Any) -> requests.OrderSpec:
    request = enveloped(signed(order_action(**changes))).request
    assert isinstance(request, Place)
    return request.orders[0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (GOOD + b"}", 400),
        (GOOD.replace(b"Gtc", b"G\xff"), 400),
        (GOOD.replace(b'"r"', b'"\xff"'), 400),
        (DEEP, 400),
        (b"null", 422),
        (b"[]", 422),
        (b"{}", 422),
        (GOOD.replace(b'"type": "order"', b'"type": "ordr"'), 422),
        (GOOD.replace(b'"type": "order", ', b""), 422),
        (GOOD.replace(b'"nonce": 17', b'"nonce": -17'), 422),
        (GOOD.replace(b'"nonce": 1700000000000', b'"nonce": "1700000000000"'), 422),
        (GOOD.replace(b'"nonce": 1700000000000, ', b""), 422),
        (GOOD.replace(b'"signature"', b'"signed"'), 422),
        (b" " * (actions.BODY_MAX_BYTES + 1), 413),
    ],
)
def test_what_is_no_request_is_told_by_its_status(body: bytes, status: int) -> None:
    """venue.md C.1: malformed JSON is 400, any other shape 422 with a text."""
    with pytest.raises(BodyError) as caught:
        actions.decode(body, None)

    assert caught.value.status == status
    if status == 422:
        assert caught.value.text == "Failed to deserialize the JSON body into the target type"


@pytest.mark.parametrize(
    "changes",
    [
        {"p": 100},
        {"p": "1e5"},
        {"p": "-1"},
        {"p": "+1"},
        {"p": "NaN"},
        {"p": "Infinity"},
        {"p": ""},
        {"p": "."},
        {"p": "1."},
        {"p": " 1"},
        {"p": "1_0"},
        {"p": "\u0661"},
        {"p": "0.000000001"},
        {"p": "9" * 400},
        {"s": "-5"},
        {"s": None},
        {"a": -1},
        {"a": "1"},
        {"a": 1.0},
        {"b": "true"},
        {"r": 0},
        {"c": "0x1"},
        {"c": "0x" + "g" * 32},
        {"t": {}},
        {"t": {"limit": {"tif": "gtc"}}},
        {"t": {"limit": {"tif": "Gtc"}, "trigger": {"isMarket": True, "triggerPx": "1"}}},
        {"t": {"trigger": {"isMarket": True, "triggerPx": "x", "tpsl": "sl"}}},
        {"t": {"trigger": {"isMarket": 1, "triggerPx": "1", "tpsl": "sl"}}},
        {"t": {"trigger": {"isMarket": True, "triggerPx": "1", "tpsl": "xx"}}},
    ],
)
def test_an_order_of_wrong_types_is_no_request(changes: dict[str, Any]) -> None:
    with pytest.raises(BadShape):
        actions.decode(posted(order_action(**changes), SIGNATURE, NONCE), None)


@pytest.mark.parametrize(
    "action",
    [
        {"type": "cancel", "cancels": [{"a": 1}]},
        {"type": "cancel", "cancels": {"a": 1, "o": 1}},
        {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": "0x12"}]},
        {"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": 2.5},
        {"type": "scheduleCancel", "time": "soon"},
        {"type": "twapOrder", "twap": {"a": 1, "b": True, "s": "1", "r": False, "m": 5}},
        {"type": "noop", "extra": 1},
        {"type": "spotDeploy", "extra": 10**30},
        order_action() | {"grouping": "all"},
        order_action() | {"builder": {"b": "0x12", "f": 1}},
    ],
)
def test_an_action_of_wrong_fields_is_no_request(action: dict[str, Any]) -> None:
    with pytest.raises(BadShape):
        actions.decode(posted(action, SIGNATURE, NONCE), None)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_it_fail_otherwise(body: bytes) -> None:
    with pytest.raises((BadJson, BadShape, TooLarge)):
        actions.decode(body, None)


@given(at=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
def test_one_wrong_byte_is_refused_or_another_request(at: int, byte: int) -> None:
    body = GOOD[:at] + bytes((byte,)) + GOOD[at + 1 :]
    try:
        found = actions.decode(body, None)
    except BodyError:
        return
    answer = found.to_envelope(venue(USER))
    if isinstance(answer, Envelope):
        assert found.action == actions.decode(GOOD, None).action


def test_an_order_becomes_ticks_and_lots() -> None:
    spec = spec_of(p="29000.5", s="0.25", c=CLOID, r=True)

    assert (spec.limit_ticks, spec.lots) == (290_005_000, 25)
    assert spec.fault == "Price must be divisible by tick size."
    assert (spec.is_buy, spec.reduce_only, spec.tif, spec.cloid) == (True, True, "Gtc", CLOID)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"p": "29000"}, None),
        ({"p": "123456"}, None),
        ({"p": "2900.5"}, None),
        ({"p": "29000.5"}, "Price must be divisible by tick size."),
        ({"p": "0.00001"}, "Price must be divisible by tick size."),
        ({"p": "0"}, "Order has invalid price."),
        ({"s": "0.01"}, None),
        ({"s": "0.001"}, "Order has invalid size."),
        ({"s": "0"}, "Order has zero size."),
    ],
)
def test_numbers_that_the_market_does_not_have_are_faults_of_their_order(
    changes: dict[str, str], fault: str | None
) -> None:
    assert spec_of(**changes).fault == fault


def test_a_trigger_price_is_held_to_the_tick_too() -> None:
    def stop(px: str) -> dict[str, Any]:
        return {"trigger": {"isMarket": True, "triggerPx": px, "tpsl": "sl"}}

    assert spec_of(t=stop("103")).trigger == Trigger(1_030_000, True, "sl")
    assert spec_of(t=stop("103")).tif is None
    assert spec_of(t=stop("29000.5")).fault == "Price must be divisible by tick size."


def test_a_stop_of_the_whole_position_may_have_no_size() -> None:
    stop = {"trigger": {"isMarket": True, "triggerPx": "103", "tpsl": "sl"}}
    action = order_action(t=stop, s="0") | {"grouping": "positionTpsl"}
    request = enveloped(signed(action)).request

    assert isinstance(request, Place)
    assert request.orders[0].fault is None
    assert request.grouping == "positionTpsl"


def test_an_unknown_asset_is_left_to_the_exchange() -> None:
    assert (spec_of(a=10_107).asset, spec_of(a=10_107).fault) == (10_107, None)


def test_a_batch_weighs_as_much_as_it_is_long() -> None:
    action = order_action()
    action["orders"] *= 7
    found = signed(action)

    assert (found.batch_len, enveloped(found).weight) == (7, 7)


def test_ten_thousand_orders_are_read_and_refused() -> None:
    action = order_action()
    action["orders"] *= 10_000

    assert reason(signed(action)) == "Too many items in one batch: 10000 > 1000."


def test_a_batch_carries_its_builder_and_its_priority() -> None:
    builder = {"b": VAULT, "f": 10}
    request = enveloped(
        signed(order_action() | {"grouping": {"p": 42}, "builder": builder})
    ).request

    assert isinstance(request, Place)
    assert (request.grouping, request.priority_rate) == ("na", 42)
    assert (request.builder, request.builder_fee_tenths) == (VAULT, 10)


ORDER = order_action()["orders"][0]


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        (
            {"type": "cancel", "cancels": [{"a": 1, "o": 5}], "f": True},
            requests.Cancel(USER, ((1, 5),)),
        ),
        (
            {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]},
            requests.Cancel(USER, ((1, CLOID),)),
        ),
        (
            {"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 7},
            requests.SetLeverage(USER, 1, "isolated", 7),
        ),
        (
            {"type": "updateIsolatedMargin", "asset": 1, "isBuy": True, "ntli": -5},
            requests.ChangeMargin(USER, 1, True, -5),
        ),
        ({"type": "scheduleCancel", "time": 9}, requests.ScheduleCancel(USER, 9)),
        ({"type": "scheduleCancel"}, requests.ScheduleCancel(USER, None)),
        ({"type": "noop"}, requests.Noop(USER)),
        (
            {
                "type": "twapOrder",
                "twap": {"a": 1, "b": True, "s": "2.5", "r": False, "m": 30, "t": True},
            },
            requests.StartTwap(USER, 1, True, 250, False, 30, True),
        ),
        ({"type": "twapCancel", "a": 1, "t": 3}, requests.StopTwap(USER, 1, 3)),
        ({"type": "setReferrer", "code": "ABC"}, requests.SetReferrer(USER, "ABC")),
        ({"type": "createSubAccount", "name": "s"}, requests.CreateSubAccount(USER, "s")),
        (
            {
                "type": "subAccountTransfer",
                "subAccountUser": VAULT,
                "isDeposit": True,
                "usd": 5,
            },
            requests.MoveToSubAccount(USER, VAULT, 5, True),
        ),
        ({"type": "reserveRequestWeight", "weight": 50}, requests.BuyRequests(USER, 50)),
        ({"type": "agentSetAbstraction", "abstraction": "u"}, requests.SetMode(USER, "unified")),
    ],
)
def test_actions_of_the_trading_kind(
    action: dict[str, Any], request_: requests.ClientRequest
) -> None:
    found = enveloped(signed(action))

    assert found == Envelope(request_, USER, NONCE)


@pytest.mark.parametrize("target", [77, CLOID])
@pytest.mark.parametrize("flag", [{}, {"a": True}, {"a": None}, {"a": False}])
def test_orders_are_modified_by_either_id(target: int | str, flag: dict[str, Any]) -> None:
    hashed = {} if flag.get("a") is not True else flag
    one = {"type": "modify", "oid": target, "order": ORDER}
    many = {"type": "batchModify", "modifies": [{"oid": target, "order": ORDER}]}
    for action, is_batch in ((one, False), (many, True)):
        signature = signatures.sign_l1(action | hashed, KEY, NONCE)
        request = enveloped(actions.decode(posted(action | flag, signature, NONCE), None)).request

        assert isinstance(request, requests.Modify)
        assert request.changes[0][0] == target
        assert (request.is_batch, request.always_place) == (is_batch, bool(hashed))


@pytest.mark.parametrize(
    ("kind", "fields", "request_"),
    [
        (
            "usdSend",
            {"destination": OTHER, "amount": "1.5"},
            requests.Send(USER, OTHER, 1_500_000),
        ),
        (
            "withdraw3",
            {"destination": OTHER, "amount": "1e1"},
            requests.Send(USER, None, 10_000_000, "withdraw"),
        ),
        (
            "usdClassTransfer",
            {"amount": "2", "toPerp": True},
            requests.MoveToSpot(USER, 2_000_000, True),
        ),
        (
            "approveAgent",
            {"agentAddress": "0x" + VAULT[2:].upper(), "agentName": "bot valid_until 17"},
            requests.ApproveAgent(USER, VAULT, "bot", 17),
        ),
        (
            "approveAgent",
            {"agentAddress": VAULT, "agentName": ""},
            requests.ApproveAgent(USER, VAULT, "", None),
        ),
        (
            "approveBuilderFee",
            {"maxFeeRate": "0.05%", "builder": VAULT},
            requests.ApproveBuilder(USER, VAULT, 50),
        ),
        (
            "userSetAbstraction",
            {"user": USER, "abstraction": "disabled"},
            requests.SetMode(USER, "standard"),
        ),
        (
            "sendAsset",
            {
                "destination": USER,
                "sourceDex": "",
                "destinationDex": "spot",
                "token": "USDC:0x6d1e7cde53ba9467b783cb7c530ce054",
                "amount": "3",
                "fromSubAccount": "",
            },
            requests.MoveToSpot(USER, 3_000_000, False),
        ),
    ],
)
def test_actions_of_the_master_key(
    kind: str, fields: dict[str, Any], request_: requests.ClientRequest
) -> None:
    assert enveloped(user_signed(kind, **fields)) == Envelope(request_, USER, NONCE)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("", "Invalid decimal number"),
        ("-1", "Invalid decimal number"),
        ("nan", "Invalid decimal number"),
        ("9" * 60, "Invalid decimal number"),
        ("0.0000001", "Invalid send"),
        ("0", "Send amount cannot be zero"),
    ],
)
def test_an_amount_that_is_none_is_refused(amount: str, words: str) -> None:
    assert reason(user_signed("usdSend", destination=OTHER, amount=amount)) == words


@pytest.mark.parametrize("rate", ["", "x%", "0.1", "-1%", "0.0001%", "1e-2%"])
def test_a_fee_rate_that_is_none_is_refused(rate: str) -> None:
    found = user_signed("approveBuilderFee", maxFeeRate=rate, builder=VAULT)

    assert reason(found) == "Invalid builder fee rate."


def test_a_key_that_nobody_knows_is_named() -> None:
    """venue.md C.9: the address is the one recovered."""
    assert reason(signed(order_action(), OTHER_KEY)) == (
        f"User or API Wallet {OTHER} does not exist."
    )
    assert reason(user_signed("usdSend", OTHER_KEY, destination=USER, amount="1")) == (
        f"Must deposit before performing actions. User: {OTHER}"
    )


def test_an_agent_acts_for_its_master_but_not_as_it() -> None:
    """venue.md C.10: an agent trades, moves no money out, and approves nobody."""
    state = venue(USER)
    state.accounts[USER].agents["bot"] = Agent(OTHER, "bot", NONCE + 1)
    state.agent_of[OTHER] = (USER, "bot")

    found = enveloped(signed(order_action(), OTHER_KEY), state)
    assert (found.request.user, found.signer) == (USER, OTHER)
    for kind, fields in (
        ("withdraw3", {"destination": OTHER, "amount": "1"}),
        ("approveAgent", {"agentAddress": VAULT, "agentName": "x"}),
    ):
        answer = reason(user_signed(kind, OTHER_KEY, **fields), state)
        assert answer == f"Must deposit before performing actions. User: {OTHER}"


def test_a_sub_account_is_traded_by_its_master_alone() -> None:
    state = venue(USER, OTHER)
    action = order_action()
    assert reason(signed(action, vaultAddress=VAULT), state) == f"Vault not registered: {VAULT}"

    state.accounts[VAULT] = Account(VAULT, role="subAccount", master=USER)
    assert enveloped(signed(action, vaultAddress=VAULT), state).request.user == VAULT
    answer = reason(signed(action, OTHER_KEY, vaultAddress=VAULT), state)
    assert answer == f"Vault not registered: {VAULT}"
    assert reason(signed(action, vaultAddress=OTHER), state) == f"Vault not registered: {OTHER}"


def test_a_vault_pays_no_builder() -> None:
    state = venue(USER)
    state.accounts[VAULT] = Account(VAULT, role="vault", master=USER)
    action = order_action() | {"builder": {"b": OTHER, "f": 1}}

    assert reason(signed(action, vaultAddress=VAULT), state) == "Vault may not perform this action."


def test_a_transfer_of_a_sub_account_names_it_in_its_amount() -> None:
    state = venue(USER)
    found = user_signed("usdClassTransfer", amount=f"2.0 subaccount:{VAULT}", toPerp=False)
    assert reason(found, state) == f"Vault not registered: {VAULT}"

    state.accounts[VAULT] = Account(VAULT, role="subAccount", master=USER)
    assert enveloped(found, state).request == requests.MoveToSpot(VAULT, 2_000_000, False)


def test_isolated_margin_is_topped_up_to_a_leverage() -> None:
    state = venue(USER)
    action = {"type": "topUpIsolatedOnlyMargin", "asset": 1, "leverage": "4"}
    assert reason(signed(action), state) == "Position does not use isolated margin."

    # 2 BTC at 100 USD, bought with 20 USD of margin: 200 of value, 180 owed.
    state.accounts[USER].positions["BTC"] = Position(
        lots=200, entry_micros=200_000_000, isolated_micros=-180_000_000
    )
    assert enveloped(signed(action), state).request == requests.ChangeMargin(
        USER, 1, True, 30_000_000
    )


@pytest.mark.parametrize("kind", ["createVault", "spotDeploy", "evmUserModify", "multiSig"])
def test_actions_that_have_no_part_here_are_refused_by_name(kind: str) -> None:
    action = {"type": kind, "anything": {"goes": [1, "x", None]}}

    assert reason(signed(action)) == f"Action {kind} is not supported by this emulator."
    assert OTHER in reason(signed(action, OTHER_KEY))


def test_there_is_no_vault_to_pay_into() -> None:
    action = {"type": "vaultTransfer", "vaultAddress": VAULT, "isDeposit": True, "usd": 5}

    assert reason(signed(action)) == f"Vault not registered: {VAULT}"


def test_the_nonce_within_an_action_is_that_of_the_request() -> None:
    action = {"type": "usdSend", "signatureChainId": "0x1", "hyperliquidChain": "Mainnet"}
    action |= {"destination": OTHER, "amount": "1", "time": NONCE + 1}
    signature = signatures.sign_user_signed(action, KEY)

    assert reason(actions.decode(posted(action, signature, NONCE), None)) == "Nonce mismatch."


def test_an_action_of_the_master_key_has_no_expiry() -> None:
    """It would not be part of what was signed."""
    action = {"type": "usdSend", "signatureChainId": "0x1", "hyperliquidChain": "Mainnet"}
    action |= {"destination": OTHER, "amount": "1", "time": NONCE}
    signature = signatures.sign_user_signed(action, KEY)
    found = actions.decode(posted(action, signature, NONCE, expiresAfter=NONCE + 1), None)

    assert reason(found) == "Action does not support expiresAfter."


def test_a_venue_of_one_network_takes_no_action_of_the_other() -> None:
    action = {"type": "usdSend", "signatureChainId": "0x1", "hyperliquidChain": "Mainnet"}
    action |= {"destination": OTHER, "amount": "1", "time": NONCE}
    body = posted(action, signatures.sign_user_signed(action, KEY), NONCE)

    assert enveloped(actions.decode(body, "mainnet")).signer == USER
    assert reason(actions.decode(body, "testnet")) == (
        "Mainnet and testnet require different signature."
    )
    order = posted(order_action(), SIGNATURE, NONCE)
    assert "does not exist" in reason(actions.decode(order, "testnet"))


@pytest.mark.parametrize("chain", ["", "421614", "0x", "0xzz", "0x" + "f" * 17])
def test_a_wallet_without_a_chain_signs_nothing(chain: str) -> None:
    action = {"type": "usdSend", "signatureChainId": chain, "hyperliquidChain": "Mainnet"}
    action |= {"destination": OTHER, "amount": "1", "time": NONCE}
    with pytest.raises(BadShape):
        actions.decode(posted(action, SIGNATURE, NONCE), None)
