"""The trend family: three entry modes along the EMAs, of which the first that fires wins."""

from __future__ import annotations

from kernel import codes, signals
from kernel.jit import device
from kernel.params import Params
from kernel.records import Snapshot


@device
def signal(snap: Snapshot, failures: int, floor: float, params: Params) -> signals.Signal:
    """First signal of standard, pullback, slow drift; side FLAT if none fires."""
    found = signals.standard_signal(snap, failures, floor, params)
    if found[0] == codes.FLAT and params.entry_enable_pullback_entries:
        found = signals.pullback_signal(snap, failures, params)
    if found[0] == codes.FLAT and params.entry_enable_slow_drift_entries:
        found = signals.slow_drift_signal(snap, failures, params)
    return found
