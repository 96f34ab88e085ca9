"""Searches against Optuna's, measured: `python -m pipelines.bench_search --store DIR [--short]`.

Each sampler searches each problem from the same seeds with as many trials; what counts is the best
loss found. Ours is held to be not worse when its median lies at most one interquartile range of
Optuna's above Optuna's median. Processes run side by side, one per core.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.artifacts.tree import write_text_atomic
from core.clock import cpu_s, monotonic_s
from core.constraints import Floats
from core.search.chance import AtRandom
from core.search.proposer import Proposer
from core.search.space import Space
from core.search.tpe import Tpe
from pipelines.bench_problems import FUNCTIONS, Problem, even_space, problem_of

SEEDS, TRIALS = 10, 1_000
FIRST_SEED = 1_000
"""The sampler's constants were chosen on seeds below it."""
SHORT_SEEDS, SHORT_TRIALS = 3, 200
COST_AXES, COST_LEVELS, COST_TRIALS = 40, 60, 100_000
ORACLE = "optuna"


@dataclass(frozen=True)
class Job:
    """One search: a sampler from one seed on one problem."""

    problem: str
    sampler: str
    seed: int
    trials: int
    store: str


@dataclass(frozen=True)
class Outcome:
    """The best loss of a job and the seconds it took."""

    job: Job
    best: float
    wall_s: float


def main(arguments: list[str]) -> int:
    """Exit code after measuring: 0, or 1 when ours is worse than Optuna's somewhere."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.bench_search")
    parser.add_argument("--store", type=Path, default=None, help="1h bars for the sweep")
    parser.add_argument("--short", action="store_true", help="few seeds and trials")
    parser.add_argument("--out", type=Path, default=None, help="also write the bests as JSON")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args(arguments)
    seeds, trials = (SHORT_SEEDS, SHORT_TRIALS) if options.short else (SEEDS, TRIALS)
    problems = [*FUNCTIONS, *(["sweep"] if options.store else [])]
    jobs = [
        Job(problem, sampler, seed, trials, str(options.store or ""))
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        for problem in reversed(problems)  # the longest first, so that no core waits at the end
        for sampler in (ORACLE, *OURS)
    ]
    began_s = monotonic_s()
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        outcomes = []
        for each in pool.imap_unordered(outcome_of, jobs):
            outcomes.append(each)
            sys.stderr.write(f"{len(outcomes)}/{len(jobs)} {line_of(each)}\n")
    bests = gathered(outcomes)
    if options.out is not None:
        found = {f"{problem} {sampler}": list(each) for (problem, sampler), each in bests.items()}
        write_text_atomic(options.out, json.dumps(found, indent=1) + "\n")
    sys.stdout.write(table(problems, bests))
    sys.stdout.write(
        f"{seeds} seeds, {trials:,} trials each, {monotonic_s() - began_s:,.0f} s; "
        f"TPE {tpe_ms_per_trial():.4f} ms per trial at {COST_TRIALS:,} trials, {COST_AXES} axes\n"
    )
    return int(any(verdict(bests, problem) == "worse" for problem in problems))


def outcome_of(job: Job) -> Outcome:
    """The job, done."""
    problem = problem_of(job.problem, job.store)
    began_s = monotonic_s()
    search = with_optuna if job.sampler == ORACLE else with_ours
    return Outcome(job, search(problem, job), monotonic_s() - began_s)


OURS: dict[str, Callable[[Space, int], Proposer]] = {
    "tpe": Tpe,
    "tpe, joint": lambda space, seed: Tpe(space, seed, multivariate=True),
    "random": AtRandom,
}


def with_ours(problem: Problem, job: Job) -> float:
    """Best loss of one of our proposers."""
    proposer = OURS[job.sampler](problem.space, job.seed)
    best, done = np.inf, 0
    while done < job.trials and not proposer.exhausted:
        levels = proposer.ask(min(proposer.batch_count, job.trials - done))
        losses = problem.losses(levels)
        proposer.tell(levels, losses)
        best = min(best, float(np.nanmin(np.append(losses, np.inf))))
        done += len(levels)
    return best


def with_optuna(problem: Problem, job: Job) -> float:
    """Best loss of Optuna's TPE with its defaults, told of one point after the other.

    Ordered axes are whole numbers to it, places in the order of values; words are categories. An
    unranked point has an infinite loss.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = problem.space

    def objective(trial: optuna.Trial) -> float:
        levels = np.zeros((1, len(space.axes)), np.uint16)
        for index, axis in enumerate(space.axes):
            if not axis.is_open(levels)[0]:
                levels[0, index] = axis.frozen_level
            elif axis.order is None:
                levels[0, index] = trial.suggest_categorical(
                    axis.name, list(range(axis.level_count))
                )
            else:
                place = trial.suggest_int(axis.name, 0, axis.level_count - 1)
                levels[0, index] = axis.order[place]
        loss = float(problem.losses(levels)[0])
        return loss if np.isfinite(loss) else float("inf")

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=job.seed))
    study.optimize(objective, n_trials=job.trials)
    return float(study.best_value)


def line_of(outcome: Outcome) -> str:
    """What was found, for who waits."""
    job = outcome.job
    return f"{job.problem} {job.sampler} {job.seed}: {outcome.best:.6g}, {outcome.wall_s:.0f} s"


Bests = dict[tuple[str, str], Floats]


def gathered(outcomes: list[Outcome]) -> Bests:
    """(problem, sampler) -> best loss of each seed in order."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for each in outcomes:
        key = (each.job.problem, each.job.sampler)
        found.setdefault(key, []).append((each.job.seed, each.best))
    return {key: np.array([best for _, best in sorted(pairs)]) for key, pairs in found.items()}


def verdict(bests: Bests, problem: str) -> str:
    """`better`, `equal` within one interquartile range of Optuna's, or `worse`."""
    ours, theirs = bests[(problem, "tpe")], bests[(problem, ORACLE)]
    low, middle, high = np.percentile(theirs, [25.0, 50.0, 75.0])
    median = float(np.median(ours))
    if median > middle + (high - low):
        return "worse"
    return "better" if median < middle else "equal"


def table(problems: list[str], bests: Bests) -> str:
    """Best losses as Markdown: median and quartiles over the seeds, less is better."""
    samplers = (ORACLE, *OURS)
    header = ["problem", *samplers, "tpe less optuna, paired", "verdict"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for problem in problems:
        cells = [quartiles(bests[(problem, sampler)]) for sampler in samplers]
        differences = bests[(problem, "tpe")] - bests[(problem, ORACLE)]
        paired = f"{float(np.median(differences)):+.4g}"
        lines.append(f"| {problem} | {' | '.join(cells)} | {paired} | {verdict(bests, problem)} |")
    return "\n".join(lines) + "\n"


def quartiles(values: Floats) -> str:
    """`median (first quartile to third)`."""
    low, middle, high = np.percentile(values, [25.0, 50.0, 75.0])
    return f"{middle:.4g} ({low:.4g} to {high:.4g})"


def tpe_ms_per_trial(trials: int = COST_TRIALS, *, multivariate: bool = False) -> float:
    """CPU milliseconds of asking and telling per trial, over all of them; the function is free."""
    space = even_space(COST_LEVELS, COST_AXES)
    centres = np.random.default_rng(5).integers(0, COST_LEVELS, COST_AXES)
    proposer = Tpe(space, 1, multivariate=multivariate)
    spent_s, done = 0.0, 0
    while done < trials:
        began_s = cpu_s()
        levels = proposer.ask(min(proposer.batch_count, trials - done))
        spent_s += cpu_s() - began_s
        losses = ((levels - centres) ** 2.0).sum(axis=1)
        began_s = cpu_s()
        proposer.tell(levels, losses)
        spent_s += cpu_s() - began_s
        done += len(levels)
    return 1_000.0 * spent_s / trials


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
