"""How the sidecar is: what is well, what is not and why, and what it has counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sidecar.market.daemon import Daemon

UNIVERSE_AGE_MS_MAX: Final = 300_000
ROUNDS_LATE: Final = 4
START_MS: Final = 30_000
"""How long after the start what is not there yet is no fault."""
PENDING_MAX: Final = 10_000
"""Rows that wait for a disk that takes them: more, and it is too slow."""
LISTED_MAX: Final = 20


def health_of(daemon: Daemon) -> dict[str, Any]:
    """`{"ok", "reasons", ...}`: `ok` says that what is served is up to date and on disk.

    Keys that are not ready yet are listed and are no fault: their history may still be coming.
    """
    now_ms = daemon.time.now_ms()
    streams, stores = _streams(daemon, now_ms), _stores(daemon)
    is_starting = 0 <= now_ms - daemon.started_ms < START_MS
    reasons = [] if is_starting else _late(daemon, now_ms, streams)
    reasons += [f"store {each['store']}: {each['error']}" for each in stores if each["error"]]
    keys = daemon.bars.status()
    return {
        "ok": not reasons,
        "reasons": reasons,
        "now_ms": now_ms,
        "started_ms": daemon.started_ms,
        "skew_ms": daemon.time.skew_ms,
        "is_time_trusted": daemon.time.is_trusted(),
        "candles_by": "REST" if daemon.breaker.mode(now_ms) == "polling" else "stream",
        "streams": streams,
        "stale": [topic.text for topic in daemon.watch.stale()],
        "shunned": [topic.text for topic in daemon.links.shunned()],
        "stores": stores,
        "users": daemon.accounts.status(),
        "keys": len(keys),
        "not_ready": [key for key in keys if not key["is_ready"]][:LISTED_MAX],
        "not_ready_count": sum(not key["is_ready"] for key in keys),
        "unknown": list(daemon.wanted.unknown)[:LISTED_MAX],
        "left_out": list(daemon.wanted.left_out)[:LISTED_MAX],
        "symbols": 0 if daemon.universe is None else len(daemon.universe.assets),
        "weight_used": daemon.rest.ledger.used(),
    }


def _streams(daemon: Daemon, now_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "connected": slot.number is not None,
            "user": slot.user,
            "topics": len(slot.topics),
            "unconfirmed": len(slot.pending),
            "silent_ms": (
                daemon.watch.silent_ms(slot.number, now_ms) if slot.number is not None else None
            ),
            "connected_ms": now_ms - slot.since_ms if slot.number is not None else None,
            "connects": slot.connects,
            "breaks": slot.breaks,
            "last_end": slot.last_end,
        }
        for slot in daemon.links.slots
    ]


def _stores(daemon: Daemon) -> list[dict[str, Any]]:
    accounts = daemon.accounts
    found = [file.status() for file in daemon.stores.files.values()]
    found.append(
        {
            "store": "user_events.sqlite",
            "ok": not accounts.error,
            "error": accounts.error,
            "pending": accounts.pending,
        }
    )
    if daemon.recorder is not None:
        found.append(daemon.recorder.status())
    return found


def _late(daemon: Daemon, now_ms: int, streams: list[dict[str, Any]]) -> list[str]:
    """What should be here by now and is not."""
    reasons = []
    if not daemon.time.is_trusted():
        reasons.append("the venue's time is not known: it does not answer, or the clock was set")
    if daemon.universe_ms is None or now_ms - daemon.universe_ms > UNIVERSE_AGE_MS_MAX:
        reasons.append("the venue has not said for long which symbols there are")
    down = sum(not each["connected"] for each in streams)
    if down:
        reasons.append(f"{down} of {len(streams)} connections are down")
    stale = daemon.watch.stale()
    if stale:
        shown = ", ".join(topic.text for topic in stale[:LISTED_MAX])
        reasons.append(f"{len(stale)} streams are silent or not confirmed: {shown}")
    late_ms = ROUNDS_LATE * daemon.accounts.interval_ms()
    for each in daemon.accounts.status():
        if each["reconciled_ms"] is None or now_ms - each["reconciled_ms"] > late_ms:
            reasons.append(f"events of {each['user']} are not reconciled: {each['error']}")
    slow = [file.name for file in daemon.stores.files.values() if len(file.pending) > PENDING_MAX]
    reasons += [f"store {name} is behind" for name in slow]
    return reasons


def stats_of(daemon: Daemon) -> dict[str, Any]:
    """Counters since the start, by part."""
    return {
        "links": dict(daemon.links.counts),
        "watch": dict(daemon.watch.counts),
        "board": dict(daemon.board.counts),
        "bars": dict(daemon.bars.counts),
        "rest": dict(daemon.rest.counts),
        "users": dict(daemon.accounts.counts),
        "funding": dict(daemon.payments.counts),
        "clock_jumps": daemon.time.jumps,
        "breaker_trips": daemon.breaker.trip_count,
        "seq": daemon.board.seq,
    }
