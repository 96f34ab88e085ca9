"""The client of `make demo-venue`: trades on an emulator through the official SDK, and breaks it.

Everything here is what any bot could do: the SDK gets a base address and a key, and the faults are
asked for at the control port.  Nothing of the emulator is imported.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import requests
from eth_account import Account
from hyperliquid.exchange import Exchange  # type: ignore[import-untyped]
from hyperliquid.info import Info  # type: ignore[import-untyped]
from hyperliquid.utils.types import Cloid  # type: ignore[import-untyped]

from core.clock import sleep_s

# Known to everybody who reads this: no key for money.
WALLET: Final = Account.from_key("0x" + "0d" * 32)
USER: Final = WALLET.address
CLOID: Final = Cloid.from_int(0xD0)
GTC: Final = {"limit": {"tif": "Gtc"}}
WATCHED_S: Final = 4.0
HALTED_S: Final = 60.0


def say(text: str) -> None:
    """One line of the story."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Exit code of one act: `address`, `trade READY`, `break READY` or `after READY`."""
    act = arguments[0]
    if act == "address":
        say(USER.lower())
        return 0
    ready = json.loads(Path(arguments[1]).read_text())
    acts = {"trade": trade, "break": break_it, "after": after}
    acts[act](ready, Exchange(WALLET, ready["http"], timeout=10))
    return 0


def told(reply: Any) -> str:
    """What the venue answered to an order or a cancel, shortest form."""
    if reply["status"] != "ok" or reply["response"]["type"] == "default":
        return json.dumps(reply)
    return json.dumps(reply["response"]["data"]["statuses"][0])


def control(ready: dict[str, Any], method: str, path: str, body: Any = None) -> Any:
    """What the control port answers."""
    reply = httpx.request(method, ready["control"] + path, json=body, trust_env=False)
    return reply.raise_for_status().json()


def passive_px(info: Info) -> float:
    """A price well below the market that every tick allows."""
    return round(float(info.all_mids()["BTC"]) * 0.9, -2)


def rest(exchange: Exchange, size: float, px: float, cloid: Cloid | None = None) -> Any:
    """The answer to a limit order that waits."""
    return exchange.order("BTC", is_buy=True, sz=size, limit_px=px, order_type=GTC, cloid=cloid)


def trade(ready: dict[str, Any], exchange: Exchange) -> None:
    """Open, rest, modify, cancel and close, as on the real venue."""
    info = exchange.info
    mid, worth = info.all_mids()["BTC"], info.user_state(USER)["marginSummary"]["accountValue"]
    say(f"  BTC is at {mid}, the account is worth {worth} USD")
    say(f"  market open 0.05 BTC   {told(exchange.market_open('BTC', is_buy=True, sz=0.05))}")
    px = passive_px(info)
    reply = rest(exchange, 0.01, px)
    say(f"  limit 0.01 at {px:.0f}   {told(reply)}")
    oid = reply["response"]["data"]["statuses"][0]["resting"]["oid"]
    reply = exchange.modify_order(
        oid, "BTC", is_buy=True, sz=0.02, limit_px=px - 100, order_type=GTC
    )
    say(f"  modify to 0.02 lower   {told(reply)}")
    (mine,) = info.open_orders(USER)
    say(f"  open orders            {mine['sz']} at {mine['limitPx']}, oid {mine['oid']}")
    say(f"  cancel                 {told(exchange.cancel('BTC', mine['oid']))}")
    say(f"  market close           {told(exchange.market_close('BTC'))}")
    fees = sum(float(fill["fee"]) for fill in info.user_fills(USER))
    worth = info.user_state(USER)["marginSummary"]["accountValue"]
    say(f"  now worth {worth} USD, of which {fees:.2f} USD went for fees")
    say(f"  money that is not accounted for: {control(ready, 'GET', '/audit')}")


def break_it(ready: dict[str, Any], exchange: Exchange) -> None:
    """Three faults, and what a client sees of each."""
    lose_an_answer(ready, exchange)
    mute_a_stream(ready)
    halt_a_symbol(ready, exchange)
    say("\n--- what the faults did, by the venue's own counters")
    for name, counter in control(ready, "GET", "/counters")["faults"].items():
        say(f"  {name:<12} {json.dumps(counter)}")


def lose_an_answer(ready: dict[str, Any], exchange: Exchange) -> None:
    """The order is accepted, and its answer never comes."""
    say("\n--- fault 1, lost_after: the order is accepted, its answer is lost")
    control(ready, "POST", "/faults", {"fault": "lost_after", "type": "order", "count": 1})
    try:
        rest(exchange, 0.01, passive_px(exchange.info), CLOID)
    except requests.ConnectionError as error:
        say(f"  the client sees        {type(error).__name__}: {error.args[0]}")
    found = exchange.info.query_order_by_cloid(USER, CLOID)
    say(
        f"  asked by its cloid     the order is {found['order']['status']}: a bot that sends it"
        " again has it twice"
    )
    say(f"  cancel by cloid        {told(exchange.cancel_by_cloid('BTC', CLOID))}")


def mute_a_stream(ready: dict[str, Any]) -> None:
    """One subscription falls silent while its neighbour goes on."""
    say("\n--- fault 2, mute_sub: one subscription falls silent, its neighbour does not")
    counts = {"bbo": 0, "activeAssetCtx": 0}
    info = Info(ready["http"], timeout=10)

    def heard(message: Any) -> None:
        counts[message["channel"]] += 1

    info.subscribe({"type": "bbo", "coin": "BTC"}, heard)
    info.subscribe({"type": "activeAssetCtx", "coin": "BTC"}, heard)
    sleep_s(WATCHED_S)
    say(f"  {WATCHED_S:.0f} s before           {json.dumps(counts)}")
    control(ready, "POST", "/faults", {"fault": "mute_sub", "channel": "bbo", "coin": "BTC"})
    before = dict(counts)
    sleep_s(WATCHED_S)
    since = {name: counts[name] - before[name] for name in counts}
    say(
        f"  {WATCHED_S:.0f} s with the fault   {json.dumps(since)}: the connection lives and"
        " answers pings, and the best bid is old"
    )
    control(ready, "DELETE", "/faults")
    hang_up(info)


def hang_up(info: Info) -> None:
    """End the SDK's stream; an end of file wakes its reader, which would sleep on otherwise."""
    logging.getLogger("websocket").setLevel(logging.CRITICAL)
    manager: Any = info.ws_manager
    manager.ws.sock.sock.shutdown(socket.SHUT_RDWR)
    info.disconnect_websocket()


def halt_a_symbol(ready: dict[str, Any], exchange: Exchange) -> None:
    """A position is open, and its symbol is halted."""
    say("\n--- fault 3, halt: trading in BTC is halted while a position is open")
    say(f"  market open 0.02 BTC   {told(exchange.market_open('BTC', is_buy=True, sz=0.02))}")
    halt = {"fault": "halt", "coin": "BTC", "for_s": HALTED_S}
    number = control(ready, "POST", "/faults", halt)["numbers"][0]
    say(f"  market close           {told(exchange.market_close('BTC'))}")
    say(f"  meanwhile ETH trades   {told(exchange.market_open('ETH', is_buy=True, sz=0.1))}")
    control(ready, "DELETE", f"/faults/{number}")
    say(f"  after the halt: close  {told(exchange.market_close('BTC'))}")
    order = rest(exchange, 0.03, passive_px(exchange.info), CLOID)
    say(f"  a resting order        {told(order)}")


def after(ready: dict[str, Any], exchange: Exchange) -> None:
    """What a killed venue still knows."""
    found = exchange.info.query_order_by_cloid(USER, CLOID)
    positions = exchange.info.user_state(USER)["assetPositions"]
    held = {one["position"]["coin"]: one["position"]["szi"] for one in positions}
    say(
        f"  the resting order is {found['order']['status']}, positions are {json.dumps(held)},"
        f" {len(exchange.info.user_fills(USER))} fills"
    )
    say(f"  money that is not accounted for: {control(ready, 'GET', '/audit')}")
    say(f"  market close           {told(exchange.market_close('ETH'))}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
