"""The YAML file of a strategy: its sections, each a partial overlay of the parameters.

    kind: strategy
    version: 1
    name: trend-1h                      # optional, for people
    global: {trade: {stop_loss_atr: 1.5}}
    symbols: {BTC: {trade: {...}}}      # for one symbol
    modes: {conservative: {...}}        # chosen with --mode
    live: {trade: {...}}                # only when trading live

Later sections win: defaults, global, symbols, modes, live, then `--set`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from schemas.base import Value
from schemas.faults import Fault, FaultsFound, dotted, nearest, unknown_key
from schemas.parameters import Parameter, by_leaf, by_path, group_paths
from schemas.strategy import Strategy
from schemas.yaml_text import Mark, Path, YamlText, shown

KIND = "strategy"
VERSION = 1
SECTIONS = ("kind", "version", "name", "global", "symbols", "modes", "live")
MODES = ("primary", "fallback", "conservative", "flat")
MODE_ALIASES = {
    "mode1": "primary",
    "m1": "primary",
    "mode2": "fallback",
    "m2": "fallback",
    "mode3": "conservative",
    "m3": "conservative",
    "safe": "conservative",
    "safety": "conservative",
    "halt": "flat",
    "pause": "flat",
    "paused": "flat",
}
SYMBOL_PATTERN = r"^[A-Za-z0-9_.:/@-]{1,32}$"
NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,64}$"
SYMBOLS_MAX_COUNT = 500
"""Most symbols with a section of their own; each costs one more strategy to check."""
COMMON_GROUPS = (
    "engine.interval",
    "engine.exit_",
    "engine.entry_",
    "engine.univ",
    "market_regime.",
)
NOT_PER_SYMBOL = (
    "trade.fee_schedule",
    "trade.enable_liquidation",
    "trade.total_margin_max_frac",
    "trade.open_positions_max_count",
    "trade.entries_per_bar_max_count",
    *(path for path in by_path() if path.startswith(COMMON_GROUPS)),
)
"""Parameters that an account and its market have once; a symbol's section may not set them."""


@dataclass(frozen=True)
class Setting:
    """A value that a file gives, and where; no place when the reference preset gives it."""

    value: Value
    mark: Mark | None


Overlay = Mapping[str, Setting]
"""Dotted path -> setting, for the parameters that a section names."""


@dataclass(frozen=True)
class StrategyFile:
    """A strategy file as written: what each section sets, checked value by value."""

    name: str = ""
    common: Overlay = field(default_factory=dict)
    symbols: Mapping[str, Overlay] = field(default_factory=dict)
    modes: Mapping[str, Overlay] = field(default_factory=dict)
    live: Overlay = field(default_factory=dict)


def read_strategy_file(text: YamlText) -> StrategyFile:
    """The sections of a strategy file; raises FaultsFound with every problem of the file."""
    checker = _Checker(text)
    read = checker.file()
    if checker.faults:
        raise FaultsFound(checker.faults)
    return read


def mode_name(text: str) -> str:
    """The mode that a name or alias means, or an empty text."""
    return text if text in MODES else MODE_ALIASES.get(text, "")


def value_fault(parameter: Parameter, value: object) -> tuple[str, str] | None:
    """(what, hint) when a value is not allowed for the parameter, else None."""
    if parameter.type == "enum":
        return _word_fault(parameter, value)
    if parameter.type == "bool":
        if isinstance(value, bool):
            return None
        return _type_fault(parameter, value), "write `true` or `false`"
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = f"write {_example(parameter)}, without quotes"
        return _type_fault(parameter, value), hint
    if parameter.type == "int" and not isinstance(value, int):
        return _type_fault(parameter, value), f"write {_example(parameter)}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{parameter.path} must be a finite number, was {value}", _bounds_hint(parameter)
    if not within_bounds(parameter, value):
        what = f"{parameter.path} must be {parameter.bounds_text}, was {shown(value)}"
        return what, _bounds_hint(parameter)
    return None


def within_bounds(parameter: Parameter, value: float) -> bool:
    """Whether a number keeps the declared bounds."""
    holds: dict[str, Callable[[float], bool]]
    for sign, limit in parameter.bounds:
        holds = {
            ">": limit.__lt__,
            ">=": limit.__le__,
            "<": limit.__gt__,
            "<=": limit.__ge__,
        }
        if not holds[sign](value):
            return False
    return True


def clean(parameter: Parameter, value: object) -> Value:
    """A value that is allowed, in the one form that is hashed: 2 for a number is 2.0."""
    assert isinstance(value, bool | int | float | str), parameter.path
    return float(value) + 0.0 if parameter.type == "float" else value


def path_fault(path: str) -> tuple[str, str]:
    """(what, hint) for a dotted path that names no parameter."""
    leaf = path.rsplit(".", 1)[-1]
    if path in group_paths():
        return f"{path} is a group, not a parameter", "name one of its keys"
    if leaf in by_leaf():
        full = " or ".join(by_leaf()[leaf])
        return f"unknown key {shown(path)}, the nearest is `{full}`", f"write `{full}`"
    match = nearest(path, by_path()) or nearest_path_by_leaf(leaf)
    if match:
        return f"unknown key {shown(path)}, the nearest is `{match}`", f"write `{match}`"
    return f"unknown key {shown(path)}", "`perpkit config schema` lists all keys"


def nearest_path_by_leaf(leaf: str) -> str:
    """The full path whose last word looks most like this one; empty when none does."""
    match = nearest(leaf, by_leaf())
    return by_leaf()[match][0] if match else ""


def _word_fault(parameter: Parameter, value: object) -> tuple[str, str] | None:
    if isinstance(value, str) and value in parameter.choices:
        return None
    listed = ", ".join(parameter.choices)
    match = nearest(value, parameter.choices) if isinstance(value, str) else ""
    hint = f"write `{match}`" if match else f"write one of: {listed}"
    return f"{parameter.path} must be one of {listed}, was {shown(value)}", hint


def _type_fault(parameter: Parameter, value: object) -> str:
    kinds: dict[type, Literal["text", "switch", "fraction"]] = {
        str: "text",
        bool: "switch",
        float: "fraction",
    }
    kind = f" ({kinds[type(value)]})" if type(value) in kinds else ""
    return f"{parameter.path} must be {parameter.type_text}, was {shown(value)}{kind}"


def _example(parameter: Parameter) -> str:
    bounds = f" ({parameter.bounds_text})" if parameter.bounds else ""
    return f"{parameter.type_text} such as {shown(parameter.default)}{bounds}"


def _bounds_hint(parameter: Parameter) -> str:
    return f"the default is {shown(parameter.default)}; `perpkit config explain {parameter.path}`"


class _Checker:
    """Walks the data of one file and collects what is wrong with it."""

    def __init__(self, text: YamlText) -> None:
        self.text = text
        self.faults: list[Fault] = []

    def file(self) -> StrategyFile:
        data = self.text.data
        if data is None:
            self._fault((), "the file is empty", "`perpkit config init` writes an example")
            return StrategyFile()
        if not isinstance(data, dict):
            what = f"a strategy file is a mapping, was {shown(data)}"
            self._fault((), what, "`perpkit config init` writes an example")
            return StrategyFile()
        if not self._head(data):
            return StrategyFile()
        for key in data:
            if key not in SECTIONS:
                self._unknown((key,), *_section_fault(key))
        return StrategyFile(
            name=self._name(data),
            common=self._overlay(data.get("global"), ("global",)),
            symbols=self._symbols(data.get("symbols")),
            modes=self._modes(data.get("modes")),
            live=self._overlay(data.get("live"), ("live",)),
        )

    def _head(self, data: Mapping[str, Any]) -> bool:
        """Whether kind and version are ours; with another version the rest cannot be judged."""
        before = len(self.faults)
        if "kind" not in data:
            self._fault((), "the file does not say its kind", f"add the line `kind: {KIND}`")
        elif data["kind"] != KIND:
            what = f"kind must be {KIND}, was {shown(data['kind'])}"
            self._fault(("kind",), what, "give a strategy file")
        if "version" not in data:
            self._fault(
                (), "the file does not say its version", f"add the line `version: {VERSION}`"
            )
        elif type(data["version"]) is not int or data["version"] != VERSION:
            version = data["version"]
            newer = type(version) is int and version > VERSION
            hint = "update perpkit" if newer else f"write `version: {VERSION}`"
            what = f"this perpkit knows version {VERSION} of strategy files, was {shown(version)}"
            self._fault(("version",), what, hint)
        return len(self.faults) == before

    def _name(self, data: Mapping[str, Any]) -> str:
        name = data.get("name", "")
        if "name" in data and not (isinstance(name, str) and re.fullmatch(NAME_PATTERN, name)):
            what = f"name must be a text of 1 to 64 characters in one line, was {shown(name)}"
            self._fault(("name",), what, "put a short text in quotes")
            return ""
        return str(name)

    def _symbols(self, data: object) -> dict[str, Overlay]:
        found: dict[str, Overlay] = {}
        sections = self._mapping(data, ("symbols",))
        if len(sections) > SYMBOLS_MAX_COUNT:
            what = f"at most {SYMBOLS_MAX_COUNT} symbols can have a section, was {len(sections)}"
            self._fault(("symbols",), what, "put what they share under `global`")
            return {}
        for symbol, content in sections.items():
            path = ("symbols", symbol)
            if not re.fullmatch(SYMBOL_PATTERN, symbol):
                what = f"{shown(symbol)} is no symbol"
                self._unknown(path, what, "write it as the venue does, such as BTC or kPEPE")
                continue
            found[symbol] = self._overlay(content, path)
            for banned in NOT_PER_SYMBOL:
                if banned in found[symbol]:
                    what = f"{banned} holds for the whole account, not for one symbol"
                    self._unknown((*path, *banned.split(".")), what, "set it under `global`")
        return found

    def _modes(self, data: object) -> dict[str, Overlay]:
        found: dict[str, Overlay] = {}
        for key, content in self._mapping(data, ("modes",)).items():
            path = ("modes", key)
            mode = mode_name(key)
            if not mode:
                what, hint = unknown_key(key, MODES)
                self._unknown(path, what.replace("key", "mode", 1), hint)
            elif mode in found:
                what = f"mode {mode} is given twice, here as {shown(key)}"
                self._unknown(path, what, "keep one of the two")
            else:
                found[mode] = self._overlay(content, path)
        return found

    def _overlay(self, data: object, at: Path) -> dict[str, Setting]:
        """Settings of one section; problems are noted and their keys left out."""
        found: dict[str, Setting] = {}
        self._group(data, at, "", found)
        return found

    def _group(self, data: object, at: Path, prefix: str, found: dict[str, Setting]) -> None:
        known = _children()[prefix]
        for key, value in self._mapping(data, at).items():
            path = f"{prefix}.{key}" if prefix else key
            here = (*at, key)
            if path in group_paths():
                self._group(value, here, path, found)
            elif key in known:
                self._parameter(by_path()[path], value, here, found)
            else:
                self._unknown(here, *_overlay_fault(key, prefix, known))

    def _parameter(
        self, parameter: Parameter, value: object, at: Path, found: dict[str, Setting]
    ) -> None:
        fault = value_fault(parameter, value)
        if fault is not None:
            self._fault(at, *fault)
        else:
            mark = self.text.key_mark(at)
            found[parameter.path] = Setting(clean(parameter, value), mark)

    def _mapping(self, data: object, at: Path) -> dict[str, Any]:
        """The mapping of a section; an empty one may be left blank."""
        if data is None:
            return {}
        if isinstance(data, dict):
            return data
        what = f"{dotted(at)} must be a mapping of keys to values, was {shown(data)}"
        self._fault(at, what, "write its keys below it, indented by two spaces")
        return {}

    def _fault(self, at: Path, what: str, hint: str) -> None:
        self.faults.append(Fault(what, self.text.value_mark(at), dotted(at), hint))

    def _unknown(self, at: Path, what: str, hint: str) -> None:
        self.faults.append(Fault(what, self.text.key_mark(at), dotted(at), hint))


@cache
def _children() -> dict[str, list[str]]:
    """Group path (empty for the top) -> names directly in it."""
    found: dict[str, list[str]] = {"": list(Strategy.model_fields)}
    for path in (*by_path(), *sorted(group_paths())):
        group, _, name = path.rpartition(".")
        if name not in found.setdefault(group, []):
            found[group].append(name)
    return found


def _section_fault(key: str) -> tuple[str, str]:
    """(what, hint) for a word that is no section of the file."""
    if key in Strategy.model_fields:
        return f"`{key}` stands at the top of the file", f"move `{key}:` below `global:`"
    if key in by_leaf():
        path = by_leaf()[key][0]
        return f"unknown key {shown(key)}, the nearest is `{path}`", f"move it to global.{path}"
    return unknown_key(key, SECTIONS)


def _overlay_fault(key: str, prefix: str, known: list[str]) -> tuple[str, str]:
    """(what, hint) for a key that is not in this group; it may be in another one."""
    elsewhere = by_leaf().get(key, ())
    if elsewhere:
        full = " or ".join(elsewhere)
        place = prefix or "here"
        what = f"unknown key {shown(key)} in {place}, the nearest is `{full}`"
        return what, f"move it to {full}"
    groups = [path for path in group_paths() if path.endswith(f".{key}")]
    if groups:
        what = f"unknown group {shown(key)}, the nearest is `{groups[0]}`"
        return what, f"move it to {groups[0]}"
    what, hint = unknown_key(key, known)
    if "nearest" in what:
        return what, hint
    hint = f"remove it; `perpkit config explain {prefix}` lists the keys" if prefix else hint
    match = nearest_path_by_leaf(key)
    if match:
        return f"unknown key {shown(key)}, the nearest is `{match}`", f"write {match}"
    return what, hint
