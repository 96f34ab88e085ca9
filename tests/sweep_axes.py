"""Random axes of a sweep, and the grid that they span."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from core.axes import COST_PATHS, Grid, resolve_axes
from schemas.parameters import parameters
from schemas.strategy import Strategy
from schemas.sweep import SweepSpec

SWEEPABLE = tuple(
    parameter
    for parameter in parameters()
    if parameter.axis and parameter.path not in COST_PATHS and parameter.in_kernel
)

Axis = dict[str, Any]
ALWAYS_OPEN: Axis = {"path": "engine.interval", "equals": "1h"}
"""A gate that the base holds open, in place of the declared one."""


@st.composite
def axes(draw: st.DrawFn) -> list[Axis]:
    """Two to five axes over declared values, repeats among them, some gated by an earlier one."""
    chosen = draw(
        st.lists(st.sampled_from(SWEEPABLE), min_size=2, max_size=5, unique_by=lambda p: p.path)
    )
    found: list[Axis] = []
    for index, parameter in enumerate(chosen):
        values = draw(st.lists(st.sampled_from(parameter.axis), min_size=1, max_size=4))
        axis: Axis = {"path": parameter.path, "values": values}
        parent = draw(st.sampled_from(chosen[:index])) if index else None
        if parent is not None and draw(st.booleans()):
            gate_values = (*parent.axis, parent.default)
            axis["when"] = {"path": parent.path, "equals": draw(st.sampled_from(gate_values))}
        else:
            axis["when"] = ALWAYS_OPEN
        found.append(axis)
    return found


def grid_of(listed: list[Axis], *constraints: str) -> Grid:
    """The grid of these axes over the default strategy."""
    spec: Axis = {"kind": "sweep-spec", "version": 1, "base": "b", "axes": listed}
    spec |= {"method": "random", "budget": {"trials": 1}, "constraints": constraints}
    return resolve_axes(SweepSpec.model_validate(spec), Strategy())
