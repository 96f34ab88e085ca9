"""The table of artifact kinds is whole."""

from __future__ import annotations

import importlib
import pkgutil

import schemas
from core.artifacts.runs import FOLDERS
from schemas.artifact import Body, artifact_schema
from schemas.kinds import KINDS


def test_every_body_is_in_the_table_and_no_kind_is_there_twice() -> None:
    for module in pkgutil.iter_modules(schemas.__path__):
        importlib.import_module(f"schemas.{module.name}")
    declared = {body for body in Body.__subclasses__() if body.__module__.startswith("schemas.")}

    assert declared == set(KINDS)
    assert len({(body.kind, body.version) for body in KINDS}) == len(KINDS)


def test_every_kind_has_a_folder_in_the_tree() -> None:
    assert {body.kind for body in KINDS if body.folder not in (*FOLDERS, "")} == set()


def test_every_schema_is_a_valid_schema() -> None:
    from jsonschema import Draft202012Validator

    for body in KINDS:
        Draft202012Validator.check_schema(artifact_schema(body))
