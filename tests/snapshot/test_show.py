"""The page of each kind of artifact and of a run, as `perpkit show` prints them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from cli import main
from schemas.kinds import KINDS

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = Path("tests/data/artifacts")
COLUMNS_MAX = 120
FOLDERS = {body.kind: body.folder for body in KINDS}
PATHS = {body.kind: SAMPLES / f"v{body.version}" / f"{body.kind}.json" for body in KINDS}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.run(["show", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("kind", sorted(FOLDERS))
def test_an_artifact(
    kind: str, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    printed = page(capsys, str(PATHS[kind]))

    assert printed == snapshot
    assert max(map(len, printed.splitlines())) <= COLUMNS_MAX


def test_a_run_with_every_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    folder = tmp_path / "artifacts" / "2026-01-02" / "run_20260102T030405Z-00000000"
    for kind, name in FOLDERS.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        file = "run_metadata" if kind == "run-metadata" else kind
        shutil.copyfile(PATHS[kind], target / f"{file}.json")
    (folder / "configs").mkdir()
    (folder / "configs" / f"{'0a1b' * 16}.yaml").write_text("kind: strategy\nversion: 1\n")

    printed = page(capsys, "latest", "--root", str(tmp_path))

    _, _, rest = printed.partition("\n\n")  # the first section names the folder
    assert rest == snapshot
    assert max(map(len, rest.splitlines())) <= COLUMNS_MAX
    assert re.findall(r"[0-9a-f]{64}", rest) == []
