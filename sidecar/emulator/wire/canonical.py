"""The form of an action over which its hash is made.

The venue does not hash the bytes that it got: it reads an action into typed fields and writes them
again in its own order, numbers without trailing zeros, addresses and client order ids in lower
case.  Whoever signed another form is somebody else to it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from sidecar.emulator.exchange.units import DIGITS_MAX
from sidecar.emulator.wire.errors import BadShape

DECIMALS_MAX: Final = 8
"""Finer numbers are no numbers to the venue."""

_NORMAL = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,7}[1-9])?")
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_ADDRESS = re.compile(r"(?:0x)?[0-9a-fA-F]{40}")
_CLOID = re.compile(r"(?:0x)?[0-9a-fA-F]{32}")


def decimal(text: str) -> str:
    """The number without needless zeros.

    Raises BadShape for what is no plain decimal of the venue: signs, exponents, blanks, more than
    8 decimals, or more digits than it takes.
    """
    if _NORMAL.fullmatch(text):
        return text
    if len(text) > DIGITS_MAX * 2 or not _PLAIN.fullmatch(text):
        raise BadShape
    whole, _, fraction = text.partition(".")
    whole = whole.lstrip("0") or "0"
    fraction = fraction.rstrip("0")
    if len(fraction) > DECIMALS_MAX or len(whole) + len(fraction) > DIGITS_MAX:
        raise BadShape
    return f"{whole}.{fraction}" if fraction else whole


def address(text: str) -> str:
    """The address in lower case; raises BadShape when it is none."""
    if not _ADDRESS.fullmatch(text):
        raise BadShape
    return "0x" + text[-40:].lower()


def cloid(text: str) -> str:
    """The client order id in lower case; raises BadShape when it is not 128 bits of hex.

    Without `0x` it is read too, but who signed it so is somebody else: seen on the testnet.
    """
    if not _CLOID.fullmatch(text):
        raise BadShape
    return "0x" + text[-32:].lower()


def hashed_bytes(action: object, nonce: int, vault: str | None, expires_ms: int | None) -> bytes:
    """What is hashed for an action of the trading kind: MessagePack, nonce, vault, expiry."""
    parts = [msgspec.msgpack.encode(action), nonce.to_bytes(8, "big")]
    parts.append(b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault[2:]))
    if expires_ms is not None:
        parts.append(b"\x00" + expires_ms.to_bytes(8, "big"))
    return b"".join(parts)
