"""Rows of parameters on the GPUs of this machine: what is there, what fits, and the tiles of a run.

Rows are cut into tiles that fit the memory which is free; each GPU takes the next tile that is left.
The market and the bank go there once per GPU, a tile's books and curves are made there and never
travel.  Figures equal those of `core.desk` bit for bit.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bank import Bank, slot_keys
from core.errors import InputError
from core.simulate import new_book, new_survey
from kernel import codes
from kernel.records import SNAPSHOT, STATS, TRADE, Book, Ints, Market, Output, Records, Survey

MEMORY_FRAC = 0.85
"""Share of the free device memory that a tile may take; the driver keeps some for itself."""
ROWS_MAX = 65_536
"""Most rows of one launch, so that progress is seen and Ctrl-C acts."""
CPU_HINT = "sweep on the CPU: leave --engine out, or give --engine cpu"
DRIVER_MIN = (12, 0)
"""Oldest CUDA driver whose toolkit the extra installs."""

Told = Callable[[Ints], bool]
"""Hears which rows are done; False stops."""


@dataclass(frozen=True)
class Gpu:
    """One device: its number, what it is called, its compute capability and free memory."""

    number: int
    name: str
    capability: tuple[int, int]
    free_bytes: int


def found_gpus() -> list[Gpu]:
    """The GPUs that can be used.

    Raises InputError that names what is missing: the package, the driver, a device, or a driver
    that is new enough.
    """
    missing = problem()
    if missing is not None:
        raise InputError(missing[0], at="--engine cuda", hint=f"{missing[1]}; or {CPU_HINT}")
    from kernel.cuda import cuda

    out = []
    for number, device in enumerate(cuda.gpus.lst):
        with cuda.gpus[number]:
            free = cuda.current_context().get_memory_info().free
        name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
        out.append(Gpu(number, name, tuple(device.compute_capability), int(free)))
    return out


def problem() -> tuple[str, str] | None:
    """(what is missing for CUDA, what helps), or None when a GPU can be used."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "the package numba-cuda is not installed", "pip install 'perpkit[cuda]'"
    from kernel.cuda import cuda
    from numba.cuda.cudadrv.driver import driver

    if not cuda.is_available():
        why = str(driver.initialization_error or "no device answers").strip().splitlines()
        return f"no CUDA device can be used: {why[0]}", "look what `nvidia-smi` says"
    version = tuple(driver.get_version())
    if version < DRIVER_MIN:
        shown, least = (".".join(map(str, each)) for each in (version, DRIVER_MIN))
        return f"the CUDA driver is too old: {shown}, needed is {least}", "install a newer driver"
    return None


class GpuRun:
    """One market over one span of instants, ready to run rows on the GPUs.

    `most_closes` is room for the closes of each row; 0 keeps none.  `place` copies an array to the
    device at hand.
    """

    def __init__(
        self,
        market: Market,
        blank: Book,
        span: tuple[int, int],
        *,
        most_closes: int = 0,
        place: Callable[[Any], Any] | None = None,
    ) -> None:
        from kernel.cuda import LANES, cuda, run_rows, without_fma

        self._market, self._blank, self._span = market, blank, span
        self._most_closes, self._lanes = most_closes, LANES
        self._cuda, self._strict = cuda, without_fma
        self._kernel = cuda.jit(run_rows)
        self._place = place or cuda.to_device
        self._simulated = place is not None
        self._trades: dict[int, Records] = {}

    @property
    def row_bytes(self) -> int:
        """Device memory of one row, its parameters apart."""
        books, surveys, outputs = self._shapes()
        arrays = (*books, *surveys, *outputs)
        return sum(each.nbytes for each in arrays if isinstance(each, np.ndarray)) + STATS.itemsize

    def run(
        self, bank: Bank, params: npt.NDArray[np.record], rows: Ints, stats: Records, told: Told
    ) -> None:
        """Fill `stats` of `rows` of `params` `[R, P]`, tile by tile, until `told` says no."""
        gpus = [Gpu(0, "simulator", (0, 0), 1 << 40)] if self._simulated else found_gpus()
        slots = np.stack([bank.slots_of(slot_keys(params[row])) for row in rows])
        need = self.row_bytes + params[:1].nbytes + slots[:1].nbytes
        shared = bank.values.nbytes + sum(
            each.nbytes for each in self._market if isinstance(each, np.ndarray)
        )
        sizes = {gpu.number: tile_rows(gpu, need, shared) for gpu in gpus}
        tiles = Tiles(rows, slots)
        with self._strict(), ThreadPoolExecutor(len(gpus)) as pool:
            jobs = [
                pool.submit(self._work, gpu, sizes[gpu.number], bank, params, tiles, stats, told)
                for gpu in gpus
            ]
            for job in jobs:
                job.result()

    def _work(
        self,
        gpu: Gpu,
        size: int,
        bank: Bank,
        params: npt.NDArray[np.record],
        tiles: Tiles,
        stats: Records,
        told: Told,
    ) -> None:
        """One GPU's share: tiles until none is left; a tile too large for the memory is halved."""
        with self._on(gpu):
            market = placed(self._market, self._place)
            values = self._place(bank.values)
            blank = placed(self._blank, self._place)
            while True:
                tile = tiles.next(size)
                if tile is None:
                    return
                rows, slots = tile
                try:
                    self._launch(market, values, blank, params[rows], rows, slots, stats)
                except MemoryError as error:
                    if size == 1:
                        raise self._too_small(gpu) from error
                    tiles.give_back(tile)
                    size = max(size // 2, 1)
                    continue
                if not told(rows):
                    tiles.stop()

    def _launch(
        self,
        market: Market,
        values: Any,
        blank: Book,
        params: npt.NDArray[np.record],
        rows: Ints,
        slots: Ints,
        stats: Records,
    ) -> None:
        """Run one tile and copy its figures back."""
        from kernel.cuda import Batch

        books, surveys, outputs = self._shapes()
        figures = self._place(np.zeros(len(rows), STATS))
        trades = self._room(outputs.trades, len(rows))
        batch = Batch(
            values,
            self._place(slots),
            self._place(params),
            blank,
            Book(*(self._room(each, len(rows)) for each in books)),
            Survey(
                *(
                    self._room(each, len(rows)) if isinstance(each, np.ndarray) else each
                    for each in surveys
                )
            ),
            Output(
                self._room(outputs.equity_usd, len(rows)),
                trades,
                self._room(outputs.counters, len(rows)),
            ),
            self._place(np.zeros(0, np.int64)),
            figures,
        )
        self._kernel[len(rows), self._lanes](market, batch, self._span)
        stats[rows] = figures if self._simulated else figures.copy_to_host()

    def _shapes(self) -> tuple[Book, Survey, Output]:
        """What one row writes to, as arrays on this side."""
        symbols = len(self._market.flags)
        survey = new_survey(1, symbols)._replace(snaps=np.zeros(self._lanes, SNAPSHOT))
        output = Output(
            equity_usd=np.zeros(len(self._market.ts_close_ms)),
            trades=np.zeros(self._most_closes, TRADE),
            counters=np.zeros(codes.COUNTER_COUNT, np.int64),
        )
        return new_book(symbols, 0.0), survey, output

    def _room(self, each: npt.NDArray[Any], count: int) -> Any:
        """Room on the device for `count` arrays like this one; nothing is copied there."""
        shape = (count, *each.shape)
        if self._simulated:
            return np.zeros(shape, each.dtype)
        return self._cuda.device_array(shape, each.dtype)

    @contextmanager
    def _on(self, gpu: Gpu) -> Iterator[None]:
        with self._cuda.gpus[gpu.number]:
            yield

    def _too_small(self, gpu: Gpu) -> InputError:
        return InputError(
            "the GPU's memory does not hold the bars and one row",
            at=f"{gpu.name}: {gpu.free_bytes / 1e9:.1f} GB are free",
            hint=f"end what else uses it, or {CPU_HINT}",
        )


def tile_rows(gpu: Gpu, row_bytes: int, shared_bytes: int) -> int:
    """How many rows fit the free memory at once, at least one."""
    room = int(gpu.free_bytes * MEMORY_FRAC) - shared_bytes
    return max(min(room // row_bytes, ROWS_MAX), 1)


def placed(arrays: Any, place: Callable[[Any], Any]) -> Any:
    """A tuple of arrays, which may hold such tuples, with each array where `place` puts it."""
    out: Sequence[Any] = [
        placed(each, place)
        if isinstance(each, tuple)
        else place(each)
        if isinstance(each, np.ndarray)
        else each
        for each in arrays
    ]
    return type(arrays)(*out)


class Tiles:
    """Rows that are left to run, handed out to several GPUs."""

    def __init__(self, rows: Ints, slots: Ints) -> None:
        self._rows, self._slots = rows, slots
        self._next = 0
        self._back: list[tuple[Ints, Ints]] = []
        self._lock = threading.Lock()

    def next(self, size: int) -> tuple[Ints, Ints] | None:
        """Up to `size` rows with their slots, or None when no row is left."""
        with self._lock:
            if self._back:
                rows, slots = self._back.pop()
                if len(rows) > size:
                    self._back.append((rows[size:], slots[size:]))
                return rows[:size], slots[:size]
            first, self._next = self._next, min(self._next + size, len(self._rows))
            if first == self._next:
                return None
            return self._rows[first : self._next], self._slots[first : self._next]

    def give_back(self, tile: tuple[Ints, Ints]) -> None:
        """Rows that were not run after all."""
        with self._lock:
            self._back.append(tile)

    def stop(self) -> None:
        """Hand out no more."""
        with self._lock:
            self._next, self._back = len(self._rows), []
