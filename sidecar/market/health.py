"""What is well and what is not: one judgement for people, systemd and Prometheus."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from core.clock import Clock, monotonic_s, utc_iso
from sidecar.market.clients import Hub
from sidecar.market.server import Server
from sidecar.market.service import Service

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
MIB: Final = 1024 * 1024
HEARTBEAT_S: Final = 60.0
SHOWN: Final = 3


class Health:
    """The state of everything, as one object."""

    def __init__(self, service: Service, hub: Hub, boot: str, store: Path) -> None:
        self._service = service
        self._hub = hub
        self._boot = boot
        self._store = store
        self._began_s = monotonic_s()
        self.server: Server | None = None

    def whole(self) -> dict[str, Any]:
        """`{"ok", "reasons", "streams", "stores", "users", "clients", "process", ...}`."""
        found = self._service.health()
        found["clients"] = self._hub.describe()
        found["interests"] = len(self._hub.interests())
        found["process"] = {
            "boot": self._boot,
            "pid": os.getpid(),
            "up_s": round(monotonic_s() - self._began_s, 1),
            "rss_mib": round(rss_bytes() / MIB, 1),
            "wal_mib": round(wal_bytes(self._store) / MIB, 1),
        }
        return found

    def numbers(self) -> dict[str, Any]:
        """All that can be counted, for metrics and heartbeats."""
        found = self.whole()
        counted: dict[str, Any] = {
            key: found[key] for key in ("ok", "interests", "process") if key in found
        }
        counted["reasons"] = len(found["reasons"])
        counted["streams"] = len(found["streams"])
        counted["streams_connected"] = sum(bool(s.get("connected")) for s in found["streams"])
        counted["stores_failing"] = sum(not s.get("ok", True) for s in found["stores"])
        counted["not_ready"] = found.get("not_ready_count", 0)
        counted["keys"] = found.get("keys", 0)
        counted["stats"] = self._service.stats() | {"hub": dict(self._hub.counts)}
        if self.server is not None:
            counted["stats"]["server"] = dict(self.server.counts)
            counted["stats"]["answers"] = dict(self.server.answers.counts)
        return counted

    def heartbeat(self, clock: Clock) -> str:
        """One line of JSON: the time, whether all is well, why not, and all counters."""
        now_ms = clock.now_ms()
        found = self.numbers()
        found["reasons"] = self._service.health()["reasons"]
        return json.dumps({"heartbeat": 1, "time": utc_iso(now_ms), "now_ms": now_ms, **found})

    def status(self) -> str:
        """A short line for `systemctl status`."""
        found = self._service.health()
        if found["ok"]:
            return (
                f"healthy: {len(found['streams'])} streams, {self._hub.counts['clients']} clients"
            )
        return f"unhealthy: {'; '.join(found['reasons'][:SHOWN])}"

    def is_ok(self) -> bool:
        """Is all data that is served up to date, and stored?"""
        return bool(self._service.health()["ok"])


def rss_bytes() -> int:
    """Memory of this process that is in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def wal_bytes(folder: Path) -> int:
    """Size of the largest write-ahead log in a folder."""
    largest = 0
    for path in folder.glob("*-wal"):
        try:
            largest = max(largest, path.stat().st_size)
        except FileNotFoundError:
            continue
    return largest


def exposition(numbers: dict[str, Any], prefix: str = "perpkit_sidecar") -> str:
    """Numbers as Prometheus reads them, one gauge each; what is no number is left out."""
    lines: list[str] = []
    _expose(numbers, prefix, lines.append)
    return "".join(f"{line}\n" for line in lines)


def _expose(value: Any, name: str, say: Callable[[str], None]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            clean = "".join(c if c.isalnum() and c.isascii() else "_" for c in str(key))
            _expose(inner, f"{name}_{clean}", say)
    elif isinstance(value, (bool, int, float)):
        say(f"# TYPE {name} gauge")
        say(f"{name} {float(value):.17g}" if isinstance(value, float) else f"{name} {int(value)}")
