"""What every declared thing shares: strict models, and `param`, the way to declare a setting."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Value = bool | int | float | str


class Strict(BaseModel):
    """A frozen model that knows each of its keys and holds no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Group(Strict):
    """A group of parameters of a strategy; a value must have the declared type, none is coerced."""

    model_config = ConfigDict(strict=True)


class StrategyGroup(Group):
    """The parameters of one strategy beside `trend`.

    `ordered` are pairs of its own keys, the first strictly less than the second; `has_exit` says
    that its kernel file has an `exit_signal`.
    """

    ordered: ClassVar[tuple[tuple[str, str], ...]] = ()
    has_exit: ClassVar[bool] = False


def param(  # noqa: PLR0913
    default: Value,
    unit: str,
    meaning: str,
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    axis: tuple[Value, ...] = (),
    when: tuple[str, Value] | None = None,
    kernel: bool = True,
) -> Any:
    """Declare one parameter: default, unit, meaning, bounds, sweep axis and gate.

    `axis` holds the values that a sweep takes when its spec names the path alone.  `when` names the
    parameter and the value without which this one can do nothing, so that a sweep need not vary it.
    `kernel=False` keeps it out of the kernel record: the host reads it, decisions do not.
    """
    extra: dict[str, Any] = {"x-unit": unit}
    if axis:
        extra["x-axis"] = list(axis)
    if when is not None:
        extra["x-when"] = {"path": when[0], "equals": when[1]}
    if not kernel:
        extra["x-kernel"] = False
    return Field(default, description=meaning, gt=gt, ge=ge, lt=lt, le=le, json_schema_extra=extra)
