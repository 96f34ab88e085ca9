"""`GET /metrics` for Prometheus and `GET /health` for others, over HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Final

from core.errors import InputError
from sidecar.market.health import Health, exposition

LOOPBACK: Final = "127.0.0.1"
HEAD_BYTES_MAX: Final = 8 * 1024
TIMEOUT_S: Final = 5.0
REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
                  503: "Service Unavailable"}  # fmt: skip


class Metrics:
    """A tiny HTTP server: one request a connection."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; the port that it is (0 takes a free one).  Raises InputError when taken."""
        try:
            self._server = await asyncio.start_server(
                self._serve, LOOPBACK, port, limit=HEAD_BYTES_MAX
            )
        except OSError as error:
            raise InputError(
                f"--metrics-port {port} cannot be listened at: {error.strerror}",
                at=f"{LOOPBACK}:{port}",
                hint="give another port, or 0 for a free one",
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                except asyncio.LimitOverrunError:
                    head = b""
                writer.write(self._reply(head))
                await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            with suppress(OSError):
                writer.close()

    def _reply(self, head: bytes) -> bytes:
        parts = head.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3:
            return _http(400, "text/plain", "a request line has three parts\n")
        method, path = parts[0], parts[1].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _http(405, "text/plain", "only GET and HEAD\n")
        if path == b"/metrics":
            text = exposition(self._health.numbers())
            return _http(200, "text/plain; version=0.0.4", text, is_head=method == b"HEAD")
        if path == b"/health":
            found = self._health.whole()
            status = 200 if found["ok"] else 503
            text = json.dumps(found) + "\n"
            return _http(status, "application/json", text, is_head=method == b"HEAD")
        return _http(404, "text/plain", "there are /metrics and /health\n")


def _http(status: int, kind: str, text: str, *, is_head: bool = False) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if is_head else body)
