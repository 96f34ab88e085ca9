"""One source, two ways: plain Python and compiled code agree to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.strategies import EntryStrategy
from tests.parity.probe import outcomes
from tests.strategies import random_strategy, seeds

REPOSITORY = Path(__file__).resolve().parents[2]
# A smaller batch says no more than the seed that the message names.
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)


def plain_outcomes(batch: list[int]) -> dict[str, Any]:
    """The probe's answer from interpreters that compile nothing: two, one for each core."""
    half = -(-len(batch) // 2)
    probes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.parity.probe", *map(str, part)],
            cwd=REPOSITORY,
            env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in (batch[:half], batch[half:])
    ]
    answers: list[dict[str, Any]] = []
    for probe in probes:
        out, said = probe.communicate()
        assert probe.returncode == 0, said
        answers.append(json.loads(out))
    return {
        "is_compiled": any(each["is_compiled"] for each in answers),
        "runs": {seed: run for each in answers for seed, run in each["runs"].items()},
    }


def assert_both_ways_agree(batch: list[int]) -> set[str]:
    """Run the batch both ways; the reasons for which positions were closed."""
    compiled, plain = outcomes(batch), plain_outcomes(batch)
    assert compiled["is_compiled"]
    assert not plain["is_compiled"]
    for seed, ours in compiled["runs"].items():
        theirs = plain["runs"][seed]
        differing = [part for part in ours if ours[part] != theirs[part]]
        assert differing == [], f"seed {seed}: compiled and plain Python differ in {differing}"
    return {reason for run in compiled["runs"].values() for reason in run["reasons"]}


# Start-up and the batch's runs cost seconds, so one example is a whole batch.
@settings(max_examples=2, phases=NO_SHRINK)
@given(st.lists(seeds, min_size=7, max_size=7, unique=True))
def test_plain_python_and_compiled_code_agree_on_random_strategies(batch: list[int]) -> None:
    assert_both_ways_agree(batch)


def test_the_random_strategies_reach_most_reasons_to_close_and_every_strategy() -> None:
    batch = list(range(12))

    reasons = assert_both_ways_agree(batch)

    assert len(reasons) >= 11, sorted(reasons)
    chosen = {random_strategy(seed).strategies.entry_strategy for seed in batch}
    assert chosen == set(get_args(EntryStrategy))


@pytest.mark.proof
@settings(max_examples=15, phases=NO_SHRINK)
@given(st.lists(seeds, min_size=30, max_size=30, unique=True))
def test_plain_python_and_compiled_code_agree_on_many_random_strategies(batch: list[int]) -> None:
    assert_both_ways_agree(batch)
