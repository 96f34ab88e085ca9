"""Hyperliquid over HTTP: the port, with pacing, timeouts, and asking again when that may help.

Every request waits for the weight ledger first.  A reply of 429, a server error, a timeout, a cut
connection or a cut reply is asked for again, later each time; `500 null` and 4xx are final answers.
All of it only reads, so a request may be repeated without harm.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from core.clock import PacingClock, chance_frac
from core.errors import VenueError
from core.venue.address import VenueAddress
from core.venue.faults import RejectedRequestError, UnknownToVenueError
from core.venue.port import CANDLES_KEPT, FUNDING_ROWS_MAX, Page, Snapshot, Span, Universe
from core.venue.retry import Patience
from core.venue.weights import WeightLedger, info_weight
from core.venue.wire import (
    candle_request,
    decode_candles,
    decode_funding,
    decode_json,
    decode_time,
    funding_request,
)
from core.venue.wire_meta import decode_dexs, decode_snapshot, decode_universe

TIMEOUTS = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=60.0)
CONNECTIONS = 8
TOO_MANY = 429
TOO_MANY_TEXT = "429, too many requests"
FIRST_SERVER_ERROR = 500
DONE = 200
SHOWN_CHARS = 160
Note = Callable[[str], None]


def _silent(_: str) -> None:
    """Say nothing."""


class HyperliquidHttp:
    """The venue at an address.  Use it as an async context manager; it keeps connections open."""

    def __init__(
        self,
        address: VenueAddress,
        clock: PacingClock,
        ledger: WeightLedger,
        *,
        patience: Patience | None = None,
        chance: Callable[[], float] = chance_frac,
        note: Note = _silent,
    ) -> None:
        self.address = address
        self.ledger = ledger
        self._clock = clock
        self._patience = patience or Patience()
        self._chance = chance
        self._note = note
        # No proxies or certificates out of the environment: it holds no settings but paths.
        self._http = httpx.AsyncClient(
            base_url=address.base_url,
            timeout=TIMEOUTS,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def time_ms(self) -> int:
        """The venue's own time, a quarter of a second old at most."""
        return decode_time(await self._info({"type": "exchangeStatus"}))

    async def dexs(self) -> tuple[str, ...]:
        """Names of the dexs; the first is `""`, the venue's own."""
        return decode_dexs(await self._info({"type": "perpDexs"}))

    async def universe(self, dex: str) -> Universe:
        """The perpetuals of a dex and its margin tables."""
        return decode_universe(await self._info(_of_dex("meta", dex)), dex)

    async def snapshot(self, dex: str) -> Snapshot:
        """The same with the state of each perpetual."""
        return decode_snapshot(await self._info(_of_dex("metaAndAssetCtxs", dex)), dex)

    async def candles(self, symbol: str, interval: str, span: Span) -> Page:
        """Bars that open in the span, the one still forming with them; older ones may be cut."""
        reply = await self._info(candle_request(symbol, interval, span), CANDLES_KEPT)
        return decode_candles(reply, symbol, interval, span)

    async def funding(self, symbol: str, span: Span) -> Page:
        """Funding payments by the hour at which they fell due, the first 500 of the span."""
        reply = await self._info(funding_request(symbol, span), FUNDING_ROWS_MAX)
        return decode_funding(reply, symbol, span)

    async def _info(self, request: dict[str, Any], items_max: int = 0) -> Any:
        """The reply to a request that only reads, asked for until it comes or patience is over."""
        kind = str(request["type"])
        began_ms = self._clock.now_ms()
        attempt = 0
        while True:
            attempt += 1
            await self._pace(info_weight(kind, items_max))
            entry = self.ledger.enter(info_weight(kind, items_max), self._clock.now_ms())
            reached = True
            try:
                response = await self._http.post("/info", json=request)
            except httpx.RequestError as error:
                fault = f"{type(error).__name__}: {error}".rstrip(": ")
                reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            else:
                fault = self._fault(response, request)
                if not fault:
                    try:
                        reply = decode_json(response.content)
                    except ValueError as error:
                        fault = f"the reply is cut off or no JSON: {error}"
                    else:
                        count = len(reply) if items_max and isinstance(reply, list) else 0
                        self.ledger.settle(entry, info_weight(kind, count))
                        return reply
            elapsed_ms = self._clock.now_ms() - began_ms
            if self._patience.is_over(attempt, elapsed_ms, unreached=not reached):
                raise self._given_up(kind, fault, attempt, elapsed_ms)
            await self._back_off(kind, fault, attempt)

    async def _pace(self, weight: int) -> None:
        """Return when the ledger lets a request of that weight go."""
        while wait_ms := self.ledger.wait_ms(weight, self._clock.now_ms()):
            self._note(f"waiting {wait_ms / 1000:.0f} s for the venue's rate limit")
            await self._clock.sleep_ms(wait_ms)

    async def _back_off(self, kind: str, fault: str, attempt: int) -> None:
        delay_ms = self._patience.delay_ms(attempt, self._chance())
        if fault == TOO_MANY_TEXT:
            # Others of ours must hold back too, or they would keep the limit broken.
            self.ledger.bar(self._clock.now_ms() + delay_ms)
        self._note(f"{kind}: {fault}; asking again in {delay_ms / 1000:.1f} s")
        await self._clock.sleep_ms(delay_ms)

    def _fault(self, response: httpx.Response, request: dict[str, Any]) -> str:
        """What is wrong with a reply and may pass; "" for a good one.  Raises what will not."""
        status = response.status_code
        if status == DONE:
            return ""
        if status == TOO_MANY:
            return TOO_MANY_TEXT
        place = f"{self.address.base_url}/info: {request}"
        if status >= FIRST_SERVER_ERROR:
            if response.text.strip() == "null":
                raise UnknownToVenueError(
                    f"the venue does not know {_subject(request)}",
                    at=place,
                    hint="check the name, its case and its dex (xyz:TSLA); the venue answered 500"
                    " null, which stays so however often it is asked",
                )
            return f"{status} {response.reason_phrase}"
        text = " ".join(response.text.split())[:SHOWN_CHARS]
        raise RejectedRequestError(
            f"the venue refused the request with {status}: {text or response.reason_phrase}",
            at=place,
            hint="check --venue; if it is right, the venue has changed what it accepts",
        )

    def _given_up(self, kind: str, fault: str, attempts: int, elapsed_ms: int) -> VenueError:
        return VenueError(
            f"no answer to {kind} after {attempts} attempts in {elapsed_ms / 1000:.0f} s: {fault}",
            at=f"{self.address.base_url}/info",
            hint="check the network and --venue, then run the same command again; it goes on where"
            " this one stopped",
        )


def _of_dex(kind: str, dex: str) -> dict[str, Any]:
    return {"type": kind, "dex": dex} if dex else {"type": kind}


def _subject(request: dict[str, Any]) -> str:
    named = request.get("req", request)
    coin = named.get("coin")
    return f"the symbol {coin!r}" if coin else f"the dex {named.get('dex', '')!r}"
