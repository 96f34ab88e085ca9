"""What each method answers.  Every request is answered, wrong ones with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import apsw
import msgspec

from core.errors import InputError, PerpkitError, UsageError
from core.market.bars import INTERVALS, interval_to_ms
from schemas.sidecar import (
    FRAME_BYTES_MAX,
    METHODS,
    PROTOCOL,
    Ack,
    Candles,
    Funding,
    Hello,
    InterestParams,
    Ready,
    Request,
    Subscribe,
    Trades,
    UserEvents,
    Values,
    Wait,
)
from sidecar.market import waits
from sidecar.market.clients import Client, Hub, known_symbols
from sidecar.market.service import Service

MS_PER_S: Final = 1_000
EVENT_BYTES_MAX: Final = 768 * 1024
"""Events of one answer, so that it fits a frame."""

_REQUESTS: Final = msgspec.json.Decoder(Request)
_PARAMS: Final = {name: msgspec.json.Decoder(kind) for name, kind in METHODS.items()}
_encode = msgspec.json.Encoder().encode


class Later:
    """In the place of a result: the answer is sent when there is one."""


LATER: Final = Later()
Result = dict[str, Any] | Later


@dataclass(frozen=True)
class Asked:
    """A request of a client, and how its answer goes back."""

    client: Client
    number: int
    reply: Callable[[bytes], None]


class Answers:
    """Answers requests out of the service and the hub."""

    def __init__(
        self, service: Service, hub: Hub, boot: str, health: Callable[[], dict[str, Any]]
    ) -> None:
        self._service = service
        self._hub = hub
        self._boot = boot
        self._health = health
        self.counts = {"requests": 0, "refused": 0, "malformed": 0}
        self._methods: dict[str, Callable[[Asked, Any], Result]] = {
            "hello": self._hello,
            "interest": self._interest,
            "mids": lambda _, p: self._service.mids(p.symbols, p.age_ms_max),
            "bbo": lambda _, p: self._service.bbo(self._all(p.symbols), p.age_ms_max),
            "contexts": self._contexts,
            "trades": self._trades,
            "candles": self._candles,
            "funding": self._funding,
            "ready": self._ready,
            "wait": self._wait,
            "subscribe": self._subscribe,
            "user_events": self._user_events,
            "ack": self._ack,
            "health": lambda _, __: self._health(),
            "stats": lambda _, __: self.stats(),
        }

    def take(self, client: Client, line: bytes, reply: Callable[[bytes], None]) -> None:
        """Answer one line."""
        self.counts["requests"] += 1
        try:
            request = _REQUESTS.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.counts["malformed"] += 1
            reply(refusal(_number_in(line), _unreadable(error, "the request")))
            return
        self._hub.renew(client)
        asked = Asked(client, request.id, reply)
        try:
            found = self._answer(asked, request)
        except PerpkitError as error:
            self.counts["refused"] += 1
            reply(refusal(request.id, error))
        except (apsw.Error, OSError) as error:
            self.counts["refused"] += 1
            reply(refusal(request.id, _disk(error)))
        else:
            if not isinstance(found, Later):
                reply(success(request.id, found))

    def stats(self) -> dict[str, Any]:
        """Counters of the daemon, its clients and its answers."""
        return {
            **self._service.stats(),
            "hub": dict(self._hub.counts),
            "answers": dict(self.counts),
        }

    def _answer(self, asked: Asked, request: Request) -> Result:
        method = self._methods.get(request.method)
        if method is None:
            raise UsageError(
                f"method {request.method!r} is not known",
                at="method",
                hint=f"known: {' '.join(METHODS)}",
            )
        try:
            params = _PARAMS[request.method].decode(request.params)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unreadable(error, request.method) from error
        return method(asked, params)

    def _hello(self, asked: Asked, params: Hello) -> Result:
        if params.protocol != PROTOCOL:
            raise UsageError(
                f"protocol {params.protocol} was asked for, this sidecar speaks {PROTOCOL}",
                at="hello.protocol",
                hint="use a client of the same perpkit version",
            )
        if params.client != asked.client.name:
            self._hub.rename(asked.client, params.client)
        return {
            "protocol": PROTOCOL,
            "boot": self._boot,
            "client": asked.client.label,
            "seq": self._service.seq(()),
            "methods": list(METHODS),
        }

    def _interest(self, asked: Asked, params: InterestParams) -> Result:
        for interval in params.intervals:
            _check_interval(interval)
        self._hub.want(asked.client, params)
        return {
            "lease_ms": params.lease_ms,
            "symbols": len(params.symbols),
            "users": [user.lower() for user in params.users],
        }

    def _all(self, symbols: tuple[str, ...]) -> list[str]:
        return list(symbols) or known_symbols(self._service)

    def _contexts(self, _: Asked, params: Values) -> Result:
        found = self._service.contexts(self._all(params.symbols))
        if params.age_ms_max is not None:
            limit = params.age_ms_max
            found["contexts"] = {
                symbol: value
                for symbol, value in found["contexts"].items()
                if value["age_ms"] <= limit
            }
        return found

    def _trades(self, _: Asked, params: Trades) -> Result:
        return self._service.trades(params.symbol, params.after_seq, params.limit)

    def _candles(self, _: Asked, params: Candles) -> Result:
        _check_interval(params.interval)
        return self._service.candles(
            params.symbol, params.interval, params.count, forming=params.forming
        )

    def _funding(self, _: Asked, params: Funding) -> Result:
        if params.from_ms > params.to_ms:
            raise UsageError(
                f"funding from {params.from_ms} to {params.to_ms} runs backwards",
                at="funding.from_ms",
                hint="from_ms is the earlier of the two",
            )
        return self._service.funding(params.symbol, params.from_ms, params.to_ms)

    def _ready(self, _: Asked, params: Ready) -> Result:
        _check_interval(params.interval)
        return self._service.ready(params.symbols, params.interval)

    def _subscribe(self, asked: Asked, params: Subscribe) -> Result:
        if "user" in params.kinds and not params.users:
            raise UsageError(
                "events of users were asked for, and no user was named",
                at="subscribe.users",
                hint="name the users, or leave `user` out of the kinds",
            )
        self._hub.subscribe(asked.client, params)
        return {"seq": self._service.seq(params.symbols)}

    def _wait(self, asked: Asked, params: Wait) -> Result:
        is_reset = bool(params.boot) and params.boot != self._boot
        seq = self._service.seq(params.symbols)
        is_reset = is_reset or params.after_seq > self._service.seq(())
        if is_reset or seq > params.after_seq or params.timeout_ms == 0:
            return self._waited(params, is_due=is_reset or seq > params.after_seq)

        def answer(is_due: bool) -> None:  # noqa: FBT001  called in one place
            asked.reply(success(asked.number, self._waited(params, is_due=is_due)))

        return self._later(asked, answer, params.timeout_ms, symbols=frozenset(params.symbols))

    def _waited(self, params: Wait, *, is_due: bool) -> dict[str, Any]:
        is_reset = bool(params.boot) and params.boot != self._boot
        return {
            "seq": self._service.seq(params.symbols),
            "boot": self._boot,
            "changed": is_due,
            "timed_out": not is_due,
            "reset": is_reset or params.after_seq > self._service.seq(()),
            "mids": self._service.mids(params.symbols)["mids"],
            "bbo": self._service.bbo(self._all(params.symbols))["bbo"],
        }

    def _user_events(self, asked: Asked, params: UserEvents) -> Result:
        found = self._events(params)
        if found["events"] or params.wait_ms == 0:
            return found

        def answer(_: bool) -> None:  # noqa: FBT001  called in one place
            try:
                asked.reply(success(asked.number, self._events(params)))
            except (apsw.Error, OSError, PerpkitError) as error:
                asked.reply(refusal(asked.number, _disk(error)))

        return self._later(asked, answer, params.wait_ms, user=params.user.lower())

    def _events(self, params: UserEvents) -> dict[str, Any]:
        """Events, and the cursor to read after next time."""
        events: list[msgspec.Raw] = []
        cursor, size = params.after, 0
        stored = self._service.user_events(params.user.lower(), params.after, params.limit)
        for event in stored:
            line = _encode(event)
            if events and size + len(line) > EVENT_BYTES_MAX:
                break
            events.append(msgspec.Raw(line))
            cursor, size = event.cursor, size + len(line)
        is_more = len(events) < len(stored) or len(stored) == params.limit
        return {"events": events, "cursor": cursor, "more": is_more}

    def _ack(self, _: Asked, params: Ack) -> Result:
        return {"cursor": self._service.ack(params.consumer, params.user.lower(), params.cursor)}

    def _later(
        self,
        asked: Asked,
        answer: Callable[[bool], None],
        timeout_ms: int,
        *,
        symbols: frozenset[str] = frozenset(),
        user: str = "",
    ) -> Result:
        if self._hub.waits.count_of(asked.client) >= waits.WAITS_MAX:
            raise UsageError(
                f"{waits.WAITS_MAX} requests of this client wait already",
                at="wait",
                hint="await their answers first, or subscribe to pushes",
            )
        wait = waits.Wait(asked.client, answer, symbols=symbols, user=user)
        time_is_up = self._hub.waits.add(wait)
        asyncio.get_running_loop().call_later(timeout_ms / MS_PER_S, time_is_up)
        return LATER


def success(number: int, result: dict[str, Any]) -> bytes:
    """The line of an answer; of one that is too long, the line that says so."""
    line = _encode({"id": number, "ok": True, "result": result}) + b"\n"
    if len(line) <= FRAME_BYTES_MAX:
        return line
    return refusal(
        number,
        UsageError(
            f"the answer has {len(line):,} bytes, {FRAME_BYTES_MAX:,} are the limit",
            at="result",
            hint="ask for fewer bars, symbols or rows at once",
        ),
    )


def refusal(number: int | None, error: PerpkitError) -> bytes:
    """The line of an error."""
    fault = {"what": error.what, "at": error.at, "next": error.hint, "code": error.exit_code}
    return _encode({"id": number, "ok": False, "error": fault}) + b"\n"


def too_long(size: int) -> UsageError:
    """The error of a line that is longer than a frame."""
    return UsageError(
        f"a line of {size:,} bytes or more was sent, {FRAME_BYTES_MAX:,} are the limit",
        at="frame",
        hint="send shorter requests; the connection ends here",
    )


def _check_interval(interval: str) -> None:
    """Raise UsageError for an interval that bars cannot have."""
    try:
        interval_to_ms(interval)
    except InputError as error:
        known = " ".join(name for name, length_ms in INTERVALS.items() if length_ms)
        raise UsageError(error.what, at="interval", hint=f"known: {known}") from error


def _unreadable(error: Exception, where: str) -> UsageError:
    """The decoder's words as ours: `expected int, was str` at the place of it."""
    text, _, place = str(error).partition(" - at `$")
    text = text.replace(", got ", ", was ")
    path = place.rstrip("`")
    return UsageError(
        f"{where} cannot be read: {text[:1].lower()}{text[1:]}",
        at=f"{where}{path}" if path else where,
        hint='send {"id": 1, "method": NAME, "params": {...}} in one line of UTF-8',
    )


def _disk(error: Exception) -> PerpkitError:
    if isinstance(error, PerpkitError):
        return error
    return InputError(
        f"the store cannot be read or written: {error}",
        at=type(error).__name__,
        hint="`perpkit sidecar stat` shows the state of the stores",
    )


class _Numbered(msgspec.Struct):
    id: int | None = None


def _number_in(line: bytes) -> int | None:
    """The id of a request that has one but is otherwise wrong."""
    try:
        return msgspec.json.decode(line, type=_Numbered).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
