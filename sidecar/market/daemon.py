"""The sidecar's work as tasks over `core.ports`: streams, bars, users, stores, recordings.

Crash-only: a start after a kill is a start like any other, and a clean stop only saves work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from core.errors import VenueError
from core.market.bars import DAY_MS
from core.ports import Ports
from core.venue.port import Universe
from core.venue.weights import WeightLedger
from sidecar.market.accounts import Accounts
from sidecar.market.bar_facts import BarsPolicy, Silent
from sidecar.market.board import Board, Change
from sidecar.market.breaker import Breaker
from sidecar.market.confirm import WORKERS, Bars
from sidecar.market.desired import Interest, Wanted, union
from sidecar.market.facts import Bbo, Candle, Context, Fact, Trade, UserEvent
from sidecar.market.link import Links
from sidecar.market.payments import Payments
from sidecar.market.record import Recorder, Shelf
from sidecar.market.rest import Rest
from sidecar.market.service import Service
from sidecar.market.state import health_of, stats_of
from sidecar.market.store import Stores
from sidecar.market.topics import Topic
from sidecar.market.venue_time import VenueTime
from sidecar.market.watch import Watch

__all__ = ["Hub", "Service", "Settings", "run"]

TICK_MS: Final = 1_000
FLUSH_MS: Final = 200
TIME_MS: Final = 8_000
"""How often the venue is asked for its time: far within what an answer is trusted for."""
UNIVERSE_MS: Final = 60_000
SWEEP_MS: Final = 600_000


@dataclass(frozen=True)
class Settings:
    """What one sidecar does, whoever its clients are."""

    venue: str
    """Name that stored rows carry, such as `hyperliquid mainnet`."""
    always: Interest
    """What is wanted even while no client is there."""
    clock_is_venues: bool = False
    """Does the clock follow an emulator's?  It is believed then, however fast it runs."""
    silent_bars: Silent = "absent"
    """A bar without trades is `absent` from what is read, or `flat`; the store never has it."""
    grace_ms: int = 2_500
    """How long after its end a bar may still change before REST is asked."""
    reconcile_ms: int = 30_000
    """How often REST is asked for events of users."""
    context_ms: int = 60_000
    """How often contexts of wanted symbols are stored; 0 for never."""
    funding: bool = True
    """Are funding rates of wanted symbols stored?"""
    record_quotes: bool = False
    record_trades: bool = False
    quote_sample_ms: int = 1_000
    """At most one quote of a symbol in so long is recorded."""
    keep_days: int = 30
    """Age at which recordings and user events may be deleted."""
    archive: bool = True
    """Recordings are deleted only after `mark_archived`; without, by age and quota alone."""
    quota_bytes: int = 0
    """Most that recordings may take; 0 for no limit."""


class Hub(Protocol):
    """Who the news goes to: the server's clients."""

    def changed(self, changes: Sequence[Change]) -> None:
        """Values on the board changed."""
        ...

    def bar_closed(self, symbol: str, interval: str, bar: dict[str, Any]) -> None:
        """A bar is final, and stored."""
        ...

    def user_events(self, user: str, cursor: int) -> None:
        """Events of a user are stored, up to that cursor."""
        ...

    def interests(self) -> list[Interest]:
        """What all clients that live want."""
        ...

    def on_interest(self, callback: Callable[[], None]) -> None:
        """Call that back whenever `interests` has changed."""
        ...


class Daemon:
    """All parts, wired."""

    def __init__(self, ports: Ports, settings: Settings, hub: Hub, shelf: Shelf | None) -> None:
        self.ports, self.settings, self.hub = ports, settings, hub
        self.time = VenueTime(ports.clock.now_ms, is_venues=settings.clock_is_venues)
        self.rest = Rest(ports, WeightLedger(), self.time.now_ms)
        self.board, self.watch, self.breaker = Board(), Watch(), Breaker()
        self.links = Links(ports, self.watch, self, self.time.now_ms)
        self.stores = Stores(ports, settings.venue)
        policy = BarsPolicy(grace_ms=settings.grace_ms, silent=settings.silent_bars)
        self.bars = Bars(ports, self.rest, self.time, self.stores, hub, policy)
        keep_ms = settings.keep_days * DAY_MS
        self.accounts = Accounts(
            ports, self.rest, self.time, hub, settings.reconcile_ms, keep_ms=keep_ms
        )
        self.payments = Payments(ports, self.rest, self.time, self.stores)
        self.recorder = None if shelf is None else Recorder(shelf, settings)
        self.service = Service(
            self.board,
            self.bars,
            self.stores,
            self.accounts,
            self.time,
            lambda: (health_of(self), stats_of(self)),
        )
        self.universe: Universe | None = None
        self.universe_ms: int | None = None
        self.wanted = Wanted((), {}, (), (), ())
        self.started_ms = self.time.now_ms()
        self._is_wish_new = asyncio.Event()
        self._mode = "stream"

    def check(self) -> None:
        """Raise InputError when a file of the folder is not one that may be written."""
        for interval in self.settings.always.intervals:
            self.stores.check(self.stores.candles(interval))
        self.stores.check(self.stores.funding())
        self.stores.check(self.stores.contexts())
        self.accounts.check()

    def heard(self, facts: list[Fact], seen_ms: int) -> None:
        """Facts of one message of a stream."""
        changes: list[Change] = []
        for fact in facts:
            if isinstance(fact, Candle):
                self.bars.on_candle(fact, seen_ms)
            elif isinstance(fact, UserEvent):
                self.accounts.heard(fact)
            else:
                changes += self.board.apply(fact, seen_ms)
                if isinstance(fact, (Bbo, Trade)):
                    self.time.at_least(fact.time_ms)
        if changes:
            self.hub.changed(changes)
            if self.recorder is not None:
                self.recorder.take(facts, seen_ms)

    def connected(self, user: str | None) -> None:
        """A connection stands."""
        if user is not None:
            self.accounts.connected(user)

    def broke(self, topics: list[Topic]) -> None:
        """A connection ended without our doing."""
        if any(topic.channel == "candle" for topic in topics):
            self.breaker.on_reset(self.time.now_ms())

    def wish(self) -> None:
        """Somebody wants something else."""
        self._is_wish_new.set()

    def follow(self) -> None:
        """Subscribe, unsubscribe and keep what is wanted now."""
        self._is_wish_new.clear()
        known = [] if self.universe is None else _names(self.universe)
        self.wanted = union([self.settings.always, *self.hub.interests()], known)
        self._mode = self.breaker.mode(self.time.now_ms())
        carried = self.wanted
        if self._mode == "polling":
            topics = tuple(topic for topic in carried.topics if topic.channel != "candle")
            carried = Wanted(topics, carried.keys, carried.users, carried.unknown, carried.left_out)
        self.links.want(carried)
        self.accounts.want(self.wanted.users)
        if self.universe is not None:
            self.bars.want(self.wanted.keys)
            symbols = dict.fromkeys(symbol for symbol, _ in self.wanted.keys)
            self.payments.want(list(symbols) if self.settings.funding else [])

    async def keep_time(self) -> None:
        """Ask the venue for its time, often, and at once when the host's clock jumped."""
        while True:
            began_ms = self.time.now_ms()
            try:
                self.time.learn(await self.rest.time_ms(), began_ms)
            except VenueError:
                await self.ports.clock.sleep_ms(TICK_MS)
                continue
            for _ in range(TIME_MS // TICK_MS):
                await self.ports.clock.sleep_ms(TICK_MS)
                if not self.time.is_trusted():
                    break

    async def keep_universe(self) -> None:
        """Learn which symbols there are, and their states, each minute."""
        while True:
            try:
                found = await self.rest.snapshot()
            except VenueError:
                await self.ports.clock.sleep_ms(TICK_MS)
                continue
            is_new = self.universe is None or _names(self.universe) != _names(found.universe)
            self.universe, self.universe_ms = found.universe, self.time.now_ms()
            if is_new:
                self.wish()
            self._see(found.contexts)
            await self.ports.clock.sleep_ms(self.settings.context_ms or UNIVERSE_MS)

    def _see(self, states: Sequence[Any]) -> None:
        """Put contexts on the board; those of wanted symbols are stored."""
        now_ms = self.time.now_ms()
        wanted = {symbol for symbol, _ in self.wanted.keys}
        rows = {}
        for state in states:
            values = {name: getattr(state, name) for name in Context.__struct_fields__}
            changes = self.board.apply(Context(**values), now_ms)
            if changes:
                self.hub.changed(changes)
            if state.symbol in wanted:
                rows[state.symbol] = context_values(state)
        if rows and self.settings.context_ms and self.time.is_trusted():
            self.stores.add_contexts(now_ms, rows)

    async def keep_following(self) -> None:
        """Do what is wanted whenever that changes, and look each second whether it must."""
        while True:
            try:
                async with asyncio.timeout(TICK_MS / 1_000):
                    await self._is_wish_new.wait()
            except TimeoutError:
                if self.breaker.mode(self.time.now_ms()) == self._mode and self._is_planned():
                    continue
            self.follow()

    def _is_planned(self) -> bool:
        """Is each wanted stream carried by a connection?"""
        carried = sum(len(slot.topics) for slot in self.links.slots)
        polled = self._mode == "polling"
        return carried == sum(
            not (polled and topic.channel == "candle") for topic in self.wanted.topics
        )

    async def keep_storing(self) -> None:
        """Write what waits, and then tell of it."""
        while True:
            await self.ports.clock.sleep_ms(FLUSH_MS)
            self.accounts.flush()
            for key in list(self.bars.ledgers):
                self.bars.collect(key)
            while self.stores.flush(self.time.now_ms()):
                await asyncio.sleep(0)
            self.bars.tell()

    async def keep_tidy(self) -> None:
        """Retention and recordings."""
        while True:
            await self.ports.clock.sleep_ms(TICK_MS)
            now_ms = self.time.now_ms()
            if self.recorder is not None and self.time.is_trusted():
                self.recorder.tick(now_ms)
            if now_ms // TICK_MS % (SWEEP_MS // TICK_MS) == 0:
                self.accounts.sweep()

    async def work(self) -> None:
        """All of it, until cancelled."""
        self.hub.on_interest(self.wish)
        self.follow()
        tasks = [
            self.ports.spawn(work, name)
            for work, name in (
                (self.keep_time(), "time"),
                (self.keep_universe(), "universe"),
                (self.keep_following(), "wishes"),
                (self.links.look(), "watch"),
                (self.keep_storing(), "stores"),
                (self.accounts.work(), "users"),
                (self.payments.work(), "funding"),
                (self.keep_tidy(), "retention"),
                *((self.bars.work(), f"bars {number}") for number in range(WORKERS)),
            )
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            self.close()

    def close(self) -> None:
        """End connections, write what waits, and give the files back."""
        self.links.close()
        self.accounts.flush()
        while self.stores.flush(self.time.now_ms()):
            pass
        if self.recorder is not None:
            self.recorder.close(self.time.now_ms())
        self.accounts.close()
        self.stores.close()


def context_values(state: Any) -> tuple[float, ...]:
    """A context as a row of its store."""
    missing = float("nan")
    return (
        state.mark_px,
        state.oracle_px,
        missing if state.mid_px is None else state.mid_px,
        state.funding_rate_1h,
        state.open_interest,
        state.day_notional_usd,
        missing if state.premium is None else state.premium,
    )


def _names(universe: Universe) -> list[str]:
    """Symbols that trade."""
    return [asset.symbol for asset in universe.assets if not asset.is_delisted]


async def run(
    ports: Ports,
    settings: Settings,
    hub: Hub,
    *,
    shelf: Shelf | None = None,
    serve: Callable[[Service], None] = lambda _: None,
) -> None:
    """Serve until cancelled.  `serve` is given the service as soon as it can answer.

    `shelf` is where recordings go; without one nothing is recorded.  Raises InputError when the
    stores are not ours to write.
    """
    daemon = Daemon(ports, settings, hub, shelf)
    daemon.check()
    serve(daemon.service)
    await daemon.work()
