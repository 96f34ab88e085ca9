"""Turn runs and artifacts into sections of text that a person can read.

Each kind may have a renderer and a headline in the tables at the end; a kind without one is shown
as its fields, aligned, long lists shortened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.runs import FOLDERS, Run, resolve_artifact
from core.artifacts.tree import read_any, read_artifact
from core.clock import utc_iso
from core.errors import InputError
from schemas.artifact import Envelope, RunMetadata

MAX_ROWS = 20
MAX_FILES_PER_FOLDER = 40
MAX_INLINE = 6
# Milliseconds since 1970 are shown as times from this on (2001); shorter ones are durations.
FIRST_TS_MS = 1_000_000_000_000


@dataclass(frozen=True)
class Section:
    """A titled table; without a header its rows are label and value."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Page:
    """All that is shown of one run or artifact; `data` is the same for machines."""

    path: Path
    sections: tuple[Section, ...]
    data: Mapping[str, Any]


Renderer = Callable[[Mapping[str, Any]], list[Section]]
Headline = Callable[[Mapping[str, Any]], str]


def describe(root: Path, text: str) -> Page:
    """The page of the run or artifact that `text` names; InputError when there is none."""
    found = resolve_artifact(root, text)
    if isinstance(found, Run):
        return _run_page(found)
    if found.suffix in (".yaml", ".yml"):
        raise InputError(
            "this is a YAML file, not an artifact",
            at=str(found),
            hint=f"`perpkit config show {found}` shows a strategy",
        )
    return _artifact_page(found)


def _artifact_page(path: Path) -> Page:
    envelope, _ = read_any(path)
    head = Section(
        f"{envelope.kind} version {envelope.version}",
        (),
        (
            ("path", str(path)),
            ("run", envelope.run_id),
            ("made at", envelope.made_at),
            ("perpkit", envelope.perpkit),
            ("kernel", envelope.kernel_id[:16]),
            ("synthetic", "yes" if envelope.synthetic else "no"),
            ("content hash", envelope.content_hash[:16]),
            *(("source", f"{item.path}  {item.sha256[:16]}") for item in envelope.sources),
        ),
    )
    render = RENDERERS.get(envelope.kind, fields)
    sections = (head, *render(envelope.body))
    return Page(path, sections, {"artifact": envelope.model_dump(mode="json")})


def _run_page(run: Run) -> Page:
    sections = [Section(f"run {run.run_id}", (), (("folder", str(run.dir)),))]
    commands: list[dict[str, Any]] = []
    if run.metadata_path.exists():
        _, body = read_artifact(run.metadata_path, RunMetadata)
        commands = [record.model_dump(mode="json") for record in body.commands]
        sections.append(_command_section(commands))
    listed: dict[str, list[dict[str, str]]] = {}
    for folder in FOLDERS:
        files = _files(run.dir / folder)
        if files:
            listed[folder] = [_file_facts(path) for path in files[:MAX_FILES_PER_FOLDER]]
            sections.append(_folder_section(folder, listed[folder], len(files)))
    data = {"run_id": run.run_id, "date": run.date, "commands": commands, "artifacts": listed}
    return Page(run.dir, tuple(sections), data)


def _command_section(commands: Sequence[Mapping[str, Any]]) -> Section:
    rows = tuple(
        (
            str(number),
            str(record["command"]),
            str(record["ended_at"]),
            str(record["exit_code"]),
            str(len(record["outputs"])),
            " ".join(record["argv"])[:80],
        )
        for number, record in enumerate(commands, 1)
    )
    return Section("commands", ("#", "command", "ended at", "exit", "files", "arguments"), rows)


def _folder_section(folder: str, files: Sequence[Mapping[str, str]], count: int) -> Section:
    rows = [(entry["name"], entry["kind"], entry["headline"]) for entry in files]
    if count > len(files):
        rows.append((f"and {count - len(files)} more", "", ""))
    return Section(folder, ("file", "kind", "headline"), tuple(rows))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
    )


def _file_facts(path: Path) -> dict[str, str]:
    if path.suffix != ".json":
        return {"name": path.name, "kind": path.suffix.lstrip("."), "headline": _size(path)}
    try:
        envelope, _ = read_any(path)
    except InputError as error:
        return {"name": path.name, "kind": "unreadable", "headline": error.what}
    return {"name": path.name, "kind": envelope.kind, "headline": headline(envelope)}


def headline(envelope: Envelope) -> str:
    """One line that says what an artifact found."""
    made_up = " (synthetic)" if envelope.synthetic else ""
    say = HEADLINES.get(envelope.kind)
    if say is not None:
        return say(envelope.body) + made_up
    scalars = [
        f"{label(key)} {value_text(key, value)}"
        for key, value in envelope.body.items()
        if not isinstance(value, dict | list) and value is not None
    ]
    return ", ".join(scalars[:4]) + made_up


def fields(body: Mapping[str, Any], title: str = "") -> list[Section]:
    """Sections for any body: its plain values first, then one section per nested group."""
    plain = [
        (label(key), value_text(key, value)) for key, value in body.items() if not _is_nested(value)
    ]
    sections = [Section(title or "content", (), tuple(plain))] if plain else []
    for key, value in body.items():
        name = f"{title}.{key}" if title else key
        if isinstance(value, dict) and value:
            columns = _columns(value)
            sections += [columns_section(name, columns)] if columns else fields(value, name)
        elif _is_nested(value):
            sections.append(records_section(name, value))
    return sections


def records_section(title: str, records: Sequence[Mapping[str, Any]]) -> Section:
    """A table with one row per record, cut after MAX_ROWS."""
    keys = [key for key, value in records[0].items() if not _is_nested(value)]
    rows = [
        tuple(value_text(key, record.get(key)) for key in keys) for record in records[:MAX_ROWS]
    ]
    return Section(_cut_title(title, len(records)), tuple(map(label, keys)), tuple(rows))


def columns_section(title: str, columns: Mapping[str, Sequence[Any]]) -> Section:
    """A table from equally long columns, cut after MAX_ROWS."""
    count = len(next(iter(columns.values())))
    rows = [
        tuple(value_text(key, column[index]) for key, column in columns.items())
        for index in range(min(count, MAX_ROWS))
    ]
    return Section(_cut_title(title, count), tuple(map(label, columns)), tuple(rows))


def label(key: str) -> str:
    """A field's name for people."""
    return key.replace("_", " ")


def value_text(key: str, value: Any) -> str:
    """A value for people, by the unit at the end of its key."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number_text(key, value)
    if isinstance(value, list):
        shown = ", ".join(value_text(key, item) for item in value[:MAX_INLINE])
        return shown if len(value) <= MAX_INLINE else f"{shown} ... ({len(value):,} values)"
    return "-" if value == {} else str(value)


def number_text(key: str, value: float) -> str:
    """A number for people: `_frac` in per cent, `_usd` with cents, `_ms` as a time if it is one."""
    if key.endswith("_ms") and value >= FIRST_TS_MS:
        return utc_iso(int(value))
    if key.endswith("_frac"):
        return f"{100.0 * value:,.2f} %"
    if key.endswith("_usd"):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return str(value) if key.endswith("seed") else f"{value:,}"
    return f"{value:,.6g}"


def _is_nested(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _columns(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The value as columns of a table if it is that, otherwise nothing."""
    if not all(isinstance(column, list) for column in value.values()):
        return {}
    columns = dict(value)
    lengths = {len(column) for column in columns.values()}
    is_table = len(columns) > 1 and len(lengths) == 1 and lengths != {0}
    is_plain = is_table and not any(isinstance(c[0], dict | list) for c in columns.values())
    return columns if is_plain else {}


def _cut_title(title: str, count: int) -> str:
    return title if count <= MAX_ROWS else f"{title} (first {MAX_ROWS} of {count:,})"


def _size(path: Path) -> str:
    size = float(path.stat().st_size)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def _run_fields(body: Mapping[str, Any]) -> list[Section]:
    return [_command_section(body["commands"])]


def _run_headline(body: Mapping[str, Any]) -> str:
    return f"{len(body['commands'])} commands"


RENDERERS: dict[str, Renderer] = {"run-metadata": _run_fields}
HEADLINES: dict[str, Headline] = {"run-metadata": _run_headline}
