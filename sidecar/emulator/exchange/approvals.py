"""Keys that may sign for a user, builders that may charge one, and referral codes."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.events import Answered, Event, Rejected
from sidecar.emulator.exchange.requests import ApproveAgent, ApproveBuilder, SetReferrer
from sidecar.emulator.exchange.state import Account, Agent, VenueState

NOBODY: Final = "0x" + "0" * 40
"""Approving it takes a name back."""
NAME_MAX: Final = 16
REMOVAL_MS: Final = 5_000
"""How long a removal keeps other approvals waiting; measured on the testnet."""
AGENTS_PER_SUB_ACCOUNT: Final = 2
BUILDERS_MAX: Final = 10
BUILDER_TENTHS_MAX: Final = 1_000
"""1 %, the cap of spot orders; that of perpetuals is a tenth and is checked with each order."""


def handle(
    state: VenueState,
    now_ms: int,
    request: ApproveAgent | ApproveBuilder | SetReferrer,
    events: list[Event],
) -> None:
    """Do it, or say in `events` why not."""
    account = state.accounts[request.user]
    match request:
        case ApproveAgent():
            reason = _approve_agent(state, now_ms, account, request)
        case ApproveBuilder():
            reason = _approve_builder(account, request)
        case SetReferrer():
            reason = _set_referrer(account, request)
    events.append(Answered("default") if reason is None else Rejected(reason))


def _approve_agent(
    state: VenueState, now_ms: int, account: Account, request: ApproveAgent
) -> str | None:
    """A name has one key: approving another one swaps them at once."""
    if request.agent == NOBODY and now_ms >= account.agent_removal_until_ms:
        if request.name in account.agents:
            _forget(state, account, request.name)
            account.agent_removal_until_ms = now_ms + REMOVAL_MS
        return None
    reason = _against_agent(state, now_ms, account, request)
    if reason is None:
        if request.name in account.agents:
            _forget(state, account, request.name)
        until_ms = request.valid_until_ms or now_ms + state.rules.agent_valid_ms
        account.agents[request.name] = Agent(request.agent, request.name, until_ms)
        state.agent_of[request.agent] = (account.address, request.name)
    return reason


def _against_agent(
    state: VenueState, now_ms: int, account: Account, request: ApproveAgent
) -> str | None:
    """Why the key may not be approved."""
    if now_ms < account.agent_removal_until_ms:
        return "User has pending agent removal"
    if len(request.name) > NAME_MAX:
        return f"Extra agent name must be between 1 and {NAME_MAX} characters long"
    until_ms = request.valid_until_ms
    if until_ms is not None and not now_ms < until_ms <= now_ms + state.rules.agent_valid_ms_max:
        return "Agent valid_until already expired."
    if request.agent in state.agent_of or request.agent in state.accounts:
        return "Extra agent already used."
    _prune(state, now_ms, account)
    others = [name for name in account.agents if name not in ("", request.name)]
    limit = _named_limit(state, account)
    if request.name and len(others) >= limit:
        return f"Too many extra agents for cumulative volume traded. Current limit is {limit}"
    return None


def _prune(state: VenueState, now_ms: int, account: Account) -> None:
    """Forget the keys whose time is over."""
    ended = [name for name, agent in account.agents.items() if agent.valid_until_ms <= now_ms]
    for name in ended:
        _forget(state, account, name)


def _named_limit(state: VenueState, account: Account) -> int:
    subs = sum(other.master == account.address for other in state.accounts.values())
    return state.rules.agents_named_max + AGENTS_PER_SUB_ACCOUNT * subs


def _forget(state: VenueState, account: Account, name: str) -> None:
    """The key signs no more, and its nonces are forgotten: one should never approve it again."""
    address = account.agents.pop(name).address
    state.agent_of.pop(address, None)
    state.signers.pop(address, None)


def _approve_builder(account: Account, request: ApproveBuilder) -> str | None:
    """A fee of 0 takes the approval back."""
    if request.fee_tenths > BUILDER_TENTHS_MAX:
        return "Builder fee rate is too high."
    if request.fee_tenths == 0:
        account.builders.pop(request.builder, None)
        return None
    if request.builder not in account.builders and len(account.builders) >= BUILDERS_MAX:
        return f"Too many approved builders. Current limit is {BUILDERS_MAX}"
    account.builders[request.builder] = request.fee_tenths
    return None


def _set_referrer(account: Account, request: SetReferrer) -> str | None:
    """Any code is a code here: who registered it is not part of the box."""
    if not request.code:
        return "Referral code not registered"
    if account.referrer is not None:
        return "Referrer already set."
    account.referrer = request.code
    return None
