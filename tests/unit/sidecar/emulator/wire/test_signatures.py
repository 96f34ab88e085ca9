"""Hashes, addresses and the numbers of a signature."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.wire import canonical, signatures
from sidecar.emulator.wire.errors import BadShape


@given(st.binary(max_size=300))
def test_the_hash_is_that_of_ethereum(data: bytes) -> None:
    assert signatures.keccak(data) == keccak(data)


@given(st.integers(1, 2**128))
def test_a_key_has_the_address_that_wallets_give_it(number: int) -> None:
    secret = number.to_bytes(32, "big")
    assert signatures.address_of(PrivateKey(secret)) == Account.from_key(secret).address.lower()


@given(digest=st.binary(min_size=32, max_size=32), number=st.integers(1, 2**128))
def test_who_signed_is_recovered(digest: bytes, number: int) -> None:
    key = PrivateKey(number.to_bytes(32, "big"))
    signature = key.sign_recoverable(digest, hasher=None)

    assert signatures.recover(digest, signature) == signatures.address_of(key)


@given(signature=st.binary(min_size=65, max_size=65), digest=st.binary(min_size=32, max_size=32))
def test_any_other_bytes_recover_somebody_or_nobody(signature: bytes, digest: bytes) -> None:
    found = signatures.recover(digest, signature)

    assert found is None or (len(found) == 42 and found == found.lower())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0x1", 1),
        ("0x" + "f" * 64, 2**256 - 1),
        ("0xAb", 171),
        ("0x", None),
        ("1", None),
        ("0x" + "1" * 65, None),
        ("0x1 ", None),
        ("0xg", None),
        ("0x-1", None),
    ],
)
def test_numbers_of_a_signature_come_without_their_leading_zeros(
    text: str, number: int | None
) -> None:
    found = signatures.scalar(text)

    assert found == (None if number is None else number.to_bytes(32, "big"))


@given(whole=st.integers(0, 10**9), fraction=st.integers(0, 10**8 - 1), zeros=st.integers(0, 5))
def test_a_number_has_one_form(whole: int, fraction: int, zeros: int) -> None:
    digits = f"{fraction:08d}".rstrip("0")
    plain = f"{whole}.{digits}" if digits else str(whole)
    padded = f"{'0' * zeros}{whole}.{digits}{'0' * zeros}" if digits or zeros else plain

    assert canonical.decimal(plain) == plain
    assert canonical.decimal(padded) == plain


def test_a_number_is_bounded() -> None:
    assert canonical.decimal("9" * 20) == "9" * 20
    assert canonical.decimal("0" * 15 + "9" * 20) == "9" * 20
    for text in ("9" * 21, "9" * 13 + "." + "9" * 8, "0." + "0" * 8 + "1", "0" * 400):
        with pytest.raises(BadShape):
            canonical.decimal(text)
