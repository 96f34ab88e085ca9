"""One writer at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InputError, RefusedError
from core.lock import hold

HOLDER = """
import sys; from pathlib import Path; from core.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True); sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(RefusedError, match=f"run 7 is in use by process {holder.pid}"):
            hold(path, what="run 7").__enter__()
        holder.kill()
        holder.wait()

        with hold(path):
            pass


def test_two_holders_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    with hold(tmp_path / "lock"), pytest.raises(RefusedError), hold(tmp_path / "lock", wait_s=0.05):
        pass
    with hold(tmp_path / "lock"):
        pass


def test_a_lock_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(InputError, match="lock file cannot be opened"),
        hold(tmp_path / "file/lock"),
    ):
        pass
