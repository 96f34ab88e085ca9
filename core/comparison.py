"""Two lists of trades, decision by decision: the first at which they part, and in what.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.clock import utc_iso

PRICE_TOLERANCE_FRAC = 1e-6
SIZE_TOLERANCE_FRAC = 1e-6
FEE_TOLERANCE_USD = 0.005
"""What another program's rounding may change: a millionth of price and size, half a cent."""

DECISION: Final = "decision"
REASON: Final = "reason"
PRICE: Final = "price"
SIZE: Final = "size"
COSTS: Final = "costs"
EXIT, ENTRY = 0, 1
Kind = Literal["decision", "reason", "price", "size", "costs"]


@dataclass(frozen=True)
class Close:
    """One close or partial close of a position; what a source does not say is None."""

    symbol: str
    side: str
    entry_ts_ms: int
    exit_ts_ms: int
    entry_px: float
    exit_px: float
    size: float
    pnl_usd: float | None = None
    fee_usd: float | None = None
    reason: str | None = None
    adds: int | None = None


@dataclass(frozen=True)
class Event:
    """What one system did with one symbol at one instant; `adds` are those before an exit."""

    ts_ms: int
    order: int
    symbol: str
    side: str
    px: float
    size: float
    fee_usd: float | None
    reason: str | None
    adds: int | None

    @property
    def key(self) -> tuple[int, int, str, str]:
        """Its place in time: exits of an instant before its entries, symbols by name."""
        return (self.ts_ms, self.order, self.symbol, self.side)


@dataclass(frozen=True)
class Divergence:
    """Where two systems part: the kind, and what each did; None is nothing."""

    kind: Kind
    ts_ms: int
    symbol: str
    a: Event | None
    b: Event | None


def events_of(closes: Sequence[Close]) -> list[Event]:
    """Entries and exits in order of time.

    The rows of one position are one entry, of their whole size; fees are compared at exits, where
    a row says all that its close paid.
    """
    grouped: dict[tuple[int, int, str, str], list[Close]] = {}
    for close in closes:
        for order, ts_ms in ((ENTRY, close.entry_ts_ms), (EXIT, close.exit_ts_ms)):
            grouped.setdefault((ts_ms, order, close.symbol, close.side), []).append(close)
    return [_event(key, grouped[key]) for key in sorted(grouped)]


def _event(key: tuple[int, int, str, str], rows: Sequence[Close]) -> Event:
    last = rows[-1]
    size = sum(row.size for row in rows)
    if key[1] == ENTRY:
        return Event(*key, last.entry_px, size, None, None, last.adds)
    fees = [row.fee_usd for row in rows if row.fee_usd is not None]
    fee_usd = sum(fees) if len(fees) == len(rows) else None
    return Event(*key, last.exit_px, size, fee_usd, last.reason, last.adds)


def divergences(a: Sequence[Close], b: Sequence[Close]) -> list[Divergence]:
    """The first divergence of each kind, the earliest first; empty when the two agree."""
    first: dict[Kind, Divergence] = {}
    for one, other in _paired(events_of(a), events_of(b)):
        event = one or other
        assert event is not None
        kind = next((kind for kind, differs in KINDS if differs(one, other)), None)
        if kind is not None and kind not in first:
            first[kind] = Divergence(kind, event.ts_ms, event.symbol, one, other)
    return list(first.values())


def _paired(a: list[Event], b: list[Event]) -> Iterator[tuple[Event | None, Event | None]]:
    """Events of both in order of time, side by side where they have the same key."""
    left, right = {each.key: each for each in a}, {each.key: each for each in b}
    for key in sorted(left.keys() | right.keys()):
        yield left.get(key), right.get(key)


def _apart(one: float, other: float, tolerance_frac: float) -> bool:
    return abs(one - other) > tolerance_frac * max(abs(one), abs(other))


def _decision(one: Event | None, other: Event | None) -> bool:
    return one is None or other is None


def _reason(one: Event | None, other: Event | None) -> bool:
    """Another reason of an exit, or another count of adds before it."""
    if one is None or other is None or one.order == ENTRY:
        return False
    pairs: tuple[tuple[object, object], ...] = ((one.reason, other.reason), (one.adds, other.adds))
    return any(a != b for a, b in pairs if a is not None and b is not None)


def _grew(one: Event, other: Event) -> bool:
    """Whether price and size of an entry are those after adds, which came later than the entry.

    No list of trades says when: such positions are compared where they end.
    """
    return one.order == ENTRY and bool(one.adds or other.adds)


def _price(one: Event | None, other: Event | None) -> bool:
    if one is None or other is None or _grew(one, other):
        return False
    return _apart(one.px, other.px, PRICE_TOLERANCE_FRAC)


def _size(one: Event | None, other: Event | None) -> bool:
    if one is None or other is None or _grew(one, other):
        return False
    return _apart(one.size, other.size, SIZE_TOLERANCE_FRAC)


def _costs(one: Event | None, other: Event | None) -> bool:
    if one is None or other is None or one.fee_usd is None or other.fee_usd is None:
        return False
    return abs(one.fee_usd - other.fee_usd) > FEE_TOLERANCE_USD


KINDS: tuple[tuple[Kind, Callable[[Event | None, Event | None], bool]], ...] = (
    (DECISION, _decision),
    (REASON, _reason),
    (PRICE, _price),
    (SIZE, _size),
    (COSTS, _costs),
)
"""Kind of divergence and its test; of two at one event the first counts."""


def did(event: Event | None) -> str:
    """What a system did, in words."""
    if event is None:
        return "nothing"
    said = f"{event.side} {event.size:.8g} at {event.px:.8g}"
    adds = f" with {event.adds} adds" if event.adds else ""
    if event.order == ENTRY:
        return f"entered {said}{adds}"
    why = f" by {event.reason}" if event.reason else ""
    fee = "" if event.fee_usd is None else f", fees {event.fee_usd:,.4f} USD"
    return f"left {said}{adds}{why}{fee}"


def place(divergence: Divergence) -> str:
    """Symbol and time, such as `ETH 2025-01-03 14:00 UTC`."""
    return f"{divergence.symbol} {utc_iso(divergence.ts_ms)[:16].replace('T', ' ')} UTC"
