"""Faults of requests: answered in the venue's stead, or the answer spoiled after it was done."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from sidecar.emulator.faults.garbling import garbled_bytes
from sidecar.emulator.faults.sights import Call
from sidecar.emulator.faults.state import Active
from sidecar.emulator.faults.tally import Tally
from sidecar.emulator.gateway.messages import HttpReply

CHANGE_OF_LEVERAGE: Final = "updateLeverage"
MS_PER_S: Final = 1_000
TOO_MANY: Final = 429
BACKLOG: Final = "answers"


def page(status: int) -> HttpReply:
    """What a front end says by itself: a page of HTML, without a word of the venue."""
    title = f"{status} {HTTPStatus(status).phrase}" if status in _KNOWN else str(status)
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return HttpReply(status, "text/html", body.encode())


def lost(delay_ms: int) -> HttpReply:
    """No answer: the connection closes so much later without a byte."""
    return HttpReply(HTTPStatus.GATEWAY_TIMEOUT, "text/plain", b"", delay_ms, is_lost=True)


_KNOWN: Final = frozenset(int(status) for status in HTTPStatus)

Before = Callable[[Active, Call], HttpReply | None]
After = Callable[[Tally, Active, int, Call, HttpReply], HttpReply | None]


def _refused(active: Active, call: Call) -> HttpReply | None:
    del call
    return None if active.options["executed"] else page(TOO_MANY)


def _error(active: Active, call: Call) -> HttpReply | None:
    del call
    return page(active.whole("status"))


def _lost(active: Active, call: Call) -> HttpReply | None:
    del call
    return lost(active.whole("delay_ms"))


def _leverage_lost(active: Active, call: Call) -> HttpReply | None:
    wanted = call.kind == CHANGE_OF_LEVERAGE and not active.options["executed"]
    return lost(0) if wanted else None


BEFORE: Final[dict[str, Before]] = {
    "outage": _error,
    "accept_hang": _lost,
    "blackhole": _lost,
    "lost_before": _lost,
    "429": _refused,
    "5xx_before": _error,
    "lev_lost": _leverage_lost,
}
"""What stands in for the venue; None: this fault does not act here."""


def _spoil(tally: Tally, active: Active, reply: HttpReply) -> HttpReply | None:
    if not tally.strikes(active):
        return None
    tally.effect(active)
    return reply


def _refused_after(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del now_ms, call, reply
    return _spoil(tally, active, page(TOO_MANY)) if active.options["executed"] else None


def _error_after(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del now_ms, call, reply
    return _spoil(tally, active, page(active.whole("status")))


def _lost_after(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del now_ms, call, reply
    return _spoil(tally, active, lost(active.whole("delay_ms")))


def _leverage_lost_after(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del now_ms, reply
    wanted = call.kind == CHANGE_OF_LEVERAGE and active.options["executed"]
    return _spoil(tally, active, lost(0)) if wanted else None


def _swapped(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    """The answer before this one on the path; the first has none to be swapped with."""
    del now_ms
    before = tally.state.answers.get(call.path)
    tally.state.answers[call.path] = reply.body
    if before is None or not tally.strikes(active):
        return None
    if before != reply.body:
        tally.effect(active)
    return HttpReply(reply.status, reply.content_type, before, reply.delay_ms)


def _garbled(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del now_ms, call
    if not reply.body or not tally.strikes(active):
        return None
    body = garbled_bytes(active.word("how"), reply.body, tally.drawn(active, "place"))
    if body != reply.body:
        tally.effect(active)
    return HttpReply(reply.status, reply.content_type, body, reply.delay_ms)


def _later(reply: HttpReply, delay_ms: int) -> HttpReply:
    return HttpReply(reply.status, reply.content_type, reply.body, reply.delay_ms + delay_ms)


def _delayed(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del now_ms, call
    if not tally.strikes(active):
        return None
    delay_ms = delay_of(tally, active)
    tally.effect(active, int(delay_ms > 0))
    return _later(reply, delay_ms)


def _throttled(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    if not tally.strikes(active):
        return None
    at_ms = arrival_ms(active, f"{BACKLOG}:{call.peer}", now_ms, len(reply.body))
    tally.effect(active, int(at_ms > now_ms))
    return _later(reply, at_ms - now_ms)


def _stalled(
    tally: Tally, active: Active, now_ms: int, call: Call, reply: HttpReply
) -> HttpReply | None:
    del call
    if not tally.strikes(active):
        return None
    tally.effect(active)
    assert active.to_ms is not None
    return _later(reply, active.to_ms - now_ms)


def delay_of(tally: Tally, active: Active) -> int:
    """The delay of this occasion, jitter included."""
    jitter_ms = active.whole("jitter_ms")
    more_ms = int(tally.drawn(active, "jitter") * (jitter_ms + 1)) if jitter_ms else 0
    return active.whole("delay_ms") + more_ms


def arrival_ms(active: Active, line: str, now_ms: int, size_bytes: int) -> int:
    """When so many bytes have come through a line that others may still fill."""
    begin_ms = max(now_ms, active.free_ms.get(line, now_ms))
    takes_ms = -(-size_bytes * MS_PER_S // active.whole("bytes_per_s"))
    active.free_ms[line] = begin_ms + takes_ms
    return begin_ms + takes_ms


AFTER: Final[dict[str, After]] = {
    "swap": _swapped,
    "garble": _garbled,
    "429": _refused_after,
    "5xx_after": _error_after,
    "lev_lost": _leverage_lost_after,
    "lost_after": _lost_after,
    "delay": _delayed,
    "throttle": _throttled,
    "stall": _stalled,
}
"""What becomes of an answer, in this order; None leaves it as it is."""
