"""The artifact tree: where runs lie, how one is opened, how one is found again.

`<root>/artifacts/<UTC day it was opened>/run_<run id>/<folder>/<name>`
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.writing import make_folder
from core.clock import Clock, random_hex, utc_date, utc_stamp
from core.errors import InputError, UsageError

FOLDERS = ("data_checks", "sweeps", "configs", "replays", "reports", "gates", "logs")
METADATA = "run_metadata.json"
PREFIX = "run_"
OPEN_ATTEMPTS = 8
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@=+-]{0,180}")


@dataclass(frozen=True)
class Run:
    """One chain of commands and the folder that holds all they made."""

    root: Path
    run_id: str
    date: str

    @property
    def dir(self) -> Path:
        """The run's own folder."""
        return self.root / "artifacts" / self.date / f"{PREFIX}{self.run_id}"

    @property
    def metadata_path(self) -> Path:
        """The list of the run's commands."""
        return self.dir / METADATA

    def path(self, folder: str, name: str) -> Path:
        """Where a file of this run belongs; `folder` is one of FOLDERS, "" for the run itself."""
        assert folder in FOLDERS or folder == "", folder
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of an artifact",
                hint="use letters, digits and . _ @ = + - only",
            )
        return self.dir / folder / name


def open_run(root: Path, clock: Clock, run_id: str | None) -> Run:
    """A new run when `run_id` is None, otherwise the run of that id, with or without `run_`.

    Raises InputError when there is no such run or `root` cannot be written.
    """
    if run_id is not None:
        return find_run(root, run_id)
    opened_ms = clock.now_ms()
    for _ in range(OPEN_ATTEMPTS):
        run = Run(root, f"{utc_stamp(opened_ms)}-{order_tag(opened_ms)}", utc_date(opened_ms))
        if not _is_there(run.dir):
            make_folder(run.dir)
            return run
    raise AssertionError


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:  # making it will say what is wrong
        return False


def find_runs(root: Path) -> list[Run]:
    """All runs below `root`, oldest first; none when nothing was ever run there."""
    found = []
    try:
        for day in (root / "artifacts").iterdir():
            if DAY.fullmatch(day.name) and day.is_dir():
                found += [
                    Run(root, folder.name.removeprefix(PREFIX), day.name)
                    for folder in day.iterdir()
                    if folder.name.startswith(PREFIX) and folder.is_dir()
                ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"the artifact tree cannot be read: {error.strerror}",
            at=str(root / "artifacts"),
            hint="make it readable, or give another --root",
        ) from error
    return sorted(found, key=lambda run: (run.date, run.run_id))


def order_tag(opened_ms: int) -> str:
    """Eight hexadecimal digits: three of the millisecond, so that ids sort by time; five random."""
    return f"{opened_ms % 1000:03x}{random_hex(3)[:5]}"


def find_run(root: Path, text: str) -> Run:
    """The run whose id is, or alone begins with, `text`; `latest` is the newest.

    Raises InputError that names the nearest id otherwise.
    """
    wanted = text.removeprefix(PREFIX)
    runs = find_runs(root)
    if wanted == "latest" and runs:
        return runs[-1]
    exact = [run for run in runs if run.run_id == wanted]
    matches = exact or [run for run in runs if wanted and run.run_id.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    place = str(root / "artifacts")
    if matches:
        some = ", ".join(run.run_id for run in matches[:3])
        raise InputError(f"{text!r} fits {len(matches)} runs: {some}", at=place)
    if not runs:
        raise InputError(
            f"there is no run {text!r}: nothing was run here yet",
            at=place,
            hint="give the right --root, or leave out --run to open a run",
        )
    ids = [run.run_id for run in runs]
    nearest = (difflib.get_close_matches(wanted, ids, n=1, cutoff=0.0) or ids[-1:])[0]
    raise InputError(
        f"there is no run {text!r}",
        at=place,
        hint=f"the nearest is {nearest}; the newest is {ids[-1]}",
    )


def resolve_artifact(root: Path, text: str) -> Run | Path:
    """What `text` means to a person: a file, a run's folder, or a run id below `root`.

    Raises InputError with the nearest run or file when it is none of these.
    """
    path = Path(text)
    if path.is_file() and path.name != METADATA:
        return path
    folder = path.parent if path.is_file() else path
    if folder.is_dir() and folder.resolve().name.startswith(PREFIX):
        folder = folder.resolve()
        return Run(folder.parents[2], folder.name.removeprefix(PREFIX), folder.parent.name)
    if "/" not in text and not text.endswith(".json"):
        return find_run(root, text)
    if path.parent.is_dir():
        names = sorted(entry.name for entry in path.parent.iterdir())
        nearest = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
        hint = f"the nearest is {path.parent / nearest[0]}" if nearest else ""
        raise InputError("there is no such artifact", at=text, hint=hint)
    raise InputError(
        "there is no such artifact", at=text, hint="`perpkit show latest` lists the newest run"
    )
