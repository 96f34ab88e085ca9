"""The control port: the venue's clock, money, faults and rules for whoever runs the test.

A port of its own, JSON over HTTP, on this machine only.  What is wrong is answered with 400 and
`{"error": {"what", "at", "next"}}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final, get_type_hints

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from core.clock import utc_iso
from core.errors import InputError, PerpkitError, RefusedError
from sidecar.emulator.exchange import margin
from sidecar.emulator.exchange.events import Event, Rejected
from sidecar.emulator.exchange.requests import Adjust, Listed
from sidecar.emulator.exchange.state import Coin, Rules, VenueState
from sidecar.emulator.host import Host
from sidecar.emulator.keeper import encode_state
from sidecar.emulator.opening import USD_MAX, agent_requests, fund_requests
from sidecar.emulator.pace import STEP_MS_MAX
from sidecar.emulator.planes import fault_of
from sidecar.emulator.truth import truth_of

WAIT_MS_MAX: Final = 60_000
FAULTS_PAGE: Final = "docs/faults.md lists every fault with its keys"
PAGE: Final = "docs/emulator.md lists what the control port takes"
CONFLICT: Final = 409
BAD_REQUEST: Final = 400
ADJUSTABLE: Final = {
    "coin": {
        "is_halted", "open_interest_cap_micros", "only_isolated", "leverage_max", "oracle_ticks",
        "mark_ticks", "external_ticks",
    },
    "venue": {"post_only_until_ms", "halted_until_ms"},
}  # fmt: skip

Handler = Callable[[HttpRequest], Awaitable[Any]]


def control_app(host: Host) -> Starlette:
    """The application of the control port."""
    desk = ControlDesk(host)
    routes = [
        Route("/clock", _json(desk.clock), methods=["GET"]),
        Route("/clock/advance", _json(desk.advance), methods=["POST"]),
        Route("/clock/speed", _json(desk.set_speed), methods=["POST"]),
        Route("/fund", _json(desk.fund), methods=["POST"]),
        Route("/agent", _json(desk.agent), methods=["POST"]),
        Route("/adjust", _json(desk.adjust), methods=["POST"]),
        Route("/list", _json(desk.list_coin), methods=["POST"]),
        Route("/faults", _json(desk.faults), methods=["GET"]),
        Route("/faults", _json(desk.add_faults), methods=["POST"]),
        Route("/faults", _json(desk.clear_faults), methods=["DELETE"]),
        Route("/faults/{number:int}", _json(desk.remove_fault), methods=["DELETE"]),
        Route("/counters", _json(desk.counters), methods=["GET"]),
        Route("/truth", _json(desk.truth), methods=["GET"]),
        Route("/audit", _json(desk.audit), methods=["GET"]),
        Route("/state", _json(desk.state), methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown})


class ControlDesk:
    """What each path does; every method gives what is answered, as plain values."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def clock(self, request: HttpRequest) -> dict[str, Any]:
        """The venue's time; with `until_ms` when it is that late or `wait_ms` have passed."""
        until_ms = _query_int(request, "until_ms", 0)
        wait_ms = min(_query_int(request, "wait_ms", 0), WAIT_MS_MAX)
        if until_ms > self._host.now_ms() and wait_ms > 0:
            arrival = asyncio.ensure_future(self._host.pace.until(until_ms))
            await asyncio.wait([arrival], timeout=wait_ms / 1_000)
            arrival.cancel()
        return self._reading()

    async def advance(self, request: HttpRequest) -> dict[str, Any]:
        """Move the clock, answered when the venue has come there."""
        by_ms = _int(await _body(request, {"ms": int}), "ms", 1, STEP_MS_MAX)
        until_ms = self._host.pace.step(by_ms)
        self._host.on_clock()
        await self._host.pace.until(until_ms)
        return self._reading()

    async def set_speed(self, request: HttpRequest) -> dict[str, Any]:
        """Run at another speed; 0 stands still."""
        body = await _body(request, {"speed": float})
        self._host.set_speed(float(body["speed"]))
        return self._reading()

    async def fund(self, request: HttpRequest) -> dict[str, Any]:
        """Money comes in from outside, or leaves when negative."""
        body = await _body(request, {"user": str, "usd": float})
        pair = f"{body['user']}={body['usd']}"
        for one in fund_requests([pair], "user, usd", lowest_usd=-USD_MAX):
            _refuse_rejected(self._host.apply(one))
        return {"done": True}

    async def agent(self, request: HttpRequest) -> dict[str, Any]:
        """A key may sign for a user."""
        body = await _body(request, {"user": str, "agent": str})
        named = [f"{body['user']}={body['agent']}"]
        for one in agent_requests(named, "user, agent", self._host.gateway.state):
            _refuse_rejected(self._host.apply(one))
        return {"done": True}

    async def adjust(self, request: HttpRequest) -> dict[str, Any]:
        """Change a rule of the venue or of a coin."""
        body = await _body(request, {"what": str}, {"value": None, "coin": str})
        coin = body.get("coin")
        if coin is not None:
            self._known(coin)
        known = _adjustable(is_coin=coin is not None)
        what, value = body["what"], body.get("value")
        if what not in known:
            raise InputError(
                f"{what!r} cannot be adjusted",
                at="what",
                hint=f"one of {', '.join(sorted(known))}"
                + ("" if coin else "; with `coin` also what belongs to one"),
            )
        try:
            value = msgspec.convert(value, known[what])
        except msgspec.ValidationError as error:
            raise InputError(f"{what}: {error}", at="value", hint=PAGE) from error
        _refuse_rejected(self._host.apply(Adjust(what, value, coin)))
        return {"done": True}

    async def list_coin(self, request: HttpRequest) -> dict[str, Any]:
        """A coin begins to trade, or ends."""
        body = await _body(request, {"coin": str, "is_delisted": bool})
        self._known(body["coin"])
        _refuse_rejected(self._host.apply(Listed(body["coin"], body["is_delisted"])))
        return {"done": True}

    async def faults(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """The faults in force or waiting, and what each did."""
        actives = self._host.gateway.plane.state.actives
        return {"faults": msgspec.to_builtins(actives)}

    async def add_faults(self, request: HttpRequest) -> dict[str, Any]:
        """Put a fault in force, or several (`{"faults": [...]}`): their numbers."""
        body = await _object(request)
        given = body["faults"] if list(body) == ["faults"] else [body]
        if not isinstance(given, list) or not given:
            raise InputError("faults is not a list of faults", at="faults", hint=FAULTS_PAGE)
        # All are looked at before any acts.
        faults = [fault_of(one) for one in given]
        now_ms = self._host.now_ms()
        numbers = [self._host.gateway.plane.add(fault, now_ms) for fault in faults]
        self._host.changed()
        return {"numbers": numbers}

    async def remove_fault(self, request: HttpRequest) -> dict[str, Any]:
        """Take one fault back."""
        number = request.path_params["number"]
        if not self._host.gateway.plane.remove(number):
            raise InputError(f"there is no fault {number}", hint="GET /faults lists them")
        self._host.changed()
        return {"done": True}

    async def clear_faults(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """Take all faults back; counters stay."""
        self._host.gateway.plane.clear()
        self._host.changed()
        return {"done": True}

    async def counters(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """What faults did, and what the shell did by itself."""
        faults = self._host.gateway.plane.counters()
        return {"faults": msgspec.to_builtins(faults), "shell": self._host.counts}

    async def truth(self, request: HttpRequest) -> dict[str, Any]:
        """What the exchange holds of a user, whatever its clients were told."""
        user = request.query_params.get("user", "").lower()
        self._host.gateway.advance(self._host.now_ms())
        self._host.flush()
        return truth_of(self._host.gateway.state, user)

    async def audit(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """Micros of USD that are not accounted for: 0."""
        return {"missing_micros": margin.audit(self._host.gateway.state)}

    async def state(self, request: HttpRequest) -> dict[str, Any]:  # noqa: ARG002
        """A digest of the whole exchange, for comparisons."""
        state = self._host.gateway.state
        return {
            "sha256": sha256(encode_state(state)).hexdigest(),
            "now_ms": state.now_ms,
            "block": state.block,
            "accounts": len(state.accounts),
            "orders": len(state.orders),
            "coins": [coin.name for coin in state.coins.values()],
        }

    def _reading(self) -> dict[str, Any]:
        pace, now_ms = self._host.pace, self._host.now_ms()
        shown_ms = now_ms + self._host.gateway.plane.clock_offset_ms(now_ms)
        return {
            "now_ms": shown_ms,
            "time": utc_iso(shown_ms),
            "speed": pace.time.speed,
            "lag_ms": pace.lag_ms(),
        }

    def _known(self, coin: str) -> None:
        if coin not in self._host.gateway.state.coins:
            raise InputError(
                f"there is no coin {coin!r}", at="coin", hint="GET /state lists the coins"
            )


def _adjustable(*, is_coin: bool) -> dict[str, Any]:
    """What may be adjusted, with its type."""
    if is_coin:
        hints = get_type_hints(Coin)
        return {name: hints[name] for name in sorted(ADJUSTABLE["coin"])}
    hints = get_type_hints(VenueState)
    return get_type_hints(Rules) | {name: hints[name] for name in sorted(ADJUSTABLE["venue"])}


def _json(handler: Handler) -> Callable[[HttpRequest], Awaitable[Response]]:
    """The handler as an endpoint: its values as JSON, its errors as three lines of JSON."""

    async def endpoint(request: HttpRequest) -> Response:
        try:
            return _response(await handler(request), 200)
        except PerpkitError as error:
            status = CONFLICT if isinstance(error, RefusedError) else BAD_REQUEST
            problem = {"what": error.what, "at": error.at or request.url.path, "next": error.hint}
            return _response({"error": problem}, status)

    return endpoint


async def _unknown(request: HttpRequest, error: Exception) -> Response:
    """The answer to a path or a method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else BAD_REQUEST
    what = f"{request.method} {request.url.path} is not there"
    problem = {"what": what, "at": request.url.path, "next": PAGE}
    return _response({"error": problem}, status)


def _response(value: Any, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request."""
    if "json" not in request.headers.get("content-type", ""):
        # So no page in a browser can send it without asking first.
        raise InputError("the body is not sent as application/json", hint=PAGE)
    try:
        body = msgspec.json.decode(await request.body())
    except msgspec.DecodeError as error:
        raise InputError(f"the body is no JSON: {error}", hint=PAGE) from error
    if not isinstance(body, dict):
        raise InputError("the body is no JSON object", hint=PAGE)
    return body


async def _body(
    request: HttpRequest, needed: dict[str, type], others: dict[str, type | None] | None = None
) -> dict[str, Any]:
    """The JSON object of a request, with exactly these keys and types; None takes any."""
    body = await _object(request)
    known = {**needed, **(others or {})}
    for key in body:
        if key not in known:
            raise InputError(f"unknown key {key!r}", at=key, hint=f"it takes {', '.join(known)}")
    for key, kind in known.items():
        if key not in body:
            if key in needed:
                raise InputError(f"{key} is missing", at=key, hint=PAGE)
            continue
        fits = kind is None or isinstance(body[key], (int, float) if kind is float else kind)
        if not fits or (isinstance(body[key], bool) and kind in (int, float)):
            raise InputError(f"{key} has the wrong type", at=key, hint=PAGE)
    return body


def _int(body: dict[str, Any], key: str, lowest: int, highest: int) -> int:
    value = int(body[key])
    if not lowest <= value <= highest:
        raise InputError(f"{key} was {value}", at=key, hint=f"give from {lowest:,} to {highest:,}")
    return value


def _query_int(request: HttpRequest, key: str, default: int) -> int:
    text = request.query_params.get(key)
    if text is None:
        return default
    if not text.isdecimal():
        raise InputError(f"{key} was {text!r}", at=key, hint="give a count of milliseconds")
    return int(text)


def _refuse_rejected(events: list[Event]) -> None:
    for event in events:
        if isinstance(event, Rejected):
            raise RefusedError(event.text, hint="the exchange took nothing of it")
