"""The emulator as a process of its own: started, asked, signed to, stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from coincurve import PrivateKey

from sidecar.emulator.wire.signatures import address_of, sign_l1
from tests.conftest import REPOSITORY

KEY = PrivateKey(bytes([7]) * 32)
USER = address_of(KEY)
READY_S = 60.0


@dataclass
class Emulator:
    """A running emulator: what it printed when it was ready, and its process."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    client: httpx.Client
    nonces: list[int] = field(default_factory=list)

    def info(self, **request: Any) -> Any:
        """The reply to an info request."""
        return self.client.post(f"{self.ready['http']}/info", json=request).json()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """What the control port answers; the status must be 200."""
        reply = self.client.request(method, self.ready["control"] + path, json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def act(self, action: dict[str, Any], key: PrivateKey = KEY) -> httpx.Response:
        """The reply to a signed action, whose nonce is the venue's time or the next free one."""
        now_ms = self.control("GET", "/clock")["now_ms"]
        return self.sign(action, max(now_ms, self.nonces[-1] + 1 if self.nonces else 0), key)

    def sign(self, action: dict[str, Any], nonce: int, key: PrivateKey = KEY) -> httpx.Response:
        """The same with a nonce of one's own."""
        self.nonces.append(nonce)
        body = {"action": action, "nonce": nonce, "signature": sign_l1(action, key, nonce)}
        return self.client.post(f"{self.ready['http']}/exchange", json=body)

    def truth(self, user: str = USER) -> dict[str, Any]:
        """What the exchange holds of a user."""
        return dict(self.control("GET", f"/truth?user={user}"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def order(asset: int, px: str, size: str, *, cloid: str = "", tif: str = "Gtc") -> dict[str, Any]:
    """The action of one limit order to buy."""
    wire: dict[str, Any] = {"a": asset, "b": True, "p": px, "s": size, "r": False}
    wire["t"] = {"limit": {"tif": tif}}
    if cloid:
        wire["c"] = cloid
    return {"type": "order", "orders": [wire], "grouping": "na"}


def command(*options: str | Path) -> list[str]:
    """The command line of an emulator on free ports."""
    start = [sys.executable, "-m", "cli", "emulator", "--port", "0", "--json"]
    return [*start, *map(str, options)]


@contextmanager
def emulator(*options: str | Path, stderr: Path | None = None) -> Iterator[Emulator]:
    """A running emulator, killed at the end if it has not ended before."""
    with (stderr or Path(os.devnull)).open("w") as errors:
        process = subprocess.Popen(
            command(*options), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    alarm = threading.Timer(READY_S, process.kill)
    alarm.start()
    try:
        line = process.stdout.readline()
        alarm.cancel()
        assert line, f"the emulator ended with {process.wait()}"
        assert json.loads(line)["ok"], line
        with httpx.Client(timeout=20, trust_env=False) as client:
            yield Emulator(process, json.loads(line), client)
    finally:
        alarm.cancel()
        process.kill()
        process.wait(timeout=20)
        process.stdout.close()
