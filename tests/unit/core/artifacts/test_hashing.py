"""Fingerprints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.artifacts.hashing import canonical_json, content_hash, sha256_file, sha256_hex
from core.errors import InputError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip
FACTS = {"kind": "k", "version": 1, "kernel_id": "r", "synthetic": False, "source_hashes": ["a"]}


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_and_a_trip_through_a_file_do_not_matter(body: dict[str, object]) -> None:
    reordered = dict(reversed(body.items()))
    read_back = json.loads(json.dumps(body, indent=2))

    assert canonical_json(body) == canonical_json(reordered) == canonical_json(read_back)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json([number])


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"version": 2},
        {"kernel_id": "s"},
        {"synthetic": True},
        {"source_hashes": ["b"]},
        {"body": {"x": 2}},
    ],
)
def test_each_fact_changes_the_content_hash(change: dict[str, object]) -> None:
    facts = {**FACTS, "body": {"x": 1}}

    assert content_hash(**facts) != content_hash(**{**facts, **change})  # type: ignore[arg-type]


def test_a_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")

    assert sha256_file(path) == sha256_hex(b"abc")
    with pytest.raises(InputError, match="cannot be read"):
        sha256_file(tmp_path / "missing")
