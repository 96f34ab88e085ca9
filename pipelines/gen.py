"""Writes every file that is made from the declarations: `python -m pipelines.gen [--check]`.

With `--check` nothing is written; it names the stale files and exits 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from core.artifacts.tree import write_text_atomic
from core.errors import PerpkitError, RefusedError, UsageError

REPOSITORY = Path(__file__).resolve().parent.parent
SCHEMAS = "schemas/json"


def _params() -> str:
    from schemas.render_params import params_source

    return params_source()


def _strategies() -> str:
    from schemas.render_strategies import strategies_source

    return strategies_source()


def _strategy_schema() -> str:
    from schemas.render_schema import strategy_schema_text

    return strategy_schema_text()


def _example() -> str:
    from schemas.render_yaml import example_text

    return example_text()


def _table() -> str:
    from schemas.render_table import parameters_markdown

    return parameters_markdown()


def _faults() -> str:
    from schemas.render_faults import faults_markdown

    return faults_markdown()


def _reference_preset() -> str:
    from schemas.reference_preset import preset_text

    return preset_text()


FILES: dict[str, Callable[[], str]] = {
    "kernel/params.py": _params,
    "kernel/strategies.py": _strategies,
    f"{SCHEMAS}/strategy.schema.json": _strategy_schema,
    "config/strategy.example.yaml": _example,
    "config/presets/reference.yaml": _reference_preset,
    "docs/faults.md": _faults,
    "docs/parameters.md": _table,
}
"""Path in the repository -> its text; the parameter record first, since others import it."""


def generated() -> dict[str, str]:
    """Every generated file and the text it should have."""
    return {path: render() for path, render in FILES.items()} | _kind_schemas()


def stale_paths(root: Path = REPOSITORY) -> list[str]:
    """Generated files that are missing, differ, or belong to a kind that is gone."""
    wanted = generated()
    stale = [path for path, text in wanted.items() if _text_at(root / path) != text]
    return stale + _orphans(root, wanted)


def write_all(root: Path = REPOSITORY) -> list[str]:
    """Write what is stale and remove schemas of kinds that are gone; the paths touched."""
    touched = []
    for path, render in FILES.items():
        touched += _write(root, path, render())
    wanted = generated()
    for path, text in wanted.items():
        touched += _write(root, path, text)
    for path in _orphans(root, wanted):
        (root / path).unlink()
        touched.append(path)
    return touched


def main(arguments: Sequence[str]) -> int:
    """Exit code of the command; stale or changed paths go to stdout."""
    try:
        _run(arguments)
    except PerpkitError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        return error.exit_code
    return 0


def _run(arguments: Sequence[str]) -> None:
    if arguments not in ([], ["--check"]):
        given = " ".join(arguments)
        raise UsageError(f"unknown arguments: {given}", hint="python -m pipelines.gen [--check]")
    paths = stale_paths() if arguments else write_all()
    sys.stdout.writelines(f"{path}\n" for path in paths)
    if arguments and paths:
        count = f"{len(paths)} generated file{'s are' if len(paths) > 1 else ' is'} stale"
        raise RefusedError(count, at=", ".join(paths), hint="make gen")


def _kind_schemas() -> dict[str, str]:
    """The JSON Schema of each kind of artifact and spec."""
    from schemas.artifact import artifact_schema
    from schemas.kinds import KINDS
    from schemas.render_schema import schema_text
    from schemas.specs import SPECS, spec_schema

    found = {body.kind: artifact_schema(body) for body in KINDS}
    found |= {kind: spec_schema(kind) for kind in SPECS}
    return {f"{SCHEMAS}/{kind}.schema.json": schema_text(found[kind]) for kind in sorted(found)}


def _orphans(root: Path, wanted: dict[str, str]) -> list[str]:
    found = (f"{SCHEMAS}/{file.name}" for file in sorted((root / SCHEMAS).glob("*.schema.json")))
    return [path for path in found if path not in wanted]


def _write(root: Path, path: str, text: str) -> list[str]:
    target = root / path
    if _text_at(target) == text:
        return []
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(target, text)
    return [path]


def _text_at(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
