"""A Dask cluster on this machine: a scheduler and workers, each a process that a test may kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection, socket

from core.clock import monotonic_s, sleep_s

HOST = "127.0.0.1"
SERVE = ("--host", HOST, "--no-dashboard", "--dashboard-address", f"{HOST}:0")
WAIT_S = 30.0


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


@dataclass
class Cluster:
    """Processes of one cluster; `folder` takes their logs."""

    folder: Path
    port: int = field(default_factory=free_port)
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What `--cluster` takes."""
        return f"tcp://{HOST}:{self.port}"

    def start(self, worker_count: int) -> None:
        """A scheduler that listens, and so many workers with one thread each."""
        self.scheduler = self._process("scheduler", "--port", str(self.port))
        give_up_s = monotonic_s() + WAIT_S
        while True:
            try:
                create_connection((HOST, self.port), timeout=1.0).close()
                break
            except OSError:
                assert monotonic_s() < give_up_s, self.logs()
                sleep_s(0.05)
        for _ in range(worker_count):
            self.add_worker()

    def add_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """One more worker, which registers itself soon."""
        worker = self._process(
            "worker", self.address, "--nthreads", "1", "--no-nanny", *options, **environment
        )
        self.workers.append(worker)
        return worker

    def wait_for_workers(self) -> None:
        """Return when all of them have registered."""
        give_up_s = monotonic_s() + WAIT_S
        while self.logs().count("Registered to:") < len(self.workers):
            assert monotonic_s() < give_up_s, self.logs()
            sleep_s(0.05)

    def stop(self) -> None:
        """Nothing of it is left."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                process.kill()
                process.wait()

    def logs(self) -> str:
        """What all of them said."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _process(self, role: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{role}-{len(self.workers)}.log"
        settings: Mapping[str, str] = {**os.environ, **environment}
        with (self.folder / name).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", role, *arguments, *SERVE],
                cwd=self.folder,
                env=settings,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
