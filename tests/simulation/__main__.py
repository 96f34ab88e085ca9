"""Run seeds of the small client by hand: `python -m tests.simulation --seeds 100 --hours 2`.

A seed that breaks something is shrunk and kept in tests/regressions/.  The last line says how many
simulated hours a minute of CPU held.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from core.clock import cpu_s
from tests.simulation.scenario import HOUR_MS, drawn_plan, shrunk_schedule, simulated
from tests.simulation.schedule import save

REGRESSIONS = Path(__file__).resolve().parents[1] / "regressions"


def told(line: str) -> None:
    """Say it on stdout."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """How many seeds broke something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--hours", type=float, default=1.0, help="simulated hours of each")
    parser.add_argument("--planted", default="", help="naive, hasty or unsynced")
    asked = parser.parse_args()
    effects: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    broken = steps = crashes = simulated_ms = 0
    began_s = cpu_s()
    for seed in range(asked.first, asked.first + asked.seeds):
        plan = drawn_plan(seed, asked.hours)
        outcome = simulated(plan, asked.planted)
        effects.update(outcome.effects)
        reached.update(outcome.sometimes)
        steps, crashes = steps + outcome.steps, crashes + outcome.crashes
        simulated_ms += outcome.simulated_ms
        if not outcome.violations:
            continue
        broken += 1
        told(f"seed {seed}: {len(outcome.violations)} violations: {outcome.violations[0]}")
        if not asked.planted:
            case = {"seed": seed, "horizon_ms": plan.horizon_ms}
            path = REGRESSIONS / f"small_client_{seed}.json"
            save(path, case, shrunk_schedule(plan))
            told(f"  kept: {path.name}")
    used_s = cpu_s() - began_s
    hours = simulated_ms / HOUR_MS
    told(f"effects: {dict(sorted(effects.items()))}")
    told(f"reached: {dict(sorted(reached.items()))}")
    told(
        f"{asked.seeds} seeds, {broken} broken, {crashes} deaths, {steps} steps,"
        f" {hours:.1f} simulated hours in {used_s:.1f} s of CPU:"
        f" {hours / used_s * 60:.0f} hours per CPU-minute"
    )
    return broken


if __name__ == "__main__":
    raise SystemExit(1 if main() else 0)
