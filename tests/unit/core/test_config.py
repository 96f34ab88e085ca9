"""Strategy files in effect: what wins, where it came from, and its identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import config_id, load_strategy, parse_set, strategy_yaml
from core.errors import InputError, UsageError
from schemas.strategy import Strategy
from schemas.strategy_trade import Trade

FILE = """\
kind: strategy
version: 1
name: trend
global:
  trade:
    stop_loss_atr: 1.5
    allocation_frac: 0.1
symbols:
  BTC:
    trade:
      stop_loss_atr: 1.6
      allocation_frac: 0.09
  ETH:
modes:
  safe:
    trade:
      allocation_frac: 0.08
      take_profit_atr: 5
live:
  trade:
    take_profit_atr: 6
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trend.yaml"
    path.write_text(FILE)
    return path


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "strategy.yaml"
    path.write_text(text)
    return path


def test_later_sections_win(file: Path) -> None:
    plain = load_strategy(file)
    safe = load_strategy(file, mode="conservative")
    live = load_strategy(file, mode="m3", live=True)
    told = load_strategy(file, mode="m3", live=True, sets=["trade.take_profit_atr=7"])

    assert plain.name == "trend"
    assert (plain.strategy.trade.stop_loss_atr, plain.strategy.trade.take_profit_atr) == (1.5, 4.0)
    assert (safe.strategy.trade.allocation_frac, safe.strategy.trade.take_profit_atr) == (0.08, 5.0)
    assert live.strategy.trade.take_profit_atr == 6.0
    assert told.strategy.trade.take_profit_atr == 7.0


def test_each_value_names_its_origin(file: Path) -> None:
    loaded = load_strategy(file, mode="safety", live=True, sets=["trade.adds_max_count=3"])

    assert loaded.origins["trade.stop_loss_atr"] == f"{file}:6"
    assert loaded.origins["trade.allocation_frac"] == f"mode conservative ({file}:17)"
    assert loaded.origins["trade.take_profit_atr"] == f"live ({file}:21)"
    assert loaded.origins["trade.adds_max_count"] == "--set"
    assert loaded.origins["trade.leverage_low"] == "default"


def test_a_symbol_section_lies_between_global_and_mode(file: Path) -> None:
    loaded = load_strategy(file, mode="safe")

    assert list(loaded.symbols) == ["BTC"]
    assert loaded.for_symbol("BTC").trade.stop_loss_atr == 1.6
    assert loaded.for_symbol("BTC").trade.allocation_frac == 0.08
    assert loaded.for_symbol("SOL") == loaded.strategy
    assert loaded.origins_for_symbol("BTC")["trade.stop_loss_atr"] == f"symbol BTC ({file}:11)"


def test_a_symbol_section_that_changes_nothing_does_not_count(tmp_path: Path) -> None:
    same = written(
        tmp_path,
        "kind: strategy\nversion: 1\nsymbols: {BTC: {trade: {stop_loss_atr: 2}}, ETH: {trade: }}",
    )

    loaded = load_strategy(same)

    assert loaded.symbols == {}
    assert loaded.config_id == config_id(Strategy())


def test_the_config_id_is_that_of_the_values_alone(file: Path, tmp_path: Path) -> None:
    base = load_strategy(file)
    respelt = written(
        tmp_path,
        "version: 1\nkind: strategy\nsymbols: {BTC: {trade: {allocation_frac: 9e-2, stop_loss_atr: "
        "1.60}}}\nglobal: {trade: {allocation_frac: 0.10, stop_loss_atr: 1.5, leverage_low: 1}}",
    )

    assert load_strategy(respelt).config_id == base.config_id
    assert load_strategy(file, mode="safe").config_id != base.config_id
    assert load_strategy(file, sets=["trade.stop_loss_atr=1.6"]).config_id != base.config_id
    assert config_id(base.strategy) != base.config_id
    assert config_id(base.strategy, base.symbols) == base.config_id


def test_the_sign_of_zero_is_no_difference(tmp_path: Path) -> None:
    one = load_strategy(
        written(tmp_path, "kind: strategy\nversion: 1\n"), sets=["trade.min_atr_frac=-0.0"]
    )

    assert one.config_id == load_strategy(Path(one.path), sets=["trade.min_atr_frac=0"]).config_id


def test_a_complete_file_gives_its_strategy_back(tmp_path: Path) -> None:
    strategy = Strategy(trade=Trade(stop_loss_atr=1.7, entry_min_confidence="low"))
    text = strategy_yaml(strategy, comment="Rank 1\nof a sweep: 100 % tried.", name="a: #1")

    loaded = load_strategy(written(tmp_path, text))

    assert loaded.strategy == strategy
    assert loaded.name == "a: #1"
    assert loaded.config_id == config_id(strategy)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("trade.stop_loss_atr", "KEY=VALUE", "--set trade.stop_loss_atr=1.5"),
        ("=1", "KEY=VALUE", "--set"),
        ("stop_loss_atr=1", "`trade.stop_loss_atr`", "write `trade.stop_loss_atr`"),
        ("trade.stop_los=1", "`trade.stop_loss_atr`", "write"),
        ("trade=1", "a group", "one of its keys"),
        ("trade.stop_loss_atr=0", "must be > 0", "default is 2.0"),
        ("trade.stop_loss_atr=x", "must be a number, was `x`", "write a number"),
        ("trade.adds_max_count=1.5", "a whole number", "write a whole number"),
        ("trade.enable_ssf_filter=1", "true or false", "write `true` or `false`"),
        ("trade.entry_min_confidence=hi", "low, medium, high", "write"),
        (f"trade.stop_loss_atr={'1' * 99}", "99 characters", "shorter"),
    ],
)
def test_a_wrong_set_is_a_usage_error(text: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_set(text)

    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_set_that_contradicts_the_file_names_both(file: Path) -> None:
    with pytest.raises(UsageError, match="must be less than") as caught:
        load_strategy(file, sets=["indicators.ema_fast_window_bars=70"])

    assert "comes from --set" in caught.value.hint


def test_a_mode_must_be_known_and_in_the_file(file: Path) -> None:
    with pytest.raises(UsageError, match="unknown mode `turbo`"):
        load_strategy(file, mode="turbo")
    with pytest.raises(UsageError, match=r"no section modes\.flat") as caught:
        load_strategy(file, mode="pause")

    assert "conservative" in caught.value.hint


def test_a_missing_file_never_means_defaults(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_strategy(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="a folder"):
        load_strategy(tmp_path)
