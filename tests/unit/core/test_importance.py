"""Which axes decide: objectives planted so that the answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from core.importance import adjusted_share, chance_sigma, importance, ranks_of
from core.landscape import CodedAxis, code_numbers
from kernel.records import Floats


def grid(*levels: int) -> list[CodedAxis]:
    """The axes a, b, ... of a full grid."""
    points = np.array(list(itertools.product(*map(range, levels))), np.float64)
    return [code_numbers("abcdef"[k], points[:, k]) for k in range(len(levels))]


def test_an_axis_that_decides_everything_has_it_all() -> None:
    axes = grid(3, 4, 5)

    first, *others = importance(axes, axes[1].codes ** 3.0)

    assert (first.path, first.alone_frac, first.partner_frac) == ("b", pytest.approx(1.0), 0.0)
    assert [(each.alone_frac, each.partner_frac) for each in others] == [(0.0, 0.0)] * 2


def test_axes_that_only_act_together_are_found_as_partners() -> None:
    axes = grid(2, 2, 6)

    found = importance(axes, (axes[0].codes ^ axes[1].codes).astype(np.float64))

    told = {each.path: (each.alone_frac, each.partner, each.partner_frac) for each in found}
    assert told["a"][:2] == (0.0, "b")
    assert told["b"][:2] == (0.0, "a")
    assert told["a"][2] == pytest.approx(1.0)
    assert told["c"] == (0.0, None, 0.0)
    assert found[-1].path == "c"


def by_hand(values: Floats, codes: list[int]) -> float:
    """Epsilon squared of the mean ranks, from its definition."""
    ranks = pl.Series(values).rank("average").to_list()
    mean = sum(ranks) / len(ranks)
    groups = {code: [r for r, c in zip(ranks, codes, strict=True) if c == code] for code in codes}
    total = sum((rank - mean) ** 2 for rank in ranks)
    within = sum((r - sum(g) / len(g)) ** 2 for g in groups.values() for r in g)
    n, k = len(ranks), len(groups)
    return 1.0 - (within / (n - k)) / (total / (n - 1))


def test_shares_are_those_of_their_definition() -> None:
    random = np.random.default_rng(2)
    axes = [
        code_numbers(name, random.integers(0, levels, 400).astype(float))
        for name, levels in (("a", 3), ("b", 5))
    ]
    joint = (axes[0].codes - 1.0) * (axes[1].codes - 2.0)
    values = np.round(joint + axes[0].codes + axes[1].codes + random.normal(size=400), 1)

    found = {each.path: each for each in importance(axes, values)}

    one, other = (by_hand(values, axis.codes.tolist()) for axis in axes)
    both = by_hand(values, (axes[0].codes * 5 + axes[1].codes).tolist())
    assert found["a"].alone_frac == pytest.approx(one)
    assert found["b"].alone_frac == pytest.approx(other)
    assert both - one - other > 0.1
    assert found["a"].partner_frac == pytest.approx(both - one - other)


def test_noise_on_many_levels_explains_nothing() -> None:
    random = np.random.default_rng(4)
    axes = [code_numbers(f"a{k}", random.uniform(size=2_000)) for k in range(12)]

    found = importance(axes, random.normal(size=2_000))

    assert all(each.total_frac < 0.01 for each in found)
    assert {each.partner for each in found} == {None}


def test_the_share_of_noise_spreads_as_chance_sigma_says() -> None:
    random = np.random.default_rng(8)
    codes = random.integers(0, 30, 500)

    shares = [adjusted_share(random.permutation(500) - 249.5, codes, 30) for _ in range(2_000)]

    spread = np.array(shares, np.float64)
    assert spread.mean() == pytest.approx(0.0, abs=0.001)
    assert spread.std() == pytest.approx(chance_sigma(500, 30), rel=0.08)


def test_ranks_share_the_mean_where_values_are_equal() -> None:
    assert ranks_of(np.array([5.0, 1.0, 5.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


@pytest.mark.parametrize(
    ("values", "codes"), [([1.0, 2.0, 3.0], [0, 1, 2]), ([4.0, 4.0, 4.0], [0, 0, 1])]
)
def test_rows_that_cannot_tell_give_no_share(values: list[float], codes: list[int]) -> None:
    axis = code_numbers("a", np.array(codes, np.float64))

    (only,) = importance([axis], np.array(values))

    assert only.alone_frac is None
    assert only.total_frac == 0.0


def test_levels_without_rows_count_for_nothing() -> None:
    centred = np.array([-1.0, 1.0, -1.0, 1.0])

    assert adjusted_share(centred, np.array([0, 2, 0, 2]), 9) == pytest.approx(1.0)
    assert adjusted_share(centred, np.array([3, 3, 3, 3]), 9) == 0.0


def test_no_axes_and_no_rows_are_no_fault() -> None:
    assert importance([], np.array([1.0])) == []
    assert importance([code_numbers("a", np.zeros(0))], np.zeros(0))[0].alone_frac is None
