"""Events of one step as stream messages, to those who listen.

The events of a step come out grouped: one array of trades per coin, one of order updates and one of
fills per user.  What a user hears of itself comes before what all hear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sidecar.emulator.exchange.events import (
    Announced,
    Event,
    FillSeen,
    FundingPaid,
    LedgerMoved,
    Liquidated,
    OrderChanged,
    Traded,
    TwapChanged,
)
from sidecar.emulator.exchange.state import (
    FillRow,
    FundingRow,
    LedgerRow,
    Order,
    PublicTrade,
    Twap,
)
from sidecar.emulator.gateway.cadence import Cadence
from sidecar.emulator.gateway.streams import Streams
from sidecar.emulator.gateway.subscriptions import Topic
from sidecar.emulator.wire import frames, frames_user
from sidecar.emulator.wire.view import View

# Ends of an order that its user did not ask for.
NOT_BY_USER: Final = frozenset(
    {
        "marginCanceled",
        "vaultWithdrawalCanceled",
        "openInterestCapCanceled",
        "selfTradeCanceled",
        "reduceOnlyCanceled",
        "siblingFilledCanceled",
        "delistedCanceled",
        "liquidatedCanceled",
        "outcomeSettledCanceled",
        "scheduledCancel",
        "internalCancel",
    }
)
Make = Callable[[Topic], str]


class Fanout:
    """Sends what happened to the sessions that hear it, and tells the cadence what changed."""

    def __init__(self, view: View, streams: Streams, cadence: Cadence) -> None:
        self._view = view
        self._streams = streams
        self._cadence = cadence

    def publish(self, events: list[Event]) -> None:
        """Tell of the events of one step."""
        if not events or not self._streams.sessions.open:
            return
        trades: dict[str, list[PublicTrade]] = {}
        users: dict[str, list[Event]] = {}
        for event in events:
            if isinstance(event, Traded):
                trades.setdefault(event.trade.coin, []).append(event.trade)
            elif isinstance(event, OrderChanged):
                self._cadence.touch_coins((event.order.coin,))
                users.setdefault(event.order.user, []).append(event)
            elif isinstance(
                event, FillSeen | FundingPaid | LedgerMoved | Liquidated | TwapChanged | Announced
            ):
                users.setdefault(event.user, []).append(event)
        for user, theirs in users.items():
            self._tell_user(user, theirs)
        self._cadence.touch_coins(trades)
        for coin, rows in trades.items():
            self._tell_trades(coin, rows)

    def _tell_trades(self, coin: str, rows: list[PublicTrade]) -> None:
        self._send("trades", coin, lambda _: frames.trades(self._view, rows))

    def _tell_user(self, user: str, events: list[Event]) -> None:
        self._cadence.touch_user(user)
        orders = [event.order for event in events if isinstance(event, OrderChanged)]
        if orders:
            self._tell_orders(user, orders)
        fills = [event.fill for event in events if isinstance(event, FillSeen)]
        if fills:
            self._tell_fills(user, fills)
        for event in events:
            if isinstance(event, Liquidated):
                self._tell_liquidation(user, event)
        fundings = [event.row for event in events if isinstance(event, FundingPaid)]
        if fundings:
            self._tell_fundings(user, fundings)
        ledger = [event.row for event in events if isinstance(event, LedgerMoved)]
        if ledger:
            self._tell_ledger(user, ledger)
        twaps = [
            self._view.state.twaps[event.twap_id]
            for event in events
            if isinstance(event, TwapChanged) and event.twap_id in self._view.state.twaps
        ]
        if twaps:
            self._tell_twaps(user, twaps)
        for event in events:
            if isinstance(event, Announced):
                self._tell_announcement(user, event.text)

    def _tell_orders(self, user: str, orders: list[Order]) -> None:
        view = self._view
        self._send("orderUpdates", user, lambda _: frames_user.order_updates(view, orders))
        self._send(
            "userHistoricalOrders",
            user,
            lambda _: frames_user.historical_orders(view, user, orders),
        )
        ended = [order for order in orders if order.status in NOT_BY_USER]
        if ended:
            self._send("userEvents", user, lambda _: frames_user.event_cancels(view, ended))

    def _tell_fills(self, user: str, fills: list[FillRow]) -> None:
        view = self._view
        self._send(
            "userFills",
            user,
            lambda topic: frames_user.user_fills(
                view, user, fills, aggregate_by_time=topic.aggregate_by_time
            ),
        )
        self._send("userEvents", user, lambda _: frames_user.event_fills(view, fills))
        slices = [fill for fill in fills if fill.twap_id is not None]
        if slices:
            self._send(
                "userTwapSliceFills",
                user,
                lambda _: frames_user.twap_slice_fills(view, user, slices),
            )
            self._send("userEvents", user, lambda _: frames_user.event_twap_fills(view, slices))

    def _tell_liquidation(self, user: str, event: Liquidated) -> None:
        self._send("userEvents", user, lambda _: frames_user.event_liquidation(self._view, event))

    def _tell_fundings(self, user: str, rows: list[FundingRow]) -> None:
        view = self._view
        self._send("userFundings", user, lambda _: frames_user.user_fundings(view, user, rows))
        for row in rows:
            self._tell_payment(user, row)

    def _tell_payment(self, user: str, row: FundingRow) -> None:
        self._send("userEvents", user, lambda _: frames_user.event_funding(self._view, row))

    def _tell_ledger(self, user: str, rows: list[LedgerRow]) -> None:
        self._send(
            "userNonFundingLedgerUpdates",
            user,
            lambda _: frames_user.ledger_updates(self._view, user, rows),
        )

    def _tell_twaps(self, user: str, twaps: list[Twap]) -> None:
        view = self._view
        self._send("userTwapHistory", user, lambda _: frames_user.twap_history(view, user, twaps))
        self._send("userEvents", user, lambda _: frames_user.event_twap(view, twaps))

    def _tell_announcement(self, user: str, text: str) -> None:
        self._send("notification", user, lambda _: frames_user.notification(text))

    def _send(self, kind: str, subject: str, make: Make) -> None:
        # A list: a fault of the plane may end a session, and its subscriptions with it.
        for topic, listeners in list(self._streams.sessions.topics(kind, subject).items()):
            self._streams.spread(self._view.now_ms, topic, listeners, make(topic))
