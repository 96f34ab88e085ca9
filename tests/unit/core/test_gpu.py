"""Tiles of rows for GPUs, and what is said where none can be used."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import gpu
from core.crew import chosen_kind
from core.engine import field_of
from core.errors import InputError
from core.gpu import Gpu, GpuEngine, Tiles, tile_rows
from core.simulate import Window
from kernel.records import STATS, Records
from schemas.records import to_records
from schemas.strategy import Strategy
from tests.strategies import random_market

CARD = Gpu(0, "card", (9, 0), 10_000_000)


@given(st.integers(0, 60), st.lists(st.integers(1, 9), min_size=1, max_size=80), st.data())
def test_every_row_is_handed_out_once_whatever_comes_back(
    count: int, sizes: list[int], data: st.DataObject
) -> None:
    rows = np.arange(count)
    tiles = Tiles(rows, rows[:, None] * 10)
    done: list[int] = []
    for size in [*sizes, *([3] * (count + len(sizes)))]:
        tile = tiles.next(size)
        if tile is None:
            break
        found, slots = tile
        assert 0 < len(found) <= size
        assert np.array_equal(slots[:, 0], found * 10)
        if len(found) > 1 and data.draw(st.booleans()):
            tiles.give_back(tile)
        else:
            done += found.tolist()
    while (tile := tiles.next(1)) is not None:
        done += tile[0].tolist()

    assert sorted(done) == list(range(count))


def test_a_tile_fits_the_free_memory_and_has_a_row_at_least() -> None:
    assert tile_rows(CARD, 100_000, 500_000) == 80
    assert tile_rows(CARD, 100_000_000, 0) == 1
    assert tile_rows(CARD, 1, 0) == gpu.ROWS_MAX


class Starved(GpuEngine):
    """An engine whose device holds so many rows and no more."""

    room = 2

    @contextmanager
    def _on(self, gpu: Gpu) -> Iterator[None]:
        yield

    def _launch(self, ground: tuple[Any, ...], params: Records, rows: Any, slots: Any) -> Records:
        if len(params) > self.room:
            raise MemoryError
        found = np.zeros(len(params), STATS)
        found["equity_end_usd"] = rows
        return found


def test_a_tile_that_is_too_large_is_halved_until_it_fits() -> None:
    field = field_of(random_market(1, 80), Window(), (), 1e4)
    params = np.repeat(to_records([Strategy()])[:, None], 11, axis=0)

    found = Starved(field, simulated=True).figures(params)

    assert found["equity_end_usd"].tolist() == list(range(11))


def test_a_device_that_holds_no_row_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Starved, "room", 0)
    field = field_of(random_market(1, 80), Window(), (), 1e4)

    with pytest.raises(InputError, match="memory does not hold") as caught:
        Starved(field, simulated=True).figures(to_records([Strategy()])[:, None])

    assert "--engine cpu" in (caught.value.hint or "")


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert chosen_kind("auto") == "cpu"
    with pytest.raises(InputError, match="numba-cuda is not installed") as caught:
        chosen_kind("cuda")
    assert "pip install 'perpkit[cuda]'" in (caught.value.hint or "")


def test_a_driver_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import cuda
    from numba.cuda.cudadrv.driver import driver

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(type(driver), "get_version", lambda _: (11, 4))

    with pytest.raises(InputError, match=r"too old: 11\.4, needed is 12\.0"):
        chosen_kind("cuda")
