"""Requests to the venue over `core.ports`: paced by weight, timed, and asked again when that helps.

All of it only reads.  A reply of 429, a server error, a time-out, a cut or garbled reply is asked
for again, later each time; `500 null` and 4xx are final answers, as in `core.venue.hyperliquid`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from core.errors import VenueError
from core.ports import Answer, LinkLostError, Ports
from core.venue.faults import RejectedRequestError, UnknownToVenueError
from core.venue.port import FUNDING_ROWS_MAX, Page, Snapshot, Span
from core.venue.retry import Patience
from core.venue.weights import WeightLedger, info_weight
from core.venue.wire import (
    candle_request,
    decode_funding,
    decode_json,
    decode_time,
    funding_request,
)
from core.venue.wire_meta import decode_snapshot
from sidecar.market import decode
from sidecar.market.decode import RestBars
from sidecar.market.facts import Odd

TIMEOUT_MS: Final = 10_000
TIME_TIMEOUT_MS: Final = 3_000
DONE: Final = 200
TOO_MANY: Final = 429
FIRST_SERVER_ERROR: Final = 500
SHOWN_CHARS: Final = 160
PATIENCE: Final = Patience(attempts=4, attempts_unreached=4, total_ms=40_000)
"""Short: whoever asks here asks again by itself, with what is wanted then."""
T = TypeVar("T")


class Rest:
    """The venue's `/info`.  Raises VenueError or one of `core.venue.faults`."""

    def __init__(
        self,
        ports: Ports,
        ledger: WeightLedger,
        now_ms: Callable[[], int],
        patience: Patience = PATIENCE,
    ) -> None:
        self.ledger = ledger
        self.counts: dict[str, int] = {}
        """Requests, and faults by kind."""
        self.last_ok_ms: int | None = None
        self._ports = ports
        # A time that does not jump with the host's clock, or the ledger would wait out the jump.
        self._now_ms = now_ms
        self._patience = patience

    async def time_ms(self) -> int:
        """The venue's time."""
        return decode_time(await self.ask({"type": "exchangeStatus"}, decode_json, 0))

    async def snapshot(self) -> Snapshot:
        """The perpetuals of the venue's own dex with their states."""
        reply = await self.ask({"type": "metaAndAssetCtxs"}, decode_json, 0)
        return decode_snapshot(reply, "")

    async def candles(self, symbol: str, interval: str, span: Span, bars_max: int) -> RestBars:
        """Bars that open in the span; `bars_max` is how many there can be."""

        def read(body: bytes) -> RestBars:
            found = decode.rest_bars(body, symbol, interval)
            if not isinstance(found, Odd):
                return found
            raise ValueError(found.reason)

        return await self.ask(candle_request(symbol, interval, span), read, bars_max)

    async def funding(self, symbol: str, span: Span) -> Page:
        """Funding payments that fell due in the span, the first 500."""
        request = funding_request(symbol, span)
        return decode_funding(await self.ask(request, decode_json, FUNDING_ROWS_MAX), symbol, span)

    async def rows(self, request: dict[str, Any], rows_max: int) -> list[Any]:
        """The rows of a reply that is a list."""

        def read(body: bytes) -> list[Any]:
            found = decode_json(body)
            if isinstance(found, list):
                return found
            raise ValueError(f"no list of rows but {str(found)[:SHOWN_CHARS]}")

        return await self.ask(request, read, rows_max)

    async def ask(self, request: dict[str, Any], read: Callable[[bytes], T], items_max: int) -> T:
        """The reply as `read` makes it; a ValueError of `read` is a garbled reply."""
        kind = str(request["type"])
        body = msgspec.json.encode(request)
        began_ms = self._now_ms()
        attempt = 0
        while True:
            attempt += 1
            found = await self._once(kind, body, items_max)
            fault = found if isinstance(found, str) else self._fault(found, request)
            if isinstance(found, Answer) and not fault:
                try:
                    result = read(found.body)
                except (ValueError, RecursionError) as error:
                    fault = f"garbled: {error}"[:SHOWN_CHARS]
                else:
                    self.last_ok_ms = self._now_ms()
                    return result
            self._count(fault.partition(":")[0])
            elapsed_ms = self._now_ms() - began_ms
            if self._patience.is_over(attempt, elapsed_ms, unreached=False):
                raise VenueError(
                    f"no answer to {kind} after {attempt} attempts: {fault}",
                    at="/info",
                    hint="nothing to do: it is asked for again",
                )
            await self._back_off(attempt, is_too_many=fault.startswith(str(TOO_MANY)))

    async def _once(self, kind: str, body: bytes, items_max: int) -> Answer | str:
        """The reply, or what went wrong."""
        weight = info_weight(kind, items_max)
        while wait_ms := self.ledger.wait_ms(weight, self._now_ms()):
            await self._ports.clock.sleep_ms(wait_ms)
        # What it does weigh is known only by counting rows; most ask for what they get.
        self.ledger.enter(weight, self._now_ms())
        self._count("requests")
        timeout_ms = TIME_TIMEOUT_MS if kind == "exchangeStatus" else TIMEOUT_MS
        try:
            return await self._ports.net.post("/info", body, timeout_ms)
        except TimeoutError:
            return "time-out"
        except LinkLostError as error:
            return f"link lost: {error}"

    def _fault(self, answer: Answer, request: dict[str, Any]) -> str:
        """What is wrong with a reply and may pass; "" for a good one.  Raises what will not."""
        if answer.status == DONE:
            return ""
        if answer.status == TOO_MANY:
            return f"{TOO_MANY}: too many requests"
        text = answer.body[:SHOWN_CHARS].decode("utf-8", "replace").strip()
        if answer.status >= FIRST_SERVER_ERROR:
            if text == "null":
                raise UnknownToVenueError("the venue does not know the name", at=str(request))
            return f"{answer.status}: {text}"
        self._count("refused")
        raise RejectedRequestError(
            f"the venue refused the request with {answer.status}: {text}", at=str(request)
        )

    async def _back_off(self, attempt: int, *, is_too_many: bool) -> None:
        delay_ms = self._patience.delay_ms(attempt, self._ports.rng.random())
        if is_too_many:
            # Others of ours must hold back too, or they would keep the limit broken.
            self.ledger.bar(self._now_ms() + delay_ms)
        await self._ports.clock.sleep_ms(delay_ms)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
