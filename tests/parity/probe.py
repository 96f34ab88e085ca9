"""What the kernel makes of random strategies on random markets, as digests to compare.

Run as `python -m tests.parity.probe SEED...`; prints one JSON object.  With NUMBA_DISABLE_JIT=1 the
same source runs as plain Python.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from core.artifacts.hashing import canonical_json
from core.simulate import simulate
from core.state_file import body_of
from kernel import codes
from tests.grid_rows import grid_stats
from tests.strategies import random_market, random_strategy


def digest(data: bytes) -> str:
    """Sixteen letters of the data's SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def outcome(seed: int) -> dict[str, Any]:
    """Digest of every part of one run, and its trades' reasons in order."""
    block, strategy = random_market(seed), random_strategy(seed)
    run = simulate(block, strategy)
    body = body_of(run.state, "0" * 64, "1h")
    return {
        "trades": digest(run.trades.tobytes()),
        "equity": digest(run.equity_usd.tobytes()),
        "indicators": digest(run.bank.values.tobytes()),
        "stats": digest(run.stats.tobytes()),
        "counters": run.counters,
        "state": digest(canonical_json(body.model_dump(mode="json"))),
        "grid": digest(grid_stats(block, [strategy]).tobytes()),
        "reasons": [codes.REASONS[reason] for reason in run.trades["reason"].tolist()],
    }


def outcomes(seeds: Sequence[int]) -> dict[str, Any]:
    """`outcome` of each seed, and whether the kernel was compiled."""
    # Uncompiled arithmetic on numpy scalars warns where compiled arithmetic does not.
    with np.errstate(all="ignore"):
        runs = {str(seed): outcome(seed) for seed in seeds}
    return {"is_compiled": not numba.config.DISABLE_JIT, "runs": runs}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(outcomes([int(text) for text in sys.argv[1:]])))
