"""Faults of messages on their way to a session: dropped, doubled, spoiled, stale, late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sidecar.emulator.faults.answers import CHANGES, MUTED
from sidecar.emulator.faults.calls import arrival_ms, delay_of
from sidecar.emulator.faults.garbling import garbled_text
from sidecar.emulator.faults.sights import Sight
from sidecar.emulator.faults.state import Active, Copy, HeldText
from sidecar.emulator.faults.tally import Tally
from sidecar.emulator.faults.waiting import QUEUED

USER_CHANNELS: Final = frozenset(
    {
        "user", "userEvents", "userFills", "orderUpdates", "userFundings",
        "userNonFundingLedgerUpdates", "userTwapSliceFills", "userTwapHistory", "notification",
    }
)  # fmt: skip
CONTROL_CHANNELS: Final = frozenset({"subscriptionResponse", "pong", "error", "post"})
"""Not streams: what answers the client itself."""
WHOLE_CHANNELS: Final = frozenset(
    {
        "allMids", "l2Book", "bbo", "activeAssetCtx", "activeAssetData", "clearinghouseState",
        "openOrders", "spotState", "webData2", "webData3", "allDexsClearinghouseState",
    }
)  # fmt: skip
"""Streams whose every message says all."""
COPIES_MAX: Final = 32
STREAMS_MAX: Final = 256


class Passing:
    """A message between the venue and its client: the texts that it became, and when they go."""

    def __init__(self, tally: Tally, now_ms: int, sight: Sight) -> None:
        self.tally = tally
        self.now_ms = now_ms
        self.sight = sight
        self.texts = [sight.text]
        self.at_ms = now_ms
        self.holder: Active | None = None
        """The fault that holds it back, if one does."""
        self.waits_for_next = False

    def hold(self, active: Active, at_ms: int) -> None:
        """Let it go at this time at the earliest."""
        if at_ms > self.at_ms:
            self.at_ms = at_ms
            self.holder = active

    def held(self) -> list[HeldText]:
        """The texts that do not go now."""
        number = QUEUED if self.holder is None else self.holder.number
        return [
            HeldText(number, self.sight.session, text, self.at_ms, self.waits_for_next)
            for text in self.texts
        ]


def _said_otherwise(passing: Passing, active: Active) -> None:
    """Change what every text says."""
    change = CHANGES[active.fault]
    found: list[str] = []
    for text in passing.texts:
        message = _decoded(text)
        told = change(active, passing.sight.channel, message.get("data")) if message else None
        if told is None or not passing.tally.strikes(active):
            found.append(text)
            continue
        if told is MUTED:
            passing.tally.effect(active)
            continue
        said = msgspec.json.encode({**message, "data": told}).decode()
        passing.tally.effect(active, int(said != text))
        found.append(said)
    passing.texts = found


def _decoded(text: str) -> dict[str, Any]:
    """The message as plain values; empty when it is not an object of JSON any more."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _dropped(passing: Passing, active: Active) -> None:
    if passing.texts and passing.tally.strikes(active):
        passing.tally.effect(active, len(passing.texts))
        passing.texts = []


def _muted(passing: Passing, active: Active) -> None:
    if passing.sight.channel not in CONTROL_CHANNELS:
        _dropped(passing, active)


def _unheard_of(passing: Passing, active: Active) -> None:
    if passing.sight.channel in USER_CHANNELS and not passing.sight.is_snapshot:
        _dropped(passing, active)


def _doubled(passing: Passing, active: Active) -> None:
    if passing.texts and passing.tally.strikes(active):
        passing.tally.effect(active)
        passing.texts = [text for text in passing.texts for _ in range(2)]


def _garbled(passing: Passing, active: Active) -> None:
    if not passing.texts or not passing.tally.strikes(active):
        return
    place_frac = passing.tally.drawn(active, "place")
    found = [garbled_text(active.word("how"), text, place_frac) for text in passing.texts]
    passing.tally.effect(active, int(found != passing.texts))
    passing.texts = found


def _stale(passing: Passing, active: Active) -> None:
    """A snapshot as it was before, or without its newest rows."""
    sight = passing.sight
    if not sight.is_snapshot or not passing.texts:
        return
    if sight.channel in WHOLE_CHANNELS:
        old = _copy_of(passing, active)
    else:
        old = _without_newest(sight.text, active.whole("rows"))
    if old is None or not passing.tally.strikes(active):
        return
    passing.tally.effect(active, int(old != sight.text))
    passing.texts = [old]


def _copy_of(passing: Passing, active: Active) -> str | None:
    latest_ms = passing.now_ms - active.whole("age_ms")
    copies = passing.tally.state.copies.get(stream_of(passing.sight), [])
    found = [copy.text for copy in copies if copy.at_ms <= latest_ms]
    return found[-1] if found else None


def _without_newest(text: str, rows: int) -> str | None:
    """The snapshot of rows without those of the latest times; None when it has no rows."""
    message = _decoded(text)
    data = message.get("data")
    lists = [data] if isinstance(data, list) else []
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
    if not lists or not lists[0] or not all(isinstance(row, dict) for row in lists[0]):
        return None
    newest = sorted(range(len(lists[0])), key=lambda index: _time_of(lists[0][index]))[-rows:]
    lists[0][:] = [row for index, row in enumerate(lists[0]) if index not in newest]
    return msgspec.json.encode(message).decode()


def _time_of(row: dict[str, Any]) -> int:
    stamp = row.get("time", row.get("statusTimestamp", 0))
    return stamp if isinstance(stamp, int) else 0


def note_copy(tally: Tally, now_ms: int, sight: Sight) -> None:
    """Keep a message for a stale snapshot to come."""
    if sight.channel not in WHOLE_CHANNELS:
        return
    copies = tally.state.copies
    stream = stream_of(sight)
    if stream not in copies and len(copies) >= STREAMS_MAX:
        return
    kept = copies.setdefault(stream, [])
    if not kept or kept[-1].text != sight.text:
        kept.append(Copy(now_ms, sight.text))
    if len(kept) > COPIES_MAX:
        # Every second one goes, so that old ones stay while room is left.
        del kept[1:-1:2]


def stream_of(sight: Sight) -> str:
    """What tells one stream from another."""
    return f"{sight.channel}|{sight.user or ''}|{sight.coin or ''}"


def _reordered(passing: Passing, active: Active) -> None:
    if passing.texts and passing.holder is None and passing.tally.strikes(active):
        passing.hold(active, passing.now_ms + active.whole("delay_ms"))
        passing.waits_for_next = True


def _delayed(passing: Passing, active: Active) -> None:
    if not passing.texts or not passing.tally.strikes(active):
        return
    line = str(passing.sight.session)
    at_ms = max(passing.now_ms + delay_of(passing.tally, active), active.free_ms.get(line, 0))
    active.free_ms[line] = at_ms
    passing.tally.effect(active, int(at_ms > passing.now_ms))
    passing.hold(active, at_ms)


def _throttled(passing: Passing, active: Active) -> None:
    if not passing.texts or not passing.tally.strikes(active):
        return
    size_bytes = sum(len(text) for text in passing.texts)
    at_ms = arrival_ms(active, str(passing.sight.session), passing.now_ms, size_bytes)
    passing.tally.effect(active, int(at_ms > passing.now_ms))
    passing.hold(active, at_ms)


def _stalled(passing: Passing, active: Active) -> None:
    if not passing.texts or not passing.tally.strikes(active):
        return
    assert active.to_ms is not None
    passing.tally.effect(active)
    passing.hold(active, active.to_ms)


PASSING: Final[dict[str, Callable[[Passing, Active], None]]] = {
    **dict.fromkeys(CHANGES, _said_otherwise),
    "old_snapshot": _stale,
    "blackhole": _dropped,
    "drop_user": _unheard_of,
    "mute_sub": _muted,
    "dup": _doubled,
    "garble": _garbled,
    "delay": _delayed,
    "throttle": _throttled,
    "stall": _stalled,
    "reorder": _reordered,
}
"""What becomes of a message, in this order."""
