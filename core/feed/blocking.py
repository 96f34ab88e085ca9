"""The sidecar for programs of one thread: each call asks and returns the answer."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from core.clock import MS_PER_S, monotonic_s
from core.errors import PerpkitError
from core.feed.lines import FeedLostError, Splitter, read_line, request_line, result_of
from core.feed.place import socket_path
from schemas.sidecar import LEASE_MS, PROTOCOL, Line

READ_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 5.0


class Feed:
    """A connection that is made at the first call, and anew when it was lost.

    A call whose connection breaks is asked once more: all of them may be.  `is_new` says whether
    the last call met another boot of the sidecar than the one before it: sequence numbers began
    anew.  Raises FeedLostError when the sidecar cannot be reached.
    """

    def __init__(
        self, path: Path | None = None, *, client: str = "", timeout_s: float = TIMEOUT_S
    ) -> None:
        self._path = socket_path(path)
        self._client = client
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._splitter = Splitter()
        self._lines: list[Line] = []
        self._number = 0
        self._wanted: dict[str, Any] | None = None
        self._called_s = 0.0
        self.boot = ""
        self.is_new = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; what was wanted stays so until its lease ends."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def interest(
        self,
        symbols: Sequence[str] = (),
        intervals: Sequence[str] = (),
        *,
        history_bars: int = 0,
        channels: Sequence[str] = (),
        users: Sequence[str] = (),
        lease_ms: int = LEASE_MS,
    ) -> dict[str, Any]:
        """Want all this in the place of what was wanted; it is said again when it must be."""
        wanted = {
            "symbols": list(symbols),
            "intervals": list(intervals),
            "history_bars": history_bars,
            "channels": list(channels),
            "users": list(users),
            "lease_ms": lease_ms,
        }
        result: dict[str, Any] = self.call("interest", wanted)
        self._wanted = wanted
        return result

    def mids(self, symbols: Sequence[str] = (), age_ms_max: int | None = None) -> dict[str, Any]:
        """`{"seq", "mids": {symbol: {px, age_ms, source}}}`."""
        return self._dict("mids", symbols=list(symbols), age_ms_max=age_ms_max)

    def bbo(self, symbols: Sequence[str] = (), age_ms_max: int | None = None) -> dict[str, Any]:
        """`{"seq", "bbo": {symbol: {bid, ask, time_ms, age_ms}}}`."""
        return self._dict("bbo", symbols=list(symbols), age_ms_max=age_ms_max)

    def contexts(self, symbols: Sequence[str] = ()) -> dict[str, Any]:
        """`{"seq", "contexts": {symbol: {...}}}`."""
        return self._dict("contexts", symbols=list(symbols))

    def trades(self, symbol: str, after_seq: int = 0, limit: int = 500) -> dict[str, Any]:
        """`{"seq", "trades": [...]}`."""
        return self._dict("trades", symbol=symbol, after_seq=after_seq, limit=limit)

    def candles(
        self, symbol: str, interval: str, count: int = 500, *, forming: bool = False
    ) -> dict[str, Any]:
        """`{"bars": [...], "forming", "ready", "reason"}`."""
        return self._dict("candles", symbol=symbol, interval=interval, count=count, forming=forming)

    def funding(self, symbol: str, from_ms: int, to_ms: int) -> dict[str, Any]:
        """`{"funding": [...]}`."""
        return self._dict("funding", symbol=symbol, from_ms=from_ms, to_ms=to_ms)

    def ready(self, symbols: Sequence[str], interval: str) -> dict[str, Any]:
        """`{"ready", "items": [{symbol, interval, ready, reason, ...}]}`."""
        return self._dict("ready", symbols=list(symbols), interval=interval)

    def wait(
        self, symbols: Sequence[str] = (), after_seq: int = 0, *, timeout_ms: int = 25_000
    ) -> dict[str, Any]:
        """`{"seq", "boot", "changed", "timed_out", "reset", "mids"}` when something is newer."""
        params = {
            "symbols": list(symbols),
            "after_seq": after_seq,
            "boot": self.boot,
            "timeout_ms": timeout_ms,
        }
        found: dict[str, Any] = self.call("wait", params, extra_s=timeout_ms / MS_PER_S)
        return found

    def user_events(
        self, user: str, after: int, limit: int = 500, *, wait_ms: int = 0
    ) -> dict[str, Any]:
        """`{"events": [...], "cursor", "more"}` after that cursor; reading takes nothing away."""
        params = {"user": user, "after": after, "limit": limit, "wait_ms": wait_ms}
        found: dict[str, Any] = self.call("user_events", params, extra_s=wait_ms / MS_PER_S)
        return found

    def ack(self, consumer: str, user: str, cursor: int) -> int:
        """How far the consumer is now."""
        return int(self._dict("ack", consumer=consumer, user=user, cursor=cursor)["cursor"])

    def health(self) -> dict[str, Any]:
        """`{"ok", "reasons", "streams", "stores", ...}`."""
        return self._dict("health")

    def stats(self) -> dict[str, Any]:
        """Counters since the start."""
        return self._dict("stats")

    def call(self, method: str, params: dict[str, Any], *, extra_s: float = 0.0) -> Any:
        """The result of any method; `extra_s` is how long the answer may take beyond the usual."""
        self.is_new = False
        try:
            return self._try(method, params, extra_s)
        except FeedLostError:
            self.close()
        try:
            return self._try(method, params, extra_s)
        except FeedLostError:
            self.close()
            raise

    def _dict(self, method: str, **params: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.call(method, params)
        return found

    def _try(self, method: str, params: dict[str, Any], extra_s: float) -> Any:
        if self._socket is None:
            self._connect()
        elif self._wanted is not None and self._is_lease_over():
            self._ask("interest", self._wanted, 0.0)
        result = self._ask(method, params, extra_s)
        self._called_s = monotonic_s()
        return result

    def _is_lease_over(self) -> bool:
        lease_ms = self._wanted["lease_ms"] if self._wanted is not None else LEASE_MS
        return (monotonic_s() - self._called_s) * MS_PER_S > lease_ms / 2

    def _connect(self) -> None:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.settimeout(self._timeout_s)
        try:
            found.connect(str(self._path))
        except OSError as error:
            found.close()
            raise unreachable(self._path, error) from error
        self._socket, self._splitter, self._lines = found, Splitter(), []
        said = self._ask("hello", {"client": self._client, "protocol": PROTOCOL}, 0.0)
        self.is_new = self.is_new or bool(self.boot and self.boot != said["boot"])
        self.boot = said["boot"]
        if self._wanted is not None:
            self._ask("interest", self._wanted, 0.0)

    def _ask(self, method: str, params: dict[str, Any], extra_s: float) -> Any:
        self._number += 1
        line = request_line(self._number, method, params)
        until_s = monotonic_s() + self._timeout_s + extra_s
        assert self._socket is not None
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(line)
            while True:
                answer = self._next(until_s)
                if answer.ok is not None and answer.id in (self._number, None):
                    break
        except OSError as error:
            raise unreachable(self._path, error) from error
        return result_of(answer)

    def _next(self, until_s: float) -> Line:
        assert self._socket is not None
        while not self._lines:
            left_s = until_s - monotonic_s()
            if left_s <= 0:
                raise TimeoutError("no answer in time")
            self._socket.settimeout(left_s)
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("it hung up")
            try:
                self._lines = [read_line(line) for line in self._splitter.feed(data)]
            except OverflowError as error:
                raise FeedLostError(f"the sidecar sent a line of {error} bytes") from error
        return self._lines.pop(0)


def unreachable(path: Path, error: OSError) -> PerpkitError:
    """The error of a sidecar that is not there, or not any more."""
    return FeedLostError(
        f"the sidecar does not answer: {error.strerror or error}",
        at=str(path),
        hint="start `perpkit sidecar`, and give its --socket if it is not the usual one",
    )
