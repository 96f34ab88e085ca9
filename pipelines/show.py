"""Turn runs and artifacts into sections of text that a person can read.

What each kind of artifact shows stands in `show_reports`; a kind without a renderer there is shown
as its fields, aligned, long lists shortened.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.manifest import running_command
from core.artifacts.runs import FOLDERS, PREFIX, Run, resolve_artifact
from core.artifacts.tree import read_any, read_artifact, write_text_atomic
from core.clock import Clock
from core.errors import InputError
from pipelines.sections import (
    PAGE_COLUMNS,
    Section,
    cut,
    fields,
    label,
    short_hash,
    value_text,
)
from pipelines.show_reports import HEADLINES, RENDERERS, command_section
from pipelines.show_search import candidate_sections
from schemas.artifact import Envelope, RunMetadata
from schemas.replay import ReplayReport
from schemas.sweep import SweepReport

MAX_FILES_PER_FOLDER = 40
LONG_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Page:
    """All that is shown of one run or artifact; `data` is the same for machines."""

    path: Path
    sections: tuple[Section, ...]
    data: Mapping[str, Any]


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


def write_html(
    root: Path, text: str, store: Path | None, clock: Clock, note: Callable[[str], None]
) -> Path:
    """The file that now holds the page of a run or artifact for a browser.

    It lies in `reports/` of the run, whose metadata names it; beside an artifact that lies in no
    run.  A replay report becomes a tear sheet, with trades where its bars are at hand; `note` is
    told when they are not.  A sweep report, or a run that holds one, becomes the sweep's page.
    """
    found = resolve_artifact(root, text)
    shown = describe(root, text)
    if isinstance(found, Run):
        run: Run | None = found
        name = f"run_{found.run_id}"
        html = _run_html(found, shown, note)
    else:
        run, name = run_of(found), found.stem
        html = _html(shown, store, note)
    if run is None:
        target = shown.path.with_suffix(".html")
        write_text_atomic(target, html)
        return target
    with running_command(run.root, clock, run.run_id, command="show", argv=sys.argv[1:]) as running:
        target = run.path("reports", f"{name}.html")
        write_text_atomic(target, html)
        running.outputs.append(target)
    return target


def run_of(path: Path) -> Run | None:
    """The run in whose tree a file lies, or None."""
    for folder in (path.parent, path.resolve().parent):
        run_dir = folder.parent
        if folder.name in FOLDERS and run_dir.name.startswith(PREFIX) and len(run_dir.parts) > 2:
            return Run(run_dir.parents[2], run_dir.name.removeprefix(PREFIX), run_dir.parent.name)
    return None


def _html(shown: Page, store: Path | None, note: Callable[[str], None]) -> str:
    from pipelines.sheet_page import plain_page

    plain = shown.data["artifact"]
    if plain["kind"] == SweepReport.kind:
        from pipelines.sweep_page import sweep_page

        return sweep_page(Envelope.model_validate(plain), shown.path)
    if plain["kind"] != ReplayReport.kind:
        return plain_page(shown.sections[0].title, shown.sections)
    from pipelines.rerun import rerun
    from pipelines.tear_sheet import tear_sheet

    envelope = Envelope.model_validate(plain)
    report = ReplayReport.model_validate(envelope.body)
    try:
        again = rerun(shown.path, envelope, report, store)
    except InputError as error:
        if store is not None:
            raise
        note(f"without trades and candles: {error.what} ({error.at})")
        return tear_sheet(envelope, None)
    return tear_sheet(envelope, again.replayed())


def _run_html(run: Run, shown: Page, note: Callable[[str], None]) -> str:
    """The page of the newest sweep of a run, or else its tables."""
    sweeps = _sweeps(run)
    if not sweeps:
        from pipelines.sheet_page import plain_page

        return plain_page(shown.sections[0].title, shown.sections)
    from pipelines.sweep_page import sweep_page

    envelope, path = sweeps[-1]
    if len(sweeps) > 1:
        note(f"the run holds {len(sweeps)} sweeps; this is the page of the newest, {path}")
    return sweep_page(envelope, path, shown.sections)


def _sweeps(run: Run) -> list[tuple[Envelope, Path]]:
    """Sweep reports of a run that can be read, oldest first."""
    found = []
    for path in _files(run.dir / SweepReport.folder):
        if path.suffix != ".json":
            continue
        try:
            envelope, _ = read_any(path)
        except InputError:
            continue  # the folder's table says of it that it is unreadable
        if envelope.kind == SweepReport.kind:
            found.append((envelope, path))
    # Two of one second are told apart by their files.
    return sorted(found, key=lambda each: (each[0].made_at, each[1].stat().st_mtime_ns))


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
            *(
                ("source", f"{short_name(item.path)}  {short_hash(item.sha256)}")
                for item in envelope.sources
            ),
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
        sections.append(command_section(commands))
    files: dict[str, list[dict[str, str]]] = {}
    for folder in FOLDERS:
        paths = _files(run.dir / folder)
        if paths:
            files[folder] = [_file_facts(path) for path in paths[:MAX_FILES_PER_FOLDER]]
            sections.append(_folder_section(folder, files[folder], len(paths)))
    for envelope, path in _sweeps(run)[-1:]:
        first, *rest = candidate_sections(envelope.body)
        title = f"{first.title}, of {path.name}"
        sections += [Section(title, first.header, first.rows), *rest]
    data = {"run_id": run.run_id, "date": run.date, "commands": commands, "artifacts": files}
    return Page(run.dir, tuple(sections), data)


def _folder_section(folder: str, files: Sequence[Mapping[str, str]], count: int) -> Section:
    names = [short_name(entry["name"]) for entry in files]
    taken = max(map(len, names)) + max(len(entry["kind"]) for entry in files) + 4
    rows = [
        (name, entry["kind"], cut(entry["headline"], PAGE_COLUMNS - taken))
        for name, entry in zip(names, files, strict=True)
    ]
    if count > len(files):
        rows.append((f"and {count - len(files)} more", "", ""))
    return Section(folder, ("file", "kind", "headline"), tuple(rows))


def short_name(name: str) -> str:
    """A file name whose hash is cut; the star lets a shell find the file by it."""
    return LONG_HASH.sub(lambda found: f"{short_hash(found.group())}*", name)


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


def _size(path: Path) -> str:
    size = float(path.stat().st_size)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
