"""The market-data sidecar as a process of its own, beside an emulator."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clock import monotonic_s
from tests.conftest import REPOSITORY
from tests.emulator_process import Emulator

READY_S = 60.0


@dataclass
class Sidecar:
    """A sidecar that listens: its process, what it printed, and how long that took."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    start_s: float

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def start(emulator: Emulator, folder: Path, *options: str) -> Sidecar:
    """A sidecar of that emulator with its store and socket in a folder."""
    venue = ["--venue", emulator.ready["http"], "--clock", emulator.ready["control"]]
    place = ["--store", str(folder / "store"), "--socket", str(folder / "run" / "sidecar.sock")]
    began_s = monotonic_s()
    with (folder / "stderr.txt").open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "sidecar", "--json", *venue, *place, *options],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    alarm = threading.Timer(READY_S, process.kill)
    alarm.start()
    line = process.stdout.readline()
    alarm.cancel()
    assert line, f"the sidecar ended: {(folder / 'stderr.txt').read_text()[-2000:]}"
    return Sidecar(process, json.loads(line), monotonic_s() - began_s)
