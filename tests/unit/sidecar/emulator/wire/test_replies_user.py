"""Role, agents, builders, fees, request budget, referral; and what is empty here."""

from __future__ import annotations

from typing import Any

import pytest

from core.market.bars import DAY_MS
from sidecar.emulator.exchange import fees
from tests.emulator_scene import (
    AGENT,
    BUILDER,
    MASTER,
    NAMED_AGENT,
    NOW_MS,
    STRANGER,
    SUB,
    USD,
    busy,
)


@pytest.mark.parametrize(
    ("user", "role"),
    [
        (MASTER, {"role": "user"}),
        (SUB, {"role": "subAccount", "data": {"master": MASTER}}),
        (AGENT, {"role": "agent", "data": {"user": MASTER}}),
        (NAMED_AGENT, {"role": "agent", "data": {"user": MASTER}}),
        (STRANGER, {"role": "missing"}),
    ],
)
def test_everybody_has_a_role(user: str, role: dict[str, Any]) -> None:
    assert busy().ask("userRole", user=user) == role


def test_an_agent_whose_time_is_over_is_nobody() -> None:
    scene = busy()
    scene.now_ms = NOW_MS + 30 * DAY_MS

    assert scene.ask("userRole", user=NAMED_AGENT) == {"role": "missing"}


def test_a_dex_whose_coins_are_not_listed_yet_is_named() -> None:
    scene = busy()
    for coin in scene.state.coins.values():
        coin.is_listed = coin.dex != "xyz"

    _, entry = scene.ask("perpDexs")

    assert (entry["name"], entry["assetToStreamingOiCap"]) == ("xyz", [])
    assert entry["deployerFeeScale"] == "1.0"
    assert scene.ask("metaAndAssetCtxs", dex="xyz")[1] == []


@pytest.mark.parametrize(
    ("used", "bought", "shown_used", "surplus"),
    [(147, 0, 147, 0), (147, 100, 47, 0), (147, 200, 0, 53), (20_000, 0, 20_000, 0)],
)
def test_the_budget_grows_with_whole_dollars_traded(
    used: int, bought: int, shown_used: int, surplus: int
) -> None:
    scene = busy()
    account = scene.state.accounts[MASTER]
    account.requests_used, account.requests_bought = used, bought

    assert scene.ask("userRateLimit", user=MASTER) == {
        "cumVlm": "168.41",
        "nRequestsUsed": shown_used,
        "nRequestsCap": 10_168,
        "nRequestsSurplus": surplus,
    }


def test_agents_are_listed_by_name_while_they_are_valid() -> None:
    scene = busy()
    agents = scene.state.accounts[MASTER].agents

    assert scene.ask("extraAgents", user=MASTER) == [
        {"name": "bot", "address": NAMED_AGENT, "validUntil": NOW_MS + 30 * DAY_MS}
    ]
    agents["bot"].valid_until_ms = NOW_MS
    assert scene.ask("extraAgents", user=MASTER) == []


def test_a_builder_s_highest_fee_is_told_in_tenths_of_a_basis_point() -> None:
    scene = busy()

    upper = "0x" + BUILDER[2:].upper()
    assert scene.ask("maxBuilderFee", user=MASTER, builder=upper) == 10
    assert scene.ask("maxBuilderFee", user=SUB, builder=BUILDER) == 0
    assert scene.ask("approvedBuilders", user=MASTER) == [BUILDER]
    scene.state.accounts[MASTER].builders[BUILDER] = 0
    assert scene.ask("approvedBuilders", user=MASTER) == []


def test_fees_are_those_in_force_beside_the_whole_schedule() -> None:
    reply = busy().ask("userFees", user=SUB)
    schedule = reply["feeSchedule"]

    assert (reply["userCrossRate"], reply["userAddRate"]) == ("0.00045", "0.00015")
    assert (schedule["cross"], schedule["add"]) == ("0.00045", "0.00015")
    assert schedule["tiers"]["vip"][0] == {
        "ntlCutoff": "5000000.0",
        "cross": "0.0004",
        "add": "0.00012",
        "spotCross": "0.0006",
        "spotAdd": "0.0003",
    }
    assert len(schedule["tiers"]["vip"]) == len(fees.TIERS) - 1
    assert schedule["tiers"]["mm"][0] == {"makerFractionCutoff": "0.005", "add": "-0.00001"}


def test_a_referred_user_pays_less_and_the_reply_says_why() -> None:
    scene = busy()

    reply = scene.ask("userFees", user=MASTER)

    assert reply["activeReferralDiscount"] == "0.04"
    assert (reply["userCrossRate"], reply["userAddRate"]) == ("0.000432", "0.000144")
    referred = scene.ask("referral", user=MASTER)["referredBy"]
    assert referred["code"] == "FRIEND"
    assert scene.ask("referral", user=SUB)["referredBy"] is None


def test_volumes_are_told_for_fifteen_days_up_to_today() -> None:
    scene = busy()
    today_ms = NOW_MS - NOW_MS % DAY_MS
    scene.state.day_volumes[today_ms] = 1_000 * USD

    days = scene.ask("userFees", user=MASTER)["dailyUserVlm"]

    assert [day["date"] for day in days[:1] + days[-1:]] == ["2026-09-07", "2026-09-21"]
    assert len(days) == 15
    assert days[-1] == {
        "date": "2026-09-21",
        "userCross": "100.0",
        "userAdd": "68.41",
        "exchange": "1000.0",
    }


@pytest.mark.parametrize(
    ("mode", "word"),
    [("standard", "disabled"), ("unified", "unifiedAccount"), ("portfolio", "portfolioMargin")],
)
def test_modes_have_the_venue_s_words(mode: Any, word: str) -> None:
    scene = busy()
    scene.state.accounts[MASTER].mode = mode

    assert scene.ask("userAbstraction", user=MASTER) == word


def test_a_transfer_to_somebody_new_costs_a_dollar() -> None:
    scene = busy()

    new = scene.ask("preTransferCheck", user=STRANGER, source=MASTER)
    old = scene.ask("preTransferCheck", user=MASTER, source=SUB)

    assert (new["fee"], new["userExists"], new["userHasSentTx"]) == ("1.0", False, False)
    assert (old["fee"], old["userExists"], old["userHasSentTx"]) == ("0.0", True, True)


@pytest.mark.parametrize(
    ("kind", "fields", "reply"),
    [
        ("outcomeMeta", {}, {"outcomes": [], "questions": []}),
        ("vaultDetails", {"vaultAddress": MASTER}, None),
        ("vaultSummaries", {}, []),
        ("userVaultEquities", {"user": MASTER}, []),
        ("delegations", {"user": MASTER}, []),
        ("delegatorHistory", {"user": MASTER}, []),
        ("delegatorRewards", {"user": MASTER}, []),
        (
            "delegatorSummary",
            {"user": MASTER},
            {
                "delegated": "0.0",
                "undelegated": "0.0",
                "totalPendingWithdrawal": "0.0",
                "nPendingWithdrawals": 0,
            },
        ),
        ("isVip", {"user": MASTER}, False),
        (
            "legalCheck",
            {"user": MASTER},
            {"ipAllowed": True, "acceptedTerms": True, "userAllowed": True},
        ),
        ("userToMultiSigSigners", {"user": MASTER}, None),
        ("userDexAbstraction", {"user": MASTER}, True),
        ("gossipRootIps", {}, []),
        ("perpDexLimits", {}, None),
        ("marginTable", {"id": 7}, {
            "description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 7}],
        }),
    ],
)  # fmt: skip
def test_what_has_no_meaning_here_is_empty_in_its_shape(
    kind: str, fields: dict[str, Any], reply: Any
) -> None:
    assert busy().ask(kind, **fields) == reply


def test_a_coin_at_its_cap_is_named() -> None:
    scene = busy()
    btc = scene.state.coins["BTC"]

    assert scene.ask("perpsAtOpenInterestCap") == []
    btc.open_interest_cap_micros = btc.open_interest_lots * btc.mark_ticks
    assert scene.ask("perpsAtOpenInterestCap") == ["BTC"]
    assert scene.ask("perpsAtOpenInterestCap", dex="xyz") == []


def test_the_whole_page_of_a_user_has_all_its_parts() -> None:
    scene = busy()

    page = scene.ask("webData2", user=MASTER)

    assert page["clearinghouseState"] == scene.ask("clearinghouseState", user=MASTER)
    assert page["openOrders"] == scene.ask("frontendOpenOrders", user=MASTER)
    assert [page["meta"], page["assetCtxs"]] == scene.ask("metaAndAssetCtxs")
    assert page["spotAssetCtxs"] == scene.ask("spotMetaAndAssetCtxs")[1]
    assert page["agentAddress"] == AGENT
    assert page["agentValidUntil"] == NOW_MS + 30 * DAY_MS
    assert page["cumLedger"] == "100000.0"
    assert [number for number, _ in page["twapStates"]] == [3]
