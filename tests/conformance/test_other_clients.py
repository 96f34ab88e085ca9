"""What clients that we did not write ask for, beyond what venue.md says: the shapes they check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sidecar.emulator.exchange import margin
from sidecar.emulator.wire.signatures import sign_user_signed
from tests.venue_box import Box, Trader, Wire, box, order

USER = "0x" + "ab" * 20
USDC = "USDC:0x6d1e7cde53ba9467b783cb7c530ce054"
DONE = {"status": "ok", "response": {"type": "default"}}
OF_DEX = ("clearinghouseState", "openOrders", "twapStates")
PERP_CTX_KEYS = {
    "dayBaseVlm",
    "dayNtlVlm",
    "funding",
    "impactPxs",
    "markPx",
    "midPx",
    "openInterest",
    "oraclePx",
    "premium",
    "prevDayPx",
}
SPOT_CTX_KEYS = {
    "circulatingSupply",
    "coin",
    "dayBaseVlm",
    "dayNtlVlm",
    "markPx",
    "midPx",
    "prevDayPx",
    "totalSupply",
}


@pytest.fixture(scope="module")
def venue() -> Box:
    return box(dex="xyz")


@pytest.fixture
def wire(venue: Box) -> Iterator[Wire]:
    found = venue.connect()
    yield found
    venue.hang_up(found)


@pytest.mark.parametrize("kind", OF_DEX)
@pytest.mark.parametrize("named", [{}, {"dex": ""}, {"dex": "xyz"}])
def test_an_ack_names_the_dex_when_the_client_did(
    wire: Wire, kind: str, named: dict[str, str]
) -> None:
    ack, *_ = wire.subscribe(kind, user=USER, **named)

    assert ack["data"]["subscription"] == {"type": kind, "user": USER, **named}


@pytest.mark.parametrize("kind", OF_DEX)
def test_the_main_dex_is_one_stream_named_or_not(wire: Wire, kind: str) -> None:
    wire.subscribe(kind, user=USER)

    (again,) = wire.subscribe(kind, user=USER, dex="")

    assert again["channel"] == "error"
    assert again["data"].startswith("Already subscribed: ")


@pytest.mark.parametrize("dex", ["", "xyz"])
def test_contexts_of_one_dex_are_a_stream(venue: Box, wire: Wire, dex: str) -> None:
    ack, first = wire.subscribe("assetCtxs", dex=dex)
    meta, contexts = _decoded(venue.info(type="metaAndAssetCtxs", dex=dex).body)

    assert ack["data"]["subscription"] == {"type": "assetCtxs", "dex": dex}
    assert first["channel"] == "assetCtxs"
    assert set(first["data"]) == {"dex", "ctxs"}
    assert first["data"]["dex"] == dex
    assert first["data"]["ctxs"] == contexts
    assert len(contexts) == len(meta["universe"])
    assert all(set(context) == PERP_CTX_KEYS for context in first["data"]["ctxs"])


def test_contexts_of_all_spot_pairs_are_a_stream(venue: Box, wire: Wire) -> None:
    ack, first = wire.subscribe("spotAssetCtxs")
    _, contexts = _decoded(venue.info(type="spotMetaAndAssetCtxs").body)

    assert ack["data"]["subscription"] == {"type": "spotAssetCtxs"}
    assert first == {"channel": "spotAssetCtxs", "data": contexts}
    assert all(set(context) == SPOT_CTX_KEYS for context in contexts)


@pytest.mark.parametrize(("kind", "fields"), [("assetCtxs", {"dex": "xyz"}), ("spotAssetCtxs", {})])
def test_contexts_come_again_every_five_seconds(kind: str, fields: dict[str, str]) -> None:
    venue = box(dex="xyz")
    wire = venue.connect()
    wire.subscribe(kind, **fields)

    venue.pass_ms(15_000)

    assert len(wire.heard(kind)) == 3


def master(trader: Trader, kind: str, **fields: Any) -> dict[str, Any]:
    """The reply to an action that the master key signs."""
    trader.nonce += 1
    stamp = "time" if kind in ("spotSend", "usdSend", "withdraw3") else "nonce"
    action = {
        "type": kind,
        "signatureChainId": "0xa4b1",
        "hyperliquidChain": "Mainnet",
        **fields,
        stamp: trader.nonce,
    }
    signature = sign_user_signed(action, trader.key)
    body = {"action": action, "nonce": trader.nonce, "signature": signature}
    found: dict[str, Any] = _decoded(trader.box.exchange(body).body)
    return found


def spot_usdc(venue: Box, user: str) -> str:
    balances = _decoded(venue.info(type="spotClearinghouseState", user=user).body)["balances"]
    return next((row["total"] for row in balances if row["coin"] == "USDC"), "0.0")


@pytest.mark.parametrize("code", [{}, {"brokerCode": 1}])
def test_the_code_of_a_broker_is_hashed_and_has_no_effect(code: dict[str, int]) -> None:
    venue = box()
    trader = venue.trader()
    mid = float(_decoded(venue.info(type="allMids").body)["BTC"])
    bid = order(px=str(int(mid * 0.9)), size="0.01")

    reply = trader.act({"type": "order", "orders": [bid], "grouping": "na", **code})

    assert reply["status"] == "ok"
    assert set(reply["response"]["data"]["statuses"][0]) == {"resting"}


STAKING: list[tuple[str, dict[str, Any]]] = [
    ("cDeposit", {"wei": 1}),
    ("cWithdraw", {"wei": 1}),
    ("linkStakingUser", {"user": USER, "isFinalize": True}),
    ("tokenDelegate", {"validator": USER, "wei": 1, "isUndelegate": False}),
]


@pytest.mark.parametrize(("kind", "fields"), STAKING)
def test_staking_is_signed_by_the_master_and_refused_by_name(
    kind: str, fields: dict[str, Any]
) -> None:
    reply = master(box().trader(), kind, **fields)

    assert reply == {
        "status": "err",
        "response": f"Action {kind} is not supported by this emulator.",
    }


def test_portfolio_margin_is_set_by_the_master() -> None:
    venue = box()
    trader = venue.trader()

    modes = []
    for enabled in (True, False):
        assert master(trader, "userPortfolioMargin", user=trader.user, enabled=enabled) == DONE
        modes.append(_decoded(venue.info(type="userAbstraction", user=trader.user).body))
    assert modes == ["portfolioMargin", "disabled"]


def test_another_s_account_is_not_set() -> None:
    venue = box()
    other = venue.trader(2)

    for kind in ("userPortfolioMargin", "userDexAbstraction"):
        reply = master(venue.trader(), kind, user=other.user, enabled=True)
        assert reply["status"] == "err", kind
    assert _decoded(venue.info(type="userAbstraction", user=other.user).body) == "disabled"


def test_a_builder_s_dex_draws_on_the_account_without_a_transfer() -> None:
    venue = box(dex="xyz")
    trader = venue.trader()
    fields = {"destination": trader.user, "token": USDC, "amount": "100", "fromSubAccount": ""}

    assert master(trader, "userDexAbstraction", user=trader.user, enabled=True) == DONE
    assert trader.act({"type": "agentEnableDexAbstraction"}) == DONE
    assert _decoded(venue.info(type="userDexAbstraction", user=trader.user).body) is True
    assert master(trader, "sendAsset", sourceDex="", destinationDex="xyz", **fields) == DONE
    state = _decoded(venue.info(type="clearinghouseState", user=trader.user).body)
    assert state["withdrawable"] == "100000.0"
    assert master(trader, "sendAsset", sourceDex="", destinationDex="nope", **fields) == {
        "status": "err",
        "response": "Invalid perp DEX",
    }
    assert master(trader, "userDexAbstraction", user=trader.user, enabled=False)["status"] == "err"


@pytest.mark.parametrize("kind", ["spotSend", "sendAsset"])
def test_usdc_goes_from_spot_to_spot(kind: str) -> None:
    venue = box()
    one, other = venue.trader(1), venue.trader(2)
    assert master(one, "usdClassTransfer", amount="50", toPerp=False) == DONE
    fields = {"destination": other.user, "token": USDC, "amount": "20.5"}
    if kind == "sendAsset":
        fields |= {"sourceDex": "spot", "destinationDex": "spot", "fromSubAccount": ""}

    assert master(one, kind, **fields) == DONE
    assert (spot_usdc(venue, one.user), spot_usdc(venue, other.user)) == ("29.5", "20.5")
    assert master(one, kind, **{**fields, "amount": "29.6"})["status"] == "err"
    for trader in (one, other):
        rows = _decoded(venue.info(type="userNonFundingLedgerUpdates", user=trader.user).body)
        assert rows[-1]["delta"] == {
            "type": "spotTransfer",
            "token": "USDC",
            "amount": "20.5",
            "usdcValue": "20.5",
            "user": one.user,
            "destination": other.user,
            "fee": "0.0",
            "nativeTokenFee": "0.0",
            "nonce": None,
            "feeToken": "",
        }


def test_the_first_usdc_on_spot_opens_an_account_for_a_dollar() -> None:
    venue = box()
    one = venue.trader()
    assert master(one, "usdClassTransfer", amount="50", toPerp=False) == DONE

    assert master(one, "spotSend", destination=USER, token=USDC, amount="10") == DONE
    assert (spot_usdc(venue, one.user), spot_usdc(venue, USER)) == ("40.0", "9.0")
    assert margin.audit(venue.gateway.state) == 0


def test_no_other_token_is_sent() -> None:
    reply = master(box().trader(), "spotSend", destination=USER, token="PURR:0x1", amount="1")

    assert reply == {
        "status": "err",
        "response": "Token PURR:0x1 is not supported by this emulator.",
    }


def test_a_sub_account_is_renamed_by_its_master_only() -> None:
    venue = box()
    one, other = venue.trader(1), venue.trader(2)
    venue.gateway.state.rules.sub_account_volume_micros = 0
    sub = one.act({"type": "createSubAccount", "name": "a"})["response"]["data"]
    action = {"type": "subAccountModify", "subAccountUser": sub, "name": "b"}

    assert other.act(action) == {"status": "err", "response": f"Invalid sub-account {sub}"}
    assert one.act(action) == DONE
    (row,) = _decoded(venue.info(type="subAccounts", user=one.user).body)
    assert row["name"] == "b"


BORROWING: list[tuple[dict[str, Any], Any]] = [
    ({"type": "allBorrowLendReserveStates"}, []),
    ({"type": "userBorrowLendInterest", "user": USER, "startTime": 0}, []),
    (
        {"type": "borrowLendUserState", "user": USER},
        {"tokenToState": [], "health": "healthy", "healthFactor": None},
    ),
]


@pytest.mark.parametrize(("question", "reply"), BORROWING)
def test_nobody_borrows(venue: Box, question: dict[str, Any], reply: Any) -> None:
    assert _decoded(venue.info(**question).body) == reply


def test_a_reserve_of_borrowing_is_empty(venue: Box) -> None:
    reply = _decoded(venue.info(type="borrowLendReserveState", token=0).body)

    assert {reply[name] for name in ("balance", "totalSupplied", "totalBorrowed")} == {"0.0"}
    assert all(isinstance(value, str) for value in reply.values())


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)
