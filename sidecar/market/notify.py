"""Messages to systemd: ready, a status line, and a watchdog ping while data is healthy."""

from __future__ import annotations

import socket
from typing import Final

from core.settings import HostSettings

USEC_PER_S: Final = 1_000_000
STATUS_S: Final = 10.0


class Notifier:
    """Sends to the socket that systemd named; without one, nowhere."""

    def __init__(self, host: HostSettings) -> None:
        name = host.notify_socket
        # An abstract address begins with @ as text and with a zero byte in the system.
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self.watchdog_s = host.watchdog_usec / USEC_PER_S

    @property
    def period_s(self) -> float:
        """How often to call: twice in the watchdog's time at least."""
        return min(STATUS_S, self.watchdog_s / 3) if self.watchdog_s > 0 else STATUS_S

    def ready(self) -> None:
        """Requests are answered from now on."""
        self.send("READY=1")

    def stopping(self) -> None:
        """The end begins."""
        self.send("STOPPING=1")

    def alive(self, status: str, *, is_ok: bool) -> None:
        """The status line; and that we are well, if we are."""
        ping = "WATCHDOG=1\n" if is_ok and self.watchdog_s > 0 else ""
        self.send(f"{ping}STATUS={' '.join(status.split())}")

    def send(self, text: str) -> None:
        """Send a message; nobody listening is no fault of ours."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
            try:
                out.sendto(text.encode(), self._address)
            except OSError:
                return
