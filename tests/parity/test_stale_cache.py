"""A cache of compiled code never outlives the rules that it was compiled from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# The caller stands in features.py, the leaf that is edited in indicators.py: numba's own cache
# looks at the caller's file alone.
SCRIPT = """
import json
import numpy as np
from kernel.features import KIND_EMA, fill_series
from kernel.jit import kernel_id

close = np.array([[1.0], [2.0], [4.0]])
bars = (close, close, close, close, np.ones((3, 1), np.bool_))
column = np.zeros((4, 1))
fill_series(KIND_EMA, (3, 0, 0), bars, np.zeros((1, 2)), column)
hits = sum(fill_series.stats.cache_hits.values())
print(json.dumps({"id": kernel_id(), "ema": column[1:, 0].tolist(), "hits": hits}))
"""


@dataclass(frozen=True)
class Answer:
    """What the script printed: kernel_id, the caller's result, functions taken from the cache."""

    kernel_id: str
    ema: list[float]
    hits: int


def asked(folder: Path) -> Answer:
    """The script's answer with the kernel in `folder` and a cache of its own beside it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PERPKIT_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return Answer(answer["id"], answer["ema"], answer["hits"])


def test_an_edited_leaf_reaches_its_callers_in_other_files(tmp_path: Path) -> None:
    shutil.copytree(
        REPOSITORY / "kernel", tmp_path / "kernel", ignore=shutil.ignore_patterns("__pycache__")
    )
    fresh, cached = asked(tmp_path), asked(tmp_path)

    leaf = tmp_path / "kernel" / "indicators.py"
    source = leaf.read_text()
    assert source.count("alpha = 2.0 / (window + 1.0)") == 1
    leaf.write_text(source.replace("alpha = 2.0 / (window + 1.0)", "alpha = 1.0 / (window + 1.0)"))
    edited = asked(tmp_path)

    assert (fresh.ema, fresh.hits) == ([1.0, 1.5, 2.75], 0)
    assert (cached.ema, cached.kernel_id) == (fresh.ema, fresh.kernel_id)
    assert cached.hits > 0, "the second run compiled anew, so this test would prove nothing"
    assert edited.ema == [1.0, 1.25, 1.9375]
    assert edited.kernel_id != fresh.kernel_id


def test_the_identity_covers_every_source_of_the_kernel(tmp_path: Path) -> None:
    script = "from kernel.jit import kernel_id; print(kernel_id())"
    ids = set()
    names = sorted(path.name for path in (REPOSITORY / "kernel").glob("*.py"))
    for name in ("", *names):
        folder = tmp_path / (name or "whole")
        shutil.copytree(
            REPOSITORY / "kernel", folder / "kernel", ignore=shutil.ignore_patterns("__pycache__")
        )
        if name:
            with (folder / "kernel" / name).open("a") as file:
                file.write("# another rule\n")
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        ids.add(done.stdout)

    assert len(ids) == 1 + len(names)
