"""Whole files or none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.artifacts.writing import make_folder, replacing, write_bytes_atomic, write_text_atomic
from core.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[4]
WRITER = """
import sys; from pathlib import Path; from core.artifacts.writing import write_bytes_atomic
path, number = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    write_bytes_atomic(path, bytes([number % 256]) * 200_000); number += 1
"""

FULL_DISK = """
import resource, sys; from pathlib import Path
from core.artifacts.writing import write_bytes_atomic; from core.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))
try:
    write_bytes_atomic(Path(sys.argv[1]), b"x" * 4_097)
except InputError as error:
    print(error.at, error.hint, sep="\\n")
    sys.exit(error.exit_code)
"""
"""The limit holds for the whole process, its own output too: never set it in the one that tests."""


def kill_a_writer(path: Path, after_s: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            writer.wait(after_s)
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)


def test_a_file_is_written_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"

    write_text_atomic(path, "één")
    write_bytes_atomic(path, b"two")

    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_bad_input_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes_atomic(path, b"old")

    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )

    assert (done.returncode, done.stderr) == (3, "")
    at, hint = done.stdout.splitlines()
    assert at == str(path)
    assert "nothing was left half written" in hint
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_each_failure_of_the_disk_has_a_hint(tmp_path: Path, code: int) -> None:
    def fail() -> None:
        with replacing(tmp_path / "file"):
            raise OSError(code, os.strerror(code))

    with pytest.raises(InputError, match=os.strerror(code)) as caught:
        fail()

    assert caught.value.hint != "choose another place"
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match="cannot be written"):
        write_text_atomic(tmp_path / "file" / "below", "x")
    with pytest.raises(InputError, match="cannot be written"):
        make_folder(tmp_path / "file" / "below")


def test_an_interrupted_block_leaves_nothing(tmp_path: Path) -> None:
    def interrupt() -> None:
        with replacing(tmp_path / "file") as temp:
            temp.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()

    assert list(tmp_path.iterdir()) == []


def test_a_writer_removes_what_a_dead_one_left_but_not_what_a_living_one_writes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    abandoned = tmp_path / ".file.0123abcd.tmp"
    abandoned.write_text("half")

    with replacing(path) as temp:
        temp.write_text("slow")
        write_text_atomic(path, "quick")
        assert temp.exists()

    assert path.read_text() == "slow"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for after_s in (0.02, 0.05, 0.11):
        kill_a_writer(path, after_s)

        data = path.read_bytes() if path.exists() else b"\0" * 200_000
        assert (len(data), len(set(data))) == (200_000, 1)

    write_bytes_atomic(path, b"end")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.proof
def test_a_writer_killed_at_a_hundred_instants_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for number in range(100):
        kill_a_writer(path, 0.001 + 0.0007 * number)

        data = path.read_bytes() if path.exists() else b"\0" * 200_000
        assert (len(data), len(set(data))) == (200_000, 1)

    write_bytes_atomic(path, b"end")
    assert list(tmp_path.iterdir()) == [path]
