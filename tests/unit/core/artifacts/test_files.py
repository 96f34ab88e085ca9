"""Artifacts: written once, checked on the way out and in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.artifacts.tree import Run, open_run, read_any, read_artifact, write_artifact
from core.clock import ManualClock
from core.errors import InputError, UsageError
from schemas.artifact import Source
from schemas.kinds import KINDS
from tests.unit.core.artifacts.probe import Probe

CLOCK = ManualClock(1_767_323_045_678)
SOURCE = Source(path="in.parquet", sha256="0" * 64)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.kinds.KINDS", (*KINDS, Probe))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(tmp_path, CLOCK, None)


def written(run: Run, body: Probe, *, name: str = "x", force: bool = False) -> Path:
    return write_artifact(
        run, body, name=name, sources=[SOURCE], synthetic=False, clock=CLOCK, force=force
    )


def test_an_artifact_is_read_as_it_was_written(run: Run) -> None:
    path = written(run, Probe(number=1.5))

    envelope, body = read_artifact(path, Probe)

    assert path == run.dir / "reports" / "x.json"
    assert body == Probe(number=1.5)
    assert (envelope.run_id, envelope.made_at) == (run.run_id, "2026-01-02T03:04:05Z")
    assert envelope.sources == (SOURCE,)
    assert read_any(path) == (envelope, body)


def test_equal_inputs_give_equal_hashes_in_any_run(tmp_path: Path) -> None:
    later = ManualClock(CLOCK.now_ms() + 86_400_000)
    first = written(open_run(tmp_path, CLOCK, None), Probe(number=1.5))
    second = written(open_run(tmp_path, later, None), Probe(number=1.5))

    hashes = {read_artifact(path, Probe)[0].content_hash for path in (first, second)}

    assert len(hashes) == 1


def test_an_artifact_that_says_the_same_is_left_as_it_is(run: Run) -> None:
    path = written(run, Probe(number=1.5))
    before = path.stat().st_mtime_ns

    assert written(run, Probe(number=1.5)) == path
    assert path.stat().st_mtime_ns == before


def test_an_artifact_that_says_otherwise_is_replaced_only_by_force(run: Run) -> None:
    path = written(run, Probe(number=1.5))

    with pytest.raises(UsageError, match="says something else"):
        written(run, Probe(number=2.5))
    assert read_artifact(path, Probe)[1].number == 1.5

    written(run, Probe(number=2.5), force=True)
    assert read_artifact(path, Probe)[1].number == 2.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"number": 1.5', '"number": 1.6', "changed after it was written"),
        ('"synthetic": false', '"synthetic": true', "changed after it was written"),
        ('"number": 1.5', '"number": "q"', r"\$\.body\.number: 'q' is not of type 'number'"),
        ('"number": 1.5', '"number": NaN', "NaN is no JSON number"),
        ('"word"', '"wird"', "'wird' was unexpected"),
        ('"version": 1', '"version": 2', "probe version 2 is unknown here"),
        ('"version": 1', '"version": "1"', "probe version 1 is unknown here"),
        ('"kind": "probe"', '"kind": "prob"', "this is a prob, which perpkit does not know"),
        ('"kind": "probe"', '"kand": "probe"', "not an artifact"),
        ("{", "", "this is not JSON"),
        ("{", "[" * 100_000, "not an artifact|not JSON"),
        ("{", "\ufeff{", "not JSON"),
    ],
)
def test_a_broken_artifact_is_named_and_refused(run: Run, old: str, new: str, message: str) -> None:
    path = written(run, Probe(number=1.5))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(InputError, match=message) as caught:
        read_any(path)

    assert str(path) in caught.value.at


def test_an_artifact_of_another_kind_is_refused(run: Run) -> None:
    path = written(run, Probe(number=1.5))

    with pytest.raises(InputError, match="this is a probe, not a run-metadata"):
        read_artifact(path, KINDS[[kind.kind for kind in KINDS].index("run-metadata")])


@pytest.mark.parametrize("content", [b"\xff\xfe", b"3", b"", b"null"])
def test_a_file_that_is_no_artifact_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"not an artifact|not JSON"):
        read_any(path)


def test_a_missing_artifact_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such artifact"):
        read_any(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "x" * 300, "a b"])
def test_a_name_that_leaves_the_folder_is_refused(run: Run, name: str) -> None:
    with pytest.raises(UsageError):
        written(run, Probe(number=1.5), name=name and f"{name}")


@given(number=st.floats(allow_nan=False, allow_infinity=False), word=st.text())
def test_writing_then_reading_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, number: float, word: str
) -> None:
    run = open_run(tmp_path_factory.mktemp("r"), CLOCK, None)
    try:
        word.encode()
    except UnicodeEncodeError:
        return
    body = Probe(number=number, word=word)

    path = written(run, body)

    assert read_artifact(path, Probe)[1] == body
    assert json.loads(path.read_text())["body"] == body.model_dump(mode="json")
