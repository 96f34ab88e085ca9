"""Commands as a user types them, run in this process, and a small market for them to work on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli import main
from core.clock import ManualClock
from core.market.synthetic import MarketSpec, synthetic_rows
from core.store.candles import ingest
from core.store.series import Origin

CLOCK = ManualClock(1_767_323_045_678)
EASY = """kind: strategy
version: 1
global:
  trade: {entry_min_confidence: low, enable_ssf_filter: false}
  filters: {enable_ranging_filter: false, enable_anomaly_filter: false}
  thresholds: {entry: {min_adx: 12.0}}
"""
"""A strategy that lets many entries through, so that short histories have trades."""


@dataclass
class Shell:
    """Runs commands in `folder` and keeps what the last one printed."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    out: str = field(default="", init=False)
    err: str = field(default="", init=False)

    def __call__(self, *arguments: str | Path) -> int:
        """Exit code of one command line."""
        code = main.run([str(argument) for argument in arguments])
        self.out, self.err = self.capsys.readouterr()
        return code

    def done(self, *arguments: str | Path) -> Path:
        """The first path that a command printed, which must have succeeded."""
        code = self(*arguments)
        assert code == 0, self.err
        return Path(self.out.splitlines()[0])

    def error(self) -> list[str]:
        """The lines of the error on stderr."""
        lines = self.err.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return lines[starts[-1] :] if starts else []


def envelope(path: Path) -> dict[str, Any]:
    """An artifact as it lies on disk."""
    return dict(json.loads(path.read_text()))


def body(path: Path) -> dict[str, Any]:
    """What an artifact says."""
    return dict(envelope(path)["body"])


def run_of(path: Path) -> str:
    """Id of the run that an artifact lies in."""
    return path.parent.parent.name


def make_store(folder: Path, spec: MarketSpec) -> Path:
    """A store of that synthetic market."""
    origin = Origin(source="made", sha256="0" * 64, synthetic=True)
    ingest(folder, spec.interval, synthetic_rows(spec), origin, CLOCK)
    return folder
