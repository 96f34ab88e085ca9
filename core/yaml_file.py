"""YAML files that a person writes: read strictly, every problem named with its line and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.artifacts.hashing import sha256_hex
from core.errors import InputError
from schemas.faults import Fault, FaultsFound, unknown_key
from schemas.yaml_text import YamlFault, YamlText, read_yaml_text, shown, shown_line

SIZE_MAX_BYTES = 256 * 1024
LISTED_MAX = 10

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class YamlFile:
    """A file as it was read: its text with marks, and the hash of its bytes."""

    path: Path
    text: YamlText
    sha256: str

    @property
    def kind(self) -> str:
        """What the file says it is; empty when it does not say."""
        data = self.text.data
        kind = data.get("kind") if isinstance(data, dict) else None
        return kind if isinstance(kind, str) else ""


def read_yaml_file(path: Path) -> YamlFile:
    """Data, marks and hash of a YAML file of at most 256 KiB; InputError otherwise."""
    data = _read_bytes(path)
    return YamlFile(path, read_yaml_bytes(data, path), sha256_hex(data))


def read_yaml_bytes(data: bytes, path: Path) -> YamlText:
    """Data and marks of the bytes of a file; `path` is only named in errors."""
    if len(data) > SIZE_MAX_BYTES:
        raise InputError(
            f"the file is larger than {SIZE_MAX_BYTES // 1024} KiB",
            at=str(path),
            hint="settings are small; give the right file, or split it",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise InputError(
            f"the file is not UTF-8 text, byte 0x{data[error.start]:02x}",
            at=f"{path}:{line}:{column}",
            hint="save it as UTF-8",
        ) from error
    try:
        return read_yaml_text(text)
    except YamlFault as fault:
        raise InputError(fault.what, at=f"{path}:{fault.mark}", hint=fault.hint) from fault


def read_model(file: YamlFile, model: type[M]) -> M:
    """The file's data as one of our models; InputError lists every problem."""
    if not isinstance(file.text.data, dict):
        was = "nothing" if file.text.data is None else shown(file.text.data)
        raise InputError(
            f"the file must be a mapping of keys to values, was {was}", at=f"{file.path}:1:1"
        )
    try:
        return model.model_validate(file.text.data)
    except ValidationError as error:
        details = error.errors()
        headings = [detail for detail in details if _is_heading(detail)]
        deepest = [
            detail
            for detail in details
            if not any(_is_inside(other["loc"], detail["loc"]) for other in details)
        ]
        faults = [
            _model_fault(detail, file.text, model)
            for detail in headings[:1] or _one_per_place(deepest, file.text.data)
        ]
        raise faults_error(FaultsFound(faults), str(file.path)) from error


def faults_error(found: FaultsFound, path: str, *, again: str = "config check") -> InputError:
    """The error that lists a file's faults: one in three lines, several one line each.

    `again` is the command that reads the file once more.
    """
    faults = found.faults
    if len(faults) == 1:
        return InputError(faults[0].what, at=_place(faults[0], path), hint=faults[0].hint)
    listed = [f"{_place(fault, path)}: {fault.what}; {fault.hint}" for fault in faults[:LISTED_MAX]]
    rest = len(faults) - LISTED_MAX
    cut = f", the first {LISTED_MAX} are listed" if rest > 0 else ""
    return InputError(
        f"{len(faults)} problems in the file{cut}",
        at="\n        ".join(listed),
        hint=f"mend them, then `perpkit {again} {path}`",
    )


def _place(fault: Fault, path: str) -> str:
    key = f": {fault.key}" if fault.key else ""
    return f"{path}:{fault.mark}{key}"


def _read_bytes(path: Path) -> bytes:
    """At most one byte more than is allowed, so that a huge file costs nothing."""
    try:
        with path.open("rb") as file:
            return file.read(SIZE_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(
            "the file does not exist",
            at=str(path),
            hint="check the path; `perpkit config init --out FILE` writes an example strategy",
        ) from error
    except IsADirectoryError as error:
        raise InputError(
            "a folder was given, not a file", at=str(path), hint="name a file in it"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the file cannot be read: {reason}", at=str(path)) from error


def _model_fault(detail: ErrorDetails, text: YamlText, model: type[BaseModel]) -> Fault:
    """One of pydantic's findings as a fault with its place and the nearest key."""
    where = _steps_there(text.data, detail["loc"])
    key = ".".join(str(word) for word in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, detail["loc"][:-1])
        what, hint = unknown_key(str(detail["loc"][-1]), known)
        return Fault(what, text.key_mark(where), key, hint)
    if detail["type"] == "missing":
        return Fault(f"{key} is missing", text.value_mark(where), key, f"add `{key}:`")
    value = detail["input"]
    if _is_heading(detail):
        return _heading_fault(detail, text, model)
    if detail["type"] == "too_short":
        return Fault(f"{key} is empty", text.value_mark(where), key, "name at least one")
    was = "" if isinstance(value, dict | list) else f", was {shown(value)}"
    message = shown_line(detail["msg"].removeprefix("Value error, "))
    message = message[:1].lower() + message[1:] if message.startswith("Input") else message
    return Fault(f"{message}{was}", text.value_mark(where), key, "change the value")


def _one_per_place(details: Sequence[ErrorDetails], data: Any) -> list[ErrorDetails]:
    """The findings; of those about one value that fits no branch of a union only one.

    pydantic names the branch, such as `int`, behind the value's place.
    """
    kept: list[ErrorDetails] = []
    seen = set()
    for detail in details:
        place = tuple(_steps_there(data, detail["loc"]))
        if detail["type"] in ("missing", "extra_forbidden") or len(place) == len(detail["loc"]):
            kept.append(detail)
        elif place not in seen:
            seen.add(place)
            merged = detail.copy()
            merged["loc"] = place
            merged["msg"] = "the value must be a finite number, a word, true or false"
            kept.append(merged)
    return kept


def _is_heading(detail: ErrorDetails) -> bool:
    """Whether the file says itself that it is another one than was asked for."""
    return detail["type"] == "literal_error" and detail["loc"] in (("kind",), ("version",))


def _heading_fault(detail: ErrorDetails, text: YamlText, model: type[BaseModel]) -> Fault:
    """What a file of another kind, or of a newer version, is told before all else."""
    name = str(detail["loc"][0])
    mark = text.value_mark(_steps_there(text.data, detail["loc"]))
    known = ", ".join(str(value) for value in get_args(model.model_fields[name].annotation))
    if name == "kind":
        hint = f"give a file of kind {known}"
        return Fault(f"kind must be {known}, was {shown(detail['input'])}", mark, name, hint)
    what = f"this perpkit knows version {known} of such files, was {shown(detail['input'])}"
    return Fault(what, mark, name, "write the version that the file has, or update perpkit")


def _is_inside(inner: Sequence[str | int], outer: Sequence[str | int]) -> bool:
    """Whether a place lies deeper in another; what is wrong there explains the outer one."""
    return len(inner) > len(outer) and tuple(inner[: len(outer)]) == tuple(outer)


def _steps_there(data: Any, loc: Sequence[str | int]) -> list[str | int]:
    """The steps of pydantic's path that are in the file; it also names the branches of unions."""
    found: list[str | int] = []
    for step in loc:
        in_mapping = isinstance(data, dict) and step in data
        in_list = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if in_mapping or in_list:
            data = data[step]
            found.append(step)
    return found


def _known_keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Keys of the model that a path leads to; none when it cannot be told."""
    current: type[BaseModel] | None = model
    for step in loc:
        if current is None:
            return []
        if isinstance(step, int):
            continue
        info = current.model_fields.get(step)
        current = _model_in(info.annotation) if info else current
    return [info.alias or name for name, info in current.model_fields.items()] if current else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        found = _model_in(part)
        if found is not None:
            return found
    return None
