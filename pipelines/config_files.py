"""What `perpkit config` does with files: write the example, show, explain, check, print schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemas
from core.artifacts.tree import read_any, write_text_atomic
from core.config import LoadedStrategy, check_file, file_of, load_strategy, strategy_of
from core.errors import InputError, UsageError
from core.yaml_file import read_model, read_yaml_file
from pipelines.import_reference import refuse_to_replace
from schemas.artifact import artifact_schema
from schemas.base import Value
from schemas.faults import nearest
from schemas.kinds import KINDS, known_kinds
from schemas.parameters import Parameter, by_leaf, by_path, group_paths, parameters
from schemas.render_schema import strategy_schema
from schemas.render_yaml import example_text, head_text, overlay_text, word
from schemas.specs import SPECS, spec_schema
from schemas.strategy import ORDERED_OR_EQUAL_PAIRS, ORDERED_PAIRS, Strategy, value_at
from schemas.strategy_file import KIND, path_fault
from schemas.yaml_text import shown

SCHEMA_FILE = "json/strategy.schema.json"
SWEEP_KIND = "sweep-spec"
YAML_KINDS = (KIND, *SPECS)


@dataclass(frozen=True)
class Checked:
    """A file that is right: what it is, and what can be said of it in a few words."""

    kind: str
    version: int
    notes: Mapping[str, str]


def init_file(out: Path, *, force: bool) -> None:
    """Write the commented example, for an editor to check against the installed schema."""
    refuse_to_replace(out, force=force)
    schema = Path(schemas.__file__).resolve().parent / SCHEMA_FILE
    write_text_atomic(out, example_text(str(schema)))


def show_yaml(loaded: LoadedStrategy, symbol: str | None) -> str:
    """The effective values as a strategy file, which gives the same again when it is read."""
    strategy = loaded.strategy if symbol is None else loaded.for_symbol(symbol)
    values = _values(strategy)
    text = f"{head_text(name=loaded.name)}\nglobal:\n{overlay_text(values, depth=1)}"
    if symbol is None and loaded.symbols:
        text += "\nsymbols:\n"
        for name, own in loaded.symbols.items():
            changed = {path: value for path, value in _values(own).items() if value != values[path]}
            text += f"  {word(name)}:\n{overlay_text(changed, depth=2)}"
    return text


def show_rows(loaded: LoadedStrategy, symbol: str | None) -> list[tuple[str, str, str]]:
    """(key, value, origin) of each parameter in declaration order."""
    strategy = loaded.strategy if symbol is None else loaded.for_symbol(symbol)
    origins = loaded.origins if symbol is None else loaded.origins_for_symbol(symbol)
    return [(path, word(value), origins[path]) for path, value in _values(strategy).items()]


def show_data(loaded: LoadedStrategy, symbol: str | None) -> dict[str, Any]:
    """The same as plain data, for JSON."""
    strategy = loaded.strategy if symbol is None else loaded.for_symbol(symbol)
    origins = loaded.origins if symbol is None else loaded.origins_for_symbol(symbol)
    return {
        "config_id": loaded.config_id,
        "name": loaded.name,
        "symbol": symbol,
        "symbols": list(loaded.symbols),
        "values": _values(strategy),
        "origins": dict(origins),
    }


def load(path: Path, *, mode: str | None, live: bool, sets: Sequence[str]) -> LoadedStrategy:
    """The strategy in effect; errors as those of `core.config.load_strategy`."""
    return load_strategy(path, mode=mode, live=live, sets=sets)


def explain(key: str) -> list[tuple[str, str]]:
    """(label, text) lines about a parameter, or the keys of a group with their meaning.

    `key` is a dotted path or a last word that only one path has; UsageError otherwise.
    """
    if key in group_paths():
        return [
            (each.path, each.meaning) for each in parameters() if each.path.startswith(f"{key}.")
        ]
    path = key if key in by_path() else _unique_path(key)
    return _facts(by_path()[path])


def check(path: Path) -> Checked:
    """What the file is; InputError says all that is wrong with it."""
    if path.suffix == ".json":
        envelope, _ = read_any(path)
        return Checked(envelope.kind, envelope.version, {"run": envelope.run_id})
    source = read_yaml_file(path)
    if source.kind == KIND or not source.kind:
        file = file_of(source)
        check_file(file, source)
        sections = ", ".join(f"modes.{mode}" for mode in file.modes)
        notes = {"config_id": strategy_of(source).config_id}
        return Checked(KIND, 1, notes | ({"with": sections} if sections else {}))
    model = SPECS.get(source.kind)
    if model is None:
        raise InputError(
            f"unknown kind {shown(source.kind)}{_nearest_text(source.kind, YAML_KINDS)}",
            at=f"{path}:{source.text.value_mark(('kind',))}: kind",
            hint=f"kinds of YAML files: {', '.join(YAML_KINDS)}",
        )
    if source.kind == SWEEP_KIND:
        return _check_sweep(path)
    read_model(source, model)
    return Checked(source.kind, 1, {})


def _check_sweep(path: Path) -> Checked:
    """A sweep spec with its base strategy and its axes, as `perpkit sweep` takes them."""
    from core.axes import resolve_axes
    from core.search.feasible import refuse_impossible
    from core.search.space import space_of
    from core.sweep_spec import load_sweep

    loaded = load_sweep(path)
    grid = resolve_axes(loaded.spec, loaded.base.strategy, loaded.place)
    refuse_impossible(space_of(grid), loaded.place)
    notes = {"base config_id": loaded.base.config_id, "points": str(grid.listed_count)}
    return Checked(SWEEP_KIND, loaded.spec.version, notes)


def json_schema(kind: str) -> dict[str, Any]:
    """JSON Schema of a kind of file; UsageError for an unknown one."""
    if kind == KIND:
        return strategy_schema()
    if kind in SPECS:
        return spec_schema(kind)
    for body in KINDS:
        if body.kind == kind:
            return artifact_schema(body)
    known = (*YAML_KINDS, *known_kinds())
    raise UsageError(
        f"unknown kind {shown(kind)}{_nearest_text(kind, known)}",
        at="--kind",
        hint=f"kinds: {', '.join(known)}",
    )


def _values(strategy: Strategy) -> dict[str, Value]:
    return {path: value_at(strategy, path) for path in by_path()}


def _unique_path(key: str) -> str:
    """The only path that ends in this word; UsageError when there is none, or more than one."""
    paths = by_leaf().get(key, ())
    if len(paths) == 1:
        return paths[0]
    if paths:
        raise UsageError(
            f"{len(paths)} keys end in {shown(key)}", hint=f"one of {', '.join(paths)}"
        )
    match = nearest(key, by_leaf()) if "." not in key else ""
    if match:
        what = f"unknown key {shown(key)}, the nearest is `{by_leaf()[match][0]}`"
        raise UsageError(what, hint=f"perpkit config explain {by_leaf()[match][0]}")
    what, hint = path_fault(key)
    raise UsageError(what, hint=hint)


def _facts(parameter: Parameter) -> list[tuple[str, str]]:
    facts = [
        ("key", parameter.path),
        ("meaning", parameter.meaning),
        ("type", parameter.type_text),
        ("default", word(parameter.default)),
        ("unit", parameter.unit),
        ("bounds", parameter.bounds_text or "none"),
        ("sweep", ", ".join(map(word, parameter.axis)) or "no values declared"),
    ]
    if parameter.when is not None:
        path, value = parameter.when
        facts.append(("acts with", f"{path}: {word(value)}"))
    for pairs, sign in ((ORDERED_PAIRS, "<"), (ORDERED_OR_EQUAL_PAIRS, "<=")):
        facts += [
            ("rule", f"{low} {sign} {high}") for low, high in pairs if parameter.path in (low, high)
        ]
    facts.append(("record", parameter.record_name or "not in the kernel record"))
    return facts


def _nearest_text(kind: str, known: Sequence[str]) -> str:
    match = nearest(kind, known)
    return f", the nearest is `{match}`" if match else ""
