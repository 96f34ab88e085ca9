"""Layouts: eight bytes a field, and a field's name means the field in plain Python too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernel import records
from kernel.params import PARAMS

LAYOUTS = {
    name: getattr(records, name)
    for name in ("SNAPSHOT", "POSITION", "MARK", "ACCOUNT", "CANDIDATE", "TRADE", "STATS")
} | {"PARAMS": PARAMS}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_field_is_read_and_written_by_its_name(layout: np.dtype[Any]) -> None:
    rows = np.zeros(2, layout)
    names = layout.names or ()
    for value, name in enumerate(names, start=1):
        setattr(rows[1], name, value)

    assert [getattr(rows[1], name) for name in names] == list(range(1, len(names) + 1))
    assert [rows[name][1] for name in names] == list(range(1, len(names) + 1))
    assert rows[0] == np.zeros(1, layout)[0]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_field_is_eight_bytes_wide(layout: np.dtype[Any]) -> None:
    assert layout.itemsize == 8 * len(layout.names or ())
    assert {layout[name].str for name in layout.names or ()} <= {"<f8", "<i8"}
