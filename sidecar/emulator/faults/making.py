"""A fault as somebody gave it, with its times in venue time."""

from __future__ import annotations

from typing import Final

from schemas.fault_schedule import LATEST_MS, FaultSpec
from sidecar.emulator.faults.state import Active

MS_PER_S: Final = 1_000
SELF_TIMED: Final = frozenset({"ws_close", "outage"})
"""Faults of sessions with a moment of their own."""


def active_of(spec: FaultSpec, number: int, now_ms: int, turns: frozenset[str]) -> Active:
    """The fault in force from its time on; `turns` names those that act in the exchange alone."""
    options = dict(spec.options())
    from_ms = spec.from_ms
    if from_ms is None:
        from_ms = min(LATEST_MS, now_ms + round((spec.after_s or 0.0) * MS_PER_S))
    to_ms = spec.to_ms
    if spec.for_s is not None:
        to_ms = min(LATEST_MS, from_ms + max(1, round(spec.for_s * MS_PER_S)))
    if spec.fault == "stall" and to_ms is None:
        to_ms = from_ms + max(1, int(options["delay_ms"]))
    every_ms = None if spec.every_s is None else max(1, round(spec.every_s * MS_PER_S))
    return Active(
        number=number,
        fault=spec.fault,
        via=spec.via or spec.kind.vias[0],
        from_ms=from_ms,
        to_ms=to_ms,
        options=options,
        count=spec.count,
        every=spec.every,
        every_ms=every_ms,
        chance_frac=spec.chance_frac,
        user=spec.user,
        coin=spec.coin,
        channel=spec.channel,
        type=spec.type,
        session=spec.session,
        next_ms=from_ms if spec.fault in turns or spec.fault in SELF_TIMED else None,
    )
