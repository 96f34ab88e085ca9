"""Who signed: hashes and recoveries as the venue does them; and signing, for clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coincurve import PrivateKey


def address_of(key: PrivateKey) -> str:
    """The address of a key, lower case."""
    raise NotImplementedError


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
    raise NotImplementedError


def sign_user_signed(action: Mapping[str, Any], key: PrivateKey) -> dict[str, str | int]:
    """`{r, s, v}` of an action that the master key signs; `type` decides the fields."""
    raise NotImplementedError
