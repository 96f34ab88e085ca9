"""What was put into a lane, by whom and why; and the note that settles a change cut short."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.artifact import SHA256_PATTERN, UTC_PATTERN, Body, Source
from schemas.base import Strict

Action = Literal["deploy", "rollback"]
LANE_PATTERN = "^[a-z0-9][a-z0-9-]{0,39}$"


class DeploymentEvent(Body):
    """One change of what a lane holds."""

    folder: ClassVar[str] = "logs"
    kind: ClassVar[Literal["deployment-event"]] = "deployment-event"
    version: ClassVar[Literal[1]] = 1

    lane: str = Field(pattern=LANE_PATTERN, description="Lane that changed.")
    action: Action = Field(description="What was done.")
    at: str = Field(pattern=UTC_PATTERN, description="UTC time at which it was begun.")
    by: str = Field(min_length=1, description="Who did it.")
    reason: str = Field(description="Why, in their words; may be empty.")
    before_config_id: str | None = Field(
        description="Configuration before; null when there was none or it could not be read."
    )
    after_config_id: str = Field(pattern=SHA256_PATTERN, description="Configuration after.")
    before_sha256: str | None = Field(description="Hash of the file before; null without one.")
    after_sha256: str = Field(pattern=SHA256_PATTERN, description="Hash of the file after.")
    gate_report_hash: str | None = Field(
        description="Content hash of the gate report that it rests on; null when that is unknown."
    )


class LaneChange(Strict):
    """A change that was begun: where its event goes, and what the event says."""

    run_id: str = Field(min_length=1, description="Run whose folder gets the event.")
    event_name: str = Field(min_length=1, description="Name of the event's file.")
    synthetic: bool = Field(description="True when the strategy was judged on made-up bars.")
    sources: tuple[Source, ...] = Field(description="Sources of the event.")
    event: DeploymentEvent = Field(description="The event.")
