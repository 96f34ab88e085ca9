"""The CUDA engine: rows of parameters on the GPUs of this machine.

Rows are cut into tiles that fit the memory which is free; each GPU takes the next tile that is
left.  The market and the series go there once per group of rows, a tile's books and curves are made
there and never travel.  Figures equal those of the CPU engine bit for bit.
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

from core.bank import Bank, series_bytes, slot_keys
from core.engine import CpuEngine, Field, groups_of
from core.errors import InputError
from core.simulate import new_book, new_survey
from kernel import codes
from kernel.records import SNAPSHOT, STATS, TRADE, Book, Ints, Output, Records, Survey

MEMORY_FRAC = 0.85
"""Share of the free device memory that a tile may take; the driver keeps some for itself."""
ROWS_MAX = 65_536
"""Most rows of one launch, so that a signal acts."""
BANK_FRAC = 0.4
"""Share of the free device memory that indicator series may take."""
CPU_HINT = "sweep on the CPU: leave --engine out, or give --engine cpu"
DRIVER_MIN = (12, 0)
"""Oldest CUDA driver whose toolkit the extra installs."""

Place = Callable[[Any], Any]
"""Puts an array where kernels read it."""


@dataclass(frozen=True)
class Gpu:
    """One device: its number, what it is called, its compute capability and free memory."""

    number: int
    name: str
    capability: tuple[int, int]
    free_bytes: int


SIMULATOR = Gpu(0, "simulator", (0, 0), 1 << 40)


def found_gpus() -> list[Gpu]:
    """The GPUs that can be used.

    Raises InputError that names what is missing: the package, the driver, a device, or a driver
    that is new enough.
    """
    missing = problem()
    if missing is not None:
        raise InputError(missing[0], at="--engine cuda", hint=f"{missing[1]}; or {CPU_HINT}")
    from numba import cuda

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
    from numba import cuda
    from numba.cuda.cudadrv.driver import driver

    if not cuda.is_available():
        why = str(driver.initialization_error or "no device answers").strip().splitlines()
        return f"no CUDA device can be used: {why[0]}", "look what `nvidia-smi` says"
    version = tuple(driver.get_version())
    if version < DRIVER_MIN:
        shown, least = (".".join(map(str, each)) for each in (version, DRIVER_MIN))
        return f"the CUDA driver is too old: {shown}, needed is {least}", "install a newer driver"
    return None


class GpuEngine:
    """Runs rows on all GPUs that are found; one thread may call it at a time.

    `most_closes` keeps the trades of each row, which must be fewer; 0 keeps none.  `simulated` runs
    the same kernel in numba's simulator, in plain Python, for tests without a GPU.
    """

    def __init__(self, field: Field, *, most_closes: int = 0, simulated: bool = False) -> None:
        from numba import cuda

        from kernel import cuda as device

        self.symbol_bars = field.symbol_bars
        self._field = field
        self._most_closes = most_closes
        self.trades: dict[int, Records] = {}
        self._device, self._cuda = device, cuda
        self._simulated = simulated
        self._kernel = cuda.jit(device.run_rows)
        self.gpus = [SIMULATOR] if simulated else found_gpus()
        self._series = CpuEngine(field)

    @property
    def row_bytes(self) -> int:
        """Device memory of one row, its parameters apart."""
        books, surveys, outputs = self._shapes()
        arrays = (*books, *surveys, *outputs)
        return sum(each.nbytes for each in arrays if isinstance(each, np.ndarray)) + STATS.itemsize

    def figures(self, params: npt.NDArray[np.record]) -> Records:
        """One Stats record for each row of `params` `[N, P]`."""
        stats = np.zeros(len(params), STATS)
        room = int(min(gpu.free_bytes for gpu in self.gpus) * BANK_FRAC)
        for group in groups_of(params, series_bytes(self._field.view), room):
            self._run(self._series.bank(group), params, group.rows, stats)
        return stats

    def _run(self, bank: Bank, params: npt.NDArray[np.record], rows: Ints, stats: Records) -> None:
        """Fill `stats` of `rows`, tile by tile, on every GPU at once."""
        values = np.stack(list(bank.values))
        slots = np.stack([bank.slots_of(slot_keys(params[row])) for row in rows])
        need = self.row_bytes + params[:1].nbytes + slots[:1].nbytes
        shared = values.nbytes + arrays_bytes(self._field.market)
        tiles = Tiles(rows, slots)
        with self._device.without_fma(), ThreadPoolExecutor(len(self.gpus)) as pool:
            jobs = [
                pool.submit(
                    self._work, gpu, tile_rows(gpu, need, shared), values, params, tiles, stats
                )
                for gpu in self.gpus
            ]
            for job in jobs:
                job.result()

    def _work(
        self,
        gpu: Gpu,
        size: int,
        values: npt.NDArray[np.float64],
        params: npt.NDArray[np.record],
        tiles: Tiles,
        stats: Records,
    ) -> None:
        """One GPU's share: tiles until none is left; a tile too large for the memory is halved."""
        with self._on(gpu):
            try:
                ground = tuple(
                    placed(each, self._place)
                    for each in (self._field.market, values, self._field.blank)
                )
            except MemoryError as error:
                raise too_small(gpu) from error
            while (tile := tiles.next(size)) is not None:
                rows, slots = tile
                try:
                    stats[rows] = self._launch(ground, params[rows], rows, slots)
                except MemoryError as error:
                    if size == 1:
                        raise too_small(gpu) from error
                    tiles.give_back(tile)
                    size = max(size // 2, 1)

    def _launch(
        self, ground: tuple[Any, ...], params: npt.NDArray[np.record], rows: Ints, slots: Ints
    ) -> Records:
        """The figures of one tile; `ground` is (market, series, blank book) on the device."""
        market, values, blank = ground
        count = len(params)
        books, surveys, outputs = self._shapes()
        figures = self._place(np.zeros(count, STATS))
        batch = self._device.Batch(
            values,
            self._place(slots),
            self._place(params),
            blank,
            self._room(books, count),
            self._room(surveys, count),
            self._room(outputs, count),
            self._place(np.zeros(0, np.int64)),
            figures,
        )
        self._kernel[count, self._device.LANES](market, batch, self._field.span)
        if self._most_closes:
            self._keep_trades(rows, batch)
        found: Records = self._fetched(figures)
        return found

    def _keep_trades(self, rows: Ints, batch: Any) -> None:
        """Copy the trades of a tile back; the kernel stops a row that has no room for more."""
        counts = self._fetched(batch.books.account)["trade_count"][:, 0]
        assert counts.max() < self._most_closes - 4 * len(self._field.market.flags), counts.max()
        for row, count, trades in zip(
            rows, counts, self._fetched(batch.outputs.trades), strict=True
        ):
            self.trades[int(row)] = trades[:count].copy()

    def _fetched(self, array: Any) -> Any:
        return array if self._simulated else array.copy_to_host()

    def _shapes(self) -> tuple[Book, Survey, Output]:
        """What one row writes to, as arrays on this side."""
        symbols = len(self._field.market.flags)
        lanes = self._device.LANES
        survey = new_survey(1, symbols)._replace(snaps=np.zeros(lanes, SNAPSHOT))
        output = Output(
            equity_usd=np.zeros(len(self._field.market.ts_close_ms)),
            trades=np.zeros(self._most_closes, TRADE),
            counters=np.zeros(codes.COUNTER_COUNT, np.int64),
        )
        return new_book(symbols, 0.0), survey, output

    def _place(self, array: Any) -> Any:
        return array if self._simulated else self._cuda.to_device(array)

    def _room(self, arrays: Any, count: int) -> Any:
        """Room on the device for `count` of each array; nothing is copied there."""

        def room(each: npt.NDArray[Any]) -> Any:
            shape = (count, *each.shape)
            if self._simulated:
                return np.zeros(shape, each.dtype)
            return self._cuda.device_array(shape, each.dtype)

        return placed(arrays, room)

    @contextmanager
    def _on(self, gpu: Gpu) -> Iterator[None]:
        with self._cuda.gpus[gpu.number]:
            yield


def too_small(gpu: Gpu) -> InputError:
    """The error of a GPU that does not hold the bars and one row."""
    return InputError(
        "the GPU's memory does not hold the bars and one row",
        at=f"{gpu.name}: {gpu.free_bytes / 1e9:.1f} GB are free",
        hint=f"end what else uses it, or {CPU_HINT}",
    )


def arrays_bytes(arrays: Any) -> int:
    """Bytes of all arrays in a tuple, which may hold such tuples."""
    if isinstance(arrays, tuple):
        return sum(map(arrays_bytes, arrays))
    return arrays.nbytes if isinstance(arrays, np.ndarray) else 0


def tile_rows(gpu: Gpu, row_bytes: int, shared_bytes: int) -> int:
    """How many rows fit the free memory at once, at least one."""
    room = int(gpu.free_bytes * MEMORY_FRAC) - shared_bytes
    return max(min(room // row_bytes, ROWS_MAX), 1)


def placed(arrays: Any, place: Place) -> Any:
    """An array where `place` puts it, or each of a tuple, which may hold such tuples."""
    if isinstance(arrays, np.ndarray):
        return place(arrays)
    if not isinstance(arrays, tuple):
        return arrays
    out: Sequence[Any] = [placed(each, place) for each in arrays]
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
