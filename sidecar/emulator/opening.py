"""From the options of `perpkit emulator` to a venue at its first instant, or where it was left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import msgspec

from core.clock import Clock, monotonic_s, parse_utc_ms, utc_iso
from core.errors import InputError, UsageError
from sidecar.emulator.exchange.events import Rejected
from sidecar.emulator.exchange.requests import ApproveAgent, Fund
from sidecar.emulator.exchange.state import Rules, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.host import Note
from sidecar.emulator.keeper import (
    ANOTHER,
    Keeper,
    Kept,
    Snapshot,
    code_identity,
    encode_state,
    state_of,
)
from sidecar.emulator.markets import MarketOptions, make_tape, tape_from
from sidecar.emulator.planes import keep_plane, make_plane, read_schedule, resume_plane
from sidecar.emulator.tape.port import Tape

USD_MAX: Final = 1_000_000_000_000
ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")
ADDRESS_DIGITS: Final = 40
SPOKEN_S: Final = 3.0
"""A recovery that takes longer says how far it is."""


@dataclass(frozen=True)
class EmulatorOptions:
    """What the command line asked for; None where the default depends on the rest."""

    market: MarketOptions
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    proxy_port: int = 0
    speed: float = 1.0
    fund: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    faults: Path | None = None
    state: Path | None = None
    network: str | None = None
    limits_on: bool = True

    @property
    def follows_real(self) -> bool:
        """Does the venue's clock show the real time, rather than one of its own?"""
        market = self.market
        is_now = not market.start and (market.store is None or market.rebase)
        return self.speed == 1.0 and is_now


@dataclass(frozen=True)
class Opened:
    """A venue that may run."""

    gateway: Gateway
    identity: dict[str, Any]
    code: str

    def snapshot(self) -> Snapshot:
        """The venue as it stands."""
        gateway = self.gateway
        return Snapshot(
            now_ms=gateway.now_ms,
            state=encode_state(gateway.state),
            tape=msgspec.json.encode(gateway.tape.position()),
            plane=keep_plane(gateway.plane),
            code=self.code,
        )


def open_venue(options: EmulatorOptions, keeper: Keeper | None, clock: Clock, note: Note) -> Opened:
    """The venue that the options describe: a new one, or the one in the state file."""
    code = code_identity(Path(__file__).parent)
    identity = keeper.identity() if keeper is not None else None
    if keeper is None or identity is None:
        opened = _begin(options, clock, code)
        if keeper is not None:
            keeper.begin(opened.identity, opened.snapshot())
    else:
        opened = _resume(options, keeper, identity, code, note)
    return opened


def _begin(options: EmulatorOptions, clock: Clock, code: str) -> Opened:
    """A new venue, with the money and the agents of the command line."""
    schedule = read_schedule(options.faults) if options.faults is not None else None
    tape = make_tape(options.market, clock.now_ms())
    state = tape.first_state(Rules(limits_on=options.limits_on))
    plane = make_plane(schedule, state.now_ms, options.market.seed)
    gateway = Gateway(state, tape, plane, options.network)
    _set_up(gateway, options, is_new=True)
    return Opened(gateway, _identity(tape, options), code)


def _resume(
    options: EmulatorOptions, keeper: Keeper, identity: dict[str, Any], code: str, note: Note
) -> Opened:
    """The venue of the state file, where its clients last saw it."""
    kept = keeper.load()
    _refuse_other_code(kept, code, keeper.path)
    tape = _same_tape(options, identity, keeper.path)
    tape.resume(msgspec.json.decode(kept.snapshot.tape))
    # What faults did to the exchange is among the inputs: until the last none may act again.
    gateway = Gateway(state_of(kept.snapshot, keeper.path), tape, Plane(), options.network)
    plane = _kept_plane(kept.snapshot, keeper.path)
    if kept.inputs:
        plane.catch_up(kept.inputs[-1][0], gateway.state)
    _replay(gateway, kept, note)
    gateway.plane = plane
    run_to(gateway, kept.until_ms, note)
    gateway.state.rules.limits_on = options.limits_on
    _set_up(gateway, options, is_new=False)
    opened = Opened(gateway, identity, code)
    keeper.save(opened.snapshot())
    note(
        f"resumed {keeper.path} at {utc_iso(gateway.now_ms)}: {len(gateway.state.accounts)}"
        f" accounts, {len(kept.inputs)} inputs since its snapshot"
    )
    return opened


def _replay(gateway: Gateway, kept: Kept, note: Note) -> None:
    """Everything that happened since the snapshot, once more."""
    spoken_s = monotonic_s()
    for count, (now_ms, request) in enumerate(kept.inputs):
        gateway.apply(now_ms, request)
        gateway.frames()
        if monotonic_s() - spoken_s > SPOKEN_S:
            spoken_s = monotonic_s()
            note(f"recovering: {count + 1:,} of {len(kept.inputs):,} inputs")


def run_to(gateway: Gateway, until_ms: int, note: Note | None = None) -> None:
    """Let the venue run to an instant while nobody is connected."""
    spoken_s = monotonic_s()
    while (due_ms := gateway.next_ms()) <= until_ms:
        gateway.advance(due_ms)
        if note is not None and monotonic_s() - spoken_s > SPOKEN_S:
            spoken_s = monotonic_s()
            note(f"catching up: {utc_iso(due_ms)} of {utc_iso(until_ms)}")
    gateway.advance(max(until_ms, gateway.now_ms))
    gateway.frames()


def _set_up(gateway: Gateway, options: EmulatorOptions, *, is_new: bool) -> None:
    """Accounts that the command line names and the venue lacks."""
    state = gateway.state
    for fund in fund_requests(options.fund, "--fund"):
        if is_new or fund.user not in state.accounts:
            gateway.apply(gateway.now_ms, fund)
    for approval in agent_requests(options.agents, "--agent", state):
        if approval.agent in state.agent_of:
            continue
        for event in gateway.apply(gateway.now_ms, approval):
            if isinstance(event, Rejected):
                raise UsageError(
                    f"the agent {approval.agent} is refused: {event.text}",
                    at=f"--agent {approval.user}={approval.agent}",
                    hint=f"the master needs money first: --fund {approval.user}=10000",
                )
    gateway.frames()


def fund_requests(pairs: Sequence[str], option: str, *, lowest_usd: int = 0) -> list[Fund]:
    """The deposits that `ADDRESS=USD` pairs name.  Raises UsageError for what is none."""
    found = []
    for pair in pairs:
        address, _, text = pair.partition("=")
        try:
            usd = Decimal(text)
        except InvalidOperation:
            usd = Decimal("NaN")
        if not usd.is_finite() or usd == 0 or not lowest_usd <= usd <= USD_MAX:
            raise UsageError(
                f"{pair!r} names no amount of USD",
                at=option,
                hint=f"write ADDRESS=USD, such as 0x{'1' * ADDRESS_DIGITS}=10000",
            )
        micros = int(usd * MICROS_PER_USD)
        found.append(Fund(parse_user(address, option), micros))
    return found


def agent_requests(pairs: Sequence[str], option: str, state: VenueState) -> list[ApproveAgent]:
    """The approvals that `MASTER=AGENT` pairs name; the first of a master has no name."""
    found = []
    named: dict[str, int] = {}
    for pair in pairs:
        master, _, agent = pair.partition("=")
        user, signer = parse_user(master, option), parse_user(agent, option)
        account = state.accounts.get(user)
        if account is None:
            raise UsageError(
                f"the master {user} has no account, and so no agents",
                at=option,
                hint=f"it needs money first: --fund {user}=10000",
            )
        known = named.get(user, len(account.agents))
        named[user] = known + 1
        found.append(ApproveAgent(user, signer, f"agent {known}" if known else "", None))
    return found


def parse_user(text: str, option: str) -> str:
    """An address, in lower case.  Raises UsageError."""
    address = text.strip().lower()
    if ADDRESS.fullmatch(address) is None:
        raise UsageError(
            f"{text!r} is no address",
            at=option,
            hint=f"an address is 0x and {ADDRESS_DIGITS} hexadecimal digits; of a key, its address"
            " and not the key itself",
        )
    return address


def _identity(tape: Tape, options: EmulatorOptions) -> dict[str, Any]:
    """What a state file is of, as it is after a way through JSON."""
    known = {"rebase": options.market.rebase, **tape.identity()}
    return dict(msgspec.json.decode(msgspec.json.encode(known)))


def _same_tape(options: EmulatorOptions, identity: dict[str, Any], path: Path) -> Tape:
    """The tape of the options, which must be the one that the file began with."""
    start_ms = int(identity["start_ms"])
    asked = options.market.start
    if asked and not options.market.rebase and parse_utc_ms(asked) != start_ms:
        raise InputError(
            f"the state file began at {utc_iso(start_ms)}, --start is {asked}",
            at=str(path),
            hint=f"leave out --start; or {ANOTHER}",
        )
    try:
        tape = tape_from(options.market, start_ms)
    except InputError as error:
        raise InputError(
            f"the market of the state file cannot be had: {error.what}",
            at=f"{path}; {error.at}",
            hint=f"start it with the options and the store that it began with; or {ANOTHER}",
        ) from error
    found = _identity(tape, options)
    for key in sorted({*identity, *found}):
        if identity.get(key) != found.get(key):
            raise InputError(
                f"the state file is of another market: {key} was {identity.get(key)!r}, and is"
                f" {found.get(key)!r} now",
                at=str(path),
                hint=f"start it with the options and the store that it began with; or {ANOTHER}",
            )
    return tape


def _kept_plane(snapshot: Snapshot, path: Path) -> Plane:
    try:
        return resume_plane(snapshot.plane)
    except msgspec.DecodeError as error:
        raise InputError(
            f"the faults were written by another perpkit: {error}",
            at=str(path),
            hint=f"use the perpkit that wrote it; or {ANOTHER}",
        ) from error


def _refuse_other_code(kept: Kept, code: str, path: Path) -> None:
    if kept.inputs and kept.snapshot.code != code:
        raise InputError(
            f"the state file ends in {len(kept.inputs)} inputs that another perpkit took, which"
            " this one might answer differently",
            at=str(path),
            hint="start and stop it once with the perpkit that wrote it, which leaves a snapshot"
            f" alone; or {ANOTHER}",
        )
