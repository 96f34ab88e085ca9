"""Artifacts on disk: written once and whole, checked on the way out and on the way in."""

from __future__ import annotations

import difflib
import importlib.metadata
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from core.artifacts.hashing import content_hash
from core.artifacts.runs import Run
from core.artifacts.writing import write_text_atomic
from core.clock import Clock, utc_iso
from core.errors import InputError, PerpkitError, UsageError
from schemas.artifact import Body, Envelope, Source, artifact_schema
from schemas.kinds import body_type, known_kinds, newest_version
from schemas.migrate import migrated, readable

B = TypeVar("B", bound=Body)
MAX_ARTIFACT_BYTES = 256 * 1024 * 1024


def envelope_of(
    run: Run, body: Body, *, sources: Sequence[Source], synthetic: bool, clock: Clock
) -> Envelope:
    """The body in its envelope, with its content hash, as of now."""
    from kernel.jit import kernel_id

    plain = body.model_dump(mode="json")
    rules = kernel_id()
    return Envelope(
        kind=body.kind,
        version=body.version,
        run_id=run.run_id,
        made_at=utc_iso(clock.now_ms()),
        perpkit=importlib.metadata.version("perpkit"),
        kernel_id=rules,
        synthetic=synthetic,
        sources=tuple(sources),
        content_hash=content_hash(
            kind=body.kind,
            version=body.version,
            kernel_id=rules,
            synthetic=synthetic,
            source_hashes=[source.sha256 for source in sources],
            body=plain,
        ),
        body=plain,
    )


def write_artifact(
    run: Run,
    body: Body,
    *,
    name: str,
    sources: Sequence[Source],
    synthetic: bool,
    clock: Clock,
    force: bool = False,
) -> Path:
    """Path of `<folder>/<name>.json`, which now holds the body in its envelope.

    When an artifact with the same content hash is there already, it is left as it is.  One that
    says something else is only replaced with `force`; otherwise UsageError.  A full disk or a
    place that cannot be written is InputError and leaves nothing behind.
    """
    path = run.path(body.folder, f"{name}.json")
    envelope = envelope_of(run, body, sources=sources, synthetic=synthetic, clock=clock)
    if path.exists() and not force:
        if stored_hash(path) == envelope.content_hash:
            return path
        raise UsageError(
            "another artifact has this name and says something else",
            at=str(path),
            hint="use --force to replace it, or leave out --run to open a new run",
        )
    write_envelope(path, envelope, type(body))
    return path


def write_envelope(path: Path, envelope: Envelope, kind: type[Body]) -> None:
    """Check the envelope against its schema and put it at `path`, replacing what was there."""
    plain = envelope.model_dump(mode="json")
    problem = _schema_problem(plain, kind)
    if problem is not None:
        raise PerpkitError(
            f"an artifact broke its own schema: {problem}",
            at=str(path),
            hint="this is a bug in perpkit; please report it with the command you ran",
        )
    text = json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_text_atomic(path, text + "\n")


def read_artifact(path: Path, expected: type[B]) -> tuple[Envelope, B]:
    """Envelope and body of the artifact at `path`, which must be of the expected kind.

    An older version is carried over to today's, in the envelope that comes back as well.

    Raises InputError when it is missing, broken, of another kind or of an unknown version, or when
    its content is not what its hash says.
    """
    raw = _load(path)
    kind, version = raw.get("kind"), raw.get("version")
    if kind != expected.kind:
        raise InputError(
            f"this is {_kind_text(kind)}, not a {expected.kind}",
            at=f"{path}: kind",
            hint=f"give the path of a {expected.kind}",
        )
    if not _is_readable(expected.kind, version, expected.version):
        _refuse_version(path, expected.kind, version, expected.version)
    envelope = _checked_envelope(path, raw, expected)
    return envelope, expected.model_validate(envelope.body)


def read_any(path: Path) -> tuple[Envelope, Body]:
    """The same for an artifact of whatever kind this program knows."""
    raw = _load(path)
    kind, version = raw.get("kind"), raw.get("version")
    if not isinstance(kind, str) or kind not in known_kinds():
        nearest = difflib.get_close_matches(str(kind), known_kinds(), n=1) or known_kinds()
        raise InputError(
            f"this is {_kind_text(kind)}, which perpkit does not know",
            at=f"{path}: kind",
            hint=f"known and nearest: {', '.join(nearest)}",
        )
    newest = newest_version(kind)
    found = body_type(kind, newest)
    if found is None or not _is_readable(kind, version, newest):
        _refuse_version(path, kind, version, newest)
    return read_artifact(path, found)


def stored_hash(path: Path) -> str:
    """Content hash that the artifact at `path` claims for itself; "" when it is not readable."""
    try:
        claimed = _load(path).get("content_hash")
    except InputError:
        return ""
    return claimed if isinstance(claimed, str) else ""


def is_synthetic(path: Path) -> bool:
    """Whether the artifact at `path` says that its inputs were made up; False when unreadable."""
    try:
        return _load(path).get("synthetic") is True
    except InputError:
        return False


def _load(path: Path) -> dict[str, Any]:
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_ARTIFACT_BYTES:
            raise InputError(
                f"the file has {size_bytes} bytes, the limit is {MAX_ARTIFACT_BYTES}", at=str(path)
            )
        raw = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise InputError(
            "there is no such artifact",
            at=str(path),
            hint="`perpkit show latest` lists the newest run's artifacts",
        ) from error
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", at=str(path)) from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"this is not JSON: {error.msg}",
            at=f"{path}:{error.lineno}:{error.colno}",
            hint="give an artifact that perpkit wrote",
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is not an artifact: {error}", at=str(path)) from error
    if not isinstance(raw, dict):
        raise InputError("this is not an artifact: it is not a JSON object", at=str(path))
    return raw


def _checked_envelope(path: Path, raw: dict[str, Any], kind: type[Body]) -> Envelope:
    today = dict(raw)
    if isinstance(raw.get("body"), dict):
        today["version"], today["body"] = migrated(kind.kind, raw["version"], raw["body"])
    problem = _schema_problem(today, kind)
    if problem is not None:
        raise InputError(
            f"the artifact does not fit its schema: {problem}",
            at=str(path),
            hint=f"`perpkit config check {path}` lists every problem",
        )
    try:
        envelope = Envelope.model_validate(today)
        actual = content_hash(
            kind=envelope.kind,
            version=raw["version"],
            kernel_id=envelope.kernel_id,
            synthetic=envelope.synthetic,
            source_hashes=[source.sha256 for source in envelope.sources],
            body=raw["body"],
        )
    except ValueError as error:  # half a surrogate, a number beyond float64: nothing we write
        raise InputError(
            "this is not an artifact: it holds text or a number that perpkit never writes",
            at=str(path),
            hint="make it again with the command that wrote it; artifacts are never edited",
        ) from error
    if actual != envelope.content_hash:
        raise InputError(
            "the artifact was changed after it was written: its content hash does not match",
            at=f"{path}: content_hash",
            hint="make it again with the command that wrote it; artifacts are never edited",
        )
    return envelope


def _schema_problem(plain: dict[str, Any], kind: type[Body]) -> str | None:
    """The most telling way in which `plain` breaks the schema of its kind, or None."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(kind).iter_errors(plain))
    return None if error is None else f"{error.json_path}: {error.message[:300]}"


@cache
def _validator(kind: type[Body]) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(artifact_schema(kind))


def _is_readable(kind: str, version: object, newest: int) -> bool:
    """Whether a version is today's or can be carried over; True is no number here."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return False
    return readable(kind, version, newest)


def _refuse_version(path: Path, kind: str, version: object, known: int) -> NoReturn:
    raise InputError(
        f"{kind} version {version} is unknown here; this perpkit reads version {known}",
        at=f"{path}: version",
        hint="read it with the perpkit that wrote it, or make it again with this one",
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _kind_text(kind: object) -> str:
    return f"a {kind}" if isinstance(kind, str) else "not an artifact (it has no kind)"
