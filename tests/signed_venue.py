"""A small venue, a key with an account on it, and bodies as they are posted to it."""

from __future__ import annotations

import json
from typing import Any

from coincurve import PrivateKey

from sidecar.emulator.exchange.state import Account, Coin, Quote, VenueState
from sidecar.emulator.wire import actions, signatures

SECRET = bytes.fromhex("0123456789" * 6 + "0123")
KEY = PrivateKey(SECRET)
USER = signatures.address_of(KEY)
OTHER_KEY = PrivateKey(b"\x07" * 32)
OTHER = signatures.address_of(OTHER_KEY)
NONCE = 1_700_000_000_000
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
CLOID = "0x00000000000000000000000000000001"


def venue(*users: str) -> VenueState:
    """A venue on which these users have accounts, and BTC (asset 1, hundredths) trades at 100."""
    state = VenueState(seed=1, now_ms=NONCE)
    ticks = 1_000_000
    state.coins["BTC"] = Coin(
        name="BTC",
        asset=1,
        dex="",
        size_decimals=2,
        leverage_max=40,
        margin_table_id=56,
        tiers=[],
        quote=Quote(ticks),
        oracle_ticks=ticks,
        mark_ticks=ticks,
        last_ticks=ticks,
        external_ticks=ticks,
        prev_day_ticks=ticks,
    )
    state.accounts.update((user, Account(user)) for user in users)
    return state


def order_action(**changes: Any) -> dict[str, Any]:
    """A batch of one order for 100 BTC at 100 USD."""
    order = {"a": 1, "b": True, "p": "100", "s": "100", "r": False}
    order |= {"t": {"limit": {"tif": "Gtc"}}} | changes
    return {"type": "order", "orders": [order], "grouping": "na"}


def posted(action: dict[str, Any], signature: dict[str, Any], nonce: int, **more: Any) -> bytes:
    """The body of a request to `/exchange`."""
    return json.dumps({"action": action, "nonce": nonce, "signature": signature} | more).encode()


def signed(action: dict[str, Any], key: PrivateKey = KEY, **more: Any) -> actions.Signed:
    """The action as decoded from a body that `key` signed for the mainnet."""
    vault, expires = more.get("vaultAddress"), more.get("expiresAfter")
    signature = signatures.sign_l1(action, key, NONCE, vault, expires)
    return actions.decode(posted(action, signature, NONCE, **more), None)


def user_signed(kind: str, key: PrivateKey = KEY, **fields: Any) -> actions.Signed:
    """An action of the master key, as decoded; its nonce is NONCE."""
    action = {"type": kind, "signatureChainId": "0x66eee", "hyperliquidChain": "Mainnet"} | fields
    action |= {"time" if kind in ("usdSend", "withdraw3") else "nonce": NONCE}
    return actions.decode(posted(action, signatures.sign_user_signed(action, key), NONCE), None)
