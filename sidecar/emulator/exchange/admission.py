"""May a signed request in: its signer, its nonce, its expiry, and its share of requests.

In this order.  A request that is refused for its expiry or for want of requests has used its nonce.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

from sidecar.emulator.exchange import units
from sidecar.emulator.exchange.events import Event, Rejected
from sidecar.emulator.exchange.requests import Cancel, Envelope
from sidecar.emulator.exchange.state import Account, Signer, VenueState

TRICKLE_MS: Final = 10_000
"""One request per so much time once the budget is used up."""
EXPIRED_COST: Final = 5
"""What a stale expiry costs, in requests of its batch."""
DAY_MS: Final = 86_400_000
CANCEL_EXTRA: Final = 100_000


def admit(state: VenueState, now_ms: int, envelope: Envelope, events: list[Event]) -> bool:
    """True when the request may run; if not, `events` got the reason as `Rejected`."""
    user = envelope.request.user
    account = state.accounts.get(user)
    if account is None or not may_act(state, now_ms, envelope.signer, user):
        reason: str | None = f"User or API Wallet {envelope.signer} does not exist."
    else:
        reason = (
            _use_nonce(state, now_ms, envelope)
            or _expiry(account, now_ms, envelope)
            or _budget(state, now_ms, account, envelope)
        )
    if reason is not None:
        events.append(Rejected(reason))
    return reason is None


def may_act(state: VenueState, now_ms: int, signer: str, user: str) -> bool:
    """Does the key act for the user: as itself, as a valid agent, or for a sub-account?"""
    principal: str | None = signer if signer in state.accounts else None
    found = state.agent_of.get(signer)
    if found is not None:
        master, name = found
        agent = state.accounts[master].agents.get(name)
        is_valid = agent is not None and agent.address == signer and now_ms < agent.valid_until_ms
        principal = master if is_valid else None
    if principal is None:
        return False
    return principal == user or state.accounts[user].master == principal


def requests_cap(state: VenueState, account: Account) -> int:
    """Requests that the address may have made so far, by its volume and what it bought."""
    traded = account.volume_micros // units.MICROS_PER_USD
    return state.rules.requests_initial + traded + account.requests_bought


def _use_nonce(state: VenueState, now_ms: int, envelope: Envelope) -> str | None:
    """Note the nonce among the highest of its key, or say why it cannot be used."""
    rules = state.rules
    nonce = envelope.nonce
    used = state.signers.setdefault(envelope.signer, Signer()).nonces
    oldest, newest = now_ms - rules.nonce_past_ms, now_ms + rules.nonce_future_ms
    at = bisect_left(used, nonce)
    if at < len(used) and used[at] == nonce:
        return f"Invalid nonce: duplicate nonce {nonce}"
    if nonce >= newest:
        return f"Invalid nonce: nonce too high {nonce} > {newest}"
    if nonce <= oldest:
        return f"Invalid nonce: nonce too low {nonce} < {oldest}"
    if len(used) >= rules.nonces_kept:
        if nonce < used[0]:
            return f"Invalid nonce: nonce too low {nonce} < {used[0]}"
        del used[: len(used) - rules.nonces_kept + 1]
    insort(used, nonce)
    return None


def _expiry(account: Account, now_ms: int, envelope: Envelope) -> str | None:
    if envelope.expires_ms is None or now_ms <= envelope.expires_ms:
        return None
    account.requests_used += EXPIRED_COST * envelope.weight
    return "Action already expired"


def _budget(state: VenueState, now_ms: int, account: Account, envelope: Envelope) -> str | None:
    """Count the request, or say that there is none left.

    The budget of cancels is larger, so that who may place no more can still take orders back.
    """
    rules = state.rules
    weight = envelope.weight
    cap = requests_cap(state, account)
    if rules.limits_on:
        wanted = account.requests_used + weight
        allowed = cap
        if isinstance(envelope.request, Cancel):
            allowed = min(cap + CANCEL_EXTRA, cap * 2)
        if wanted > allowed:
            if weight > 1 or now_ms < account.trickle_ms + TRICKLE_MS:
                return _too_many(account, wanted, cap)
            account.trickle_ms = now_ms
        if not _mode_day(state, now_ms, account, weight):
            limit = rules.mode_actions_per_day
            return f"Too many actions in one day for a unified account. Current limit is {limit}"
    account.requests_used += weight
    return None


def _too_many(account: Account, wanted: int, cap: int) -> str:
    cents = account.volume_micros // (units.MICROS_PER_USD // 100)
    traded = f"${cents // 100}.{cents % 100:02d}"
    return (
        f"Too many cumulative requests sent ({wanted} > {cap}) for cumulative volume traded "
        f"{traded}. Place taker orders to free up 1 request per USDC traded."
    )


def _mode_day(state: VenueState, now_ms: int, account: Account, weight: int) -> bool:
    """Count the action of a unified or portfolio account; False when its day is full."""
    if account.mode == "standard":
        return True
    day_ms = now_ms - now_ms % DAY_MS
    if account.mode_day_ms != day_ms:
        account.mode_day_ms, account.mode_actions = day_ms, 0
    if account.mode_actions + weight > state.rules.mode_actions_per_day:
        return False
    account.mode_actions += weight
    return True
