"""Who signed: hashes and recoveries as the venue does them; and signing, for clients.

Two schemes.  An action of the trading kind is hashed as a whole, and a stand-in ("agent") that
names the network and that hash is signed as EIP-712 typed data.  What only the master key may do is
signed as typed data of its own fields, see `user_signed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak as _keccak

from sidecar.emulator.wire import canonical, user_signed

PARITIES: Final = {0: 0, 1: 1, 27: 0, 28: 1}
"""The `v` of a signature, to the parity of its point."""
_SCALAR_DIGITS: Final = 64
_SCALAR = re.compile(r"0x[0-9a-fA-F]{1,64}")


def keccak(data: bytes) -> bytes:
    """The 32 bytes of Keccak-256."""
    return _keccak.new(digest_bits=256, data=data).digest()


def _domain(name: str, chain_id: int) -> bytes:
    fields = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    parts = [fields.encode(), name.encode(), b"1"]
    contract = bytes(32)
    return keccak(b"".join(map(keccak, parts)) + chain_id.to_bytes(32, "big") + contract)


_AGENT_TYPE = keccak(b"Agent(string source,bytes32 connectionId)")
_EXCHANGE_DOMAIN = _domain("Exchange", 1337)
_L1_PREFIX: Final = {
    network: _AGENT_TYPE + keccak(source)
    for network, source in (("mainnet", b"a"), ("testnet", b"b"))
}


@lru_cache(maxsize=64)
def _user_domain(chain_id: int) -> bytes:
    return _domain("HyperliquidSignTransaction", chain_id)


def l1_digest(connection: bytes, network: str) -> bytes:
    """What is signed for the hash of an action on `mainnet` or `testnet`."""
    return keccak(b"\x19\x01" + _EXCHANGE_DOMAIN + keccak(_L1_PREFIX[network] + connection))


def user_signed_digest(primary_type: str, fields: user_signed.Fields, chain_id: int) -> bytes:
    """What is signed for an action of the master key."""
    head = user_signed.type_text(primary_type, fields)
    parts = [keccak(head.encode())]
    parts.extend(user_signed.encode_value(kind, value, keccak) for _, kind, value in fields)
    return keccak(b"\x19\x01" + _user_domain(chain_id) + keccak(b"".join(parts)))


def address_of_point(key: PublicKey) -> str:
    """The address of a public key, lower case."""
    return "0x" + keccak(key.format(compressed=False)[1:])[12:].hex()


def address_of(key: PrivateKey) -> str:
    """The address of a private key, lower case."""
    return address_of_point(key.public_key)


def scalar(text: str) -> bytes | None:
    """The 32 bytes of `r` or `s`, which may come without their leading zeros; None if neither."""
    if not _SCALAR.fullmatch(text):
        return None
    return bytes.fromhex(text[2:].rjust(_SCALAR_DIGITS, "0"))


def recover(digest: bytes, signature: bytes) -> str | None:
    """The address whose key signed; None when the signature is that of no key."""
    try:
        return address_of_point(PublicKey.from_signature_and_message(signature, digest, None))
    except ValueError:
        return None


def _signed(digest: bytes, key: PrivateKey) -> dict[str, str | int]:
    raw = key.sign_recoverable(digest, hasher=None)
    return {"r": "0x" + raw[:32].hex(), "s": "0x" + raw[32:64].hex(), "v": 27 + raw[64]}


def sign_l1(
    action: Mapping[str, Any],
    key: PrivateKey,
    nonce: int,
    vault: str | None = None,
    expires: int | None = None,
    *,
    is_mainnet: bool = True,
) -> dict[str, str | int]:
    """`{r, s, v}` of an action of the trading kind, in the order in which `action` holds it."""
    connection = keccak(canonical.hashed_bytes(action, nonce, vault, expires))
    return _signed(l1_digest(connection, "mainnet" if is_mainnet else "testnet"), key)


def sign_user_signed(action: Mapping[str, Any], key: PrivateKey) -> dict[str, str | int]:
    """`{r, s, v}` of an action that the master key signs; its `type` decides the fields.

    `action` names its chains: `signatureChainId` and `hyperliquidChain`.
    """
    kind = user_signed.KINDS[action["type"]]
    fields = [(name, type_, action.get(name, "")) for name, type_ in kind.fields]
    chain_id = user_signed.chain_id(action["signatureChainId"])
    return _signed(user_signed_digest(kind.primary_type, fields, chain_id), key)
