"""The CUDA kernel without a GPU: equal results in the simulator, strict arithmetic in its PTX.

With a GPU (marker `gpu`) its figures on real candles equal those of the CPU, bit for bit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from core.engine import CpuEngine
from core.gpu import GpuEngine
from core.simulate import simulate
from kernel import codes
from kernel.records import STATS
from pipelines import ptx_report
from tests.parity import cuda_probe

REPOSITORY = Path(__file__).resolve().parents[2]
TASK = (26, 60, 1)
SIMULATED = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}


@pytest.fixture(autouse=True)
def _extra() -> None:
    assert find_spec("numba_cuda") is not None, "the test environment installs the extra `cuda`"


def started(task: tuple[int, int, int]) -> subprocess.Popen[bytes]:
    """The simulator at work on a task, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.parity.cuda_probe", *map(str, task)],
        cwd=REPOSITORY,
        env={**os.environ, **SIMULATED},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def ahead() -> Iterator[subprocess.Popen[bytes]]:
    """The simulator on the short task, begun while the kernel is compiled on the other core."""
    process = started(TASK)
    yield process
    process.kill()
    process.communicate()


def assert_equal(task: tuple[int, int, int], process: subprocess.Popen[bytes]) -> np.ndarray:
    """The figures, which the two engines agree on to the last bit, as on every trade."""
    expected, trades = cuda_probe.by_cpu(*task)
    told, said = process.communicate()
    assert process.returncode == 0, said.decode()[-2_000:]
    found = np.frombuffer(told[: expected.nbytes], STATS)
    for name in STATS.names or ():
        assert np.array_equal(found[name], expected[name]), (task, name)
    assert told == expected.tobytes() + trades
    return expected


@pytest.mark.parametrize(
    "architectures",
    [
        ptx_report.ARCHITECTURES[1:2],
        pytest.param(ptx_report.ARCHITECTURES, marks=pytest.mark.proof),
    ],
)
@pytest.mark.usefixtures("ahead")
def test_no_product_and_sum_are_fused(architectures: tuple[tuple[int, int], ...]) -> None:
    """Of the PTX of one architecture here, of all three in the proof."""
    found = ptx_report.ptx_of(architectures)

    for architecture, ptx in zip(architectures, found, strict=True):
        assert f".target {ptx_report.name_of(architecture)}" in ptx
        assert ptx.count("mul.rn.f64") > 100
        assert ptx.count("add.rn.f64") > 100
        assert ptx_report.fused_count(ptx) == 0


def test_the_simulated_kernel_equals_the_cpu_bit_for_bit(
    ahead: subprocess.Popen[bytes],
) -> None:
    """A portfolio with ranking, funding, finer exit and entry bars, tiers and lots."""
    found = assert_equal(TASK, ahead)

    assert found["position_count"].sum() > 20
    assert found["funding_usd"].all()
    market = cuda_probe.task(*TASK)[0].market
    assert market.entry_at.any()
    assert (market.exit_kind == codes.BAR_EXIT).any()


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(20))
def test_many_simulated_portfolios_equal_the_cpu(seed: int) -> None:
    task = (seed, 120, 2)
    assert_equal(task, started(task))


def test_fused_ones_would_be_seen() -> None:
    assert ptx_report.fused_count("  fma.rn.f64 %fd1, %fd2, %fd3, %fd4;") == 1


@pytest.mark.proof
def test_nothing_is_spilled(capsys: pytest.CaptureFixture[str]) -> None:
    found = ptx_report.compiled()

    with capsys.disabled():
        sys.stdout.write(f"\n{ptx_report.table(found)}")
    assert {each.spilled_bytes for each in found} == {0}
    assert max(each.registers for each in found) < 255


@pytest.mark.gpu
def test_a_gpu_equals_the_cpu_on_recorded_candles(shared_dir: Path) -> None:
    """2,000 random rows: figures equal bit for bit, and the trades of the first hundred."""
    from pipelines import bench_cuda

    field, params, block, strategies = bench_cuda.recorded(shared_dir / "data", rows=2_000)
    engine = GpuEngine(field, most_closes=bench_cuda.MOST_CLOSES)
    first = engine.figures(params[:100])
    engine_all = GpuEngine(field)

    assert engine_all.figures(params).tobytes() == CpuEngine(field).figures(params).tobytes()
    assert first.tobytes() == CpuEngine(field).figures(params[:100]).tobytes()
    for row, strategy in enumerate(strategies[:100]):
        expected = simulate(block, strategy).trades
        assert engine.trades[row].tobytes() == expected.tobytes()
