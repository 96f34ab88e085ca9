"""What the CUDA kernel becomes on each architecture: `python -m pipelines.ptx_report`.

It needs neither a GPU nor a driver.  The kernel is typed once and compiled to PTX, then to machine
code by NVIDIA's linker, which says how many registers it takes and whether any are spilled.
Decision code must hold no fused multiply-add: with one, results would differ from the CPU's in the
last bit.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.bank import distinct_series, fill_bank, slot_keys
from core.engine import field_of
from core.market.bars import block_from_rows
from core.market.synthetic import MarketSpec, synthetic_rows
from core.simulate import Window, new_book, new_survey
from kernel import codes
from kernel.records import SNAPSHOT, STATS, TRADE, Output
from schemas.records import to_records
from schemas.strategy import Strategy

ARCHITECTURES = ((8, 0), (9, 0), (10, 0))
FUSED = re.compile(r"\bfma\.\w+\.f64")
LINE = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


@dataclass(frozen=True)
class Compiled:
    """The kernel on one architecture, and what it takes there."""

    architecture: str
    registers: int
    stack_bytes: int
    spilled_bytes: int
    fused_count: int


def ptx_of(architectures: Sequence[tuple[int, int]] = ARCHITECTURES) -> list[str]:
    """PTX of the kernel for each architecture (compute capability)."""
    from kernel import cuda as device

    with device.without_fma(), without_driver(architectures[0]):
        library = _library(device, architectures[0])
        return [text for each in architectures for text in library.get_asm_strs(cc=each)]


def name_of(architecture: tuple[int, int]) -> str:
    """`sm_90`."""
    return "sm_" + "".join(map(str, architecture))


def fused_count(ptx: str) -> int:
    """Fused multiply-adds of 64 bits in a PTX text."""
    return len(FUSED.findall(ptx))


def _library(device: Any, first: tuple[int, int]) -> Any:
    """The kernel, typed and lowered once for all architectures."""
    from numba import typeof, types
    from numba.cuda.compiler import _compile_pyfunc_with_fixup

    library, _ = _compile_pyfunc_with_fixup(
        device.run_rows,
        types.void(*map(typeof, arguments(device))),
        debug=None,
        lineinfo=False,
        device=False,
        fastmath=False,
        cc=first,
        opt=None,
        abi="numba",
        abi_info=None,
        forceinline=False,
        launch_bounds=None,
        lto=False,
    )
    return library


def arguments(device: Any) -> tuple[Any, ...]:
    """Arguments of the kernel for one row over a few bars; their types are those of every run."""
    rows = synthetic_rows(MarketSpec(symbol_count=5, bar_count=400))
    field = field_of(block_from_rows(rows, "1h", synthetic=True), Window(), (), 1e4)
    params = to_records([Strategy()])[None, :]
    bank = fill_bank(field.view, distinct_series(params))
    symbols = len(field.view.symbols)

    def led(arrays: Any) -> Any:
        out = [each[None] if isinstance(each, np.ndarray) else each for each in arrays]
        return type(arrays)(*out)

    batch = device.Batch(
        np.stack(list(bank.values)),
        bank.slots_of(slot_keys(params[0]))[None],
        params,
        field.blank,
        led(new_book(symbols, 0.0)),
        led(new_survey(1, symbols)._replace(snaps=np.zeros(device.LANES, SNAPSHOT))),
        led(
            Output(
                np.zeros(len(field.market.ts_close_ms)),
                np.zeros(0, TRADE),
                np.zeros(codes.COUNTER_COUNT, np.int64),
            )
        ),
        np.zeros(0, np.int64),
        np.zeros(1, STATS),
    )
    return field.market, batch, field.span


@contextmanager
def without_driver(capability: tuple[int, int]) -> Iterator[None]:
    """Let numba-cuda compile device functions without a driver to ask for the device's kind."""
    from numba.cuda import dispatcher

    class Device:
        compute_capability = capability

    asked = dispatcher.get_current_device
    dispatcher.get_current_device = Device
    try:
        yield
    finally:
        dispatcher.get_current_device = asked


def linked(architecture: tuple[int, int], ptx: str) -> Compiled:
    """What the machine code of a PTX text takes; half a minute."""
    from cuda.bindings import nvjitlink

    linker = nvjitlink.create(3, [f"-arch={name_of(architecture)}", "-verbose", "-O3"])
    try:
        data = ptx.encode()
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, data, len(data), "run_rows")
        nvjitlink.complete(linker)
        log = bytearray(nvjitlink.get_info_log_size(linker))
        nvjitlink.get_info_log(linker, log)
    finally:
        nvjitlink.destroy(linker)
    said = log.decode()
    frames = [tuple(map(int, found)) for found in LINE.findall(said)]
    return Compiled(
        architecture=name_of(architecture),
        registers=max(map(int, REGISTERS.findall(said))),
        stack_bytes=max(frame[0] for frame in frames),
        spilled_bytes=max(frame[1] + frame[2] for frame in frames),
        fused_count=fused_count(ptx),
    )


def compiled() -> list[Compiled]:
    """The kernel on every architecture."""
    return [linked(*each) for each in zip(ARCHITECTURES, ptx_of(), strict=True)]


def table(found: Sequence[Compiled]) -> str:
    """The report as lines of text."""
    lines = ["architecture  registers  stack B  spilled B  fused f64"]
    lines += [
        f"{each.architecture:<12}  {each.registers:>9}  {each.stack_bytes:>7}  "
        f"{each.spilled_bytes:>9}  {each.fused_count:>9}"
        for each in found
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(compiled()))
