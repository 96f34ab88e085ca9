"""The reference's keys in our terms: complete, honest about what it leaves out."""

from __future__ import annotations

import pytest

from schemas.faults import FaultsFound
from schemas.parameters import by_path
from schemas.reference import Imported, read_reference
from schemas.reference_keys import CORRECTIONS, INERT, KEYS, NO_EFFECT
from schemas.reference_preset import preset_values
from schemas.yaml_text import read_yaml_text

SWITCHED_BY_THE_PRESET = {
    "trade.entry_slippage_bps": 10.0,
    "trade.exit_slippage_bps": 0.5,
    "trade.taker_fee_bps": 3.5,
    "trade.fee_on_unslipped_px": True,
    "trade.enable_funding": False,
    "trade.enable_venue_rounding": False,
    "trade.enable_liquidation": False,
    "trade.enable_breakeven_stop": False,
    "trade.enable_funding_headwind_exit": False,
    "trade.partial_tp_stop": "keep",
    "trade.trend_exhaustion_source": "entry_threshold",
    "engine.excursions_count_entry_bar": True,
    "engine.universe_top_count": 0,
}


def imported(text: str) -> Imported:
    return read_reference(read_yaml_text(text))


def notes_of(text: str) -> dict[str, str]:
    return {note.key: note.what for note in imported(text).notes}


def test_every_parameter_of_ours_has_its_place_in_the_preset() -> None:
    named = [*(key.ours for key in KEYS.values()), *CORRECTIONS, *INERT]

    assert sorted(named) == sorted(by_path())
    assert not set(KEYS) & set(NO_EFFECT)


def test_the_preset_differs_from_our_defaults_only_where_we_correct() -> None:
    differing = {
        path: value for path, value in preset_values().items() if value != by_path()[path].default
    }

    assert differing == SWITCHED_BY_THE_PRESET


def test_an_overlay_lies_over_the_preset() -> None:
    common = imported(
        "global: {trade: {slippage_bps: 3, sl_atr_mult: 1}, indicators: {adx_window: 9}}"
    ).file.common

    assert common["trade.entry_slippage_bps"].value == 3.0
    assert common["trade.stop_loss_atr"].value == 1.0
    assert common["indicators.adx_window_bars"].value == 9
    assert common["trade.exit_slippage_bps"].value == 0.5


@pytest.mark.parametrize(
    ("theirs", "ours", "value"),
    [
        ("trade: {reentry_cooldown_minutes: 0}", "trade.enable_reentry_cooldown", False),
        ("trade: {reentry_cooldown_minutes: 90}", "trade.enable_reentry_cooldown", True),
        ("thresholds: {ranging: {min_signals: 0}}", "thresholds.ranging.min_votes_count", 1),
        ("thresholds: {entry: {ave_adx_mult: 0}}", "thresholds.entry.ave_adx_mult", 1.0),
        ("thresholds: {entry: {ave_avg_atr_window: 60}}", "indicators.atr_avg_window_bars", 60),
        (
            "thresholds: {entry: {slow_drift_slope_window: 30}}",
            "indicators.slow_drift_slope_window_bars",
            30,
        ),
        ("indicators: {stoch_rsi_smooth1: 5}", "indicators.stoch_rsi_smooth_bars", 5),
        ("filters: {vol_confirm_include_prev: false}", "filters.volume_either_suffices", False),
        ("thresholds: {entry: {macd_hist_entry_mode: none}}", "thresholds.entry.macd_mode", "none"),
    ],
)
def test_a_key_with_another_name_or_meaning_is_translated(
    theirs: str, ours: str, value: object
) -> None:
    assert imported(f"global: {{{theirs}}}").file.common[ours].value == value


@pytest.mark.parametrize("key", sorted(NO_EFFECT))
def test_a_key_without_effect_gives_one_warning_and_changes_nothing(key: str) -> None:
    *groups, leaf = key.split(".")
    value = '""' if leaf.endswith("_interval") else "0.2"
    value = "false" if leaf == "enable_breakeven_stop" else value
    text = f"{leaf}: {value}"
    for group in reversed(["global", *groups]):
        text = f"{group}: {{{text}}}"

    read = imported(text)

    expected = [] if leaf in ("entry_interval", "exit_interval") else [f"global.{key}"]
    assert [note.key for note in read.notes] == expected
    assert {path: each.value for path, each in read.file.common.items()} == preset_values()


def test_unknown_keys_are_warned_of_with_the_nearest() -> None:
    notes = notes_of("global: {trade: {sl_atr_mul: 2}, runtime: {profile: production}}\nfoo: 1")

    assert notes["global.trade.sl_atr_mul"].endswith("the nearest is trade.sl_atr_mult")
    assert "not decisions" in notes["global.runtime"]
    assert notes["foo"] == "unknown key, ignored there"


def test_the_exhaustion_limits_are_carried_and_warned_of_while_they_are_idle() -> None:
    idle = imported("global: {trade: {smart_exit_adx_exhaustion_lt: 15}}")
    acting = imported(
        "global: {trade: {smart_exit_adx_exhaustion_lt: 15}, thresholds: {entry: {min_adx: 0}}}"
    )

    for read in (idle, acting):
        assert read.file.common["trade.trend_exhaustion_adx_below"].value == 15.0
    assert [note.key for note in idle.notes] == ["global.trade.smart_exit_adx_exhaustion_lt"]
    assert acting.notes == ()


def test_groups_at_the_top_stand_for_a_global_section() -> None:
    read = imported("trade: {sl_atr_mult: 3}\n")

    assert read.file.common["trade.stop_loss_atr"].value == 3.0
    assert "taken as one" in read.notes[0].what


def test_groups_beside_a_global_section_were_read_by_nothing() -> None:
    read = imported("global: {trade: {sl_atr_mult: 3}}\ntrade: {sl_atr_mult: 4}\n")

    assert read.file.common["trade.stop_loss_atr"].value == 3.0
    assert [note.key for note in read.notes] == ["trade"]


def test_symbols_modes_and_live_are_carried_as_sections() -> None:
    file = imported(
        "global: {trade: {sl_atr_mult: 3}}\n"
        "symbols: {BTC: {trade: {sl_atr_mult: 1}}, ETH: {}}\n"
        "modes: {m2: {engine: {interval: 4h}}, weird: {}}\n"
        "live: {global: {trade: {max_open_positions: 4}}}\n"
    ).file

    assert {key: each.value for key, each in file.symbols["BTC"].items()} == {
        "trade.stop_loss_atr": 1.0
    }
    assert list(file.symbols) == ["BTC"]
    assert list(file.modes) == ["fallback"]
    assert file.live["trade.open_positions_max_count"].value == 4


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("global: {trade: {sl_atr_mult: '2'}}", "trade.sl_atr_mult must be a number", "trade.stop"),
        ("global: {trade: {allocation_pct: 3}}", "must be > 0, <= 1, was 3", "allocation_frac"),
        ("global: {trade: {enable_reef_filter: 0}}", "must be true or false", "write `false`"),
        ("global: {trade: {reentry_cooldown_minutes: on}}", "number of minutes", "0 for off"),
        ("global: {engine: {exit_interval: 7m}}", "engine.exit_interval must be one of", "5m"),
        (
            "global: {runtime: {profile: parity_exit_isolation}}",
            "changes which exits",
            "fixed plan",
        ),
        ("global: {pipeline: {profiles: {production: {ranker: x}}}}", "another ranker", "fixed"),
        ("global: {trade: {breakeven_start_atr: 0.01}}", "closes positions at once", "false"),
        ("live: {symbols: {BTC: {trade: {sl_atr_mult: 1}}}}", "one symbol", "`symbols`"),
        ("symbols: {BTC: {engine: {interval: 4h}}}", "whole account", "`global`"),
        ("modes: {m1: {}, primary: {}}", "given twice", "one of the two"),
        (
            "modes: {m1: {trade: {sl_atr_mult: 1}}}\nlive: {trade: {sl_atr_mult: 2}}",
            "there the mode wins, here live does",
            "keep one",
        ),
        ("kind: strategy\nversion: 1", "perpkit's keys already", "config check"),
        ("", "the file is empty", "config/presets/reference.yaml"),
        ("- 1", "a mapping is expected", "config/presets/reference.yaml"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(text: str, what: str, hint: str) -> None:
    with pytest.raises(FaultsFound) as caught:
        imported(text)

    assert len(caught.value.faults) == 1
    assert what in caught.value.faults[0].what
    assert hint in caught.value.faults[0].hint


def test_finer_intervals_are_taken_over_where_they_act_there() -> None:
    exits = imported("global: {engine: {interval: 30m, exit_interval: 3m}}")
    held = "global: {engine: {interval: 30m, entry_interval: 3m}}"
    free = "global: {engine: {interval: 30m, entry_interval: 3m, signal_on_candle_close: false}}"

    assert exits.file.common["engine.exit_interval"].value == "3m"
    assert imported(held).file.common["engine.entry_interval"].value == "same"
    assert "wait for the close" in notes_of(held)["global.engine.entry_interval"]
    assert imported(free).file.common["engine.entry_interval"].value == "3m"


def test_a_profile_that_lists_the_usual_plan_is_only_warned_of() -> None:
    plan = "{ranker: confidence_adx, disabled_stages: [], behaviours: {gates: {disabled: []}}}"

    assert list(notes_of(f"global: {{pipeline: {{profiles: {{production: {plan}}}}}}}")) == [
        "global.pipeline"
    ]
