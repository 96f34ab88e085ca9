"""A crew of many machines: the workers of a Dask cluster run the shards of a search.

The ground is a task of its own under its hash, so that each worker gets it once, from the scheduler
or from another worker, and a worker that comes later too.  Shards travel as levels.  A worker that
is lost is the scheduler's affair, which hands its shards to others; a scheduler that is lost ends
the search, whose journal has what was done.
"""

from __future__ import annotations

import importlib.util
import logging
import platform
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from core.artifacts.hashing import sha256_hex
from core.clock import random_hex
from core.cluster_shards import (
    Ticket,
    as_sent,
    begin_no_further,
    differences,
    identity_here,
    pickled_ground,
    python_minor,
    run_shard,
    unlike,
)
from core.constraints import Levels
from core.crew import (
    CPU_SHARD_SYMBOL_BARS,
    GPU_SHARD_SYMBOL_BARS,
    EngineKind,
    Ground,
    Worked,
)
from core.engine import MEMORY_BYTES
from core.errors import InputError, PerpkitError, RefusedError, UsageError, VenueError
from core.simulate import Window
from kernel.jit import kernel_id

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Job

Note = Callable[[str], None]

CONNECT_S: Final = 8
"""How long a scheduler may take to answer."""
WORKERS_S: Final = 20
"""How long the first worker may take to come."""
CLOSE_S: Final = 2
"""How long leaving may take; the scheduler notices by itself when we are gone."""
RESULT_S: Final = 120
"""How long figures may take from the worker that has them to us."""
GREETING_BYTES_MAX: Final = 1 << 16
"""More than a scheduler says first."""
GPU: Final = "GPU"
"""What a worker with a GPU offers: `dask worker --resources GPU=1`."""
SETTINGS: Final = {
    "distributed.comm.timeouts.connect": f"{CONNECT_S}s",
    "distributed.admin.large-graph-warning-threshold": "1TB",  # the ground is large, and sent once
}


def cluster_address(text: str, threads: int | None) -> str:
    """The scheduler's address as `--cluster` gives it.

    Raises UsageError when it is none, or when threads are asked for beside it, and InputError when
    the extra is not installed.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    beyond = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or not port or beyond:
        raise UsageError(
            f"{text!r} is not the address of a scheduler",
            at="--cluster",
            hint="write tcp://HOST:PORT as `dask scheduler` prints it, such as"
            " tcp://127.0.0.1:8786",
        )
    if threads is not None:
        raise UsageError(
            "--threads is about this machine, the shards run on others",
            at="--threads beside --cluster",
            hint="leave it out; the threads of a worker are given where it is started",
        )
    if importlib.util.find_spec("distributed") is None:
        raise InputError(
            "the package distributed is not installed",
            at="--cluster",
            hint="pip install 'perpkit[cluster]', or sweep on this machine without --cluster",
        )
    return f"{parts.scheme}://{parts.netloc}"


class ClusterCrew:
    """The workers of a cluster; `workers` counts their threads, or their GPUs for `cuda`."""

    def __init__(
        self,
        ground: Ground,
        address: str,
        *,
        kind: EngineKind = "auto",
        memory_bytes: int = MEMORY_BYTES,
        note: Note,
    ) -> None:
        self.address, self._note, self._memory_bytes = address, note, memory_bytes
        self._run = random_hex(8)
        self._jobs: dict[Future[Worked], Job[Worked]] = {}
        self._count, self._is_lost, self._is_stopped, self._has_changed = 0, False, False, False
        self._client = connected(address)
        try:
            found = self._alike()
            self.kind = kind_on(found, kind, address)
            self.workers = seats(found, self.kind)
            pickled = pickled_ground(ground)
            self.ground_sha256 = sha256_hex(pickled)
            self._ground = self._client.submit(
                as_sent, pickled, key=f"perpkit-ground-{self.ground_sha256}"
            )
            self._client.subscribe_topic("all", self._heard)
        except BaseException:
            self.close()
            raise
        on_gpu = self.kind == "cuda"
        self.shard_symbol_bars = GPU_SHARD_SYMBOL_BARS if on_gpu else CPU_SHARD_SYMBOL_BARS
        size = len(pickled) / 1e6
        note(
            f"cluster {address}: workers {len(found):,},"
            f" {'GPUs' if on_gpu else 'threads'} {self.workers:,}; {size:,.1f} MB to each"
        )

    def submit(self, levels: Levels, window: Window, symbol_bars: int) -> Future[Worked]:
        """The figures of these rows, by the next thread of a worker that is free."""
        assert symbol_bars >= 0, symbol_bars
        out: Future[Worked] = Future()
        if self._is_lost:
            out.set_exception(lost(self.address))
            return out
        if self._has_changed:
            self._recount()
        ticket = Ticket(
            self._run,
            self.ground_sha256,
            window,
            self.kind,
            self._memory_bytes,
            tuple(identity_here().items()),
        )
        self._count += 1
        job = self._client.submit(
            run_shard,
            ticket,
            levels,
            self._ground,
            key=f"perpkit-shard-{self._run}-{self._count}",
            resources={GPU: 1} if self.kind == "cuda" else None,
        )
        self._jobs[out] = job
        job.add_done_callback(partial(self._settle, out))
        return out

    def stop(self) -> None:
        """Begin no further shard; the second call, and one without workers, waits for none."""
        is_again, self._is_stopped = self._is_stopped, True
        try:
            if is_again or not self._client.scheduler_info()["workers"]:
                self._client.cancel(list(self._jobs.values()), force=True)
            else:
                self._client.run(begin_no_further, self._run, wait=False, on_error="ignore")
        except (OSError, ValueError):  # the scheduler went too, and the shards with it
            self._is_lost = True

    def close(self) -> None:
        """Let the cluster go; shards that nobody waits for any more are dropped there."""
        self._jobs.clear()
        try:
            self._client.close(timeout=CLOSE_S)
        except (OSError, CancelledError):
            logging.getLogger(__name__).debug("the scheduler did not see us off")

    def _settle(self, out: Future[Worked], job: Job[Worked]) -> None:
        """Put what became of a shard into the future that the search waits for."""
        try:
            if job.status == "finished":
                out.set_result(job.result(timeout=RESULT_S))
            elif job.status == "error":
                out.set_exception(told(job.exception(timeout=RESULT_S), self.address))
        except (OSError, CancelledError):  # on the way to us
            self._is_lost = not self._is_stopped
        finally:
            self._jobs.pop(out, None)
            if not out.done() and self._is_stopped:
                out.set_result(Worked(None, 0.0))
            elif not out.done():
                self._is_lost = True
                out.set_exception(lost(self.address))

    def _alike(self) -> Mapping[str, Mapping[str, Any]]:
        """The workers by address, when scheduler and workers are as we are.

        Raises RefusedError naming the first that is not.  Each question is one that any Python can
        answer, since a worker without our code could not be asked by it.
        """
        client = self._client
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            raise VenueError(
                f"no worker came within {WORKERS_S} s",
                at=self.address,
                hint=f"start some with `dask worker {self.address}`",
            ) from error
        questions: dict[str, tuple[Callable[..., str], tuple[str, ...]]] = {
            "perpkit": (version, ("perpkit",)),
            "Python": (platform.python_version, ()),
            "numpy": (version, ("numpy",)),
            "decision rules": (kernel_id, ()),
        }
        answers: dict[str, dict[str, str]] = {}
        for name, (function, arguments) in questions.items():
            given = client.run(function, *arguments, on_error="return")
            for place, answer in given.items():
                answers.setdefault(place, {})[name] = read_answer(name, answer)
        for place, found in answers.items():
            differing = differences(identity_here(), found)
            if differing:
                raise unlike(f"worker {place} of {self.address}", differing)
        workers: Mapping[str, Mapping[str, Any]] = client.scheduler_info()["workers"]
        return {place: each for place, each in workers.items() if place in answers}

    def _heard(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Note a worker that came or went; called by the client's thread."""
        said = event[1]
        if said.get("action") == "remove-worker":
            self._has_changed = True
            if not said.get("expected"):
                self._note(f"worker {said.get('worker')} is gone; its shards go to others")
        elif said.get("action") == "add-worker":
            self._has_changed = True

    def _recount(self) -> None:
        """Keep as many shards on their way as the workers of now can take."""
        self._has_changed = False
        self.workers = max(seats(self._client.scheduler_info()["workers"], self.kind), 1)


def connected(address: str) -> Client:
    """A client of the scheduler at that address; VenueError when nobody answers there."""
    require_greeting(address)
    import dask
    from distributed import Client

    for name in ("distributed", "distributed.client", "distributed.core", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # we say it ourselves, in three lines
    dask.config.set(SETTINGS)
    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ImportError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise unreachable(address, f"it does not speak as a scheduler ({reason})") from error


def require_greeting(address: str) -> None:
    """Raise VenueError unless a scheduler speaks at that address, as it does before it is asked.

    The client waits for ever for one that does not; with TLS it is for us to speak first.
    """
    parts = urlsplit(address)
    assert parts.hostname is not None, address
    try:
        place = parts.hostname, parts.port or 0
        with socket.create_connection(place, timeout=CONNECT_S / 2) as found:
            greeting = found.recv(8) if parts.scheme == "tcp" else b"\1"
    except TimeoutError as error:
        raise unreachable(address, f"nothing was said within {CONNECT_S / 2:.0f} s") from error
    except OSError as error:
        raise unreachable(address, str(error.strerror or error)) from error
    # It begins with the length of what follows.
    if not 0 < int.from_bytes(greeting, "little") < GREETING_BYTES_MAX:
        raise unreachable(address, "what listens there is something else")


def kind_on(workers: Mapping[str, Mapping[str, Any]], asked: EngineKind, at: str) -> EngineKind:
    """The engine that will run there: `auto` takes the GPUs where a worker offers one.

    Raises InputError for `cuda` where none does.
    """
    has_gpus = seats(workers, "cuda") > 0
    if asked == "cuda" and not has_gpus:
        raise InputError(
            "no worker of the cluster offers a GPU",
            at=f"--engine cuda on {at}",
            hint=f"start workers with `dask worker {at} --resources {GPU}=1`, or give --engine cpu",
        )
    return "cuda" if has_gpus and asked != "cpu" else "cpu"


def seats(workers: Mapping[str, Mapping[str, Any]], kind: EngineKind) -> int:
    """Shards that these workers run at once."""
    if kind == "cuda":
        return sum(int(each["resources"].get(GPU, 0)) for each in workers.values())
    return sum(int(each["nthreads"]) for each in workers.values())


def read_answer(name: str, answer: str | BaseException) -> str:
    """What a worker says of itself; a worker that lacks what was asked for says so by an error."""
    if isinstance(answer, BaseException):
        return "not installed" if isinstance(answer, ImportError) else f"not known ({answer})"
    return python_minor(answer) if name == "Python" else answer


def told(error: BaseException | None, address: str) -> PerpkitError:
    """The error of a shard, as we say it."""
    if isinstance(error, PerpkitError):
        return error
    said = str(error).splitlines()[0] if str(error) else ""
    if type(error).__name__ == "KilledWorker":
        return VenueError(
            "a shard was begun on several workers, and all of them died of it or beside it",
            at=f"{address}: {said}",
            hint="look at the workers' logs and memory (--memory is per worker), then go on with"
            f" `perpkit sweep --resume RUN --cluster {address}`",
        )
    if isinstance(error, ImportError):
        return RefusedError(
            f"a worker cannot run a shard: {said}",
            at=address,
            hint="install the same perpkit there, scheduler and workers alike",
        )
    return PerpkitError(
        f"a worker failed: {type(error).__name__}: {said}",
        at=address,
        hint="its log has the traceback; what is done is kept, go on with --resume",
    )


def lost(address: str) -> VenueError:
    """The error of a scheduler that is gone."""
    return VenueError(
        "the scheduler of the cluster is lost; the shards done so far are kept",
        at=address,
        hint=f"go on with `perpkit sweep --resume RUN --cluster {address}`, or on this machine"
        " without --cluster",
    )


def unreachable(address: str, reason: str) -> VenueError:
    """The error of an address at which no scheduler answers."""
    return VenueError(
        f"no scheduler answers: {reason}",
        at=f"--cluster {address}",
        hint="start one with `dask scheduler`, and look that its port can be reached from here",
    )
