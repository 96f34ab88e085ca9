"""How fast the sidecar is: `python -m sidecar.market.measure`; adds its figures to bench.json.

Three processes: `load` sends at an exact rate, the sidecar is the command as users run it, and this
process is its three clients.  Latency is from the instant a message is written by the venue to the
instant a client has decoded it, over all clients, by the pushes that came.  Lost counts every trade
of every client that was sent and not pushed, and every symbol whose last quote was not the last
that a client heard; quotes in between may be conflated, and are not counted.  Closed bars and
events of users are compared with the truth by the tests that kill it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from core.artifacts.tree import write_text_atomic
from core.clock import monotonic_s
from core.feed.lines import Splitter
from sidecar.emulator.measure import emulator, process_cpu_s
from sidecar.market.health import MIB, PAGE_BYTES, wal_bytes

CLIENTS: Final = 3
DRAIN_S_MAX: Final = 20.0
FULL_S: Final = 600.0
SHORT_S: Final = 20.0


class Item(msgspec.Struct):
    """What is read of a pushed item."""

    kind: str
    symbol: str = ""
    size: float = 0.0
    tid: int = 0
    bid: tuple[float, float] | None = None


class Pushed(msgspec.Struct):
    """A line of the sidecar."""

    push: str = ""
    items: list[Item] = []


@dataclass
class Heard:
    """What one client got."""

    latencies_s: list[float] = field(default_factory=list)
    trades: int = 0
    resyncs: int = 0
    last_s: float = 0.0
    last_quote: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One line of the table, and the most that it should be."""

    name: str
    value: float
    at_most: float | None = None

    @property
    def is_missed(self) -> bool:
        """Is it more than it should be?"""
        return self.at_most is not None and self.value > self.at_most


async def listen(path: Path, heard: Heard, decoder: msgspec.json.Decoder[Pushed]) -> None:
    """Subscribe and note what comes, until cancelled."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
    params = {"kinds": ["bbo", "trade"], "symbols": [], "users": []}
    asked = {"id": 1, "method": "subscribe", "params": params}
    writer.write(json.dumps(asked).encode() + b"\n")
    splitter = Splitter()
    try:
        while data := await reader.read(1 << 18):
            for line in splitter.feed(data):
                _note(decoder.decode(line), heard)
    finally:
        writer.close()


def _note(pushed: Pushed, heard: Heard) -> None:
    now_s = monotonic_s()
    heard.last_s = now_s
    heard.resyncs += pushed.push == "resync"
    for item in pushed.items:
        if item.kind == "trade":
            heard.trades += 1
            heard.latencies_s.append(now_s - item.size)
        elif item.bid is not None:
            heard.last_quote[item.symbol] = item.bid[1]
            heard.latencies_s.append(now_s - item.bid[1])


@contextmanager
def started(*command: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process, and the JSON of the first line that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def ask(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """What the load process answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


@dataclass(frozen=True)
class Load:
    """What is sent."""

    symbols: int
    rate: int
    duration_s: float


async def measured(load: Load, folder: Path) -> dict[str, float]:
    """The figures of one load."""
    meta, names = _universe(load.symbols, folder)
    options = ("--symbols", ",".join(names), "--interval", "", "--record", "trades", "--json")
    with started("sidecar.market.load", str(meta), str(load.rate)) as (venue, said):
        url, path = f"http://127.0.0.1:{said['port']}", folder / "run" / f"{load.rate}.sock"
        store = folder / f"stores{load.rate}"
        place = ("--venue", url, "--store", str(store), "--socket", str(path))
        with started("cli", "sidecar", *place, *options) as (sidecar, _):
            while ask(venue, "state")["streams"] < 2 * load.symbols:
                await asyncio.sleep(0.2)
            heard = [Heard() for _ in range(CLIENTS)]
            decoder = msgspec.json.Decoder(Pushed)
            tasks = [asyncio.create_task(listen(path, each, decoder)) for each in heard]
            await asyncio.sleep(0.5)
            cpu, began_s = process_cpu_s(sidecar.pid), monotonic_s()
            go = asyncio.create_task(asyncio.to_thread(ask, venue, f"go {load.duration_s}"))
            await asyncio.sleep(load.duration_s / 3)
            third = _rss_mib(sidecar.pid)
            sent = await go
            cpu_frac = (process_cpu_s(sidecar.pid) - cpu) / (monotonic_s() - began_s)
            await _drained(heard, sent["trades"])
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            latencies = sorted(latency for each in heard for latency in each.latencies_s)
            return {
                "p99_ms": latencies[int(len(latencies) * 0.99)] * 1_000,
                "lost": _lost(heard, sent),
                "cpu_frac": cpu_frac,
                "rss_mib": _rss_mib(sidecar.pid) - third,
                "wal_mib": wal_bytes(store) / MIB,
                "rate": sent["messages"] / load.duration_s,
                "late_ms": sent["late_s"] * 1_000,
                "drain_s": max(each.last_s for each in heard) - sent["ended_s"],
                "resyncs": sum(each.resyncs for each in heard),
            }


def _lost(heard: list[Heard], sent: dict[str, Any]) -> int:
    """Trades that did not come, and symbols whose last quote was not the last one heard."""
    trades: int = sent["trades"]
    missing = sum(max(0, trades - each.trades) for each in heard)
    for name, last in sent["last_quote"].items():
        missing += sum(each.last_quote.get(name) != last for each in heard)
    return missing


async def _drained(heard: list[Heard], trades: int) -> None:
    until_s = monotonic_s() + DRAIN_S_MAX
    while monotonic_s() < until_s and any(each.trades < trades for each in heard):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


def restart_s(folder: Path) -> float:
    """Seconds from SIGKILL until requests are answered again."""
    meta, names = _universe(50, folder)
    with started("sidecar.market.load", str(meta), "1") as (_, said):
        url, path = f"http://127.0.0.1:{said['port']}", folder / "run" / "kill.sock"
        place = ("--venue", url, "--store", str(folder / "kill"), "--socket", str(path))
        command = ("cli", "sidecar", *place, "--symbols", ",".join(names), "--json")
        with started(*command) as (first, _):
            first.kill()
            first.wait(10)
            began_s = monotonic_s()
            with started(*command):
                return monotonic_s() - began_s


def _universe(count: int, folder: Path) -> tuple[Path, list[str]]:
    """The file with a universe as the emulator tells it, and its symbols."""
    import httpx

    with emulator("--stepped", "--symbols-count", str(count + count // 4)) as venue:
        reply = httpx.post(f"{venue['http']}/info", json={"type": "metaAndAssetCtxs"})
    found = reply.json()
    for context in found[1]:
        # Quotes are sent at one price, which contexts must not contradict.
        context |= {"markPx": "1000.5", "oraclePx": "1000.5", "midPx": "1000.5"}
    path = folder / f"meta{count}.json"
    path.write_text(json.dumps(found))
    # Delisted symbols have no streams.
    listed = [each["name"] for each in found[0]["universe"] if not each.get("isDelisted")]
    assert len(listed) >= count, f"{len(listed)} of {count} symbols are listed"
    return path, listed[:count]


def _rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / MIB


def main(arguments: list[str]) -> int:
    """Exit code after measuring: 0, or 1 when a figure is missed."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.market.measure")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args(arguments)
    long_s = SHORT_S if options.short else FULL_S
    load_average = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = asyncio.run(measured(Load(50, 5_000, SHORT_S if options.short else 60.0), folder))
        large = asyncio.run(measured(Load(200, 20_000, long_s), folder))
        burst = asyncio.run(measured(Load(200, 30_000, SHORT_S if options.short else 60.0), folder))
        again_s = restart_s(folder)
    figures = [
        Figure("sidecar_p99_ms_50x5000", small["p99_ms"], 10),
        Figure("sidecar_p99_ms_200x20000", large["p99_ms"], 25),
        Figure("sidecar_lost", small["lost"] + large["lost"], 0),
        Figure("sidecar_cpu_frac", large["cpu_frac"], 0.5),
        Figure("sidecar_rss_end_minus_10min_mib", large["rss_mib"], 2),
        Figure("sidecar_wal_mib", large["wal_mib"], 64),
        Figure("sidecar_restart_s", again_s, 3),
        Figure("sidecar_burst_drain_s", burst["drain_s"], 5),
        Figure("sidecar_burst_resyncs", burst["resyncs"]),
        Figure("sidecar_sent_per_s_200x20000", large["rate"]),
        Figure("sidecar_sender_late_ms", large["late_ms"]),
        Figure("sidecar_load_average", load_average),
    ]
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    known.update({figure.name: figure.value for figure in figures})
    write_text_atomic(options.out, json.dumps(known, indent=1) + "\n")
    for figure in figures:
        limit = "" if figure.at_most is None else f"<= {figure.at_most:,.1f}"
        verdict = "" if figure.at_most is None else "MISSED" if figure.is_missed else "ok"
        sys.stdout.write(f"{figure.name:<40} {figure.value:>16,.3f} {limit:>12} {verdict}\n")
    return int(any(figure.is_missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
