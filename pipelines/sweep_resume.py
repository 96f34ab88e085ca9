"""Going on with a sweep that was stopped: which journal, what it was asked, what it rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.artifacts.hashing import canonical_json
from core.artifacts.runs import Run, find_run
from core.errors import InputError, UsageError
from core.store.shards import read_notes
from kernel.jit import kernel_id
from pipelines.sweep_results import Search
from schemas.sweep import SweepReport

if TYPE_CHECKING:
    from pipelines.sweep import SweepRequest

SUFFIX = ".journal.sqlite"


def journal_of(run: Run, name: str) -> Path:
    """The journal of the sweep of that name."""
    return run.path(SweepReport.folder, f"{name}{SUFFIX}")


def identity_of(search: Search, request: SweepRequest) -> dict[str, str]:
    """All that the figures of a search rest on, by name."""
    return {
        "spec": search.loaded.sha256,
        "base strategy": search.loaded.base.config_id,
        "bars": search.block.sha256,
        "window": canonical_json(search.windows.model_dump()).decode(),
        "initial_equity_usd": repr(request.initial_equity_usd),
        "decision rules": kernel_id(),
    }


def noted(request: SweepRequest) -> str:
    """What a sweep was asked, as its journal keeps it."""
    return json.dumps(
        {
            "spec": str(request.spec.absolute()),
            "store": str(request.store.absolute()),
            "initial_equity_usd": request.initial_equity_usd,
        }
    )


def refuse_beside(
    resume: str | None,
    spec: Path | None,
    initial_equity_usd: float | None,
    run_id: str | None,
    *,
    force: bool,
) -> None:
    """Raise UsageError without a spec, and for options that a stopped sweep decides itself."""
    if resume is None and spec is None:
        raise UsageError(
            "there is no spec to sweep",
            at="perpkit sweep",
            hint="name one, such as config/sweep.example.yaml, or give --resume RUN",
        )
    given = {"--initial-equity-usd": initial_equity_usd, "--run": run_id, "--force": force or None}
    refused = [option for option, value in given.items() if value is not None]
    if resume is not None and refused:
        raise UsageError(
            f"a sweep goes on with what it began with: {refused[0]} is in the way",
            at=f"{refused[0]} beside --resume {resume}",
            hint=f"leave out {refused[0]}, or sweep anew without --resume",
        )


def resumed(
    request: SweepRequest, run_id: str, *, spec: Path | None, store: Path | None
) -> SweepRequest:
    """The request that goes on with the stopped sweep of a run; what is given replaces what it had.

    Raises InputError when the run has no such sweep, or several.
    """
    run = find_run(request.root, run_id)
    folder = run.dir / SweepReport.folder
    journals = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    if len(journals) != 1:
        names = ", ".join(path.name.removesuffix(SUFFIX) for path in journals)
        raise InputError(
            f"the run has {len(journals)} stopped sweeps ({names})"
            if journals
            else "the run has no stopped sweep",
            at=str(folder),
            hint="run the sweep's own command again with --run, which goes on with its journal"
            if journals
            else "`perpkit show RUN` lists what it has; sweep anew without --resume",
        )
    asked = json.loads(read_notes(journals[0])["request"])
    return replace(
        request,
        spec=spec or Path(asked["spec"]),
        store=store or Path(asked["store"]),
        initial_equity_usd=asked["initial_equity_usd"],
        run_id=run.run_id,
        journal=journals[0],
    )
