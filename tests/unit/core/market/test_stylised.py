"""The ruler itself, on data whose figures are known, and the made-up market beside the recorded."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from core.market.bars import HOUR_MS, BarBlock, Rows, block_from_rows
from core.market.stylised import (
    BASE_RATE_1H,
    bar_facts,
    burst_share_frac,
    excess_kurtosis,
    first_eigenvalue_frac,
    funding_facts,
    half_life,
    hill_exponent,
    jump_share_frac,
    log_returns,
    mean_off_diagonal,
    pair_correlations,
    rank_correlation,
    rate_table,
)
from core.market.synthetic import START_MS, market_spec, synthetic_market
from pipelines.rows import read_rows

PAGE = Path(__file__).resolve().parents[4] / "docs" / "synthetic.md"
SEEDS = (1, 2, 3)
MORE_SEEDS = tuple(range(4, 21))
# The shape of the recorded file: its count of symbols and of hours.
SYMBOLS, HOURS = 50, 6_469
FAR_MS = 4_000_000_000_000


class Band(NamedTuple):
    """A row of the page's table: the recorded figure, and how far a made-up one may be from it."""

    recorded: float
    half_width: float
    lowest: float
    highest: float


def bands() -> dict[str, Band]:
    number = r"(-?[\d.]+(?:e-?\d+)?)"
    rows = re.findall(
        rf"^\| `([a-z0-9_.]+)` \| {number} \| {number} \| {number} to {number} \|",
        PAGE.read_text(),
        re.MULTILINE,
    )
    return {name: Band(*map(float, figures)) for name, *figures in rows}


def facts_of(block: BarBlock, rates: Rows) -> dict[str, float]:
    """All figures by the names that the page gives them."""
    bars = {f"bars.{name}": value for name, value in asdict(bar_facts(block)).items()}
    funding = asdict(funding_facts(rates, block))
    return {**bars, **{f"funding.{name}": value for name, value in funding.items()}}


def made_up(seed: int) -> dict[str, float]:
    market = synthetic_market(market_spec(seed, SYMBOLS, HOURS, "1h", 0.0), ["1h"])
    return facts_of(block_from_rows(market.candles["1h"], "1h", synthetic=True), market.funding)


BANDS = bands()


@pytest.fixture(scope="module")
def measured() -> list[dict[str, float]]:
    return [made_up(seed) for seed in SEEDS]


def test_the_page_has_a_row_per_figure(measured: list[dict[str, float]]) -> None:
    assert set(BANDS) == set(measured[0])


@pytest.mark.parametrize("name", BANDS)
def test_the_made_up_market_is_like_the_recorded(
    name: str, measured: list[dict[str, float]]
) -> None:
    band = BANDS[name]

    for facts in measured:
        assert abs(facts[name] - band.recorded) <= band.half_width


@pytest.mark.proof
def test_the_bands_hold_for_more_seeds_and_the_page_says_how_far_these_go() -> None:
    measured = [made_up(seed) for seed in (*SEEDS, *MORE_SEEDS)]

    for name, band in BANDS.items():
        values = [facts[name] for facts in measured]
        assert max(abs(value - band.recorded) for value in values) <= band.half_width, name
        assert min(values) == pytest.approx(band.lowest, rel=2e-3, abs=1e-4 * band.half_width), name
        assert max(values) == pytest.approx(band.highest, rel=2e-3, abs=1e-4 * band.half_width), (
            name
        )


def test_the_recorded_figures_on_the_page_are_those_of_the_data(shared_dir: Path) -> None:
    data = shared_dir / "data"
    candles = read_rows(data / "hl_candles_1h.parquet", "candles", HOUR_MS, FAR_MS).rows
    rates = read_rows(data / "hl_funding_1h.parquet", "funding", HOUR_MS, FAR_MS).rows

    facts = facts_of(block_from_rows(candles, "1h", synthetic=False), rates)

    for name, band in BANDS.items():
        assert facts[name] == pytest.approx(band.recorded, rel=1e-3), name


def noise(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def test_kurtosis_of_known_shapes() -> None:
    assert excess_kurtosis(np.array([1.0, -1.0] * 50)) == pytest.approx(-2.0)
    assert abs(excess_kurtosis(noise(200_000))) < 0.05
    # One of n values that are else 0: n - 3 - 1 or so.
    assert excess_kurtosis(np.eye(1_000)[0]) == pytest.approx(996.0, abs=1.0)


@pytest.mark.parametrize("exponent", [2.0, 4.0])
def test_hill_finds_the_exponent_of_a_pareto_tail(exponent: float) -> None:
    evenly = (np.arange(50_000) + 0.5) / 50_000

    assert hill_exponent(evenly ** (-1.0 / exponent)) == pytest.approx(exponent, rel=0.02)
    assert hill_exponent(-(evenly ** (-1.0 / exponent))) == pytest.approx(exponent, rel=0.02)


def test_jumps_and_bursts_are_judged_by_what_was_before_them() -> None:
    steady = np.where(np.arange(400) % 2, 1.0, -1.0)
    jumpy = steady.copy()
    jumpy[[200, 300]] = 4.5, -3.9
    volume = np.ones(120)
    volume[[30, 60]] = 2.6, 2.4

    assert jump_share_frac(steady) == 0.0
    assert jump_share_frac(jumpy) == pytest.approx(1 / (400 - 168))
    assert burst_share_frac(volume) == pytest.approx(1 / 100)


def test_correlations_are_of_what_both_columns_have() -> None:
    table = np.stack([noise(900, 1), noise(900, 2), noise(900, 3)], axis=1)
    table[:, 1] += table[:, 0]
    table[:200, 1] = np.nan
    table[450:, 2] = np.nan

    found = pair_correlations(table)

    assert found[0, 1] == pytest.approx(np.corrcoef(table[200:, 0], table[200:, 1])[0, 1])
    assert np.isnan(found[0, 2])
    assert mean_off_diagonal(found) == pytest.approx(found[0, 1])


def test_one_factor_has_the_whole_of_equal_columns_and_an_even_share_of_unlike_ones() -> None:
    assert first_eigenvalue_frac(np.ones((4, 4))) == pytest.approx(1.0)
    assert first_eigenvalue_frac(np.eye(4)) == pytest.approx(0.25)
    assert np.isnan(first_eigenvalue_frac(np.full((2, 2), np.nan)))


def test_half_lives_and_ranks() -> None:
    assert half_life(0.5) == pytest.approx(1.0)
    assert half_life(0.5**0.1) == pytest.approx(10.0)
    assert np.isnan(half_life(-0.1))
    assert rank_correlation(np.arange(9.0), np.arange(9.0) ** 3) == pytest.approx(1.0)
    assert rank_correlation(np.arange(9.0), -np.arange(9.0)) == pytest.approx(-1.0)


def hourly(close: np.ndarray, kept: np.ndarray | None = None) -> BarBlock:
    """A block of BTC alone with these closes; volume is the hour of the day, from 1 on."""
    hours = np.arange(len(close))
    values = np.stack([close, close, close, close, (hours % 24 + 1) / close], axis=1)
    there = np.ones(len(close), np.bool_) if kept is None else kept
    rows = Rows(
        ("BTC",),
        np.zeros(int(there.sum()), np.int64),
        (START_MS + HOUR_MS * hours)[there],
        values[there],
    )
    return block_from_rows(rows, "1h", synthetic=True)


def test_returns_do_not_cross_a_hole() -> None:
    kept = np.array([True, True, False, True, True])

    returns = log_returns(hourly(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), kept))

    assert np.isnan(returns[1, 0])
    assert returns[[0, 2], 0] == pytest.approx(np.log(2.0))


def test_profiles_are_those_of_the_hours() -> None:
    hours = np.arange(24 * 70)
    # From one close to the next: 2 % at 14:00 to 15:00, half of all that on weekends, else 1 %.
    size = np.where(hours % 24 == 14, 0.02, 0.01)
    size = size * np.where((hours // 24 + 2) % 7 >= 5, 0.5, 1.0)
    close = 100.0 * np.exp(np.cumsum(size * np.where(hours % 2, 1.0, -1.0)))

    facts = bar_facts(hourly(close))

    assert facts.hour_profile_ratio == pytest.approx(2.0, rel=0.01)
    assert facts.weekend_ratio == pytest.approx(0.5, rel=0.01)
    assert facts.hour_volume_ratio == pytest.approx(24.0, rel=0.01)
    assert facts.return_autocorrelation_1 < -0.8
    assert np.isnan(facts.mean_correlation)


def funding(rates: np.ndarray) -> Rows:
    due_ms = START_MS + HOUR_MS * (1 + np.arange(len(rates)))
    return Rows(
        ("BTC",),
        np.zeros(len(rates), np.int64),
        due_ms,
        np.stack([rates, np.full(len(rates), np.nan)], axis=1),
    )


def test_funding_figures_of_known_rates() -> None:
    shocks = noise(20_000, 5)
    rates = np.zeros(20_000)
    for hour in range(1, 20_000):
        rates[hour] = 0.8 * rates[hour - 1] + 1e-5 * shocks[hour]
    block = hourly(100.0 * np.exp(np.cumsum(0.001 * shocks)))

    facts = funding_facts(funding(rates), block)
    at_base = funding_facts(
        funding(np.where(np.arange(20_000) % 4 == 0, -1e-5, BASE_RATE_1H)), block
    )

    assert facts.autocorrelation_1 == pytest.approx(0.8, abs=0.02)
    assert facts.half_life_hours == pytest.approx(half_life(0.8), abs=0.3)
    assert facts.past_return_correlation > 0.3
    assert abs(facts.negative_share_frac - 0.5) < 0.05
    assert at_base.base_share_frac == pytest.approx(0.75)
    assert at_base.negative_share_frac == pytest.approx(0.25)


def test_a_rate_is_compared_with_the_return_up_to_its_hour_and_no_later() -> None:
    moves = 0.01 * noise(3_000, 6)
    block = hourly(100.0 * np.exp(np.cumsum(moves)))
    past = np.convolve(moves, np.ones(24))[:3_000]

    same = funding_facts(funding(1e-5 * past), block)
    late = funding_facts(
        replace(funding(1e-5 * past), ts_ms=funding(past).ts_ms - 24 * HOUR_MS), block
    )

    assert same.past_return_correlation == pytest.approx(1.0, abs=1e-6)
    assert abs(late.past_return_correlation) < 0.2


def test_rates_are_laid_out_by_hour_and_symbol() -> None:
    rows = Rows(
        ("BTC", "ETH"),
        np.array([0, 0, 1]),
        np.array([HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS]),
        np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]),
    )

    timeline, table = rate_table(rows)

    assert timeline.tolist() == [HOUR_MS, 2 * HOUR_MS]
    assert np.array_equal(table, [[1.0, np.nan], [2.0, 3.0]], equal_nan=True)
