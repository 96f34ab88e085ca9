"""Faults from a file, from the control port, and back out of a state file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from core.errors import InputError
from core.yaml_file import read_model, read_yaml_file
from schemas.fault_schedule import FaultSchedule, FaultSpec
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.state import PlaneState

PAGE = "docs/faults.md lists every fault with its keys"


def read_schedule(path: Path) -> FaultSchedule:
    """The schedule of a file.  Raises InputError with the line of what is wrong."""
    return read_model(read_yaml_file(path), FaultSchedule)


def make_plane(schedule: FaultSchedule | None, now_ms: int, seed: int) -> Plane:
    """A plane with the faults of a schedule; `seed` is the venue's, for one that names none."""
    plane = Plane(PlaneState(seed=schedule.seed if schedule and schedule.seed else seed))
    for fault in schedule.faults if schedule is not None else ():
        plane.add(fault, now_ms)
    return plane


def keep_plane(plane: Plane) -> bytes:
    """Everything that the plane's future depends on."""
    return msgspec.msgpack.encode(plane.state)


def resume_plane(kept: bytes) -> Plane:
    """The plane as it was kept; DecodeError when another build wrote it differently."""
    return Plane(msgspec.msgpack.decode(kept, type=PlaneState))


def fault_of(data: Any) -> FaultSpec:
    """One fault as the control port is given it.  Raises InputError for what is wrong with it."""
    try:
        return FaultSpec.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise InputError(what, at=key or "body", hint=PAGE) from error
