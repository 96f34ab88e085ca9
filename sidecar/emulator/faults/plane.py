"""`Plane`: the gateway asks it at each point where something can go wrong.

Without faults every hook returns what it was given; the two flags spare even the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sidecar.emulator.exchange.requests import Envelope
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.faults.sights import Apply, Call, Closure, Denied, Parcel, Sight

if TYPE_CHECKING:
    from schemas.fault_schedule import FaultSpec
    from sidecar.emulator.faults.state import Counter
    from sidecar.emulator.gateway.messages import HttpReply


class Plane:
    """Faults in force, what they hold back, and what they did.

    Call order of one request: `on_call`, then for a signed action `on_request`, then `on_reply`.
    """

    def __init__(self) -> None:
        self.touches_calls = False
        """Whether `on_call`, `on_request` and `on_reply` can do anything."""
        self.touches_frames = False
        """Whether `on_frame`, `on_subscribe`, `hears` and `closures` can do anything."""

    def add(self, fault: FaultSpec, now_ms: int) -> int:
        """The number under which the fault is now in force or waits for its time.

        `after_s` and `for_s` of the fault count from `now_ms`.  InputError when it cannot work.
        """
        raise NotImplementedError

    def remove(self, number: int) -> bool:
        """Whether there was such a fault; what it held back is let go."""
        raise NotImplementedError

    def clear(self) -> None:
        """Take all faults back; counters stay."""
        raise NotImplementedError

    def counters(self) -> dict[str, Counter]:
        """What each kind that was ever added saw and did, in the order of the kinds."""
        raise NotImplementedError

    def next_ms(self) -> int | None:
        """When `due`, `closures` or `frames_due` has something to do by itself; None: never."""
        return None

    def due(self, now_ms: int, state: VenueState, apply: Apply) -> None:
        """Let faults of the core act: each of their requests goes through `apply`.

        Call it in `advance`, after the tape and the clockwork came to `now_ms`.
        """

    def closures(self, now_ms: int, sessions: Sequence[int]) -> list[Closure]:
        """Sessions of these that end now; call it in `advance`."""
        return []

    def frames_due(self, now_ms: int) -> list[Parcel]:
        """Texts held back until now; call it in `advance`.  They pass no other hook."""
        return []

    def clock_offset_ms(self, now_ms: int) -> int:
        """What the clock that is served to other processes is off by."""
        return 0

    def on_open(self, now_ms: int, peer: str) -> HttpReply | None:
        """The refusal of a WebSocket handshake; None lets it in."""
        return None

    def opened(self, now_ms: int, session: int) -> None:
        """A session began."""

    def closed(self, session: int) -> None:
        """A session ended, whoever ended it."""

    def hears(self, now_ms: int, session: int) -> bool:
        """Whether the venue hears what this session sends now."""
        return True

    def on_call(self, now_ms: int, call: Call) -> HttpReply | None:
        """A reply that stands in for the venue, which then sees nothing; None goes on."""
        return None

    def on_request(
        self, now_ms: int, call: Call, envelope: Envelope, state: VenueState, apply: Apply
    ) -> Envelope | HttpReply:
        """The signed request that the venue takes, or the reply when it takes none now."""
        return envelope

    def on_reply(self, now_ms: int, call: Call, reply: HttpReply) -> HttpReply:
        """The reply as it leaves."""
        return reply

    def on_subscribe(self, now_ms: int, sight: Sight) -> Denied | None:
        """Whether a subscription is refused, loudly or silently; None lets it be."""
        return None

    def on_frame(self, now_ms: int, sight: Sight) -> list[Parcel]:
        """What is sent for this text: it, something else, several, or nothing."""
        return [Parcel(sight.session, sight.text)]
