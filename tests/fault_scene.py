"""Faults shown at a whole venue: what a client sees, and what the counters say of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, Final, ParamSpec

from schemas.fault_schedule import FaultSpec
from sidecar.emulator.exchange.state import Account, Coin
from sidecar.emulator.faults.state import Counter
from tests.venue_box import Box, Trader, box, order

P = ParamSpec("P")
BUY_PX: Final = "113000"
SELL_PX: Final = "111000"
BTC: Final = "BTC"
SIZE: Final = "0.01"
SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000


class Scene:
    """A venue with one trader, and the faults that a test puts in force."""

    def __init__(self, seed: int = 1) -> None:
        self.box: Box = box(seed=seed)
        self.trader: Trader = self.box.trader()

    def fault(self, name: str, **keys: Any) -> int:
        """Put a fault in force, now unless it says otherwise."""
        spec = FaultSpec.model_validate({"fault": name, **keys})
        number = self.box.gateway.plane.add(spec, self.box.now_ms)
        self.box.gateway.advance(self.box.now_ms)
        self.box.deliver()
        return number

    def counter(self, name: str) -> Counter:
        """What a kind of fault did so far."""
        return self.box.gateway.plane.counters()[name]

    @property
    def user(self) -> str:
        """The trader's address."""
        return self.trader.user

    @property
    def account(self) -> Account:
        """The truth about the trader."""
        return self.box.gateway.state.accounts[self.user]

    @property
    def btc(self) -> Coin:
        """The truth about BTC."""
        return self.box.gateway.state.coins[BTC]

    def lots(self) -> int:
        """Signed lots of BTC that the trader holds in truth."""
        held = self.account.positions.get(BTC)
        return 0 if held is None else held.lots

    def buy(self, size: str = SIZE, px: str = BUY_PX, **more: Any) -> list[Any]:
        """Buy BTC at the market."""
        return self.trader.place(order(px=px, size=size, tif="Ioc", **more))

    def rest(self, size: str = SIZE, px: str = SELL_PX, **more: Any) -> int:
        """The number of an order that rests below the market."""
        (status,) = self.trader.place(order(px=px, size=size, **more))
        oid: int = status["resting"]["oid"]
        return oid

    def ask(self, kind: str, **fields: Any) -> Any:
        """The decoded answer to a question about the trader or the market."""
        reply = self.box.info(type=kind, **fields)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def bars(self) -> list[dict[str, Any]]:
        """The last twenty minutes of BTC as the venue tells them."""
        now_ms = self.box.now_ms
        asked = {"coin": BTC, "interval": "1m"}
        asked |= {"startTime": now_ms - 20 * MINUTE_MS, "endTime": now_ms}
        found: list[dict[str, Any]] = self.ask("candleSnapshot", req=asked)
        return found


def shows(*names: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Mark a test as the proof of these faults: each must have had an effect when it ends.

    The test's `scene` is where it was shown.
    """

    def wrap(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def shown(*args: P.args, **kwargs: P.kwargs) -> None:
            test(*args, **kwargs)
            scene = kwargs["scene"]
            assert isinstance(scene, Scene)
            for name in names:
                counter = scene.counter(name)
                assert counter.had_effect >= 1, (name, counter)
                assert counter.hit <= counter.seen, (name, counter)

        return shown

    return wrap
