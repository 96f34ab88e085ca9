"""What is installed, what is shipped, and what start-up costs."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = {"cli", "core", "kernel", "pipelines", "schemas", "sidecar"}
HEAVY = {
    "apsw",
    "jsonschema",
    "llvmlite",
    "numba",
    "numpy",
    "polars",
    "pydantic_settings",
    "ruamel",
}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
LOCK = (REPOSITORY / "requirements.lock").read_text()


def normalised(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def test_no_other_distribution_claims_a_room() -> None:
    claims = importlib.metadata.packages_distributions()

    strangers = {room: set(claims.get(room, [])) - {"perpkit"} for room in ROOMS}

    assert not any(strangers.values()), strangers


def test_the_wheel_holds_the_rooms_and_nothing_else(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"])

    names = zipfile.ZipFile(wheel).namelist()
    version = PROJECT["project"]["version"]
    assert {name.split("/")[0] for name in names} == ROOMS | {f"perpkit-{version}.dist-info"}
    assert {f"{room}/py.typed" for room in ROOMS} <= set(names)
    schemas = {path.name for path in (REPOSITORY / "schemas/json").glob("*.json")}
    assert {f"schemas/json/{name}" for name in schemas} <= set(names)
    assert [name for name in names if name.endswith((".pyc", ".so", ".lock"))] == []


def loaded_by(arguments: list[list[str]]) -> set[str]:
    """Top-level modules in a fresh interpreter that ran these command lines, all with success."""
    script = (
        "import json, sys; from cli.main import run; "
        f"codes = {{run(arguments) for arguments in {arguments!r}}}; "
        "print(json.dumps([list(codes), sorted({n.split('.')[0] for n in sys.modules})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    codes, modules = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0]
    return set(modules)


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by([["--help"]]) & (HEAVY | {"pydantic"}) == set()


def test_help_of_every_command_loads_nothing_heavy() -> None:
    from cli.main import COMMANDS, GROUPS

    names = [name for name, _ in (*COMMANDS, *GROUPS)]

    # typer itself needs pydantic to describe the options of one command.
    assert loaded_by([[name, "--help"] for name in names]) & HEAVY == set()


def test_the_lock_pins_every_dependency_with_a_hash_and_names_no_index() -> None:
    blocks = re.findall(r"^([a-z0-9][a-z0-9._-]*)==[^\\\n]+((?:\\\n.*)*)", LOCK, re.MULTILINE)
    locked = {normalised(name) for name, _ in blocks}
    wanted = {
        normalised(requirement)
        for requirements in (
            PROJECT["build-system"]["requires"],
            PROJECT["project"]["dependencies"],
            *PROJECT["project"]["optional-dependencies"].values(),
        )
        for requirement in requirements
    }

    assert wanted - locked == set()
    assert [name for name, hashes in blocks if "--hash=sha256:" not in hashes] == []
    assert re.findall(r"://|^\s*-(?!-hash=sha256:)| @ ", LOCK, re.MULTILINE) == []


def test_the_version_is_declared_once() -> None:
    version = PROJECT["project"]["version"]

    holders = [
        path.relative_to(REPOSITORY).as_posix()
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*.py")
        if f'"{version}"' in path.read_text()
    ]

    assert holders == []
