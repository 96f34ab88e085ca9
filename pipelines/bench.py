"""Speed and memory, measured: `python -m pipelines.bench [--data FILE] [--data-5m FILE] [--long]`.

The figures are printed and written to bench.json.  Each comes from a process of its own with the
compiled kernel in the cache, but for the cold compilation, which has an empty one.  CPU seconds are
user plus system.  `--long` adds a sweep of 60,480 rows, which takes minutes.  Without `--data` the
bars are synthetic, of the same shape as the real ones that the limits were set on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.tree import write_text_atomic
from core.clock import cpu_s, monotonic_s
from pipelines import bench_sweep

SYNTHETIC_SYMBOLS, SYNTHETIC_BARS = 52, 6_469
FINER_SYMBOLS, FINER_BARS = 11, 78 * 24
SWEEP_SYMBOLS, SWEEP_BARS = 50, 8_760
REPEATS = 3
MIXED_STOPS = 5
"""Values of the axis that makes a sweep longer without more signals."""
SWEEP_2000 = """kind: sweep-spec
version: 1
base: base.yaml
min_positions: 0
axes:
  - {path: trade.stop_loss_atr, values: [1.0, 1.5, 2.0, 2.5, 3.0]}
  - {path: trade.take_profit_atr, values: [3.0, 4.0, 5.0, 6.0, 8.0]}
  - {path: trade.trailing_start_atr, values: [0.8, 1.2, 1.6, 2.0]}
  - {path: indicators.ema_fast_window_bars, values: [5, 8, 12, 16, 20]}
  - {path: indicators.adx_window_bars, values: [10, 14]}
  - {path: trade.entry_min_confidence, values: [low, medium]}
"""


@dataclass(frozen=True)
class Cost:
    """What one child process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Figure:
    """One line of the table; `limit` is what it should not pass, in the direction of `at_least`."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing without a limit."""
        if self.limit is None:
            return ""
        good = self.value >= self.limit if self.at_least else self.value <= self.limit
        return "ok" if good else "MISSED"


def main(arguments: list[str]) -> int:
    """Exit code after measuring, or after one probe in a child process."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.bench")
    parser.add_argument("--data", type=Path, default=None, help="candles, parquet or CSV")
    parser.add_argument("--data-5m", type=Path, default=None, help="5m candles of the same kind")
    parser.add_argument("--long", action="store_true", help="sweep 60,480 rows too: minutes")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("--probe", nargs="+", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.probe:
        sys.stdout.write(json.dumps(PROBES[options.probe[0]](*options.probe[1:])))
        return 0
    with tempfile.TemporaryDirectory(prefix="perpkit-bench-") as folder:
        figures = measure(Path(folder), options.data, options.data_5m, long=options.long)
    write_text_atomic(options.out, json.dumps({f.name: f.value for f in figures}, indent=1) + "\n")
    sys.stdout.write(table(figures))
    return 0


def measure(
    folder: Path, data: Path | None, data_5m: Path | None = None, *, long: bool = False
) -> list[Figure]:
    """Every figure; the load is taken first, before the bench adds its own."""
    load_average = os.getloadavg()[0]
    store, wide = folder / "stores", folder / "wide"
    fetched = (
        ["--synthetic", "--symbols-count", str(SYNTHETIC_SYMBOLS), "--bars", str(SYNTHETIC_BARS)]
        if data is None
        else ["--from-file", str(data), "--kind", "candles", "--interval", "1h"]
    )
    perpkit("fetch", *fetched, "--store", str(store), "--root", str(folder))
    perpkit(
        "fetch",
        "--synthetic",
        "--symbols-count",
        str(SWEEP_SYMBOLS),
        "--bars",
        str(SWEEP_BARS),
        "--store",
        str(wide),
        "--root",
        str(folder),
    )
    finer = finer_store(folder, data_5m)
    base, spec = folder / "base.yaml", folder / "sweep.yaml"
    perpkit("config", "init", "--out", str(base))
    write_text_atomic(spec, SWEEP_2000)
    cold = probe("cold", str(store), env={"PERPKIT_CACHE_DIR": str(folder / "cache")})
    replay = ("replay", str(base), "--store", str(store), "--root", str(folder))
    perpkit(*replay)
    replays = [perpkit(*replay) for _ in range(REPEATS)]
    sheet = (*replay, "--html")
    sheets = [perpkit(*sheet) for _ in range(REPEATS)]
    helps = [perpkit("--help") for _ in range(REPEATS)]
    kernels = [probe("kernel", str(store)) for _ in range(REPEATS)]
    subbars = [probe("subbars", str(finer)) for _ in range(REPEATS)]
    loads = [probe("load", str(store)) for _ in range(REPEATS)]
    sweeps = sweep_figures(wide, store, finer)
    sweeps += long_figures(wide) if long else []
    fetched_rows = probe("fetch")["rows_per_s"]
    peak = perpkit("sweep", str(spec), "--store", str(store), "--root", str(folder))
    return [
        Figure("replay_process_cpu_s", least(c.cpu_s for c in replays), "s", 2.5),
        Figure("replay_html_process_cpu_s", least(c.cpu_s for c in sheets), "s", 3.0),
        Figure("replay_kernel_s", least(k["cpu_s"] for k in kernels), "s", 0.15),
        Figure("replay_subbars_kernel_s", least(k["cpu_s"] for k in subbars), "s", 0.1),
        Figure("replay_peak_mb", max(c.peak_mb for c in replays), "MB", 400.0),
        Figure("store_load_cpu_s", least(one["cpu_s"] for one in loads), "s", 0.6),
        Figure("fetch_rows_per_s", fetched_rows, "/s", 100e3, at_least=True),
        *sweeps,
        Figure("sweep_peak_mb", peak.peak_mb, "MB", 600.0),
        Figure("tpe_ms_per_trial_100k", probe("tpe")["ms"], "ms", 0.2),
        Figure("help_cpu_s", least(c.cpu_s for c in helps), "s", 0.4),
        Figure("jit_cold_s", cold["wall_s"], "s", 30.0),
        Figure("load_average", load_average, ""),
    ]


def sweep_figures(wide: Path, store: Path, finer: Path) -> list[Figure]:
    """Speed of sweeps, and what a symbol-bar costs at three counts of rows and of bars."""
    count = str(MIXED_STOPS)
    one = probe("mixed", str(wide), "1", count)
    two = probe("mixed", str(wide), "2", count)
    real = probe("mixed", str(store), "1", count)
    own = probe("own_signals", str(wide), "1")
    finer_rate = probe("swept_subbars", str(finer))["rate"]
    plain = probe("plain", str(wide))
    found = [
        Figure("sweep_1t_symbol_bars_per_s", one["rate"], "/s", 50e6, at_least=True),
        Figure("sweep_2t_symbol_bars_per_s", two["rate"], "/s", 90e6, at_least=True),
        Figure("sweep_real_1t_symbol_bars_per_s", real["rate"], "/s", 35e6, at_least=True),
        Figure("sweep_own_signals_1t_symbol_bars_per_s", own["rate"], "/s"),
        Figure("sweep_subbars_1t_per_s", finer_rate, "/s", 25e6, at_least=True),
        Figure("sweep_vs_plain_loop", plain["ratio"], "x"),
    ]
    for stops in (MIXED_STOPS // 4, MIXED_STOPS, MIXED_STOPS * 4):
        cost = probe("mixed", str(wide), "1", str(max(stops, 1)))
        name = f"sweep_{48 * max(stops, 1)}_rows_cpu_ns_per_symbol_bar"
        found.append(Figure(name, 1e9 * cost["cpu_s"] / cost["symbol_bars"], "ns"))
    for part in (4, 2, 1):
        cost = probe("mixed", str(wide), "1", count, str(SWEEP_BARS // part))
        name = f"sweep_{SWEEP_BARS // part}_bars_cpu_ns_per_symbol_bar"
        found.append(Figure(name, 1e9 * cost["cpu_s"] / cost["symbol_bars"], "ns"))
    return found


def long_figures(wide: Path) -> list[Figure]:
    """Seconds and peak memory of a sweep of 60,480 rows on two threads."""
    command = [sys.executable, "-m", "pipelines.bench", "--probe", "long", str(wide), "2"]
    cost = child(command, {})
    return [
        Figure("sweep_60480_s", json.loads(cost.output)["wall_s"], "s", 360.0),
        Figure("sweep_60480_peak_mb", cost.peak_mb, "MB", 1_500.0),
    ]


def finer_store(folder: Path, data_5m: Path | None) -> Path:
    """A store of 1h and 5m bars: those of a file, longer bars made of them, or synthetic ones."""
    store = folder / "finer"
    place = ("--store", str(store), "--root", str(folder))
    if data_5m is None:
        count = ("--symbols-count", str(FINER_SYMBOLS), "--bars", str(FINER_BARS))
        perpkit("fetch", "--synthetic", *count, "--interval", "1h,5m", *place)
        return store
    given = ("--from-file", str(data_5m), "--kind", "candles", "--interval", "5m")
    perpkit("fetch", *given, *place)
    perpkit("fetch", "--interval", "5m", "--resample", "1h", *place)
    return store


def least(values: Iterable[float]) -> float:
    """The smallest: what disturbs a measurement only ever adds."""
    return min(values)


def perpkit(*arguments: str) -> Cost:
    """Cost of one command, which must succeed."""
    return child([sys.executable, "-m", "cli", *arguments], {})


def probe(name: str, *arguments: str, env: dict[str, str] | None = None) -> dict[str, float]:
    """What a probe in a process of its own measured."""
    command = [sys.executable, "-m", "pipelines.bench", "--probe", name, *arguments]
    found: dict[str, float] = json.loads(child(command, env or {}).output)
    return found


def child(command: list[str], env: dict[str, str]) -> Cost:
    """Run a command to its end; its standard output and what it took."""
    with tempfile.TemporaryFile() as out:
        began_s = monotonic_s()
        process = os.posix_spawn(
            command[0],
            command,
            {**os.environ, **env},
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)],
        )
        _, status, usage = os.wait4(process, 0)
        wall_s = monotonic_s() - began_s
        out.seek(0)
        output = out.read().decode()
    if os.waitstatus_to_exitcode(status) != 0:
        message = f"{' '.join(command)} exited {os.waitstatus_to_exitcode(status)}"
        raise RuntimeError(message)
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024.0, output)


def probe_kernel(store: str) -> dict[str, float]:
    """CPU seconds of indicators and decisions over the whole store, the best of a few."""
    from core.simulate import simulate
    from core.store.market import load
    from schemas.strategy import Strategy

    block = load(Path(store), Strategy())
    simulate(block, Strategy())
    times = []
    for _ in range(2 * REPEATS):
        began_s = cpu_s()
        simulate(block, Strategy())
        times.append(cpu_s() - began_s)
    return {"cpu_s": min(times), "rate": block.bar_count / min(times)}


def probe_subbars(store: str) -> dict[str, float]:
    """CPU seconds of hourly decisions with 5m exits over the whole store, the best of a few."""
    from core.simulate import simulate
    from core.store.market import load
    from schemas.strategy import strategy_from

    strategy = strategy_from({"engine.interval": "1h", "engine.exit_interval": "5m"})
    block = load(Path(store), strategy)
    assert block.exit_bars is not None
    simulate(block, strategy)
    times = []
    for _ in range(2 * REPEATS):
        began_s = cpu_s()
        simulate(block, strategy)
        times.append(cpu_s() - began_s)
    return {"cpu_s": min(times), "exit_bars": float(block.exit_bars.bar_count)}


def probe_load(store: str) -> dict[str, float]:
    """CPU seconds of loading the store into aligned arrays, imports apart."""
    from core.store.market import load
    from schemas.strategy import Strategy

    began_s = cpu_s()
    block = load(Path(store), Strategy())
    return {"cpu_s": cpu_s() - began_s, "bars": float(block.bar_count)}


def probe_cold(store: str) -> dict[str, float]:
    """Wall seconds of the first replay and first sweep row, the compilation with them."""
    from core.store.market import load
    from schemas.strategy import Strategy

    block = load(Path(store), Strategy())
    short = block.rows(0, 300)
    began_s = monotonic_s()
    from core.grid import run_grid
    from core.simulate import Window, simulate
    from schemas.records import to_records

    simulate(short, Strategy())
    run_grid(short, to_records([Strategy()]), window=Window(), initial_equity_usd=1e4)
    return {"wall_s": monotonic_s() - began_s}


def probe_fetch() -> dict[str, float]:
    """Candles per wall second from a venue on this machine into an empty store."""
    from pipelines.bench_venue import probe_fetch

    return probe_fetch()


def probe_tpe() -> dict[str, float]:
    """CPU milliseconds per trial of the batch TPE over 100,000 trials and 40 axes."""
    from pipelines.bench_search import tpe_ms_per_trial

    return {"ms": tpe_ms_per_trial()}


PROBES: dict[str, Callable[..., dict[str, float]]] = {
    "kernel": probe_kernel,
    "subbars": probe_subbars,
    "load": probe_load,
    "cold": probe_cold,
    "tpe": probe_tpe,
    "mixed": bench_sweep.probe_mixed,
    "long": bench_sweep.probe_long,
    "own_signals": bench_sweep.probe_own_signals,
    "swept_subbars": bench_sweep.probe_swept_subbars,
    "plain": bench_sweep.probe_plain,
    "fetch": probe_fetch,
}


def table(figures: list[Figure]) -> str:
    """The figures as aligned lines."""
    lines = [f"{'figure':<40} {'measured':>16} {'limit':>12}"]
    for figure in figures:
        digits = 3 if abs(figure.value) < 100 else 0
        measured = f"{figure.value:,.{digits}f} {figure.unit}"
        limit = ""
        if figure.limit is not None:
            limit = f"{'>=' if figure.at_least else '<='} {figure.limit:,.10g}"
        lines.append(f"{figure.name:<40} {measured:>16} {limit:>14} {figure.verdict}".rstrip())
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
