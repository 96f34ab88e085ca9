"""A configuration of the reference, written as a strategy file of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.tree import write_text_atomic
from core.config import check_file
from core.errors import UsageError
from core.yaml_file import faults_error, read_yaml_file
from schemas.base import Value
from schemas.faults import FaultsFound
from schemas.reference import Imported, read_reference
from schemas.render_yaml import overlay_text, strategy_text, word
from schemas.strategy import strategy_from
from schemas.strategy_file import NAME_PATTERN, Overlay

TOP = """\
Imported from {name}, a configuration in the reference's keys, over the reference preset: with
these values perpkit decides, fills and charges as the reference does."""
LEFT_OUT = "Of that file, what acts otherwise or not at all:"


@dataclass(frozen=True)
class ImportResult:
    """Text of the strategy file, and one warning for each key that it does not carry as it was."""

    text: str
    warnings: tuple[str, ...]


def import_reference(path: Path) -> ImportResult:
    """The file in our keys; InputError lists every value that cannot be taken over."""
    source = read_yaml_file(path)
    try:
        imported = read_reference(source.text)
    except FaultsFound as found:
        raise faults_error(found, str(path), again="config import-reference") from found
    check_file(imported.file, source)
    notes = [f"line {note.mark.line}: {note.key}: {note.what}" for note in imported.notes]
    warnings = tuple(f"{path}:{note.mark}: {note.key}: {note.what}" for note in imported.notes)
    return ImportResult(_text(imported, path, notes), warnings)


def write_imported(path: Path, out: Path, *, force: bool) -> ImportResult:
    """Write the file in our keys to `out`; UsageError when it is there already and not forced."""
    result = import_reference(path)
    refuse_to_replace(out, force=force)
    write_text_atomic(out, result.text)
    return result


def refuse_to_replace(out: Path, *, force: bool) -> None:
    """Raise UsageError when a file is there already and `--force` was not given."""
    if out.exists() and not force:
        raise UsageError("the file is there already", at=str(out), hint="--force replaces it")


def _text(imported: Imported, path: Path, notes: list[str]) -> str:
    shown_name = ascii(path.name)[1:-1]
    comment = TOP.format(name=shown_name)
    if notes:
        comment = "\n".join([comment, "", LEFT_OUT, *(f"  {note}" for note in notes)])
    name = path.stem if re.fullmatch(NAME_PATTERN, path.stem) else ""
    file = imported.file
    parts = [strategy_text(strategy_from(_values(file.common)), comment=comment, name=name)]
    for section, overlays in (("symbols", file.symbols), ("modes", file.modes)):
        if overlays:
            parts.append(f"\n{section}:\n")
            for key, overlay in overlays.items():
                parts.append(f"  {word(key)}:\n{overlay_text(_values(overlay), depth=2)}")
    if file.live:
        parts.append(f"\nlive:\n{overlay_text(_values(file.live), depth=1)}")
    return "".join(parts)


def _values(overlay: Overlay) -> dict[str, Value]:
    return {path: setting.value for path, setting in overlay.items()}
