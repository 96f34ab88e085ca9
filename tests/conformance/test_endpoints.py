"""venue.md C.1: paths, methods, content types, and bodies that are no request."""

from __future__ import annotations

import json

import pytest

from tests.venue_box import JSON, PEER, Box, box, order


@pytest.fixture(scope="module")
def venue() -> Box:
    return box()


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_c1_other_methods_than_post_are_405(venue: Box, path: str, method: str) -> None:
    reply = venue.gateway.post(venue.now_ms, PEER, path, JSON, b"{}", method)

    assert reply.status == 405


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded"]
)
def test_c1_other_content_than_json_is_415(venue: Box, path: str, content_type: str | None) -> None:
    reply = venue.gateway.post(venue.now_ms, PEER, path, content_type, b'{"type":"meta"}')

    assert reply.status == 415
    assert reply.content_type.startswith("text/plain")


@pytest.mark.parametrize("path", ["/", "/ws", "/infos", "/info/"])
def test_c1_other_paths_are_404(venue: Box, path: str) -> None:
    assert venue.gateway.post(venue.now_ms, PEER, path, JSON, b"{}").status == 404


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff\xfe"])
def test_c1_what_is_not_json_is_400_in_plain_text(venue: Box, path: str, body: bytes) -> None:
    reply = venue.gateway.post(venue.now_ms, PEER, path, JSON, body)

    assert reply.status == 400
    assert reply.content_type.startswith("text/plain")


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"type":' * 100_000, b'{"action":' * 100_000])
def test_a4_bottomless_bodies_are_refused(venue: Box, path: str, body: bytes) -> None:
    assert venue.gateway.post(venue.now_ms, PEER, path, JSON, body).status in (400, 422)


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("body", [b"{}", b'{"type":"bogus"}', b"[]", b"1", b'{"action":1}'])
def test_c1_json_of_another_shape_is_422_in_plain_text(venue: Box, path: str, body: bytes) -> None:
    reply = venue.gateway.post(venue.now_ms, PEER, path, JSON, body)

    assert (reply.status, reply.content_type) == (422, "text/plain; charset=utf-8")
    assert reply.body == b"Failed to deserialize the JSON body into the target type"


@pytest.mark.parametrize(
    "question",
    [
        {"type": "metaAndAssetCtxs", "dex": "nope"},
        {"type": "fundingHistory", "coin": "NOPE", "startTime": 0},
    ],
)
def test_c1_an_unknown_dex_or_coin_is_500_with_null(
    venue: Box, question: dict[str, object]
) -> None:
    reply = venue.info(**question)

    assert (reply.status, reply.content_type, reply.body) == (500, JSON, b"null")


def test_c1_a_book_of_an_unknown_coin_is_200_with_null(venue: Box) -> None:
    reply = venue.info(type="l2Book", coin="xyz:NOPE")

    assert (reply.status, reply.content_type, reply.body) == (200, JSON, b"null")


def test_c1_the_clock_is_that_of_exchange_status(venue: Box) -> None:
    venue.pass_ms(12_345)

    assert json.loads(venue.info(type="exchangeStatus").body)["time"] == venue.now_ms


def test_c1_an_oversize_body_is_413(venue: Box) -> None:
    body = b'{"type":"' + b"x" * (2 * 1024 * 1024) + b'"}'

    assert venue.gateway.post(venue.now_ms, PEER, "/info", JSON, body).status == 413


def test_c7_an_outer_ok_says_nothing_about_the_order(venue: Box) -> None:
    reply = venue.trader(usd=0).act(
        {"type": "order", "orders": [order(px="1", size="1")], "grouping": "na"}
    )
    assert reply["status"] == "err"

    rich = venue.trader(2)
    refused = rich.place(order(px="1", size="0.00001"))

    assert "error" in refused[0]


def test_c1_time_in_a_call_never_runs_back(venue: Box) -> None:
    venue.pass_ms(10_000)
    venue.now_ms -= 5_000

    told = json.loads(venue.info(type="exchangeStatus").body)["time"]

    assert told == venue.now_ms + 5_000
