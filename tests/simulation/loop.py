"""An event loop without a selector: time jumps to the next timer, and the seed orders the rest.

Every handle that runs belongs to an incarnation of a process, or to none: the venue's and the
harness's own do.  An incarnation that is dead runs nothing any more: its handles are dropped and
kept, so that no `finally` and no `except` of it ever runs while the simulation does.  That is what
SIGKILL means; cancelling its tasks would be a polite end.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any

INCARNATION: ContextVar[Incarnation | None] = ContextVar("incarnation", default=None)


class Incarnation:
    """One life of a process."""

    def __init__(self, process: str, number: int) -> None:
        self.process = process
        self.number = number
        self.is_dead = False
        self.steps = 0
        """Handles of it that ran."""
        self.tasks: list[asyncio.Task[Any]] = []
        self.grave: list[object] = []
        """What it left behind, kept from the garbage collector."""


def outside() -> Context:
    """A context that belongs to no incarnation."""
    context = Context()
    context.run(INCARNATION.set, None)
    return context


def _owned_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """A task that its incarnation knows, whoever made it."""
    task = asyncio.Task(work, loop=loop, **options)
    owner = INCARNATION.get()
    if owner is not None:
        owner.tasks.append(task)
        task.add_done_callback(owner.tasks.remove)
    return task


class SimLoop(asyncio.BaseEventLoop):
    """Virtual time and seeded order.  `shuffle` is the chance of running a handle out of turn."""

    def __init__(self, rng: random.Random, shuffle: float = 0.0) -> None:
        super().__init__()
        self._now_s = 0.0
        self._rng = rng
        self._shuffle = shuffle
        self.steps = 0
        """Handles of incarnations that ran: the places at which one can be killed."""
        self.jumps = 0
        """Times that the order was not that of arrival."""
        self.before_step: Callable[[Incarnation], bool] | None = None
        """Asked before each of these; False drops the handle, its incarnation being dead now."""
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))
        self.set_task_factory(_owned_task)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now_s

    def _run_once(self) -> None:
        """Run what is ready; if nothing is, go to the next timer."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        ready: Any = self._ready  # type: ignore[attr-defined]
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
        if not ready:
            if not scheduled:
                raise RuntimeError("nothing will ever happen again: the simulation is stuck")
            self._now_s = max(self._now_s, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._now_s:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]
            if not handle.cancelled():
                ready.append(handle)
        for _ in range(len(ready)):
            if len(ready) > 1 and self._shuffle and self._rng.random() < self._shuffle:
                ready.rotate(-self._rng.randrange(1, len(ready)))
                self.jumps += 1
            self._run(ready.popleft())

    def _run(self, handle: Any) -> None:
        if handle.cancelled():
            return
        owner: Incarnation | None = handle._context.get(INCARNATION)
        if owner is None:
            handle._run()
            return
        if not owner.is_dead:
            self.steps += 1
            owner.steps += 1
            if self.before_step is None or self.before_step(owner):
                handle._run()
                return
        owner.grave.append(handle)

    def _process_events(self, event_list: object) -> None:
        """There are no file descriptors."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> asyncio.Handle:
        """There is one thread, so this is a step out of the simulation."""
        raise RuntimeError("a second thread touches the simulation")

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Threads are not simulated."""
        raise RuntimeError(f"{func} wants a thread, and threads are not simulated")


def bury(dead: list[Incarnation]) -> None:
    """Let go of what incarnations left behind, after the simulation.

    Their coroutines are closed one by one with every error swallowed: whatever a `finally` of them
    does now meets ports that are closed, and nobody looks any more.
    """
    for incarnation in dead:
        for task in list(incarnation.tasks):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine: Any = task.get_coro()
            if not task.done():
                # The dead may say anything.
                with contextlib.suppress(BaseException):
                    coroutine.close()
        incarnation.tasks.clear()
        incarnation.grave.clear()
