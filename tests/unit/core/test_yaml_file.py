"""Files of people: bytes that are no text, too large, or do not fit their model."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from core.errors import InputError
from core.yaml_file import SIZE_MAX_BYTES, read_model, read_yaml_file
from schemas.base import Strict


class Inner(Strict):
    limit: int = Field(ge=1)


class Outer(Strict):
    kind: str
    names: tuple[str, ...] = ()
    inner: tuple[Inner, ...] = Field(min_length=1)


def read(tmp_path: Path, data: bytes) -> Outer:
    path = tmp_path / "outer.yaml"
    path.write_bytes(data)
    return read_model(read_yaml_file(path), Outer)


def test_a_right_file_becomes_its_model(tmp_path: Path) -> None:
    outer = read(tmp_path, "\ufeffkind: x\ninner: [{limit: 2}]\n".encode())

    assert outer == Outer(kind="x", inner=(Inner(limit=2),))


@pytest.mark.parametrize(
    ("data", "what", "at"),
    [
        (b"kind: x\nknd: 1\ninner: [{limit: 1}]\n", "nearest is `kind`", "outer.yaml:2:1: knd"),
        (
            b"kind: x\ninner:\n  - limt: 1\n    limit: 2\n",
            "`limit`",
            "outer.yaml:3:5: inner.0.limt",
        ),
        (b"inner: [{limit: 1}]\n", "kind is missing", "outer.yaml:1:1: kind"),
        (b"kind: x\ninner: [{limit: 0}]\n", "was 0", "outer.yaml:2:17: inner.0.limit"),
        (b"kind: x\ninner: []\n", "inner is empty", "outer.yaml:2:8: inner"),
        (b"- 1\n", "must be a mapping", "outer.yaml:1:1"),
        (b"", "was nothing", "outer.yaml:1:1"),
        (b"kind: x\n  \xff\n", "not UTF-8 text, byte 0xff", "outer.yaml:2:3"),
        (b"#" * (SIZE_MAX_BYTES + 1), "larger than 256 KiB", "outer.yaml"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, data: bytes, what: str, at: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data)

    assert what in caught.value.what
    assert caught.value.at == str(tmp_path / at)


def test_several_problems_are_listed_in_the_order_of_lines(tmp_path: Path) -> None:
    extra = "".join(f"x{number}: 1\n" for number in range(12)).encode()
    with pytest.raises(InputError) as caught:
        read(tmp_path, b"kind: 1\ninner: [{limit: 0}]\n" + extra)

    places = [line.strip().split(": ")[0] for line in caught.value.at.splitlines()]
    assert caught.value.what == "14 problems in the file, the first 10 are listed"
    assert [place.split(":")[1] for place in places] == [str(line) for line in range(1, 11)]
