"""Spaces of random axes: points are counted, numbered, drawn and proposed as the grid has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.constraints import Levels
from core.errors import InputError
from core.expansion import expand
from core.search.chance import AtRandom
from core.search.feasible import refuse_impossible
from core.search.order import Order
from core.search.proposer import Proposer
from core.search.space import Space, space_of
from core.search.tpe import Tpe
from core.search.whole import WholeGrid
from schemas.parameters import by_path
from schemas.strategy import Strategy
from tests.strategies import seeds
from tests.sweep_axes import Axis, axes, grid_of

Make = Callable[[Space, int], Proposer]
PROPOSERS: dict[str, Make] = {
    "whole": lambda space, seed: WholeGrid(space),
    "random": AtRandom,
    "tpe": Tpe,
    "joint": lambda space, seed: Tpe(space, seed, multivariate=True),
}


@st.composite
def constrained(draw: st.DrawFn) -> tuple[list[Axis], list[str]]:
    """Axes, and up to three comparisons between them or with one of their values."""
    listed = draw(axes())
    numeric = [a for a in listed if by_path()[a["path"]].type in ("int", "float")]
    if not numeric:
        return listed, []
    texts = []
    for _ in range(draw(st.integers(0, 3))):
        left = draw(st.sampled_from(numeric))["path"]
        sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
        other = draw(st.sampled_from(numeric))
        right = draw(st.sampled_from([other["path"], str(other["values"][0])]))
        texts.append(f"{left} {sign} {right}")
    return listed, texts


def all_asked(proposer: Proposer, seed: int, size: int) -> list[Levels]:
    """Every batch until there are no more; a third of the losses are NaN."""
    chance = np.random.default_rng(seed)
    batches = []
    while True:
        batch = proposer.ask(size)
        if len(batch) == 0:
            return batches
        batches.append(batch)
        losses = chance.normal(size=len(batch))
        losses[chance.random(len(batch)) < 0.3] = np.nan
        proposer.tell(batch, losses)


@given(case=constrained())
def test_the_streamed_grid_is_the_expanded_grid_row_by_row(
    case: tuple[list[Axis], list[str]],
) -> None:
    grid = grid_of(case[0], *case[1])
    space = space_of(grid)

    assert space.point_count == grid.distinct_count
    try:
        expansion = expand(grid, Strategy())
    except InputError:
        return
    proposer = WholeGrid(space)
    rows = np.concatenate([proposer.ask(7) for _ in range(-(-expansion.row_count // 7))])
    assert rows.tolist() == expansion.levels.tolist()
    assert len(proposer.ask(7)) == 0
    assert proposer.exhausted
    assert proposer.excluded_count == expansion.excluded_count


@given(case=constrained())
def test_a_space_is_refused_exactly_when_no_point_is_valid(
    case: tuple[list[Axis], list[str]],
) -> None:
    space = space_of(grid_of(case[0], *case[1]))
    points = Order(space).points(np.arange(space.point_count))

    if space.is_valid(points).any():
        refuse_impossible(space)
    else:
        with pytest.raises(InputError, match="exclude every point"):
            refuse_impossible(space)


@pytest.mark.parametrize("name", PROPOSERS)
@settings(max_examples=50)
@given(case=constrained(), seed=seeds, size=st.integers(1, 40))
def test_every_valid_point_is_proposed_once_and_no_other(
    name: str, case: tuple[list[Axis], list[str]], seed: int, size: int
) -> None:
    space = space_of(grid_of(case[0], *case[1]))
    points = Order(space).points(np.arange(space.point_count))
    valid = points[space.is_valid(points)]
    proposer = PROPOSERS[name](space, seed)

    batches = all_asked(proposer, seed, size)

    rows = [tuple(row) for batch in batches for row in batch.tolist()]
    assert len(rows) == len(set(rows))
    assert sorted(rows) == sorted(tuple(row) for row in valid.tolist())
    assert all(len(batch) <= size for batch in batches)
    assert proposer.exhausted
    if name == "whole":
        assert proposer.excluded_count == len(points) - len(valid)


@pytest.mark.parametrize("name", ["random", "tpe", "joint"])
@settings(max_examples=30)
@given(listed=axes(), seed=seeds)
def test_equal_seeds_and_losses_give_equal_points(name: str, listed: list[Axis], seed: int) -> None:
    space = space_of(grid_of(listed))

    first, second = (all_asked(PROPOSERS[name](space, seed), seed, 16) for _ in range(2))

    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


@given(listed=axes(), seed=seeds)
def test_a_closed_axis_is_frozen_and_equal_points_alone_have_equal_keys(
    listed: list[Axis], seed: int
) -> None:
    space = space_of(grid_of(listed))

    drawn = space.draw(300, np.random.default_rng(seed))

    is_open = space.open_mask(drawn)
    for index, axis in enumerate(space.axes):
        assert (drawn[~is_open[:, index], index] == axis.frozen_level).all()
        assert (drawn[is_open[:, index], index] < axis.level_count).all()
    pairs = {(key, tuple(row)) for key, row in zip(space.keys(drawn), drawn.tolist(), strict=True)}
    assert len(pairs) == len({key for key, _ in pairs}) == len({row for _, row in pairs})
