"""The envelope that every artifact wears, and the base of all bodies."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from schemas.base import Strict

SHA256_PATTERN = "^[0-9a-f]{64}$"
UTC_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"


class Source(Strict):
    """A file that went into an artifact, as it was then."""

    path: str = Field(min_length=1, description="Where it lay, as the command was given it.")
    sha256: str = Field(pattern=SHA256_PATTERN, description="Hash of its bytes or logical content.")


class Body(Strict):
    """What one kind of artifact says. Derive from it, and list the class in `schemas.kinds`."""

    folder: ClassVar[str]
    kind: ClassVar[str]
    version: ClassVar[int]


class Envelope(Strict):
    """Who made an artifact, from what, under which rules; and the body as plain JSON."""

    kind: str = Field(min_length=1, description="Which body this is.")
    version: int = Field(ge=1, description="Version of the body's schema.")
    run_id: str = Field(min_length=1, description="Run that made it.")
    made_at: str = Field(pattern=UTC_PATTERN, description="UTC time of writing.")
    perpkit: str = Field(min_length=1, description="Version of the program.")
    kernel_id: str = Field(min_length=1, description="Hash of the decision rules' sources.")
    synthetic: bool = Field(description="True when any input was made up rather than recorded.")
    sources: tuple[Source, ...] = Field(description="Inputs, in the order they were named.")
    content_hash: str = Field(
        pattern=SHA256_PATTERN,
        description="Hash of kind, version, kernel, source hashes and body.",
    )
    body: dict[str, Any] = Field(description="The artifact's own fields.")


class CommandRecord(Strict):
    """One command of a run, as it ended."""

    command: str = Field(min_length=1, description="Name of the command, such as `replay`.")
    argv: tuple[str, ...] = Field(description="Its arguments as typed.")
    ended_at: str = Field(pattern=UTC_PATTERN, description="UTC time at which it ended.")
    exit_code: int = Field(ge=0, le=255, description="0 done, 1 refused; see the README.")
    perpkit: str = Field(min_length=1, description="Version of the program that ran.")
    outputs: tuple[str, ...] = Field(description="Files it made, relative to the run's folder.")


class RunMetadata(Body):
    """What was done in one run; the only artifact that is ever replaced."""

    folder: ClassVar[str] = ""
    kind: ClassVar[Literal["run-metadata"]] = "run-metadata"
    version: ClassVar[Literal[1]] = 1

    commands: tuple[CommandRecord, ...] = Field(description="In the order in which they ended.")


def artifact_schema(body_type: type[Body]) -> dict[str, Any]:
    """JSON Schema of a whole artifact file, envelope and body, of one kind."""
    schema = Envelope.model_json_schema()
    body = body_type.model_json_schema()
    definitions = {**schema.pop("$defs", {}), **body.pop("$defs", {})}
    properties = schema["properties"]
    properties["kind"] = {**properties["kind"], "const": body_type.kind}
    properties["version"] = {**properties["version"], "const": body_type.version}
    properties["body"] = body
    schema["title"] = body_type.kind
    schema["description"] = (body_type.__doc__ or "").strip().split("\n")[0]
    if definitions:
        schema["$defs"] = definitions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
