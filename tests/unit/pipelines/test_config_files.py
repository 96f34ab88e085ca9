"""The files that `perpkit config` writes, shows and checks."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from core.config import load_strategy
from core.errors import InputError, PerpkitError, UsageError
from pipelines.config_files import (
    YAML_KINDS,
    check,
    explain,
    init_file,
    json_schema,
    load,
    show_rows,
    show_yaml,
)
from schemas.kinds import KINDS
from schemas.parameters import by_path
from schemas.strategy import Strategy

FILE = """\
kind: strategy
version: 1
global: {trade: {stop_loss_atr: 1.5}}
symbols: {BTC: {trade: {stop_loss_atr: 1.25}}}
modes: {flat: {trade: {open_positions_max_count: 1}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trend.yaml"
    path.write_text(FILE)
    return path


def test_the_example_holds_the_defaults_and_names_a_schema_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "new" / "strategy.yaml"

    init_file(out, force=False)

    loaded = load_strategy(out)
    schema = out.read_text().splitlines()[0].partition("$schema=")[2]
    assert loaded.strategy == Strategy()
    assert set(loaded.origins.values()).isdisjoint({"default"})
    assert Path(schema).is_file()
    with pytest.raises(UsageError, match="there already"):
        init_file(out, force=False)


@pytest.mark.parametrize("mode", [None, "flat"])
def test_what_is_shown_reads_back_to_the_same_configuration(
    file: Path, tmp_path: Path, mode: str | None
) -> None:
    loaded = load(file, mode=mode, live=False, sets=["trade.adds_max_count=3"])
    frozen = tmp_path / "frozen.yaml"

    frozen.write_text(show_yaml(loaded, None))

    assert load_strategy(frozen).config_id == loaded.config_id


def test_a_symbol_is_shown_as_it_holds_for_it(file: Path) -> None:
    loaded = load(file, mode=None, live=False, sets=())
    rows = {key: (value, origin) for key, value, origin in show_rows(loaded, "BTC")}

    assert list(rows) == list(by_path())
    assert rows["trade.stop_loss_atr"] == ("1.25", f"symbol BTC ({file}:4)")
    assert "stop_loss_atr: 1.25" in show_yaml(loaded, "BTC")
    assert "symbols" not in show_yaml(loaded, "BTC")


def test_a_leaf_that_one_path_has_is_enough_to_explain(file: Path) -> None:
    assert explain("stop_loss_atr") == explain("trade.stop_loss_atr")
    assert (
        dict(explain("rsi_low"))["rule"]
        == "thresholds.ranging.rsi_low < thresholds.ranging.rsi_high"
    )
    assert [path for path, _ in explain("thresholds.stoch_rsi")] == [
        "thresholds.stoch_rsi.block_long_above",
        "thresholds.stoch_rsi.block_short_below",
    ]


@pytest.mark.parametrize("key", ["stop_los", "trade.min_adx", "nothing.like.it", ""])
def test_an_unknown_key_is_not_explained(key: str) -> None:
    with pytest.raises(UsageError, match="unknown key"):
        explain(key)


def test_a_mode_that_contradicts_the_rest_is_found_by_check(tmp_path: Path) -> None:
    path = tmp_path / "trend.yaml"
    path.write_text(
        "kind: strategy\nversion: 1\nmodes:\n  safe: {indicators: {ema_fast_window_bars: 50}}\n"
    )

    assert load_strategy(path).strategy == Strategy()
    with pytest.raises(InputError, match="must be less than") as caught:
        check(path)

    assert caught.value.at.startswith(f"{path}:4:")


def test_check_says_what_the_file_is(file: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("kind: strategy\nversion: 1\n")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "kind: sweep-spec\nversion: 1\nbase: base.yaml\naxes:\n"
        "  - {path: trade.stop_loss_atr, values: [1, 2]}\n"
    )

    assert (check(file).kind, check(spec).kind) == ("strategy", "sweep-spec")
    assert check(spec).notes["points"] == "2"
    gates = tmp_path / "gates.yaml"
    gates.write_text("kind: gates\nversion: 1\nslice_count: 4\n")
    assert check(gates).kind == "gates"


def test_the_base_and_the_axes_of_a_sweep_spec_are_checked_too(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "kind: sweep-spec\nversion: 1\nbase: base.yaml\naxes:\n  - path: trade.stop_los_atr\n"
    )

    with pytest.raises(InputError, match="does not exist"):
        check(spec)
    (tmp_path / "base.yaml").write_text("kind: strategy\nversion: 1\n")
    with pytest.raises(InputError, match="stop_los_atr") as caught:
        check(spec)

    assert caught.value.at.startswith(f"{spec}:5:")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.yaml", "kind: sweep-spac\n", "the nearest is `sweep-spec`"),
        ("a.yaml", "kind: sweep-spec\nversion: 1\nbse: x\n", "problems"),
        ("a.yaml", "version: 1\n", "does not say its kind"),
        ("a.json", "{}", ""),
    ],
)
def test_a_file_of_no_known_kind_is_refused(
    tmp_path: Path, name: str, text: str, what: str
) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(PerpkitError) as caught:
        check(path)

    assert caught.value.exit_code == 3
    assert what in caught.value.what


def test_every_kind_has_a_schema(tmp_path: Path) -> None:
    for kind in (*YAML_KINDS, *(body.kind for body in KINDS)):
        schema = json_schema(kind)
        jsonschema.validators.validator_for(schema).check_schema(schema)
    with pytest.raises(UsageError, match="the nearest is `strategy`"):
        json_schema("strateg")
