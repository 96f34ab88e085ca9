"""Whatever is signed and posted, the venue answers, and its money stays what it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.wire.signatures import sign_l1
from tests.venue_box import Trader, box, order

CLOID = "0x000000000000000000000000000000aa"
SUB = "0x00000000000000000000000000000000000000b5"

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0", "0.01", "-1", "1e5", "NaN", CLOID, SUB, "na", "Gtc", "x" * 300]),
    st.text(max_size=8),
)
odd = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
numbers = st.sampled_from(["0", "0.01", "1", "50000", "100000.5", "99999999999999999999", "120000"])
assets = st.sampled_from([0, 1, 2, 7, 10_000, 110_000, 2**31])
oids = st.integers(0, 12) | st.just(CLOID)
fine_order = st.fixed_dictionaries(
    {
        "a": assets,
        "b": st.booleans(),
        "p": numbers,
        "s": numbers,
        "r": st.booleans(),
        "t": st.sampled_from(
            [
                {"limit": {"tif": "Gtc"}},
                {"limit": {"tif": "Ioc"}},
                {"limit": {"tif": "Alo"}},
                {"trigger": {"isMarket": True, "triggerPx": "90000", "tpsl": "sl"}},
                {"trigger": {"isMarket": False, "triggerPx": "150000", "tpsl": "tp"}},
            ]
        ),
    },
    optional={"c": st.just(CLOID)},
)
ACTIONS: list[st.SearchStrategy[dict[str, Any]]] = [
    st.fixed_dictionaries(
        {
            "type": st.just("order"),
            "orders": st.lists(fine_order, max_size=3),
            "grouping": st.sampled_from(["na", "normalTpsl", "positionTpsl", {"p": 5}]),
        },
        optional={"builder": st.just({"b": SUB, "f": 3})},
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("cancel"),
            "cancels": st.lists(st.fixed_dictionaries({"a": assets, "o": st.integers(0, 12)})),
        }
    ),
    st.fixed_dictionaries({"type": st.just("modify"), "oid": oids, "order": fine_order}),
    st.fixed_dictionaries(
        {
            "type": st.just("batchModify"),
            "modifies": st.lists(
                st.fixed_dictionaries({"oid": oids, "order": fine_order}), max_size=2
            ),
            "a": st.just(True),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("updateLeverage"),
            "asset": assets,
            "isCross": st.booleans(),
            "leverage": st.sampled_from([0, 1, 5, 40, 41, 2**62]),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("updateIsolatedMargin"),
            "asset": assets,
            "isBuy": st.booleans(),
            "ntli": st.sampled_from([0, 1, -1, 10**9, -(10**9), 2**62]),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("topUpIsolatedOnlyMargin"),
            "asset": assets,
            "leverage": st.sampled_from(["0", "0.001", "3", "100"]),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("scheduleCancel")}, optional={"time": st.integers(0, 2**60)}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("twapOrder"),
            "twap": st.fixed_dictionaries(
                {
                    "a": assets,
                    "b": st.booleans(),
                    "s": numbers,
                    "r": st.booleans(),
                    "m": st.sampled_from([0, 5, 30, 2**40]),
                    "t": st.booleans(),
                }
            ),
        }
    ),
    st.fixed_dictionaries({"type": st.just("twapCancel"), "a": assets, "t": st.integers(0, 3)}),
    st.fixed_dictionaries({"type": st.just("createSubAccount"), "name": st.text(max_size=20)}),
    st.fixed_dictionaries(
        {
            "type": st.just("subAccountTransfer"),
            "subAccountUser": st.just(SUB),
            "isDeposit": st.booleans(),
            "usd": st.integers(0, 10**12),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("reserveRequestWeight"), "weight": st.sampled_from([0, 5, 2**62])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("agentSetAbstraction"), "abstraction": st.sampled_from("iup")}
    ),
    st.fixed_dictionaries({"type": st.just("setReferrer"), "code": st.text(max_size=20)}),
]


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """A good action with one of its fields replaced, removed or added, at any depth."""
    action: dict[str, Any] = json.loads(json.dumps(draw(st.one_of(ACTIONS))))
    place: Any = action
    while True:
        inner = [key for key in _keys(place) if isinstance(place[key], (dict, list)) and place[key]]
        if not inner or draw(st.booleans()):
            break
        place = place[draw(st.sampled_from(inner))]
    keys = _keys(place)
    kind = draw(st.sampled_from(["replace", "remove", "add"]))
    if isinstance(place, dict) and (kind == "add" or not keys):
        place[draw(st.text(min_size=1, max_size=5))] = draw(odd)
    elif kind == "remove" and keys:
        del place[draw(st.sampled_from(keys))]
    elif keys:
        place[draw(st.sampled_from(keys))] = draw(odd)
    return action


def _keys(place: Any) -> list[Any]:
    return list(place) if isinstance(place, dict) else list(range(len(place)))


def money_micros(state: VenueState) -> int:
    """All there is, with every position at one price per coin."""
    total = state.fees_micros + state.insurance_micros
    for account in state.accounts.values():
        total += account.cash_micros + account.spot_micros
        for name, position in account.positions.items():
            total += position.isolated_micros + position.lots * state.coins[name].mark_ticks
    return total


@settings(max_examples=25)
@given(st.lists(st.one_of(*ACTIONS, broken()), min_size=1, max_size=8))
def test_every_action_is_answered_and_no_money_is_made(actions: list[dict[str, Any]]) -> None:
    venue = box()
    trader = venue.trader()
    state = venue.gateway.state
    trader.place(order(px="200000", size="0.05", tif="Ioc"), order(px="50000", size="0.1"))
    for action in actions:
        reply = venue.exchange(signed(trader, action))
        assert reply.status in (200, 400, 422), reply
        if reply.status == 200:
            answer = json.loads(reply.body)
            assert answer["status"] in ("ok", "err")
            assert (answer["status"] == "err") == isinstance(answer["response"], str)
        else:
            assert reply.content_type.startswith("text/plain")
        venue.pass_ms(700)
        assert money_micros(state) == state.deposits_micros


def signed(trader: Trader, action: dict[str, Any]) -> bytes:
    trader.nonce += 1
    signature = sign_l1(action, trader.key, trader.nonce)
    return json.dumps({"action": action, "nonce": trader.nonce, "signature": signature}).encode()
