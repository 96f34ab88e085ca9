"""What the plane remembers, plain so that it lies in the state file beside the exchange."""

from __future__ import annotations

from msgspec import Struct, field

from sidecar.emulator.exchange.requests import Envelope
from sidecar.emulator.exchange.state import Tier

Option = bool | int | float | str


class Counter(Struct):
    """What a kind of fault saw and did.

    `seen`: points at which it could have acted.  `hit`: points at which it did.  `had_effect`:
    times that a client saw something else for it, or the state of the exchange was another.
    """

    seen: int = 0
    hit: int = 0
    had_effect: int = 0


class Active(Struct):
    """A fault in force, or waiting for its time.  Times are venue time; `to_ms` is not in it."""

    number: int
    fault: str
    via: str
    from_ms: int
    to_ms: int | None
    options: dict[str, Option]
    count: int | None = None
    every: int = 1
    every_ms: int | None = None
    chance_frac: float = 1.0
    user: str | None = None
    coin: str | None = None
    channel: str | None = None
    type: str | None = None
    session: int | None = None
    seen: int = 0
    hit: int = 0
    next_ms: int | None = None
    """When it acts by itself."""
    is_on: bool = False
    """Whether the venue was changed and is to be changed back."""
    was: dict[str, int | float | bool | None] = field(default_factory=dict)
    """What it was before, by the name of what was changed; rules of the venue are not in it."""
    free_ms: dict[str, int] = field(default_factory=dict)
    """When the last bytes on their way to a client have arrived."""

    def whole(self, name: str) -> int:
        """An option that is a whole number."""
        return int(self.options[name])

    def number_of(self, name: str) -> float:
        """An option that is any number."""
        return float(self.options[name])

    def word(self, name: str) -> str:
        """An option that is a word."""
        return str(self.options[name])

    def is_in_force(self, now_ms: int) -> bool:
        """Whether this is its time."""
        return self.from_ms <= now_ms and (self.to_ms is None or now_ms < self.to_ms)


Rule = int | float | bool | None | list[Tier]


class HeldRule(Struct):
    """A rule of the venue that faults changed: what it was, and what each of them made of it.

    The last one in force decides, whichever of them ends first.
    """

    original: Rule
    changes: list[tuple[int, Rule]] = field(default_factory=list)
    """(number of the fault, value), in the order in which they began."""


class HeldText(Struct):
    """A message on its way: sent at `at_ms`, or when `waits_for_next` lets it go earlier."""

    number: int
    session: int
    text: str
    at_ms: int
    waits_for_next: bool = False


class HeldRequest(Struct):
    """An action that the venue takes later."""

    number: int
    at_ms: int
    envelope: Envelope


class Copy(Struct):
    """A message as it was at a time, for a stale snapshot."""

    at_ms: int
    text: str


class PlaneState(Struct):
    """Everything that the plane's future depends on."""

    seed: int = 0
    next_number: int = 1
    actives: list[Active] = field(default_factory=list)
    """In the order in which they were added."""
    counters: dict[str, Counter] = field(default_factory=dict)
    texts: dict[int, list[HeldText]] = field(default_factory=dict)
    """By session, in the order in which they were made."""
    requests: list[HeldRequest] = field(default_factory=list)
    copies: dict[str, list[Copy]] = field(default_factory=dict)
    """By stream, oldest first; bounded."""
    opened_ms: dict[int, int] = field(default_factory=dict)
    """When each session that is there began."""
    wire_ms: dict[int, int] = field(default_factory=dict)
    """By session, when the last of what was held back regardless of its stream arrives."""
    rules: dict[str, HeldRule] = field(default_factory=dict)
    """By `coin.field`, or `.field` of the venue."""
    endings: list[Active] = field(default_factory=list)
    """Faults that were taken back while what they changed was still changed."""
    answers: dict[str, bytes] = field(default_factory=dict)
    """The last answer of each path, while one may be swapped."""
