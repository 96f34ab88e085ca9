"""`pipelines/demo.sh`, called from elsewhere and into a folder with blanks in its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import body, envelope

SCRIPT = Path(__file__).resolve().parents[3] / "pipelines" / "demo.sh"


def demo(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The demo run in `folder`; `perpkit` is the one of this interpreter."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DATA": "", "EDGE": "", "SEED": "", **settings}
    return subprocess.run(
        ["bash", str(SCRIPT)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_demo_ends_in_a_deployment(tmp_path: Path) -> None:
    done = demo(tmp_path, DEMO_ROOT="my demo")

    root = tmp_path / "my demo"
    assert done.returncode == 0, done.stderr
    assert (root / "lanes" / "demo" / "strategy.yaml").is_file()
    assert (root / "trades.parquet").is_file()
    assert "--- summary: deployed" in done.stdout
    assert all(envelope(path)["synthetic"] for path in root.glob("artifacts/*/*/**/*.json"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["my demo"]


def test_the_demo_without_an_edge_refuses_everything_and_says_so(tmp_path: Path) -> None:
    done = demo(tmp_path, DEMO_ROOT="demo", EDGE="0")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "demo" / "lanes").exists()
    assert "--- summary: nothing deployed" in done.stdout
    (metadata,) = tmp_path.glob("demo/artifacts/*/*/run_metadata.json")
    assert [each["exit_code"] for each in body(metadata)["commands"]] == [0, 0, 1]


def test_the_demo_ends_with_the_code_of_the_step_that_failed(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("symbol,t,o,h,l,c,v\nBTC,1735689600000,1,2,0.5,1,9\n")

    assert demo(tmp_path, DEMO_ROOT="demo", DATA="nowhere.csv").returncode == 3
    assert demo(tmp_path, DEMO_ROOT="demo", DATA="few.csv").returncode == 3
    assert demo(tmp_path, DEMO_ROOT="demo", EDGE="99").returncode == 2


@pytest.mark.parametrize("name", ["notes.txt", "artifacts"])
def test_the_demo_empties_no_folder_but_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    done = demo(tmp_path, DEMO_ROOT=".")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: ")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
