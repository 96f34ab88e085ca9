"""Money in, out and between accounts; sub-accounts, modes, leverage, isolated margin.

Every handler does all of what was asked or nothing, and appends one `Answered` or `Rejected`.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from sidecar.emulator.exchange import leverages, margin
from sidecar.emulator.exchange.events import Answered, LedgerMoved, Rejected, Waiting
from sidecar.emulator.exchange.positions import sweep, transaction_hash, venue_account
from sidecar.emulator.exchange.requests import (
    BuyRequests,
    ChangeMargin,
    CreateSubAccount,
    Fund,
    MoveToSpot,
    MoveToSubAccount,
    RenameSubAccount,
    Send,
    SetLeverage,
    SetMode,
)
from sidecar.emulator.exchange.state import Account, LedgerRow, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD, usd_text

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event

Transfer = (
    Fund
    | Send
    | MoveToSpot
    | SetMode
    | CreateSubAccount
    | RenameSubAccount
    | MoveToSubAccount
    | BuyRequests
    | SetLeverage
    | ChangeMargin
)

WITHDRAW_FEE_MICROS: Final = MICROS_PER_USD
OPENING_FEE_MICROS: Final = MICROS_PER_USD
"""Taken from the first transfer to an address that the venue does not know."""
REQUEST_MICROS: Final = 500
"""Price of a request: 0.0005 USD."""
LEDGER_MAX: Final = 10_000
SHORT_OF_MONEY: Final = "Insufficient balance for withdrawal."
UNIFIED: Final = "Action disabled when unified account is active"


def handle(state: VenueState, now_ms: int, request: Transfer, events: list[Event]) -> None:
    """Do what the request asks and append its `Answered` or `Rejected`, and its ledger rows."""
    if isinstance(request, Fund):
        _fund(state, now_ms, request, events)
        return
    account = state.accounts.get(request.user)
    if account is None:
        text = f"Must deposit before performing actions. User: {request.user}"
        events.append(Rejected(text))
        return
    error = _act(state, now_ms, account, request, events)
    if error is not None:
        events.append(Rejected(error))
    elif not isinstance(request, CreateSubAccount):
        events.append(Answered("default"))


def _act(
    state: VenueState, now_ms: int, account: Account, request: Transfer, events: list[Event]
) -> str | None:
    """Does it; the venue's words when it will not."""
    match request:
        case Send():
            return _send(state, now_ms, account, request, events)
        case MoveToSpot():
            return _move_to_spot(state, now_ms, account, request, events)
        case SetMode():
            return _set_mode(state, account, request)
        case CreateSubAccount():
            return _create_sub_account(state, account, request, events)
        case RenameSubAccount():
            return _rename_sub_account(state, account, request)
        case MoveToSubAccount():
            return _move_to_sub_account(state, now_ms, account, request, events)
        case BuyRequests():
            return _buy_requests(state, account, request)
        case SetLeverage():
            return leverages.set_leverage(state, account, request)
        case ChangeMargin():
            return leverages.change_margin(state, account, request)
    raise AssertionError(request)


def keep(account: Account, row: LedgerRow) -> None:
    """Puts a row in the account's ledger, of which the newest stay."""
    account.ledger.append(row)
    if len(account.ledger) > LEDGER_MAX:
        del account.ledger[:-LEDGER_MAX]


def _note(
    state: VenueState,
    now_ms: int,
    account: Account,
    delta: dict[str, str | int | bool | list[dict[str, str]] | None],
    events: list[Event],
) -> None:
    """A row in the account's ledger."""
    row = LedgerRow(now_ms, transaction_hash(state), delta)
    keep(account, row)
    events.append(LedgerMoved(account.address, row))


def _give(state: VenueState, account: Account, micros: int) -> None:
    """Money to the perpetual side, or from it when negative."""
    account.cash_micros += micros
    account.deposited_micros += micros
    sweep(state, account)


def _fund(state: VenueState, now_ms: int, request: Fund, events: list[Event]) -> None:
    """A deposit, or a withdrawal without fee."""
    account = venue_account(state, request.user)
    if request.micros < 0 and margin.withdrawable_micros(state, account) < -request.micros:
        events.append(Rejected(SHORT_OF_MONEY))
        return
    _give(state, account, request.micros)
    state.deposits_micros += request.micros
    if request.micros >= 0:
        delta = {"type": "deposit", "usdc": usd_text(request.micros)}
        _note(state, now_ms, account, {**delta}, events)
    else:
        _note_withdrawal(state, now_ms, account, -request.micros, 0, events)
    events.append(Answered("default"))


def _note_withdrawal(
    state: VenueState,
    now_ms: int,
    account: Account,
    net_micros: int,
    fee_micros: int,
    events: list[Event],
) -> None:
    """The row of money that left: the amount is without the fee."""
    _note(
        state,
        now_ms,
        account,
        {
            "type": "withdraw",
            "usdc": usd_text(net_micros),
            "nonce": now_ms,
            "fee": usd_text(fee_micros),
        },
        events,
    )


def _send(
    state: VenueState, now_ms: int, account: Account, request: Send, events: list[Event]
) -> str | None:
    """Money to another account of the venue, or off it."""
    if request.micros <= 0 or _available(state, account, request) < request.micros:
        return SHORT_OF_MONEY
    if request.kind == "withdraw" or request.to is None:
        return _withdraw(state, now_ms, account, request.micros, events)
    if request.to == account.address:
        return "Cannot self-transfer."
    is_new = request.to not in state.accounts
    fee = OPENING_FEE_MICROS if is_new else 0
    if request.micros <= fee:
        return SHORT_OF_MONEY
    other = venue_account(state, request.to)
    state.fees_micros += fee
    delta: dict[str, str | int | bool | list[dict[str, str]] | None]
    amount = usd_text(request.micros)
    parties = {"user": account.address, "destination": other.address, "fee": usd_text(fee)}
    if request.kind == "spotSend":
        account.spot_micros -= request.micros
        other.spot_micros += request.micros - fee
        delta = {"type": "spotTransfer", "token": "USDC", "amount": amount, "usdcValue": amount}
        delta |= {**parties, "nativeTokenFee": "0.0", "nonce": None, "feeToken": ""}
    else:
        _give(state, account, -request.micros)
        _give(state, other, request.micros - fee)
        delta = {"type": "internalTransfer", "usdc": amount, **parties}
    for side in (account, other):
        _note(state, now_ms, side, delta, events)
    return None


def _available(state: VenueState, account: Account, request: Send) -> int:
    """What the account can send; outside standard mode both sides are one."""
    if request.kind == "spotSend" and account.mode == "standard":
        return account.spot_micros
    return margin.withdrawable_micros(state, account)


def _withdraw(
    state: VenueState, now_ms: int, account: Account, micros: int, events: list[Event]
) -> str | None:
    """Money off the venue, less the fee of the bridge."""
    if micros <= WITHDRAW_FEE_MICROS:
        return SHORT_OF_MONEY
    net = micros - WITHDRAW_FEE_MICROS
    _give(state, account, -micros)
    state.deposits_micros -= net
    state.fees_micros += WITHDRAW_FEE_MICROS
    _note_withdrawal(state, now_ms, account, net, WITHDRAW_FEE_MICROS, events)
    return None


def _move_to_spot(
    state: VenueState, now_ms: int, account: Account, request: MoveToSpot, events: list[Event]
) -> str | None:
    """Money between the perpetual and the spot side of one account."""
    if account.mode != "standard":
        return UNIFIED
    have = account.spot_micros if request.to_perp else margin.withdrawable_micros(state, account)
    if request.micros <= 0 or have < request.micros:
        return SHORT_OF_MONEY
    moved = request.micros if request.to_perp else -request.micros
    account.cash_micros += moved
    account.spot_micros -= moved
    _note(
        state,
        now_ms,
        account,
        {
            "type": "accountClassTransfer",
            "usdc": usd_text(request.micros),
            "toPerp": request.to_perp,
        },
        events,
    )
    return None


def _set_mode(state: VenueState, account: Account, request: SetMode) -> str | None:
    """Another mode: into unified all free cash goes to the spot side.  Back to standard the money
    that positions and orders rest on would be out of their reach, so there must be none."""
    if request.mode == "standard" and account.mode != "standard":
        if account.positions or account.open_oids:
            return "Cannot disable unified account with open positions or orders."
        account.mode = "standard"
        return None
    account.mode = request.mode
    sweep(state, account)
    return None


def _subs(state: VenueState, master: str) -> list[Account]:
    return [account for account in state.accounts.values() if account.master == master]


def _sub_address(state: VenueState, master: str, index: int) -> str:
    """Address of a master's n-th sub-account: nobody has its key."""
    text = f"{state.seed}:sub:{master}:{index}".encode()
    return "0x" + blake2b(text, digest_size=20).hexdigest()


def _create_sub_account(
    state: VenueState, account: Account, request: CreateSubAccount, events: list[Event]
) -> str | None:
    """A sub-account; its address is the word of the answer."""
    required = state.rules.sub_account_volume_micros
    if account.role == "subAccount":
        return "Sub-account may not perform this action."
    if account.volume_micros < required:
        traded = account.volume_micros // (MICROS_PER_USD // 100)
        return (
            "Cannot create sub-accounts until enough volume traded. "
            f"Required: ${required // MICROS_PER_USD}. Traded: ${traded // 100}.{traded % 100:02d}."
        )
    subs = _subs(state, account.address)
    if len(subs) >= state.rules.sub_accounts_max:
        return "Too many sub-accounts."
    address = _sub_address(state, account.address, len(subs))
    sub = venue_account(state, address)
    sub.role, sub.master, sub.name = "subAccount", account.address, request.name
    events.append(Answered("createSubAccount", (Waiting(address),)))
    return None


def _rename_sub_account(
    state: VenueState, account: Account, request: RenameSubAccount
) -> str | None:
    """Another name for a sub-account of the account."""
    sub = state.accounts.get(request.sub)
    if sub is None or sub.master != account.address:
        return f"Invalid sub-account {request.sub}"
    sub.name = request.name
    return None


def _move_to_sub_account(
    state: VenueState,
    now_ms: int,
    account: Account,
    request: MoveToSubAccount,
    events: list[Event],
) -> str | None:
    """Money between a master and its sub-account."""
    sub = state.accounts.get(request.sub)
    if sub is None or sub.master != account.address:
        return f"Invalid sub-account transfer from {account.address} to {request.sub}"
    giver, taker = (account, sub) if request.is_deposit else (sub, account)
    if request.micros <= 0 or margin.withdrawable_micros(state, giver) < request.micros:
        return SHORT_OF_MONEY
    _give(state, giver, -request.micros)
    _give(state, taker, request.micros)
    for side in (giver, taker):
        _note(
            state,
            now_ms,
            side,
            {
                "type": "subAccountTransfer",
                "usdc": usd_text(request.micros),
                "user": giver.address,
                "destination": taker.address,
            },
            events,
        )
    return None


def _buy_requests(state: VenueState, account: Account, request: BuyRequests) -> str | None:
    """More of the request budget, paid from the perpetual side."""
    cost = request.count * REQUEST_MICROS
    if request.count <= 0 or margin.withdrawable_micros(state, account) < cost:
        return SHORT_OF_MONEY
    account.cash_micros -= cost
    sweep(state, account)
    state.fees_micros += cost
    account.requests_bought += request.count
    return None
