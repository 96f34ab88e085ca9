"""The state of a run between two bars: what a later run needs to go on bit for bit."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.artifact import SHA256_PATTERN, Body
from schemas.base import Strict

Number = int | float


class SeriesState(Strict):
    """Memory of one indicator series; numbers are per symbol, in the order of `symbols`."""

    series: tuple[int, int, int, int] = Field(description="Kind and windows, as the kernel has it.")
    memory: tuple[tuple[float, ...], ...] = Field(description="One vector per symbol.")
    last: tuple[float, ...] = Field(description="Last value per symbol.")


class RunState(Body):
    """Account, positions, marks and indicator memories after one instant."""

    folder: ClassVar[str] = "replays"
    kind: ClassVar[Literal["state"]] = "state"
    version: ClassVar[Literal[1]] = 1

    config_id: str = Field(pattern=SHA256_PATTERN, description="Strategy that made it.")
    interval: str = Field(min_length=1, description="Length of a bar.")
    ts_ms: int = Field(ge=0, description="Close of the last instant decided.")
    symbols: tuple[str, ...] = Field(description="Symbols, in byte order.")
    account: dict[str, Number] = Field(description="The ledger's fields.")
    positions: dict[str, dict[str, Number]] = Field(description="Open positions by symbol.")
    marks: dict[str, dict[str, Number]] = Field(description="What is remembered per symbol.")
    views: dict[str, dict[str, Number]] = Field(description="Last view of each symbol.")
    volumes_usd: tuple[float, ...] = Field(description="Notional traded on the last days, a ring.")
    series: tuple[SeriesState, ...] = Field(description="Indicator memories.")
