"""Every fault that the emulated venue can have, by the name that the catalogue gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.fault_kind import FaultKind
from schemas.fault_kinds_clients import ANSWERS, CALLS, STREAMS
from schemas.fault_kinds_venue import ACTIONS, BYTES, VENUE

FAULT_KINDS: Final[Mapping[str, FaultKind]] = {
    **CALLS,
    **STREAMS,
    **ANSWERS,
    **ACTIONS,
    **VENUE,
    **BYTES,
}
