"""What is wrong is answered in words, and the venue goes on: a real process, over HTTP and sockets.

venue.md C.1 (bodies), C.2 (addresses), C.4 (streams), C.6, C.9, C.10 (refusals).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets
from coincurve import PrivateKey

from sidecar.emulator.wire.signatures import address_of, sign_l1, sign_user_signed
from tests.emulator_process import KEY, USER, Emulator, emulator

AGENT = PrivateKey(b"\x0b" * 32)
DAY_MS = 86_400_000
CLOID = "0x000000000000000000000000000000ab"
BUILDER = "0x" + "ab" * 20


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    with emulator("--stepped", "--symbols-count", "3", "--fund", f"{USER}=100000") as running:
        yield running


@pytest.fixture(autouse=True)
def _lives_on(venue: Emulator) -> Iterator[None]:
    """After every test, in a new minute with new weight, it serves and its money adds up."""
    yield
    venue.control("POST", "/clock/advance", {"ms": 60_000})
    assert "BTC" in venue.info(type="allMids")
    assert venue.control("GET", "/audit") == {"missing_micros": 0}


def now_ms(venue: Emulator) -> int:
    found: int = venue.control("GET", "/clock")["now_ms"]
    return found


def post(venue: Emulator, content: bytes, path: str = "/exchange") -> httpx.Response:
    headers = {"content-type": "application/json"}
    return venue.client.post(venue.ready["http"] + path, content=content, headers=headers)


def one(**changes: Any) -> dict[str, Any]:
    """A batch of one order that would rest."""
    wire: dict[str, Any] = {"a": 0, "b": True, "p": "100000", "s": "0.01", "r": False}
    wire |= {"t": {"limit": {"tif": "Gtc"}}} | changes
    return {"type": "order", "orders": [wire], "grouping": "na"}


def err(reply: httpx.Response) -> str:
    """The words of a refusal, which comes with status 200."""
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert body["status"] == "err", body
    words: str = body["response"]
    return words


def status(reply: httpx.Response) -> Any:
    """What is said of the only order of a batch."""
    body = reply.json()
    assert body["status"] == "ok", body
    return body["response"]["data"]["statuses"][0]


def approve(venue: Emulator, agent: str, name: str) -> None:
    """The account lets a key sign for it."""
    nonce = max(now_ms(venue), venue.nonces[-1] + 1 if venue.nonces else 0)
    venue.nonces.append(nonce)
    action = {"type": "approveAgent", "signatureChainId": "0xa4b1", "hyperliquidChain": "Mainnet"}
    action |= {"agentAddress": agent, "agentName": name, "nonce": nonce}
    body = {"action": action, "nonce": nonce, "signature": sign_user_signed(action, KEY)}
    assert post(venue, json.dumps(body).encode()).json()["status"] == "ok"


@pytest.mark.parametrize("path", ["/info", "/exchange"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"type": "meta"', b"[" * 100_000])
def test_c1_malformed_json(venue: Emulator, path: str, content: bytes) -> None:
    reply = post(venue, content, path)

    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.text in (
        "Failed to parse the request body as JSON",
        "Failed to deserialize the JSON body into the target type",
    )


@pytest.mark.parametrize(
    "action",
    [
        {"type": "ordr"},
        {"type": "order", "orders": {}, "grouping": "na"},
        one(s="-0.01"),
        one(p="-100000"),
        one(p=100_000),
        one(a="BTC"),
        one(b="true"),
        one(p="1e5"),
        one(p="NaN"),
        one(t={"limit": {"tif": "Fok"}}),
        {"type": "cancel", "cancels": [{"a": 0, "o": -1}]},
        {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": "5"},
    ],
)
def test_c1_unknown_actions_wrong_types_and_negative_sizes(
    venue: Emulator, action: dict[str, Any]
) -> None:
    reply = venue.act(action)

    assert reply.status_code == 422
    assert reply.text == "Failed to deserialize the JSON body into the target type"


def test_c9_what_this_venue_does_not_do_is_named(venue: Emulator) -> None:
    words = err(venue.act({"type": "createVault", "name": "x"}))

    assert words == "Action createVault is not supported by this emulator."


def test_c10_a_bad_signature(venue: Emulator) -> None:
    nonce = now_ms(venue)
    good = sign_l1(one(), KEY, nonce)
    stranger = address_of(AGENT)
    for signature, words in (
        (sign_l1(one(), AGENT, nonce), f"User or API Wallet {stranger} does not exist."),
        (good | {"r": "0x0"}, "Unable to recover signer."),
        (good | {"v": 29}, "Unable to recover signer."),
    ):
        body = {"action": one(), "nonce": nonce, "signature": signature}
        assert err(post(venue, json.dumps(body).encode())) == words
    body = {"action": one(), "nonce": nonce, "signature": good | {"r": "nonsense"}}
    assert post(venue, json.dumps(body).encode()).status_code == 422
    body = {"action": one(s="0.02"), "nonce": nonce, "signature": good}
    words = err(post(venue, json.dumps(body).encode()))
    assert words.startswith("User or API Wallet 0x")
    assert words.endswith(" does not exist.")
    assert USER not in words


def test_c10_an_expired_agent(venue: Emulator) -> None:
    until_ms = now_ms(venue) + 60_000
    approve(venue, address_of(AGENT), f"bot valid_until {until_ms}")
    assert "resting" in status(venue.act(one(), AGENT))

    venue.control("POST", "/clock/advance", {"ms": 60_000})

    words = err(venue.act(one(), AGENT))
    assert words == f"User or API Wallet {address_of(AGENT)} does not exist."


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (one(p="100000.0"), one()),
        (one(s="0.010"), one()),
        (one(c=CLOID.upper().replace("0X", "0x")), one(c=CLOID)),
        (
            one() | {"builder": {"b": "0x" + "AB" * 20, "f": 1}},
            one() | {"builder": {"b": BUILDER, "f": 1}},
        ),
    ],
    ids=["trailing zeros of a price", "of a size", "upper-case id", "upper-case address"],
)
def test_c6_c9_another_spelling_is_another_signer(
    venue: Emulator, sent: dict[str, Any], meant: dict[str, Any]
) -> None:
    """The venue hashes its own spelling: what was signed in another one comes from a stranger."""
    words = err(venue.act(sent))
    assert words.startswith("User or API Wallet 0x")
    assert USER not in words

    nonce = max(now_ms(venue), venue.nonces[-1] + 1)
    venue.nonces.append(nonce)
    body = {"action": sent, "nonce": nonce, "signature": sign_l1(meant, KEY, nonce)}
    reply = post(venue, json.dumps(body).encode()).json()
    assert reply["status"] == "ok" or reply["response"] == "Builder fee has not been approved"


def test_c10_stale_and_duplicate_nonces(venue: Emulator) -> None:
    noop, now = {"type": "noop"}, now_ms(venue)
    nonce = now - 1_000
    assert venue.sign(noop, nonce).json()["status"] == "ok"

    assert err(venue.sign(noop, nonce)) == f"Invalid nonce: duplicate nonce {nonce}"
    old, early = now - 2 * DAY_MS, now + DAY_MS
    assert err(venue.sign(noop, old)) == f"Invalid nonce: nonce too low {old} < {old}"
    assert err(venue.sign(noop, early)) == f"Invalid nonce: nonce too high {early} > {early}"
    venue.nonces.append(now)


def test_c2_ten_thousand_orders_in_one_batch(venue: Emulator) -> None:
    action = one()
    action["orders"] *= 10_000
    before = len(venue.truth()["open_orders"])

    assert err(venue.act(action)) == "Too many items in one batch: 10000 > 1000."
    assert len(venue.truth()["open_orders"]) == before


async def heard(venue: Emulator, *texts: str) -> list[Any]:
    """The first answer to each text on one socket."""
    async with websockets.connect(venue.ready["ws"], proxy=None) as stream:
        found = []
        for text in texts:
            await stream.send(text)
            found.append(json.loads(await asyncio.wait_for(stream.recv(), 5)))
        return found


def test_c4_subscriptions_to_nothing(venue: Emulator) -> None:
    texts = [
        '{"method":"subscribe"}',
        '{"method":"subscribe","subscription":{"type":"nothing"}}',
        '{"method":"subscribe","subscription":{"type":"trades"}}',
        '{"method":"unsubscribe","subscription":{"type":"nothing"}}',
        "nonsense",
    ]

    answers = asyncio.run(heard(venue, *texts, '{"method":"ping"}'))

    prefix = "Error parsing JSON into valid websocket request: "
    assert answers[:-1] == [{"channel": "error", "data": prefix + text} for text in texts]
    assert answers[-1] == {"channel": "pong"}


def test_c4_a_subscription_to_a_coin_that_is_not_here(venue: Emulator) -> None:
    wanted = '{"method":"subscribe","subscription":{"type":"bbo","coin":"btc"}}'

    with pytest.raises(websockets.ConnectionClosedError) as caught:
        asyncio.run(heard(venue, wanted))

    assert caught.value.rcvd is None


async def pinged_and_ignored(venue: Emulator) -> websockets.ConnectionClosed:
    """How a socket ends whose client sends pings of the protocol alone, for a minute."""
    async with websockets.connect(venue.ready["ws"], proxy=None, ping_interval=None) as stream:
        for _ in range(6):
            await (await stream.ping())
            await asyncio.to_thread(venue.control, "POST", "/clock/advance", {"ms": 10_000})
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await asyncio.wait_for(stream.recv(), 5)
        return caught.value


def test_c4_pings_of_the_protocol_do_not_keep_a_socket_open(venue: Emulator) -> None:
    ended = asyncio.run(pinged_and_ignored(venue))

    assert ended.rcvd is not None
    assert ended.rcvd.code == 1000


def test_c1_replies_are_plain_and_say_nothing_of_limits(venue: Emulator) -> None:
    url = venue.ready["http"] + "/info"
    headers = {"accept-encoding": "gzip, deflate, br"}
    question = {"type": "userRole", "user": USER}
    venue.control("POST", "/clock/advance", {"ms": 60_000})

    replies = [venue.client.post(url, json=question, headers=headers) for _ in range(21)]

    assert [reply.status_code for reply in replies] == [200] * 20 + [429]
    assert replies[-1].headers["content-type"] == "text/html"
    for reply in replies:
        names = {name.lower() for name in reply.headers}
        assert not {"content-encoding", "retry-after"} & names
        assert not [name for name in names if "limit" in name]
