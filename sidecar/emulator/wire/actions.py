"""A body posted to `/exchange`, decoded strictly, and who signed it.

Decoding is told apart from authentication because the venue does: what cannot be read is answered
with a status and a text, what is signed by nobody known with an ordinary refusal.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from sidecar.emulator.exchange.requests import Envelope
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.wire import actions_requests, canonical, signatures, user_signed
from sidecar.emulator.wire.actions_shapes import ACTIONS, ELSEWHERE, Action
from sidecar.emulator.wire.errors import BadJson, BadShape, TooLarge

BODY_MAX_BYTES: Final = 4_000_000
BATCH_MAX: Final = 1_000
"""Items of one batch; what the venue's own bound is is not known."""
NETWORKS: Final = ("mainnet", "testnet")

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Signature(Struct):
    r: str
    s: str
    v: Annotated[int, Meta(ge=0, le=255)]


class _Post(Struct, rename="camel"):
    action: Raw
    nonce: Whole
    signature: _Signature
    vault_address: str | UnsetType | None = UNSET
    expires_after: Whole | UnsetType | None = UNSET


class _Named(Struct):
    type: str


_POST = msgspec.json.Decoder(_Post)
_NAMED = msgspec.json.Decoder(_Named)
_ANY = msgspec.json.Decoder(dict[str, Any])
_ACTIONS = {name: msgspec.json.Decoder(shape) for name, shape in ACTIONS.items()}
_USER_SIGNED = {name: msgspec.json.Decoder(kind.shape) for name, kind in user_signed.KINDS.items()}


class Signed(Struct, frozen=True):
    """An action with its signature, not yet checked against any account."""

    kind: str
    """The venue's word for the action: `order`, `cancel`, ..."""
    nonce: int
    batch_len: int
    """Items of its batch, 1 for others: what it weighs in request limits."""
    action: Action | user_signed.UserSigned | None
    """None for an action of the venue that has no part in this one."""
    hashed: bytes
    """The hash of an action of the trading kind; of one of the master key, what was signed."""
    signature: bytes | None
    """65 bytes; None when no key can have made it."""
    vault: str | None = None
    expires_ms: int | None = None
    network: str | None = None
    """The only one that is served, or None."""

    def to_envelope(self, state: VenueState) -> Envelope | str:
        """The request in the name of its user, or the venue's reason against it."""
        action = self.action
        if isinstance(action, user_signed.UserSigned):
            return self._user_signed(state, action)
        signer = self._signer(state)
        if signer is None:
            return "Unable to recover signer."
        principal = _principal(state, signer)
        if principal is None:
            return f"User or API Wallet {signer} does not exist."
        user = principal
        if self.vault is not None:
            account = state.accounts.get(self.vault)
            if account is None or account.role == "user" or account.master != principal:
                return f"Vault not registered: {self.vault}"
            user = self.vault
        if action is None:
            return f"Action {self.kind} is not supported by this emulator."
        if self.batch_len > BATCH_MAX:
            return f"Too many items in one batch: {self.batch_len} > {BATCH_MAX}."
        request = actions_requests.of_action(action, state, user)
        if isinstance(request, str):
            return request
        return Envelope(request, signer, self.nonce, self.expires_ms, max(1, self.batch_len))

    def _user_signed(self, state: VenueState, action: user_signed.UserSigned) -> Envelope | str:
        if action.stamp() != self.nonce:
            return "Nonce mismatch."
        if self.expires_ms is not None:
            return "Action does not support expiresAfter."
        if self.network is not None and action.hyperliquid_chain.lower() != self.network:
            return "Mainnet and testnet require different signature."
        signer = self._signer(state)
        if signer is None:
            return "Unable to recover signer."
        if signer not in state.accounts:
            return f"Must deposit before performing actions. User: {signer}"
        request = actions_requests.of_user_signed(self.kind, action, state, signer)
        if isinstance(request, str):
            return request
        return Envelope(request, signer, self.nonce)

    def _signer(self, state: VenueState) -> str | None:
        """The address that signed: the first one known here, else the first of all."""
        if self.signature is None:
            return None
        if isinstance(self.action, user_signed.UserSigned):
            return signatures.recover(self.hashed, self.signature)
        first = None
        for network in NETWORKS if self.network is None else (self.network,):
            digest = signatures.l1_digest(self.hashed, network)
            signer = signatures.recover(digest, self.signature)
            if signer is not None and _principal(state, signer) is not None:
                return signer
            first = first or signer
        return first


def decode(body: bytes, network: str | None) -> Signed:
    """The signed action in `body`; `network` is `mainnet`, `testnet`, or None for either.

    Raises BadJson, BadShape or TooLarge.
    """
    if len(body) > BODY_MAX_BYTES:
        raise TooLarge
    try:
        return _decode(body, network)
    except (msgspec.ValidationError, OverflowError):
        # A whole number beyond 64 bits cannot be written for the hash.
        raise BadShape from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadJson from None


def _decode(body: bytes, network: str | None) -> Signed:
    body.decode()  # names of fields that nobody reads are not checked otherwise
    post = _POST.decode(body)
    raw = bytes(post.action)
    kind = _NAMED.decode(raw).type
    if kind in _USER_SIGNED:
        return _decode_user_signed(kind, raw, post, network)
    vault = post.vault_address
    vault = canonical.address(vault) if isinstance(vault, str) else None
    expires_ms = _expiry(post)
    action = None
    batch_len = 1
    if kind in _ACTIONS:
        action = _ACTIONS[kind].decode(raw)
        action.tidy()
        batch_len = action.batch_len()
    elif kind not in ELSEWHERE:
        raise BadShape
    form = _ANY.decode(raw) if action is None else action
    hashed = canonical.hashed_bytes(form, post.nonce, vault, expires_ms)
    return Signed(
        kind=kind,
        nonce=post.nonce,
        batch_len=batch_len,
        action=action,
        hashed=signatures.keccak(hashed),
        signature=_signature(post.signature),
        vault=vault,
        expires_ms=expires_ms,
        network=network,
    )


def _decode_user_signed(kind: str, raw: bytes, post: _Post, network: str | None) -> Signed:
    action = _USER_SIGNED[kind].decode(raw)
    action.tidy()
    digest = signatures.user_signed_digest(
        user_signed.KINDS[kind].primary_type,
        user_signed.values(kind, action),
        user_signed.chain_id(action.signature_chain_id),
    )
    return Signed(
        kind=kind,
        nonce=post.nonce,
        batch_len=1,
        action=action,
        hashed=digest,
        signature=_signature(post.signature),
        expires_ms=_expiry(post),
        network=network,
    )


def _expiry(post: _Post) -> int | None:
    return post.expires_after if isinstance(post.expires_after, int) else None


def _signature(given: _Signature) -> bytes | None:
    """The 65 bytes; raises BadShape for what is no hexadecimal number of 256 bits."""
    r, s = signatures.scalar(given.r), signatures.scalar(given.s)
    if r is None or s is None:
        raise BadShape
    parity = signatures.PARITIES.get(given.v)
    return None if parity is None else r + s + bytes((parity,))


def _principal(state: VenueState, signer: str) -> str | None:
    """Whose account a key of the trading kind acts for; None for a key that nobody knows."""
    found = state.agent_of.get(signer)
    if found is not None:
        return found[0]
    return signer if signer in state.accounts else None
