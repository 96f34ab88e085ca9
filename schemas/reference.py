"""A configuration in the reference's keys, read into the sections of a strategy file of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.faults import Fault, FaultsFound, dotted, nearest
from schemas.parameters import by_path
from schemas.reference_keys import (
    GROUPS,
    KEYS,
    KNOWN,
    NEUTRAL_PROFILES,
    NO_EFFECT,
    NO_EFFECT_GROUPS,
)
from schemas.reference_preset import own_value, preset_values
from schemas.strategy_file import (
    NOT_PER_SYMBOL,
    Overlay,
    Setting,
    StrategyFile,
    clean,
    mode_name,
    value_fault,
)
from schemas.yaml_text import Mark, Path, YamlText, shown

SECTIONS = ("global", "symbols", "modes", "live", "watchlist_exclude")
EXHAUSTION = ("trade.smart_exit_adx_exhaustion_lt", "trade.smart_exit_adx_exhaustion_lt_low_conf")
BREAKEVEN_KEYS = (
    "trade.enable_breakeven_stop",
    "trade.breakeven_start_atr",
    "trade.breakeven_buffer_atr",
)
SUB_BARS = ("engine.entry_interval", "engine.exit_interval")


@dataclass(frozen=True)
class Note:
    """Something of the file that the result does not carry, or carries otherwise."""

    what: str
    mark: Mark
    key: str


@dataclass(frozen=True)
class Imported:
    """The sections in our keys: `common` has every parameter, the others what the file set."""

    file: StrategyFile
    notes: tuple[Note, ...]


def read_reference(text: YamlText) -> Imported:
    """The file in our terms over the reference preset; FaultsFound lists what cannot be taken."""
    reader = _Reader(text)
    file = reader.file()
    if reader.faults:
        raise FaultsFound(reader.faults)
    return Imported(file, tuple(sorted(reader.notes, key=lambda note: note.mark.line)))


@dataclass
class _Section:
    """What one section sets: in their keys as written, and in ours."""

    at: Path
    theirs: dict[str, object] = field(default_factory=dict)
    ours: dict[str, Setting] = field(default_factory=dict)


class _Reader:
    """Walks the data of one file; collects faults and notes."""

    def __init__(self, text: YamlText) -> None:
        self.text = text
        self.faults: list[Fault] = []
        self.notes: list[Note] = []
        self.common_theirs: dict[str, object] = {}

    def file(self) -> StrategyFile:
        data = self.text.data
        if not isinstance(data, dict) or not data:
            was = "the file is empty" if not data else f"a mapping is expected, was {shown(data)}"
            self._fault((), was, "config/presets/reference.yaml holds the reference's own defaults")
            return StrategyFile()
        if "kind" in data:
            what = "the file says its kind, so it is in perpkit's keys already"
            self._fault(("kind",), what, "`perpkit config check` reads it")
            return StrategyFile()
        common = self._common(data)
        self.common_theirs = common.theirs
        preset = {path: Setting(value, None) for path, value in preset_values().items()}
        sections = {
            "symbols": self._symbols(data.get("symbols"), ("symbols",)),
            "modes": self._modes(data.get("modes")),
        }
        live = self._live(data.get("live"))
        self._check_live_order(live, sections["modes"])
        named = [section for group in sections.values() for section in group.values()]
        self._note_exhaustion([common, live, *named])
        return StrategyFile(
            common=preset | common.ours,
            symbols=_overlays(sections["symbols"]),
            modes=_overlays(sections["modes"]),
            live=live.ours,
        )

    def _common(self, data: Mapping[str, Any]) -> _Section:
        """The `global` section; without one, the groups at the top stand for it."""
        flat = {key: value for key, value in data.items() if key not in SECTIONS}
        if data.get("watchlist_exclude"):
            self._note(("watchlist_exclude",), "its backtests trade every symbol; here: --symbols")
        if "global" in data or not any(key in GROUPS for key in flat):
            for key in flat:
                what = "it stands beside `global` and was read by nothing"
                self._note((key,), what if key in GROUPS else _unknown_text(key))
            return self._section(data.get("global"), ("global",))
        self._note((next(iter(flat)),), "there is no `global` section; the groups are taken as one")
        return self._section(flat, ())

    def _symbols(self, data: object, at: Path) -> dict[str, _Section]:
        found = {}
        for symbol, content in self._mapping(data, at).items():
            here = (*at, symbol)
            section = self._section(content, here)
            for path in NOT_PER_SYMBOL:
                if path in section.ours:
                    what = f"{path} holds for the whole account here, not for one symbol"
                    self._fault(here, what, "set it under `global`")
            if section.ours:
                what = (
                    "its backtests of several symbols ignore this section; here it is traded: "
                    "remove it to have their result"
                )
                self._note(here, what)
                found[symbol] = section
        return found

    def _modes(self, data: object) -> dict[str, _Section]:
        found: dict[str, _Section] = {}
        for key, content in self._mapping(data, ("modes",)).items():
            here: Path = ("modes", key)
            mode = mode_name(key)
            if not mode:
                self._note(here, "it is no mode of the reference, so nothing chose it")
            elif mode in found:
                self._fault(here, f"mode {mode} is given twice", "keep one of the two")
            else:
                found[mode] = self._section(content, here)
        return found

    def _live(self, data: object) -> _Section:
        """The `live` section, which may be flat or have a `global` of its own."""
        content = self._mapping(data, ("live",))
        if not ({"global", "symbols"} & set(content)):
            return self._section(content, ("live",))
        for key in content:
            if key not in ("global", "symbols"):
                self._note(("live", key), "it stands beside `live.global` and was read by nothing")
        if self._mapping(content.get("symbols"), ("live", "symbols")):
            what = "live values for one symbol cannot be expressed here"
            self._fault(("live", "symbols"), what, "move them to `symbols`, or remove them")
        return self._section(content.get("global"), ("live", "global"))

    def _section(self, data: object, at: Path) -> _Section:
        section = _Section(at)
        self._group(data, "", section)
        self._check_breakeven(section)
        return section

    def _group(self, data: object, prefix: str, section: _Section) -> None:
        at = (*section.at, *prefix.split(".")) if prefix else section.at
        for key, value in self._mapping(data, at).items():
            path = f"{prefix}.{key}" if prefix else key
            here = (*at, key)
            if path in GROUPS:
                self._group(value, path, section)
            elif path in KEYS:
                self._key(path, value, section)
            elif path in SUB_BARS:
                self._sub_bars(path, value, section)
            elif path in NO_EFFECT:
                section.theirs[path] = value
                self._note(here, NO_EFFECT[path])
            elif path in NO_EFFECT_GROUPS:
                self._check_plan(path, value, here)
                self._note(here, NO_EFFECT_GROUPS[path])
            else:
                self._note(here, _unknown_text(path))

    def _key(self, path: str, value: object, section: _Section) -> None:
        """Take over one key that acts there, in our unit and name."""
        at = (*section.at, *path.split("."))
        ours = by_path()[KEYS[path].ours]
        if path == "trade.reentry_cooldown_minutes":
            if isinstance(value, bool) or not isinstance(value, int | float):
                what = f"{path} must be a number of minutes, was {shown(value)}"
                self._fault(at, what, "write 0 for off, 60 for on")
                return
            if value not in (0, KEYS[path].default):
                self._note(
                    at, "only whether it is 0 matters; the length comes from the min and max"
                )
        given = own_value(path, value) if isinstance(value, bool | int | float | str) else value
        fault = value_fault(ours, given)
        if fault is not None:
            what, hint = fault
            if ours.type == "bool":
                hint = _switch_hint(value)
            elif ours.path != path:
                hint = f"here it is {ours.path}; {hint}"
            self._fault(at, what.replace(ours.path, path, 1), hint)
            return
        section.theirs[path] = clean(ours, given)
        section.ours[ours.path] = Setting(clean(ours, given), self.text.key_mark(at))

    def _sub_bars(self, path: str, value: object, section: _Section) -> None:
        """Take over a finer interval; of entries, one that does not wait for the bar's close."""
        at = (*section.at, *path.split("."))
        if value in (None, "", self._engine_key(section, "interval")):
            if value:
                self._note(at, "it is the bar itself, so there are no finer bars")
            return
        waits = self._engine_key(section, "signal_on_candle_close")
        if path == "engine.entry_interval" and waits is not False:
            self._note(
                at,
                "its signals wait for the close of the bar, which is when they are taken here "
                "anyway; there an opposite signal leaves a position open then, here it closes it",
            )
            return
        fault = value_fault(by_path()[path], value)
        if fault is not None:
            self._fault(at, *fault)
            return
        self._note(at, "exits and entries inside a bar follow the time model of docs/kernel.md")
        section.ours[path] = Setting(clean(by_path()[path], value), self.text.key_mark(at))

    def _engine_key(self, section: _Section, key: str) -> object:
        """A key of their `engine` that holds for a section, as far as the file says."""
        for at in (section.at, ("global",), ()):
            node: Any = self.text.data
            for step in (*at, "engine", key):
                node = node.get(step) if isinstance(node, dict) else None
            if node is not None:
                return node
        return KEYS["engine.interval"].default if key == "interval" else None

    def _check_breakeven(self, section: _Section) -> None:
        """Refuse the one way in which its breakeven stop does act: it closes at once."""
        if not any(key in section.theirs for key in BREAKEVEN_KEYS):
            return
        given = self.common_theirs | section.theirs
        start = given.get("trade.breakeven_start_atr", 0.7)
        buffer = given.get("trade.breakeven_buffer_atr", 0.05)
        if given.get("trade.enable_breakeven_stop") is False:
            return
        if isinstance(start, int | float) and isinstance(buffer, int | float) and start <= buffer:
            what = (
                f"a breakeven start of {start} with a buffer of {buffer} closes positions at once"
            )
            hint = "perpkit has no such rule; set enable_breakeven_stop: false to import the rest"
            self._fault((*section.at, "trade", "breakeven_start_atr"), what, hint)

    def _check_plan(self, group: str, data: object, at: Path) -> None:
        """Refuse a behaviour plan that changes decisions."""
        if not isinstance(data, dict):
            return
        key = "profile" if group == "runtime" else "default_profile"
        profile = data.get(key) or ""
        hint = "perpkit has one fixed plan; remove the key to import the rest"
        if profile not in NEUTRAL_PROFILES:
            what = f"profile {shown(profile)} changes which exits and stages run"
            self._fault((*at, key), what, hint)
            return
        profiles = data.get("profiles")
        plan = profiles.get(profile or "production") if isinstance(profiles, dict) else None
        if _changes_plan(plan):
            what = f"profile {profile or 'production'} is given another ranker or disables a part"
            self._fault((*at, "profiles"), what, hint)

    def _check_live_order(self, live: _Section, modes: Mapping[str, _Section]) -> None:
        """Refuse a key that live and a mode set differently: there the mode wins, here live."""
        for mode, section in modes.items():
            for path, setting in live.ours.items():
                other = section.ours.get(path)
                if other is not None and other.value != setting.value:
                    what = (
                        f"live and modes.{mode} set {path} differently; there the mode wins, "
                        "here live does"
                    )
                    mark = setting.mark or Mark(1, 1)
                    self._faults_at(mark, what, f"live: {path}", "keep one of the two")

    def _note_exhaustion(self, sections: list[_Section]) -> None:
        """Say that the exhaustion limits are idle while every entry records a limit above 0."""
        limits = {
            "thresholds.entry.min_adx": "",
            "thresholds.entry.pullback_min_adx": "thresholds.entry.enable_pullback_entries",
            "thresholds.entry.slow_drift_min_adx": "thresholds.entry.enable_slow_drift_entries",
        }
        for limit, switch in limits.items():
            is_on = not switch or any(section.theirs.get(switch) is True for section in sections)
            if is_on and any(section.theirs.get(limit) == 0.0 for section in sections):
                return
        for section in sections:
            for path in EXHAUSTION:
                if path in section.theirs:
                    what = "its exit takes the ADX limit of the entry while that is above 0"
                    self._note((*section.at, *path.split(".")), what)

    def _mapping(self, data: object, at: Path) -> dict[str, Any]:
        if data is None:
            return {}
        if isinstance(data, dict):
            return data
        what = f"{dotted(at)} must be a mapping, was {shown(data)}"
        self._fault(at, what, "write its keys below it, indented")
        return {}

    def _fault(self, at: Path, what: str, hint: str) -> None:
        self._faults_at(self.text.value_mark(at), what, dotted(at), hint)

    def _faults_at(self, mark: Mark, what: str, key: str, hint: str) -> None:
        self.faults.append(Fault(what, mark, key, hint))

    def _note(self, at: Path, what: str) -> None:
        self.notes.append(Note(what, self.text.key_mark(at), dotted(at)))


def _overlays(sections: Mapping[str, _Section]) -> dict[str, Overlay]:
    return {name: section.ours for name, section in sections.items()}


def _unknown_text(path: str) -> str:
    match = nearest(path, KNOWN)
    return f"unknown key, ignored there{f'; the nearest is {match}' if match else ''}"


def _changes_plan(plan: object) -> bool:
    """Whether a profile's content ranks otherwise or switches anything off."""
    if not isinstance(plan, dict):
        return False
    if plan.get("ranker") not in (None, "", "confidence_adx"):
        return True
    return any(
        bool(value) if str(key).startswith("disabled") else _changes_plan(value)
        for key, value in plan.items()
    )


def _switch_hint(value: object) -> str:
    if value in (0, 1) and not isinstance(value, bool):
        return f"write `{'true' if value else 'false'}`"
    return "write `true` or `false`"
