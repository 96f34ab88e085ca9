"""Faults of the emulated venue as a person writes them: the YAML file, and one by one.

A fault is a kind, when it acts, whom it meets, and options of its kind, all keys of one mapping.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from schemas.base import Group, Strict, Value
from schemas.fault_kind import CANCELS, PROXY_OPTIONS, REASONS, FaultKind
from schemas.fault_kinds import FAULT_KINDS
from schemas.faults import nearest

FAULTS_MAX = 1_000
"""Most faults of a file, and most in force at once: each is looked at for every message."""
LATEST_MS = 253_402_300_799_999
SPAN_MAX_S = 10 * 366 * 86_400.0
OPTION_KEYS = (
    "delay_ms", "jitter_ms", "by_ms", "age_ms", "bytes_per_s", "piece_bytes", "after_bytes",
    "direction", "code", "status", "executed", "how", "reason", "text", "usd", "frac", "factor",
    "bps", "is_buy", "rate_1h", "leverage", "limit_count", "rows", "interval",
)  # fmt: skip
"""Keys that belong to some kinds only."""
TEXTS_ONLY = ("deep", "huge")
"""Ways to garble that need a whole text."""
WHOM_KEYS = ("user", "coin", "channel", "type", "session")


def _name(value: object) -> object:
    """The name of a fault; ValueError says which is nearest to an unknown one."""
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(name, str) or name in FAULT_KINDS:
        return name
    match = nearest(name, FAULT_KINDS)
    what = f"there is no such fault{f', the nearest is `{match}`' if match else ''}"
    raise ValueError(what)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Name = Annotated[str, BeforeValidator(_name)]
Address = Annotated[str, BeforeValidator(_lower)]


class FaultSpec(Group):
    """One fault: its kind, when, whom, and the options of the kind (docs/faults.md)."""

    fault: Name = Field(
        description="Kind of fault.",
        json_schema_extra={"enum": [*FAULT_KINDS, 429], "type": ["string", "integer"]},
    )
    from_ms: int | None = Field(
        default=None, ge=0, le=LATEST_MS, description="Venue time at which it begins."
    )
    to_ms: int | None = Field(
        default=None, ge=0, le=LATEST_MS, description="Venue time at which it is over."
    )
    after_s: float | None = Field(
        default=None, ge=0, le=SPAN_MAX_S, description="Begins so long after it was given."
    )
    for_s: float | None = Field(
        default=None, gt=0, le=SPAN_MAX_S, description="Is over so long after its beginning."
    )
    count: int | None = Field(default=None, ge=1, le=10**9, description="Acts at most so often.")
    every: int = Field(default=1, ge=1, le=10**9, description="Acts at each n-th occasion.")
    every_s: float | None = Field(
        default=None, gt=0, le=SPAN_MAX_S, description="A fault that acts alone does it again."
    )
    chance_frac: float = Field(
        default=1.0, gt=0, le=1, description="Chance of an occasion, drawn from the seed."
    )
    via: Literal["gateway", "proxy"] | None = Field(
        default=None, description="Where it acts, for kinds that can act at both."
    )
    user: Address | None = Field(
        default=None, pattern=r"^0x[0-9a-f]{40}$", description="Meets this account only."
    )
    coin: str | None = Field(
        default=None, min_length=1, max_length=32, description="Meets this symbol only."
    )
    channel: str | None = Field(
        default=None, min_length=1, max_length=64, description="Meets this channel only."
    )
    type: str | None = Field(
        default=None, min_length=1, max_length=64, description="Meets this type of request only."
    )
    session: int | None = Field(default=None, ge=1, description="Meets this session only.")
    delay_ms: int | None = Field(default=None, ge=0, le=86_400_000)
    jitter_ms: int | None = Field(default=None, ge=0, le=86_400_000)
    by_ms: int | None = Field(default=None, ge=-400 * 86_400_000, le=400 * 86_400_000)
    age_ms: int | None = Field(default=None, ge=0, le=86_400_000)
    bytes_per_s: int | None = Field(default=None, ge=1, le=10**9)
    piece_bytes: int | None = Field(default=None, ge=1, le=65_536)
    after_bytes: int | None = Field(default=None, ge=0, le=10**12)
    direction: Literal["up", "down", "both"] | None = None
    code: int | None = Field(default=None, ge=1000, le=4999)
    status: int | None = Field(default=None, ge=500, le=599)
    executed: bool | None = None
    how: str | None = None
    reason: str | None = None
    text: str | None = Field(default=None, max_length=1_000)
    usd: float | None = Field(default=None, ge=-1e12, le=1e12)
    frac: float | None = Field(default=None, ge=-0.99, le=10)
    factor: float | None = Field(default=None, gt=0, le=1_000)
    bps: float | None = Field(default=None, gt=0, le=100_000)
    is_buy: bool | None = None
    rate_1h: float | None = Field(default=None, ge=-0.04, le=0.04)
    leverage: int | None = Field(default=None, ge=0, le=50)
    limit_count: int | None = Field(default=None, ge=0, le=5_000)
    rows: int | None = Field(default=None, ge=1, le=5_000)
    interval: str | None = Field(default=None, min_length=2, max_length=3)

    @property
    def kind(self) -> FaultKind:
        """What the fault is."""
        return FAULT_KINDS[self.fault]

    def options(self) -> dict[str, Value]:
        """Every option of the kind, as given or by default."""
        kind = self.kind
        found = dict(kind.options)
        if kind.hows:
            found["how"] = kind.hows[0]
        if (self.via or kind.vias[0]) == "proxy":
            found |= PROXY_OPTIONS
        given = {key: getattr(self, key) for key in found}
        return found | {key: value for key, value in given.items() if value is not None}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Raise `ValidationError` for keys that the kind does not take, at these keys."""
        problems = [*self._times(), *self._misplaced(), *self._words()]
        if problems:
            details = [
                InitErrorDetails(
                    type=PydanticCustomError("fault", "{what}", {"what": what}),
                    loc=(key,),
                    input=getattr(self, key),
                )
                for key, what in problems
            ]
            raise ValidationError.from_exception_data("fault", details)
        return self

    def _times(self) -> list[tuple[str, str]]:
        found = []
        if self.from_ms is not None and self.after_s is not None:
            found.append(("after_s", "give either from_ms or after_s"))
        if self.to_ms is not None and self.for_s is not None:
            found.append(("for_s", "give either to_ms or for_s"))
        if self.to_ms is not None and self.from_ms is not None and self.to_ms <= self.from_ms:
            found.append(("to_ms", f"to_ms must lie after from_ms, {self.from_ms}"))
        if self.every_s is not None and not self.kind.acts_alone:
            found.append(("every_s", f"{self.fault} waits for a client: give every, in occasions"))
        return found

    def _misplaced(self) -> list[tuple[str, str]]:
        """(key, what) of keys of other kinds."""
        kind = self.kind
        via = self.via or kind.vias[0]
        found = []
        if via not in kind.vias:
            found.append(("via", f"{self.fault} acts via {' or '.join(kind.vias)} only"))
        whom = () if via == "proxy" else kind.whom
        found += [
            (key, f"{self.fault} {f'via {via} ' if len(kind.vias) > 1 else ''}meets every {key}")
            for key in WHOM_KEYS
            if getattr(self, key) is not None and key not in whom
        ]
        known = self.options()
        takes = f"it takes {', '.join(known)}" if known else "it has no options"
        found += [
            (key, f"{self.fault} takes no {key}; {takes}")
            for key in OPTION_KEYS
            if getattr(self, key) is not None and key not in known
        ]
        return found

    def _words(self) -> list[tuple[str, str]]:
        found = []
        hows = self.kind.hows
        if self.via == "proxy" and "gateway" in self.kind.vias:
            hows = tuple(how for how in hows if how not in TEXTS_ONLY)
        if self.how is not None and hows and self.how not in hows:
            found.append(("how", f"how must be one of {', '.join(hows)}"))
        if self.frac is not None and self.fault != "crash" and not 0 <= self.frac <= 1:
            found.append(("frac", f"{self.fault} takes a part from 0 to 1"))
        if self.usd is not None and self.fault != "transfer" and self.usd <= 0:
            found.append(("usd", f"{self.fault} takes more than 0"))
        reasons: Collection[str] = CANCELS if self.fault == "sibling" else REASONS
        if self.reason is not None and self.reason not in reasons:
            match = nearest(self.reason, reasons)
            close = f", the nearest is `{match}`" if match else ""
            other = "; give text for other words" if self.fault == "reject" else ""
            found.append(("reason", f"no documented reason{close}{other}"))
        return found


class FaultSchedule(Strict):
    """What goes wrong at the emulated venue, and when."""

    kind: Literal["fault-schedule"] = Field(description="Says what this file is.")
    version: Literal[1] = Field(description="Version of this file's schema.")
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="Seed of every chance.")
    faults: tuple[FaultSpec, ...] = Field(description="In the order in which they are asked.")

    @model_validator(mode="before")
    @classmethod
    def _are_not_too_many(cls, data: object) -> object:
        """Raise `ValidationError` for a list that is too long, before each of it is read."""
        faults = data.get("faults") if isinstance(data, dict) else None
        if isinstance(faults, list | tuple) and len(faults) > FAULTS_MAX:
            what = f"a schedule holds at most {FAULTS_MAX} faults, this one {len(faults)}"
            error = PydanticCustomError("faults", "{what}", {"what": what})
            details = [InitErrorDetails(type=error, loc=("faults",), input=faults)]
            raise ValidationError.from_exception_data("schedule", details)
        return data
