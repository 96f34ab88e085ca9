"""Asset ids of two symbols exchanged, in requests as in the universe."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from schemas.fault_kind import REASONS
from sidecar.emulator.exchange.leverages import coin_of
from sidecar.emulator.exchange.requests import (
    Cancel,
    ChangeMargin,
    ClientRequest,
    Modify,
    OrderSpec,
    Place,
    SetLeverage,
    StartTwap,
    StopTwap,
)
from sidecar.emulator.exchange.state import VenueState

OFF_THE_GRID: Final = REASONS["tickRejected"]


def shifted_request(
    state: VenueState, request: ClientRequest, one: int, other: int
) -> ClientRequest:
    """The request with the two asset ids exchanged; itself when it names neither."""

    def swapped(asset: int) -> int:
        return other if asset == one else one if asset == other else asset

    def spec_of(spec: OrderSpec) -> OrderSpec:
        asset = swapped(spec.asset)
        return spec if asset == spec.asset else _moved(state, spec, asset)

    match request:
        case Place():
            return structs.replace(request, orders=tuple(spec_of(spec) for spec in request.orders))
        case Modify():
            changes = tuple((target, spec_of(spec)) for target, spec in request.changes)
            return structs.replace(request, changes=changes)
        case Cancel():
            targets = tuple((swapped(asset), target) for asset, target in request.targets)
            return structs.replace(request, targets=targets)
        case SetLeverage() | ChangeMargin() | StopTwap():
            return structs.replace(request, asset=swapped(request.asset))
        case StartTwap():
            lots = _lots(state, request.asset, swapped(request.asset), request.lots)
            return structs.replace(request, asset=swapped(request.asset), lots=lots)
    return request


def _moved(state: VenueState, spec: OrderSpec, asset: int) -> OrderSpec:
    """The order on another symbol: the same price and size in its ticks and lots."""
    finer = _finer(state, spec.asset, asset)
    lots = _scaled(spec.lots, finer)
    ticks = _scaled(spec.limit_ticks, -finer)
    fault = spec.fault
    if spec.lots * 10**finer != lots or spec.limit_ticks * 10**-finer != ticks:
        fault = fault or OFF_THE_GRID
    trigger = spec.trigger
    if trigger is not None:
        trigger = structs.replace(trigger, ticks=_scaled(trigger.ticks, -finer))
    return structs.replace(
        spec, asset=asset, lots=lots, limit_ticks=ticks, trigger=trigger, fault=fault
    )


def _lots(state: VenueState, asset: int, other: int, lots: int) -> int:
    return _scaled(lots, _finer(state, asset, other))


def _finer(state: VenueState, asset: int, other: int) -> int:
    """By how many decimals sizes of the other symbol are finer."""
    mine, others = coin_of(state, asset), coin_of(state, other)
    return 0 if mine is None or others is None else others.size_decimals - mine.size_decimals


def _scaled(count: int, decimals: int) -> int:
    factor: int = 10 ** abs(decimals)
    return count * factor if decimals >= 0 else count // factor


def coins_named(state: VenueState, request: ClientRequest) -> tuple[str, ...]:
    """Symbols that a request names by their asset ids, each once."""
    match request:
        case Place():
            assets = [spec.asset for spec in request.orders]
        case Modify():
            assets = [spec.asset for _, spec in request.changes]
        case Cancel():
            assets = [asset for asset, _ in request.targets]
        case SetLeverage() | ChangeMargin() | StartTwap() | StopTwap():
            assets = [request.asset]
        case _:
            assets = []
    coins = [coin_of(state, asset) for asset in dict.fromkeys(assets)]
    return tuple(coin.name for coin in coins if coin is not None)
