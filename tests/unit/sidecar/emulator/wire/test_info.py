"""From a body to a reply: what is refused, and how."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.venue.weights import ITEMS_PER_WEIGHT
from sidecar.emulator.wire import info
from sidecar.emulator.wire.errors import JSON_TEXT, SHAPE_TEXT
from tests.emulator_scene import AGENT, BUILDER, LIMIT_OID, MASTER, NOW_MS, STRANGER, bare, busy

OPTIONAL = {
    "vaultDetails": ("user",),
    "userFunding": ("startTime",),
    "userNonFundingLedgerUpdates": ("startTime",),
}
"""Fields that only some types can do without."""
SPAN = {"coin": "BTC", "interval": "1m", "startTime": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"type":"meta"',
        b"{'type':'meta'}",
        b'{"type":"meta"}x',
        b'{"type":"m\xff"}',
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_gets_400(body: bytes) -> None:
    reply = bare().answer(body)

    assert (reply.status, reply.content_type) == (400, "text/plain; charset=utf-8")
    assert reply.body.decode() == JSON_TEXT


@pytest.mark.parametrize(
    "request_of",
    [
        [],
        [[[]]],
        "meta",
        None,
        {},
        {"type": None},
        {"type": "bogus"},
        {"type": "Meta"},
        {"type": "l2Book"},
        {"type": "l2Book", "coin": 7},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": "5"},
        {"type": "meta", "dex": 1},
        {"type": "clearinghouseState"},
        {"type": "clearinghouseState", "user": "0x12"},
        {"type": "clearinghouseState", "user": MASTER + "ab"},
        {"type": "clearinghouseState", "user": MASTER[2:]},
        {"type": "orderStatus", "user": MASTER},
        {"type": "orderStatus", "user": MASTER, "oid": -1},
        {"type": "orderStatus", "user": MASTER, "oid": 1.5},
        {"type": "orderStatus", "user": MASTER, "oid": "0x12"},
        {"type": "candleSnapshot", **SPAN},
        {"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1m"}},
        {"type": "candleSnapshot", "req": SPAN | {"interval": "7m"}},
        {"type": "candleSnapshot", "req": SPAN | {"startTime": -1}},
        {"type": "fundingHistory", "coin": "BTC"},
        {"type": "userFillsByTime", "user": MASTER},
        {"type": "userFillsByTime", "user": MASTER, "startTime": "0"},
        {"type": "maxBuilderFee", "user": MASTER},
    ],
    ids=str,
)
def test_json_of_no_known_request_gets_422_as_text(request_of: Any) -> None:
    reply = bare().answer(request_of)

    assert (reply.status, reply.content_type) == (422, "text/plain; charset=utf-8")
    assert reply.body.decode() == SHAPE_TEXT


@pytest.mark.parametrize(
    "request_of",
    [
        {"type": "metaAndAssetCtxs", "dex": "nope"},
        {"type": "meta", "dex": "nope"},
        {"type": "allMids", "dex": "nope"},
        {"type": "clearinghouseState", "user": MASTER, "dex": "nope"},
        {"type": "openOrders", "user": MASTER, "dex": "nope"},
        {"type": "fundingHistory", "coin": "NOPE", "startTime": 0},
        {"type": "fundingHistory", "coin": "btc", "startTime": 0},
        {"type": "fundingHistory", "coin": "GOLD", "startTime": 0},
        {"type": "candleSnapshot", "req": SPAN | {"coin": "#0"}},
        {"type": "candleSnapshot", "req": SPAN | {"coin": "NOPE"}},
        {"type": "recentTrades", "coin": "NOPE"},
        {"type": "activeAssetData", "user": MASTER, "coin": "NOPE"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 6},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 4, "mantissa": 5},
        {"type": "marginTable", "id": 77},
        {"type": "tokenDetails", "tokenId": "0x" + "00" * 16},
    ],
    ids=str,
)
def test_an_unknown_name_gets_500_and_null(request_of: Any) -> None:
    reply = busy().answer(request_of)

    assert (reply.status, reply.content_type, reply.body) == (500, "application/json", b"null")


@pytest.mark.parametrize("coin", ["NOPE", "xyz:NOPE", "btc", "#0", ""])
def test_the_book_of_an_unknown_coin_is_null(coin: str) -> None:
    reply = bare().answer({"type": "l2Book", "coin": coin})

    assert (reply.status, reply.body) == (200, b"null")


@pytest.mark.parametrize("dex", [{}, {"dex": None}, {"dex": ""}])
def test_absent_null_and_empty_are_alike(dex: dict[str, Any]) -> None:
    scene = busy()

    assert scene.ask("meta", **dex) == scene.ask("meta")
    assert scene.ask("openOrders", user=MASTER, **dex) == scene.ask("openOrders", user=MASTER)


def test_null_stands_for_every_optional_field() -> None:
    scene = busy()
    times = {"startTime": None, "endTime": None}
    by_time = {"startTime": 0, "endTime": None, "aggregateByTime": None, "reversed": None}

    assert len(scene.ask("userFunding", user=MASTER, **times)) == 2
    assert len(scene.ask("userFillsByTime", user=MASTER, **by_time)) == 4
    assert scene.ask("l2Book", coin="BTC", nSigFigs=None, mantissa=None)["coin"] == "BTC"


def test_fields_that_no_shape_names_are_ignored() -> None:
    assert bare().ask("exchangeStatus", user="nobody", extra=[1]) == {
        "specialStatuses": None,
        "time": NOW_MS,
    }


@pytest.mark.parametrize("spell", [str.lower, lambda user: "0x" + user[2:].upper()])
def test_addresses_in_any_case_are_one_user(spell: Any) -> None:
    scene = busy()

    assert scene.ask("clearinghouseState", user=spell(MASTER))["assetPositions"]
    assert scene.ask("activeAssetData", user=spell(MASTER), coin="BTC")["user"] == MASTER


def test_a_reply_tells_what_its_request_weighs_by() -> None:
    scene = busy()

    fills = scene.answer({"type": "userFills", "user": MASTER})
    state = scene.answer({"type": "clearinghouseState", "user": MASTER})
    bogus = scene.answer({"type": "bogus"})

    assert (fills.request_type, fills.item_count) == ("userFills", 4)
    assert (state.request_type, state.item_count) == ("clearinghouseState", 0)
    assert (bogus.request_type, bogus.item_count) == ("", 0)


FIELDS: dict[str, Any] = {
    "user": MASTER,
    "source": MASTER,
    "vault_address": MASTER,
    "builder": BUILDER,
    "coin": "BTC",
    "oid": LIMIT_OID,
    "id": 56,
    "token": 0,
    "token_id": "0x6d1e7cde53ba9467b783cb7c530ce054",
    "start_time": 0,
    "req": {"coin": "BTC", "interval": "1m", "startTime": 0},
}


def whole(kind: str) -> dict[str, Any]:
    """A request with every field that its type needs."""
    shape = info.TABLE[kind][0]
    names = zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True)
    return {wire: FIELDS[name] for name, wire in names if name in FIELDS}


@pytest.mark.parametrize("kind", info.TABLE)
def test_every_type_is_answered_and_each_of_its_fields_is_needed(kind: str) -> None:
    scene, fields = busy(), whole(kind)

    reply = scene.answer({"type": kind, **fields})
    count = json.loads(reply.body)

    assert (reply.status, reply.request_type) == (200, kind)
    assert reply.item_count == (len(count) if isinstance(count, list) else 0)
    required = [name for name in fields if name not in OPTIONAL.get(kind, ())]
    for name in required:
        less = {key: value for key, value in fields.items() if key != name}
        assert scene.answer({"type": kind, **less}).status == 422, name


@pytest.mark.parametrize("kind", info.TABLE)
def test_a_venue_without_anybody_answers_every_type(kind: str) -> None:
    reply = bare().answer({"type": kind, **whole(kind)})

    assert reply.status == 200, reply


@pytest.mark.parametrize("kind", [kind for kind in ITEMS_PER_WEIGHT if kind in info.TABLE])
def test_requests_that_weigh_by_their_rows_answer_with_rows(kind: str) -> None:
    scene = busy()
    is_empty_here = kind.startswith("delegator")

    reply = scene.answer({"type": kind, **whole(kind)})

    assert isinstance(json.loads(reply.body), list)
    assert (reply.item_count == 0) is is_empty_here


def test_an_agent_has_nothing_of_its_master_s() -> None:
    scene = busy()
    kinds = ("clearinghouseState", "openOrders", "userFills", "extraAgents", "userFunding")

    of_agent = {kind: scene.ask(kind, user=AGENT) for kind in kinds}
    of_nobody = {kind: scene.ask(kind, user=STRANGER) for kind in kinds}

    assert of_agent == of_nobody
    assert of_agent["clearinghouseState"]["marginSummary"]["accountValue"] == "0.0"
    assert scene.ask("orderStatus", user=AGENT, oid=LIMIT_OID) == {"status": "unknownOid"}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["BTC", "MATIC", "@1", "xyz", "1m", "1M", MASTER, AGENT, "0x" + "c1" * 16])
)
NAMES = sorted(
    {name for shape, _ in info.TABLE.values() for name in shape.__struct_encode_fields__}
    | {"interval"}
)
QUESTIONS = st.dictionaries(
    st.sampled_from(NAMES), SCALARS | st.dictionaries(st.sampled_from(NAMES), SCALARS), max_size=6
)


@given(kind=st.sampled_from(sorted(info.TABLE)), fields=QUESTIONS, is_whole=st.booleans())
def test_any_question_is_answered_or_refused(
    kind: str, fields: dict[str, Any], is_whole: bool
) -> None:
    base = whole(kind) if is_whole else {}

    reply = SCENE.answer(base | fields | {"type": kind})

    assert reply.status in (200, 422, 500)
    if reply.status == 200:
        json.loads(reply.body)
    elif reply.status == 500:
        assert reply.body == b"null"


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_refused(body: bytes) -> None:
    assert SCENE.answer(body).status in (400, 422)


SCENE = busy()
