"""How fast the emulator is: `python -m sidecar.emulator.measure`; adds its figures to bench.json.

Three figures.  Actions go straight into the exchange.  Signed orders come over HTTP, each a request
of its own, from this process to an emulator of its own process: decoded, canonically encoded anew,
their signer recovered, admitted, matched and answered.  Messages are counted as this process reads
them from WebSockets of an emulator whose clock it moves on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.artifacts.tree import write_text_atomic
from core.clock import SystemClock, cpu_s, monotonic_s

ACTIONS: Final = 20_000
ORDERS: Final = 8_000
CONNECTIONS: Final = 8
MESSAGES: Final = 200_000
READERS: Final = 10
SYMBOLS: Final = 20
STEP_MS: Final = 1_000
USERS: Final = 16
FUNDS_USD: Final = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured and the least that it should be."""

    name: str
    value: float
    at_least: float | None = None


def main(arguments: list[str]) -> int:
    """Exit code after measuring: 0, or 1 when a figure is missed."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.emulator.measure")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    figures = [
        Figure("emulator_actions_per_s", actions_per_s(ACTIONS), 2_000),
        *(asyncio.run(orders_over_http())),
        *(asyncio.run(messages_over_websockets())),
        Figure("emulator_load_average", load),
    ]
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    known.update({figure.name: figure.value for figure in figures})
    write_text_atomic(options.out, json.dumps(known, indent=1) + "\n")
    for figure in figures:
        limit = "" if figure.at_least is None else f">= {figure.at_least:,.0f}"
        missed = figure.at_least is not None and figure.value < figure.at_least
        verdict = "" if figure.at_least is None else "MISSED" if missed else "ok"
        sys.stdout.write(f"{figure.name:<40} {figure.value:>16,.1f} {limit:>12} {verdict}\n")
    return int(any(f.at_least is not None and f.value < f.at_least for f in figures))


def actions_per_s(count: int) -> float:
    """Requests a second of CPU through the exchange: orders, cancels, changes and moves.

    Of a hundred, sixty place an order (half of them at the market), fifteen cancel, ten modify, and
    fifteen are moves of all coins.
    """
    from sidecar.emulator.exchange.machine import step
    from sidecar.emulator.exchange.requests import Fund
    from sidecar.emulator.exchange.state import Rules
    from sidecar.emulator.tape.synthetic import HISTORY_DAYS, synthetic_spec, synthetic_tape
    from sidecar.emulator.workload import Workload

    start_ms = SystemClock().now_ms()
    tape = synthetic_tape(synthetic_spec(1, SYMBOLS, start_ms, HISTORY_DAYS), start_ms)
    state = tape.first_state(Rules(limits_on=False))
    users = [f"0x{index:040x}" for index in range(100, 100 + USERS)]
    for user in users:
        step(state, state.now_ms, Fund(user, FUNDS_USD * 1_000_000))
    load = Workload(state, tape, users, seed=7)
    started = cpu_s()
    for _ in range(count):
        now_ms, request = load.next()
        load.heard(step(state, now_ms, request))
    return count / (cpu_s() - started)


@contextmanager
def emulator(*options: str) -> Iterator[dict[str, Any]]:
    """A running emulator: what it printed when it was ready, its CPU seconds by `cpu_s`."""
    command = [sys.executable, "-m", "cli", "emulator", "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield {**json.loads(line), "pid": process.pid}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def process_cpu_s(pid: int) -> float:
    """CPU seconds that another process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def orders_over_http() -> list[Figure]:
    """Signed orders a second, and what one costs the emulator in CPU."""
    from coincurve import PrivateKey

    from sidecar.emulator.wire.signatures import address_of

    keys = [PrivateKey(index.to_bytes(32, "big")) for index in range(1, 1 + CONNECTIONS)]
    funds = [part for k in keys for part in ("--fund", f"{address_of(k)}={FUNDS_USD}")]
    with emulator("--no-limits", "--symbols-count", str(SYMBOLS), *funds) as venue:
        px = _prices_about(venue["http"])
        await asyncio.gather(*(_orders(venue["http"], key, px, 50) for key in keys))
        cpu_before, started = process_cpu_s(venue["pid"]), monotonic_s()
        share = ORDERS // CONNECTIONS
        taken = sum(await asyncio.gather(*(_orders(venue["http"], k, px, share) for k in keys)))
        wall_s = monotonic_s() - started
        spent_s = process_cpu_s(venue["pid"]) - cpu_before
    assert taken == ORDERS, f"{taken} of {ORDERS} orders were filled"
    return [
        Figure("emulator_recoveries_per_s", ORDERS / wall_s, 1_000),
        Figure("emulator_us_per_http_order", spent_s / ORDERS * 1e6),
    ]


def _prices_about(url: str) -> tuple[str, str]:
    """Prices at which a buy and a sell of the second coin trade at once."""
    import httpx

    mids = httpx.post(f"{url}/info", json={"type": "allMids"}).json()
    coin = httpx.post(f"{url}/info", json={"type": "meta"}).json()["universe"][1]["name"]
    mid = float(mids[coin])
    return f"{mid * 1.1:.5g}", f"{mid * 0.9:.5g}"


async def _orders(url: str, key: Any, px: tuple[str, str], count: int) -> int:
    """Place and sign so many orders on one connection; how many were filled."""
    from sidecar.emulator.wire.signatures import sign_l1

    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    nonce, taken = SystemClock().now_ms(), 0
    for index in range(count):
        nonce += 1
        # A buy and a sell in turn, so that positions and orders do not pile up.
        is_buy = index % 2 == 0
        order = {
            "a": 1,
            "b": is_buy,
            "p": px[0] if is_buy else px[1],
            "s": "0.01",
            "r": False,
            "t": {"limit": {"tif": "Ioc"}},
        }
        action = {"type": "order", "orders": [order], "grouping": "na"}
        body = json.dumps(
            {"action": action, "nonce": nonce, "signature": sign_l1(action, key, nonce)}
        ).encode()
        writer.write(
            b"POST /exchange HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        reply = await reader.readexactly(length)
        taken += b'"filled"' in reply
    writer.close()
    await writer.wait_closed()
    return taken


async def messages_over_websockets() -> list[Figure]:
    """Stream messages a second as they are read, over ten connections."""
    from httpx import AsyncClient

    with emulator("--stepped", "--no-limits", "--symbols-count", str(SYMBOLS)) as venue:
        counts = [0] * READERS
        readers = [asyncio.create_task(_read(venue, counts, index)) for index in range(READERS)]
        async with AsyncClient(base_url=venue["control"], timeout=30) as control:
            while min(counts) == 0:
                await control.post("/clock/advance", json={"ms": STEP_MS})
            cpu_before, started, before = process_cpu_s(venue["pid"]), monotonic_s(), sum(counts)
            while sum(counts) - before < MESSAGES:
                await control.post("/clock/advance", json={"ms": STEP_MS})
            wall_s, count = monotonic_s() - started, sum(counts) - before
            spent_s = process_cpu_s(venue["pid"]) - cpu_before
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return [
        Figure("emulator_messages_per_s", count / wall_s, 20_000),
        Figure("emulator_us_per_message", spent_s / count * 1e6),
    ]


async def _read(venue: dict[str, Any], counts: list[int], index: int) -> None:
    """Subscribe to every stream of every coin and count what comes."""
    from websockets.asyncio.client import connect

    coins = venue["coins"]
    async with connect(venue["ws"], compression=None, ping_interval=None, max_size=None) as socket:
        for coin in coins:
            for channel in ("bbo", "trades", "activeAssetCtx", "candle"):
                wanted = {"type": channel, "coin": coin}
                wanted |= {"interval": "1m"} if channel == "candle" else {}
                await socket.send(json.dumps({"method": "subscribe", "subscription": wanted}))
        async for _ in socket:
            counts[index] += 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
