"""One artifact of every kind and version is kept for ever, and this program still reads it.

The samples were made by the commands themselves on a tiny synthetic market. They are never edited:
a new version of a kind gets a new file in a folder of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli import main
from core.artifacts.tree import read_any
from schemas.kinds import KINDS, newest_version
from schemas.migrate import STEPS, migrated

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "artifacts"
PATHS = sorted(SAMPLES.glob("v*/*.json"))


def test_every_kind_and_version_has_its_sample_and_no_sample_is_left_over() -> None:
    wanted = {f"v{body.version}/{body.kind}.json" for body in KINDS}
    kept = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()}

    wanted |= {f"v{version}/{kind}.json" for kind, version in STEPS}

    assert wanted ^ kept == set()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_sample_is_read_whole_whatever_today_s_decision_rules_are(path: Path) -> None:
    raw = json.loads(path.read_text())

    envelope, body = read_any(path)

    assert envelope.kernel_id == raw["kernel_id"]
    assert envelope.version == newest_version(raw["kind"])
    raw["version"], raw["body"] = migrated(raw["kind"], raw["version"], raw["body"])
    assert json.loads(envelope.model_dump_json()) == raw
    assert type(body) in KINDS
    # Fields that came later have defaults, which say that the file knew nothing of them.
    assert json.loads(body.model_dump_json(exclude_unset=True)) == raw["body"]


def other_version(version: object) -> Callable[[dict[str, Any]], None]:
    return lambda raw: raw.update(version=version)


def edit_body(raw: dict[str, Any]) -> None:
    """Change the first number or free text of the body, wherever it is, so that it still fits."""
    assert changed_within(raw["body"])


def changed_within(node: Any) -> bool:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, dict | list):
            if changed_within(value):
                return True
        elif key == "reason":
            node[key] = value + "!"
            return True
        elif isinstance(value, int | float) and not isinstance(value, bool):
            node[key] = value + 1
            return True
    return False


EDITS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a newer version": (other_version(99), "version 99 is unknown here"),
    "version zero": (other_version(0), "version 0 is unknown here"),
    "a version that is no number": (other_version("1"), "version 1 is unknown here"),
    "an unknown kind": (lambda raw: raw.update(kind="replay-repork"), "perpkit does not know"),
    "no kind": (lambda raw: raw.pop("kind"), "it has no kind"),
    "a field too many": (lambda raw: raw["body"].update(extra=1), "does not fit its schema"),
    "a false origin": (lambda raw: raw.update(synthetic=not raw["synthetic"]), "was changed after"),
    "half a surrogate": (lambda raw: raw.update(run_id="\ud800"), "perpkit never writes"),
    "an edited body": (edit_body, "was changed after it was written"),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_is_unknown_or_was_edited_is_refused_in_three_lines(
    name: str, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, said = EDITS[name]
    raw = json.loads(path.read_text())
    edit(raw)
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(raw))

    assert main.run(["show", str(changed)]) == 3

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "  at", "  next"]
    assert said in lines[0]
    assert str(changed) in lines[1]
