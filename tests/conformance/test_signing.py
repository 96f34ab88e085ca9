"""venue.md C.10: hashes, signatures and recovery are those of the official SDK."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import eth_account
import pytest
from hyperliquid.utils import signing as sdk
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.emulator.wire import actions, canonical, signatures
from sidecar.emulator.wire.errors import BadShape
from tests.signed_venue import CLOID, KEY, NONCE, SECRET, USER, VAULT, order_action, posted, venue

WALLET = eth_account.Account.from_key(SECRET)
DUMMY = {"type": "dummy", "num": 100_000_000_000}
SEND = {
    "type": "usdSend",
    "destination": "0x5e9ee1089755c3435139848e47e6635505d5a13a",
    "amount": "1",
    "time": 1_687_816_341_423,
}


STOP = {"trigger": {"isMarket": True, "triggerPx": "103", "tpsl": "sl"}}
# (action, vault, mainnet r, s, v, testnet r, s, v): the vectors that the SDK's own tests hold.
PUBLISHED: list[tuple[dict[str, Any], str | None, str, str]] = [
    (
        DUMMY,
        None,
        "053749d5b30552aeb2fca34b530185976545bb22d0b3ce6f62e31be961a59298"
        "755c40ba9bf05223521753995abb2f73ab3229be8ec921f350cb447e384d8ed8 27",
        "542af61ef1f429707e3c76c5293c80d01f74ef853e34b76efffcb57e574f9510"
        "17b8b32f086e8cdede991f1e2c529f5dd5297cbe8128500e00cbaf766204a613 28",
    ),
    (
        DUMMY,
        VAULT,
        "003c548db75e479f8012acf3000ca3a6b05606bc2ec0c29c50c515066a326239"
        "4d402be7396ce74fbba3795769cda45aec00dc3125a984f2a9f23177b190da2c 28",
        "e281d2fb5c6e25ca01601f878e4d69c965bb598b88fac58e475dd1f5e56c362b"
        "7ddad27e9a238d045c035bc606349d075d5c5cd00a6cd1da23ab5c39d4ef0f60 27",
    ),
    (
        order_action(),
        None,
        "d65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e"
        "2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e 28",
        "82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54"
        "6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5 27",
    ),
    (
        order_action(c=CLOID),
        None,
        "041ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3"
        "3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da 27",
        "eba0664bed2676fc4e5a743bf89e5c7501aa6d870bdb9446e122c9466c5cd16d"
        "7f3e74825c9114bc59086f1eebea2928c190fdfbfde144827cb02b85bbe90988 28",
    ),
    (
        order_action(t=STOP),
        None,
        "98343f2b5ae8e26bb2587daad3863bc70d8792b09af1841b6fdd530a2065a3f9"
        "6b5bb6bb0633b710aa22b721dd9dee6d083646a5f8e581a20b545be6c1feb405 27",
        "971c554d917c44e0e1b6cc45d8f9404f32172a9d3b3566262347d0302896a2e4"
        "206257b104788f80450f8e786c329daa589aa0b32ba96948201ae556d5637eac 28",
    ),
    (
        {"type": "createSubAccount", "name": "example"},
        None,
        "51096fe3239421d16b671e192f574ae24ae14329099b6db28e479b86cdd6caa7"
        "0b71f7d293af92d3772572afb8b102d167a7cef7473388286bc01f52a5c5b423 27",
        "a699e3ed5c2b89628c746d3298b5dc1cca604694c2c855da8bb8250ec8014a5b"
        "53f1b8153a301c72ecc655b1c315d64e1dcea3ee58921fd7507e35818fcc1584 28",
    ),
    (
        {
            "type": "subAccountTransfer",
            "subAccountUser": "0x1d9470d4b963f552e6f671a81619d395877bf409",
            "isDeposit": True,
            "usd": 10,
        },
        None,
        "43592d7c6c7d816ece2e206f174be61249d651944932b13343f4d13f306ae602"
        "71a926cb5c9a7c01c3359ec4c4c34c16ff8107d610994d4de0e6430e5cc0f4c9 28",
        "e26574013395ad55ee2f4e0575310f003c5bb3351b5425482e2969fa51543927"
        "0efb08999196366871f919fd0e138b3a7f30ee33e678df7cfaf203e25f0a4278 28",
    ),
    (
        {"type": "scheduleCancel"},
        None,
        "6cdfb286702f5917e76cd9b3b8bf678fcc49aec194c02a73e6d4f16891195df9"
        "6557ac307fa05d25b8d61f21fb8a938e703b3d9bf575f6717ba21ec61261b2a0 27",
        "c75bb195c3f6a4e06b7d395acc20bbb224f6d23ccff7c6a26d327304e6efaeed"
        "342f8ede109a29f2c0723bd5efb9e9100e3bbb493f8fb5164ee3d385908233df 28",
    ),
    (
        {"type": "scheduleCancel", "time": 123_456_789},
        None,
        "609cb20c737945d070716dcc696ba030e9976fcf5edad87afa7d877493109d55"
        "16c685d63b5c7a04512d73f183b3d7a00da5406ff1f8aad33f8ae2163bab758b 28",
        "4e4f2dbd4107c69783e251b7e1057d9f2b9d11cee213441ccfa2be63516dc5bc"
        "706c656b23428c8ba356d68db207e11139ede1670481a9e01ae2dfcdb0e1a678 27",
    ),
]


def written(signature: dict[str, Any]) -> str:
    """`r`, `s` and `v` in the form of the table above."""
    r, s = (str(signature[name])[2:].rjust(64, "0") for name in ("r", "s"))
    return f"{r}{s} {signature['v']}"


@pytest.mark.parametrize(("action", "vault", "mainnet", "testnet"), PUBLISHED)
def test_signatures_equal_the_published_vectors(
    action: dict[str, Any], vault: str | None, mainnet: str, testnet: str
) -> None:
    for is_mainnet, expected in ((True, mainnet), (False, testnet)):
        ours = signatures.sign_l1(action, KEY, 0, vault, is_mainnet=is_mainnet)
        theirs = sdk.sign_l1_action(WALLET, action, vault, 0, None, is_mainnet)

        assert written(ours) == expected
        assert written(theirs) == expected


def test_the_hash_of_an_order_is_the_one_that_production_made() -> None:
    action = order_action(a=4, p="1670.1", s="0.0147", t={"limit": {"tif": "Ioc"}})
    hashed = canonical.hashed_bytes(action, 1_677_777_606_040, None, None)

    assert signatures.keccak(hashed).hex() == (
        "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "usdSend",
            "637b37dd731507cdd24f46532ca8ba6eec616952c56218baeff04144e4a77073"
            "11a6a24900e6e314136d2592e2f8d502cd89b7c15b198e1bee043c9589f9fad7 27",
        ),
        (
            "withdraw3",
            "8363524c799e90ce9bc41022f7c39b4e9bdba786e5f9c72b20e43e1462c37cf9"
            "58b1411a775938b83e29182e8ef74975f9054c8e97ebf5ec2dc8d51bfc893881 28",
        ),
    ],
)
def test_user_signed_actions_equal_the_published_vectors(kind: str, expected: str) -> None:
    action = SEND | {"type": kind, "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet"}

    assert written(signatures.sign_user_signed(action, KEY)) == expected


def test_every_action_of_the_master_key_is_typed_as_the_sdk_types_it() -> None:
    other = "0xABCDEF0000000000000000000000000000000001"
    send_asset = {"sourceDex": "", "destinationDex": "", "token": "USDC", "amount": "1.5"}
    send_asset |= {"destination": other.lower(), "fromSubAccount": "", "nonce": NONCE}
    samples: list[tuple[str, dict[str, Any], Any]] = [
        ("usdSend", SEND, sdk.sign_usd_transfer_action),
        ("spotSend", SEND | {"token": "PURR:0xc4bf"}, sdk.sign_spot_transfer_action),
        ("withdraw3", SEND, sdk.sign_withdraw_from_bridge_action),
        (
            "usdClassTransfer",
            {"amount": "2.0", "toPerp": True, "nonce": NONCE},
            sdk.sign_usd_class_transfer_action,
        ),
        ("sendAsset", send_asset, sdk.sign_send_asset_action),
        (
            "approveAgent",
            {"agentAddress": other, "agentName": "bot", "nonce": NONCE},
            sdk.sign_agent,
        ),
        (
            "approveBuilderFee",
            {"maxFeeRate": "0.01%", "builder": other, "nonce": NONCE},
            sdk.sign_approve_builder_fee,
        ),
        (
            "userSetAbstraction",
            {"user": USER, "abstraction": "unifiedAccount", "nonce": NONCE},
            sdk.sign_user_set_abstraction_action,
        ),
        (
            "userDexAbstraction",
            {"user": USER, "enabled": True, "nonce": NONCE},
            sdk.sign_user_dex_abstraction_action,
        ),
        (
            "tokenDelegate",
            {"validator": other, "wei": 7, "isUndelegate": False, "nonce": NONCE},
            sdk.sign_token_delegate_action,
        ),
        (
            "convertToMultiSigUser",
            {"signers": "{}", "nonce": NONCE},
            sdk.sign_convert_to_multi_sig_user_action,
        ),
    ]
    for kind, fields, sign in samples:
        for is_mainnet in (True, False):
            action = deepcopy(fields) | {"type": kind}
            theirs = sign(WALLET, action, is_mainnet)

            assert written(signatures.sign_user_signed(action, KEY)) == written(theirs), kind
            nonce = action.get("nonce", action.get("time"))
            assert signer_of(action, theirs, nonce) == USER, kind


def signer_of(
    action: dict[str, Any],
    signature: dict[str, Any],
    nonce: int = NONCE,
    network: str | None = None,
    **more: Any,
) -> str:
    """Who the venue takes for the signer, by the request or by the address in its refusal."""
    found = actions.decode(posted(action, signature, nonce, **more), network)
    answer = found.to_envelope(venue(USER))
    if not isinstance(answer, str):
        return answer.signer
    if "not supported" in answer:
        return USER
    words = [word for word in answer.split() if word.startswith("0x")]
    assert len(words) == 1, answer
    return words[0]


prices = st.integers(1, 99_999).map(lambda count: count / 10)
orders = st.fixed_dictionaries(
    {
        "coin": st.just("BTC"),
        "is_buy": st.booleans(),
        "sz": st.integers(1, 10_000).map(lambda count: count / 100),
        "limit_px": prices,
        "reduce_only": st.booleans(),
        "order_type": st.one_of(
            st.sampled_from(["Gtc", "Ioc", "Alo"]).map(lambda tif: {"limit": {"tif": tif}}),
            st.builds(
                lambda px, market, tpsl: {
                    "trigger": {"triggerPx": px, "isMarket": market, "tpsl": tpsl}
                },
                prices,
                st.booleans(),
                st.sampled_from(["tp", "sl"]),
            ),
        ),
        "cloid": st.none()
        | st.integers(0, 2**128 - 1).map(lambda number: sdk.Cloid.from_int(number)),
    }
)


@settings(max_examples=60)
@given(
    batch=st.lists(orders, min_size=1, max_size=3),
    grouping=st.sampled_from(["na", "normalTpsl", "positionTpsl", {"p": 12}]),
    builder=st.none() | st.just({"b": VAULT, "f": 10}),
    nonce=st.integers(1, 2**45),
    expires=st.none() | st.integers(1, 2**45),
    is_mainnet=st.booleans(),
)
def test_orders_signed_by_the_sdk_come_from_their_key(
    batch: list[Any], grouping: Any, builder: Any, nonce: int, expires: Any, is_mainnet: bool
) -> None:
    wires = [sdk.order_request_to_order_wire(order, 1) for order in batch]
    action = sdk.order_wires_to_order_action(wires, builder, grouping)
    signature = sdk.sign_l1_action(WALLET, action, None, nonce, expires, is_mainnet)
    more = {"vaultAddress": None, "expiresAfter": expires}

    for network in (None, "mainnet" if is_mainnet else "testnet"):
        assert signer_of(action, signature, nonce, network, **more) == USER
    other = "testnet" if is_mainnet else "mainnet"
    assert signer_of(action, signature, nonce, other, **more) != USER


@settings(max_examples=60)
@given(at=st.integers(0, 63), by=st.integers(1, 15), name=st.sampled_from(["r", "s"]))
def test_another_signature_is_another_signer(at: int, by: int, name: str) -> None:
    action = order_action()
    signature = signatures.sign_l1(action, KEY, NONCE)
    digits = list(str(signature[name])[2:])
    digits[at] = f"{int(digits[at], 16) ^ by:x}"

    found = actions.decode(posted(action, signature | {name: "0x" + "".join(digits)}, NONCE), None)

    answer = found.to_envelope(venue(USER))
    assert isinstance(answer, str)
    assert answer == "Unable to recover signer." or answer.endswith("does not exist.")
    assert USER not in answer


def canonical_order() -> dict[str, Any]:
    builder = {"b": VAULT, "f": 1}
    return order_action(p="29000.5", c=CLOID[:-1] + "a") | {"builder": builder}


def with_order(**changes: Any) -> dict[str, Any]:
    action = canonical_order()
    action["orders"][0] |= changes
    return action


def turned(action: dict[str, Any]) -> dict[str, Any]:
    """The same, keys in another order."""
    orders = [dict(reversed(order.items())) for order in action["orders"]]
    return dict(reversed((action | {"orders": orders}).items()))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(with_order(p="29000.50"), id="trailing zero of a price"),
        pytest.param(with_order(p="029000.5"), id="leading zero of a price"),
        pytest.param(with_order(s="100.0"), id="trailing zero of a size"),
        pytest.param(with_order(c=CLOID[:-1] + "A"), id="upper case of an order id"),
        pytest.param(with_order(c=CLOID[2:-1] + "a"), id="order id without 0x"),
        pytest.param(
            canonical_order() | {"builder": {"b": "0x" + VAULT[2:].upper(), "f": 1}},
            id="upper case of an address",
        ),
        pytest.param(turned(canonical_order()), id="another order of keys"),
    ],
)
def test_only_the_canonical_form_counts(sent: dict[str, Any]) -> None:
    """venue.md C.6, C.9: the venue reads any form and hashes its own, so that who signed another
    one is another address, and who signed the right one may send any."""
    as_sent = signatures.sign_l1(sent, KEY, NONCE)
    as_hashed = signatures.sign_l1(canonical_order(), KEY, NONCE)

    assert signer_of(sent, as_sent) != USER
    assert signer_of(sent, as_hashed) == USER


def test_the_vault_and_the_expiry_are_part_of_what_is_signed() -> None:
    action = order_action()
    plain = signatures.sign_l1(action, KEY, NONCE)
    with_expiry = signatures.sign_l1(action, KEY, NONCE, None, NONCE + 5)

    assert signer_of(action, with_expiry, expiresAfter=NONCE + 5) == USER
    assert signer_of(action, with_expiry, expiresAfter=None) != USER
    assert signer_of(action, plain, expiresAfter=NONCE + 5) != USER
    assert signer_of(action, plain, vaultAddress=VAULT) not in (USER, VAULT)


@pytest.mark.parametrize("is_null", [True, False])
def test_a_null_field_is_an_absent_one(is_null: bool) -> None:
    action = order_action()
    sent = deepcopy(action)
    if is_null:
        sent["builder"] = sent["orders"][0]["c"] = None
    more = {"vaultAddress": None, "expiresAfter": None, "isFrontend": True} if is_null else {}

    assert signer_of(sent, signatures.sign_l1(action, KEY, NONCE), **more) == USER


def test_an_agent_named_by_nobody_is_signed_with_an_empty_name() -> None:
    action = {"type": "approveAgent", "agentAddress": VAULT, "agentName": "", "nonce": NONCE}
    signature = sdk.sign_agent(WALLET, action, True)
    for name in (None, ""):
        assert signer_of(action | {"agentName": name}, signature) == USER
    del action["agentName"]
    assert signer_of(action, signature) == USER


@pytest.mark.parametrize("bad", ["", "0x", "0x" + "f" * 65, "0xzz", "0x 1", 7, None])
def test_a_signature_that_is_no_number_is_no_request(bad: object) -> None:
    signature = signatures.sign_l1(order_action(), KEY, NONCE)
    with pytest.raises(BadShape):
        actions.decode(posted(order_action(), signature | {"r": bad}, NONCE), None)


@pytest.mark.parametrize(
    "bad", [{"v": 29}, {"v": 2}, {"r": "0x0"}, {"r": "0x" + "f" * 64}, {"s": "0x0"}]
)
def test_a_signature_of_no_key_is_refused(bad: dict[str, Any]) -> None:
    signature = signatures.sign_l1(order_action(), KEY, NONCE)
    found = actions.decode(posted(order_action(), signature | bad, NONCE), None)

    assert found.to_envelope(venue(USER)) == "Unable to recover signer."


def test_recorded_actions_are_read_and_hashed_alike(shared_dir: Path) -> None:
    """The author of the recordings took their signatures out, so we sign them again."""
    rows = json.loads((shared_dir / "data/api/rest/go_hyperliquid_cassettes.json").read_text())
    recorded = [row for row in rows["interactions"] if row["uri"].endswith("/exchange")]
    seen = set()
    for row in recorded:
        action = row["request"]["action"]
        for network, is_mainnet in (("mainnet", True), ("testnet", False)):
            theirs = sdk.sign_l1_action(WALLET, action, None, NONCE, None, is_mainnet)
            signed = actions.decode(posted(action, theirs, NONCE), network)
            seen.add(signed.kind)
            assert signed.batch_len == 1

    assert len(recorded) >= 20
    assert seen == {"order", "cancel", "cancelByCloid", "perpDeploy"}
