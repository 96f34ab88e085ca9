"""Stream messages that all may see, and those about a subscription itself, as JSON text.

Each is made once and sent to all that want it.
"""

from __future__ import annotations

from typing import Any

from sidecar.emulator.exchange.state import PublicTrade
from sidecar.emulator.wire.view import View

PONG = '{"channel":"pong"}'


def frame(channel: str, data: Any) -> str:
    """A message of a channel; `data` is what msgspec can encode."""
    raise NotImplementedError


def filled(subscription: dict[str, Any]) -> dict[str, Any]:
    """The subscription with its defaults, in the order in which the venue repeats it."""
    raise NotImplementedError


def ack(method: str, subscription: dict[str, Any]) -> str:
    """`subscribe` or `unsubscribe` was done; the subscription comes back with its defaults."""
    raise NotImplementedError


def error(text: str) -> str:
    """A complaint; the socket stays open."""
    raise NotImplementedError


def post_info(post_id: int, request_type: str, body: bytes) -> str:
    """The reply to an `info` post; `body` is the JSON that `/info` would have answered."""
    raise NotImplementedError


def post_action(post_id: int, body: bytes) -> str:
    """The reply to an `action` post; `body` is the JSON that `/exchange` would have answered."""
    raise NotImplementedError


def post_error(post_id: int, text: str) -> str:
    """A post that could not be carried out at all, such as `422 Failed to ...`."""
    raise NotImplementedError


def l2_book(
    view: View,
    coin: str,
    *,
    n_sig_figs: int | None = None,
    mantissa: int | None = None,
    fast: bool = False,
) -> str:
    """The book: 20 levels a side, 5 when `fast`."""
    raise NotImplementedError


def bbo(view: View, coin: str) -> str:
    """The best bid and ask; None where a side is empty."""
    raise NotImplementedError


def trades(view: View, rows: list[PublicTrade]) -> str:
    """New trades of one coin."""
    raise NotImplementedError


def recent_trades(view: View, coin: str) -> list[PublicTrade]:
    """Trades of the last 20 s, which the first frame of a subscription repeats."""
    raise NotImplementedError


def candle(view: View, coin: str, interval: str) -> str | None:
    """The bar that forms; None before the first trade."""
    raise NotImplementedError


def active_asset_ctx(view: View, coin: str) -> str:
    """The context of a perpetual, or of a spot pair on its own channel."""
    raise NotImplementedError


def all_mids(view: View, dex: str = "") -> str:
    """Mid prices by name."""
    raise NotImplementedError


def all_dexs_asset_ctxs(view: View) -> str:
    """Contexts of all dexs, by position."""
    raise NotImplementedError


def fast_asset_ctxs(
    view: View, known: dict[str, dict[str, str]]
) -> tuple[str | None, dict[str, dict[str, str]]]:
    """Mark and mid prices that differ from the `known` ones, packed, and what is known then.

    All of them when nothing is known; no message when nothing changed.
    """
    raise NotImplementedError
