"""A strategy as it takes effect: which value holds, and which line of which file gave it.

Later sources win: defaults, `global`, `symbols.<SYM>`, `modes.<mode>`, `live`, `--set`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.artifacts.hashing import canonical_json, sha256_hex
from core.errors import InputError, UsageError
from core.market.bars import BarBlock
from core.yaml_file import YamlFile, faults_error, read_yaml_file
from schemas.base import Value
from schemas.faults import Fault, FaultsFound
from schemas.parameters import by_path, parameters
from schemas.render_yaml import overlay_text, strategy_text, word
from schemas.strategy import Strategy, order_faults, strategy_from
from schemas.strategy_file import (
    MODES,
    Overlay,
    StrategyFile,
    clean,
    mode_name,
    path_fault,
    read_strategy_file,
    value_fault,
)
from schemas.yaml_text import Mark, read_scalar, shown

DEFAULT = "default"
PRESET = "the reference preset"
SET = "--set"


@dataclass(frozen=True)
class LoadedStrategy:
    """A strategy file in effect.

    `origins` says for each dotted key what gave its value: `default`, `FILE:LINE`,
    `mode NAME (FILE:LINE)`, `live (FILE:LINE)` or `--set`.  `symbols` holds the whole effective
    strategy of each symbol that differs from the common one, `symbol_origins` what gave its values.
    """

    path: str
    name: str
    strategy: Strategy
    config_id: str
    origins: Mapping[str, str]
    source_sha256: str
    symbols: Mapping[str, Strategy] = field(default_factory=dict)
    symbol_origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def for_symbol(self, symbol: str) -> Strategy:
        """The strategy that holds for a symbol: its own, or the common one."""
        return self.symbols.get(symbol, self.strategy)

    def origins_for_symbol(self, symbol: str) -> Mapping[str, str]:
        """What gave each value of the strategy that holds for a symbol."""
        return self.symbol_origins.get(symbol, self.origins)


@dataclass(frozen=True)
class _Given:
    """A value with its origin, and its place when a file gave it."""

    value: Value
    origin: str
    mark: Mark | None = None


def load_strategy(
    path: Path, *, mode: str | None = None, live: bool = False, sets: Sequence[str] = ()
) -> LoadedStrategy:
    """The strategy of a file with a mode, the live section and `--set KEY=VALUE` applied.

    Raises InputError for a file that is missing or wrong in any way, UsageError for a mode or a
    `--set` that is: a broken file never means defaults.
    """
    return strategy_of(read_yaml_file(path), mode=mode, live=live, sets=sets)


def strategy_of(
    source: YamlFile, *, mode: str | None = None, live: bool = False, sets: Sequence[str] = ()
) -> LoadedStrategy:
    """The strategy of a file that was read; errors as those of `load_strategy`."""
    return effective(file_of(source), source, mode=mode, live=live, sets=sets)


def file_of(source: YamlFile) -> StrategyFile:
    """The sections of a strategy file; InputError lists what is wrong."""
    try:
        return read_strategy_file(source.text)
    except FaultsFound as found:
        raise faults_error(found, str(source.path)) from found


def check_file(file: StrategyFile, source: YamlFile) -> None:
    """Raise InputError unless the sections hold together in each mode, live and not."""
    for mode in (None, *file.modes):
        for live in (False, True):
            effective(file, source, mode=mode, live=live)


def effective(
    file: StrategyFile,
    source: YamlFile,
    *,
    mode: str | None = None,
    live: bool = False,
    sets: Sequence[str] = (),
) -> LoadedStrategy:
    """The sections merged for a mode; `source` is where they come from."""
    path = str(source.path)
    given = _set_values(sets)
    chosen = _mode(file, mode, path) if mode is not None else ""
    values = _merge(file, path, symbol="", mode=chosen, live=live) | given
    strategy = _strategy(values, path)
    by_symbol = {
        symbol: _merge(file, path, symbol=symbol, mode=chosen, live=live) | given
        for symbol in sorted(file.symbols)
    }
    own = {symbol: _strategy(merged, path, symbol) for symbol, merged in by_symbol.items()}
    differing = {symbol: each for symbol, each in own.items() if each != strategy}
    return LoadedStrategy(
        path=path,
        name=file.name,
        strategy=strategy,
        config_id=config_id(strategy, differing),
        origins=_origins(values),
        source_sha256=source.sha256,
        symbols=differing,
        symbol_origins={symbol: _origins(merged) for symbol, merged in by_symbol.items()},
    )


def require_own_symbols(loaded: LoadedStrategy, block: BarBlock) -> None:
    """Raise InputError when the file gives values to a symbol that has no bars in the block."""
    try:
        block.columns_of(tuple(sorted(loaded.symbols)))
    except InputError as error:
        at = f"{loaded.path}: symbols; {error.at}"
        raise InputError(error.what, at=at, hint=error.hint) from error


def config_id(strategy: Strategy, symbols: Mapping[str, Strategy] | None = None) -> str:
    """SHA-256 of the effective configuration; `symbols` are those that differ from the common."""
    content: dict[str, Any] = {
        "strategy": strategy.model_dump(),
        "symbols": {symbol: own.model_dump() for symbol, own in (symbols or {}).items()},
    }
    return sha256_hex(canonical_json(content))


def strategy_yaml(
    strategy: Strategy,
    own: Mapping[str, Mapping[str, Value]] | None = None,
    *,
    comment: str = "",
    name: str = "",
) -> str:
    """A complete strategy file with these values, each explained; `comment` goes to its top.

    `own` are the values of single symbols by dotted path.
    """
    text = strategy_text(strategy, comment=comment, name=name)
    sections = [
        f"  {word(symbol)}:\n{overlay_text(values, depth=2)}"
        for symbol, values in (own or {}).items()
        if values
    ]
    return text + ("symbols:\n" + "".join(sections) if sections else "")


def parse_set(text: str) -> tuple[str, Value]:
    """(path, value) of one `--set KEY=VALUE`; UsageError names the nearest key."""
    path, equals, word = (part.strip() for part in text.partition("="))
    at = f"--set {shown(text).strip('`')}"
    if not equals or not path:
        raise UsageError("--set takes KEY=VALUE", at=at, hint="--set trade.stop_loss_atr=1.5")
    parameter = by_path().get(path)
    if parameter is None:
        what, hint = path_fault(path)
        raise UsageError(what, at=at, hint=hint)
    try:
        value = word if parameter.type == "enum" else read_scalar(word)
    except ValueError as error:
        raise UsageError(str(error), at=at, hint="write a shorter number") from error
    fault = value_fault(parameter, value)
    if fault is not None:
        raise UsageError(fault[0], at=at, hint=fault[1])
    return path, clean(parameter, value)


def _set_values(sets: Sequence[str]) -> dict[str, _Given]:
    return {path: _Given(value, SET) for path, value in map(parse_set, sets)}


def _mode(file: StrategyFile, mode: str, path: str) -> str:
    """The mode's own name; UsageError when it is unknown or the file has no such section."""
    name = mode_name(mode)
    if not name:
        known = ", ".join(MODES)
        raise UsageError(f"unknown mode {shown(mode)}", at="--mode", hint=f"modes are {known}")
    if name not in file.modes:
        present = ", ".join(file.modes) or "none"
        raise UsageError(
            f"the file has no section modes.{name}",
            at=path,
            hint=f"add it, or choose one that is there: {present}",
        )
    return name


def _merge(
    file: StrategyFile, path: str, *, symbol: str, mode: str, live: bool
) -> dict[str, _Given]:
    """Every parameter's value and origin, without `--set`."""
    values = {parameter.path: _Given(parameter.default, DEFAULT) for parameter in parameters()}
    layers: list[tuple[str, Overlay]] = [("", file.common)]
    if symbol:
        layers.append((f"symbol {symbol}", file.symbols[symbol]))
    if mode:
        layers.append((f"mode {mode}", file.modes[mode]))
    if live:
        layers.append(("live", file.live))
    for label, overlay in layers:
        for key, setting in overlay.items():
            place = f"{path}:{setting.mark.line}" if setting.mark else PRESET
            origin = f"{label} ({place})" if label else place
            values[key] = _Given(setting.value, origin, setting.mark)
    return values


def _strategy(values: Mapping[str, _Given], path: str, symbol: str = "") -> Strategy:
    """The model of merged values; InputError when two of them contradict each other."""
    broken = order_faults(lambda key: values[key].value)
    for lower, upper, what in broken:
        if SET in (values[lower].origin, values[upper].origin):
            raise UsageError(what, at=SET, hint=_order_hint(values, lower, upper))
    if broken:
        raise faults_error(
            FaultsFound([_order_fault(values, *fault, symbol) for fault in broken]), path
        )
    try:
        return strategy_from({key: given.value for key, given in values.items()})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(word) for word in first["loc"])
        raise InputError(f"{key}: {first['msg']}", at=path) from error


def _order_fault(
    values: Mapping[str, _Given], lower: str, upper: str, what: str, symbol: str
) -> Fault:
    """The fault, placed at the later of the two lines that gave the values."""
    marks = {key: mark for key in (lower, upper) if (mark := values[key].mark) is not None}
    key = max(marks, key=lambda each: (marks[each].line, marks[each].column))
    suffix = f" (for {symbol})" if symbol else ""
    return Fault(f"{what}{suffix}", marks[key], key, _order_hint(values, lower, upper))


def _order_hint(values: Mapping[str, _Given], lower: str, upper: str) -> str:
    return f"{lower} comes from {values[lower].origin}, {upper} from {values[upper].origin}"


def _origins(values: Mapping[str, _Given]) -> dict[str, str]:
    return {key: given.origin for key, given in values.items()}
