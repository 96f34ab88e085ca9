"""Lanes: which strategy is deployed where. Each change is whole, whenever it is cut short.

    lanes/<lane>/strategy.yaml   what is deployed; readers read this file only
    lanes/<lane>/previous.yaml   what was deployed before, for a rollback
    lanes/<lane>/change.json     while a change is made: what it is, so that it can be settled
    lanes/<lane>/outgoing.yaml   while a change is made: a copy of what is to become previous

A change writes change.json, then outgoing.yaml, then strategy.yaml, then copies outgoing.yaml to
previous.yaml, then its event, and removes change.json; each step is atomic. Whoever takes the
lane's lock next settles what was cut short: once strategy.yaml is the new one the rest is made up,
before that the traces are removed. No step loses a file that a later one needs, and
strategy.yaml is at every instant the old or the new file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.artifacts.hashing import canonical_json, sha256_hex
from core.artifacts.writing import make_folder, write_bytes_atomic
from core.errors import HaltError, InputError, UsageError
from schemas.deployment import LANE_PATTERN, LaneChange


@dataclass(frozen=True)
class Lane:
    """The files of one lane."""

    name: str
    folder: Path

    @property
    def strategy(self) -> Path:
        """What is deployed."""
        return self.folder / "strategy.yaml"

    @property
    def previous(self) -> Path:
        """What was deployed before."""
        return self.folder / "previous.yaml"

    @property
    def change(self) -> Path:
        """The change at work, or one that was cut short."""
        return self.folder / "change.json"

    @property
    def outgoing(self) -> Path:
        """Copy of what is to become previous."""
        return self.folder / "outgoing.yaml"

    @property
    def lock(self) -> Path:
        """Held by whoever changes the lane."""
        return self.folder / ".lock"


def lane_of(root: Path, name: str) -> Lane:
    """The lane of that name; UsageError for a name that is none, such as a path."""
    if not re.fullmatch(LANE_PATTERN, name):
        raise UsageError(
            f"{name!r} is no lane name",
            at="--lane",
            hint="use up to 40 small letters, digits and -, beginning with a letter or digit",
        )
    return Lane(name, root / "lanes" / name)


def read_file(path: Path) -> bytes | None:
    """The file's bytes, or None when there is none; InputError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", at=str(path)) from error


def begin(lane: Lane, change: LaneChange, after: bytes) -> None:
    """Put `after` into the lane, the file before into previous.yaml; `end` it when it is logged.

    The caller holds the lane's lock and has settled what was cut short.
    """
    make_folder(lane.folder)
    before = read_file(lane.strategy)
    write_bytes_atomic(lane.change, canonical_json(change.model_dump(mode="json")))
    if before is not None:
        write_bytes_atomic(lane.outgoing, before)
    write_bytes_atomic(lane.strategy, after)
    _promote_outgoing(lane)


def settle(lane: Lane) -> LaneChange | None:
    """Make a change that was cut short whole, and return it if it took place: log it, then `end`.

    Raises HaltError when the deployed file is neither the one before that change nor the one
    after: somebody else wrote it.
    """
    raw = read_file(lane.change)
    if raw is None:
        return None
    try:
        change = LaneChange.model_validate_json(raw)
    except ValidationError as error:
        raise _strange(lane, "its change.json cannot be read") from error
    current = read_file(lane.strategy)
    found = None if current is None else sha256_hex(current)
    if found == change.event.after_sha256:
        _promote_outgoing(lane)
        return change
    if found != change.event.before_sha256:
        raise _strange(lane, "strategy.yaml was written by something else in the midst of a change")
    _remove(lane.outgoing)
    _remove(lane.change)
    return None


def end(lane: Lane) -> None:
    """Forget the change: it is whole and logged."""
    _remove(lane.change)


def _promote_outgoing(lane: Lane) -> None:
    """Copy outgoing.yaml to previous.yaml; doing it again, or without one, changes nothing."""
    outgoing = read_file(lane.outgoing)
    if outgoing is not None:
        write_bytes_atomic(lane.previous, outgoing)
        _remove(lane.outgoing)


def _remove(path: Path) -> None:
    """Remove a trace. A power cut may bring it back: whoever settles removes it once more."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"the lane cannot be changed: {error.strerror}",
            at=str(path),
            hint="make the folder writable and run the command again; it goes on where it stopped",
        ) from error


def _strange(lane: Lane, why: str) -> HaltError:
    return HaltError(
        f"lane {lane.name} needs a person: {why}",
        at=str(lane.change),
        hint="look at strategy.yaml and previous.yaml, then remove change.json and deploy again",
    )
