"""What runs on a worker of a cluster: shards of rows, on a ground that it is sent once.

The ground arrives pickled, under its hash.  A worker makes it, and the engine of a window, for the
first shard that asks, and has them at hand for the next.
"""

from __future__ import annotations

import functools
import io
import pickle
import platform
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from pydantic import BaseModel

from core.artifacts.hashing import sha256_hex
from core.clock import thread_cpu_s
from core.constraints import Levels
from core.crew import EngineKind, Ground, Worked
from core.engine import Engine
from core.errors import RefusedError
from core.simulate import Window
from kernel.jit import kernel_id

FIELDS_SET: Final = "__pydantic_fields_set__"
ENGINES_MAX: Final = 2
"""Engines that a worker has at hand: that of the search, and that of one beside it."""


@dataclass(frozen=True)
class Ticket:
    """What a shard is run with, its rows apart; `run` is the crew's name for itself."""

    run: str
    ground_sha256: str
    window: Window
    kind: EngineKind
    memory_bytes: int
    wanted: tuple[tuple[str, str], ...]


class Workshop:
    """Engines of this process by what they are for, and the crews that stopped."""

    def __init__(self) -> None:
        self.made_count = 0
        self.stopped: set[str] = set()
        self._kept: OrderedDict[tuple[object, ...], tuple[Ground, Engine]] = OrderedDict()
        self._lock = threading.Lock()
        self.gpu_lock = threading.Lock()

    def engine(self, ticket: Ticket, pickled: bytes, threads: int) -> tuple[Ground, Engine]:
        """The ground of a ticket and its engine, made if they are not at hand."""
        key = (ticket.ground_sha256, ticket.window, ticket.kind, ticket.memory_bytes)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                ground = self._ground(ticket.ground_sha256, pickled)
                engine = ground.engine(ticket.window, ticket.kind, ticket.memory_bytes, threads)
                found = self._kept[key] = ground, engine
            self._kept.move_to_end(key)
            while len(self._kept) > ENGINES_MAX:
                self._kept.popitem(last=False)
            return found

    def _ground(self, sha256: str, pickled: bytes) -> Ground:
        for key, (ground, _) in self._kept.items():
            if key[0] == sha256:
                return ground
        if sha256_hex(pickled) != sha256:
            raise RefusedError(
                "the ground of a search came to a worker other than it was sent",
                at=f"SHA-256 {sha256[:12]}",
                hint="look at the network between the workers, then go on with --resume",
            )
        self.made_count += 1
        found: Ground = pickle.loads(pickled)  # its hash is that of what the client sent
        return found


WORKSHOP: Final = Workshop()


class SteadyPickler(pickle.Pickler):
    """Pickles equal grounds to equal bytes: a model tells which fields were given in a set."""

    def reducer_override(self, thing: object) -> Any:
        """How a model is made again, its set of names in order."""
        if not isinstance(thing, BaseModel):
            return NotImplemented
        made: Any = thing.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        function, arguments, state = made[:3]
        names = SteadySet(state[FIELDS_SET])
        return function, arguments, {**state, FIELDS_SET: names}


class SteadySet(set[str]):
    """A set whose pickle does not hang on the order in which chance has put it."""

    def __reduce__(self) -> tuple[type[set[str]], tuple[list[str]]]:
        return set, (sorted(self),)


def pickled_ground(ground: Ground) -> bytes:
    """A ground as it is sent: the same bytes for the same ground, in every process."""
    out = io.BytesIO()
    SteadyPickler(out, protocol=pickle.HIGHEST_PROTOCOL).dump(ground)
    return out.getvalue()


def run_shard(ticket: Ticket, levels: Levels, pickled: bytes) -> Worked:
    """The figures of these rows, by the thread of a worker that calls it.

    Raises RefusedError on a worker that came after the search began and is not like the others.
    """
    from distributed import get_worker

    worker = get_worker()
    differing = differences(dict(ticket.wanted), identity_here())
    if differing:
        raise unlike(worker.address, differing)
    if ticket.run in WORKSHOP.stopped:
        return Worked(None, 0.0)
    ground, engine = WORKSHOP.engine(ticket, pickled, worker.state.nthreads)
    with WORKSHOP.gpu_lock if ticket.kind == "cuda" else nullcontext():
        began_s = thread_cpu_s()
        figures = engine.figures(ground.params(levels))
        return Worked(figures, thread_cpu_s() - began_s)


def as_sent(pickled: bytes) -> bytes:
    """The ground as it is: a task, so that the scheduler can have it made again anywhere."""
    return pickled


async def begin_no_further(run: str) -> None:
    """Give back the shards of this crew without running them, from now on."""
    WORKSHOP.stopped.add(run)


def grounds_made() -> int:
    """How many grounds this process was sent and made, since it began."""
    return WORKSHOP.made_count


@functools.cache
def identity_here() -> dict[str, str]:
    """What must be the same wherever a shard of one search runs, by name."""
    found = {
        "Python": python_minor(platform.python_version()),
        "numpy": version("numpy"),
        "decision rules": kernel_id(),
    }
    try:
        return {"perpkit": version("perpkit"), **found}
    except PackageNotFoundError:  # a source tree on the path
        return {"perpkit": "not installed", **found}


def python_minor(text: str) -> str:
    """`3.12` of `3.12.4`."""
    return ".".join(text.split(".")[:2])


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What is not as wanted, each as `numpy is 2.4.6 here, 2.3.0 there`."""
    return [
        f"{name} is {shown(value)} here, {shown(found.get(name, 'not known'))} there"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


def shown(value: str) -> str:
    """A value for a person: of a hash its first digits."""
    return value[:12] if len(value) == 64 else value


def unlike(place: str, differing: list[str]) -> RefusedError:
    """The error of a worker that would give other figures."""
    return RefusedError(
        f"a worker is not like this machine: {'; '.join(differing)}",
        at=place,
        hint="install the same perpkit from the same requirements.lock there and restart it, or end"
        " that worker",
    )
