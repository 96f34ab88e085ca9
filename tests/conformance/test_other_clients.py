"""What clients that we did not write ask for, beyond what venue.md says: the shapes they check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.venue_box import Box, Wire, box

USER = "0x" + "ab" * 20
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


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)
