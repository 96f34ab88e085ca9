"""Stream messages about one user, as JSON text.  Addresses are lower-case."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Liquidated
from sidecar.emulator.exchange.state import FillRow, FundingRow, LedgerRow, Order, Twap
from sidecar.emulator.wire.view import View


def order_updates(view: View, orders: list[Order]) -> str:
    """Orders that took a new status."""
    raise NotImplementedError


def user_fills_snapshot(view: View, user: str, *, aggregate_by_time: bool = False) -> str:
    """The newest fills, as the first message."""
    raise NotImplementedError


def user_fills(
    view: View, user: str, rows: list[FillRow], *, aggregate_by_time: bool = False
) -> str:
    """New fills; the message has no `isSnapshot`."""
    raise NotImplementedError


def user_fundings_snapshot(view: View, user: str) -> str:
    """The newest payments, as the first message."""
    raise NotImplementedError


def user_fundings(view: View, user: str, rows: list[FundingRow]) -> str:
    """New payments."""
    raise NotImplementedError


def ledger_updates_snapshot(view: View, user: str) -> str:
    """`userNonFundingLedgerUpdates`: the newest rows, as the first message."""
    raise NotImplementedError


def ledger_updates(view: View, user: str, rows: list[LedgerRow]) -> str:
    """`userNonFundingLedgerUpdates`: new rows."""
    raise NotImplementedError


def event_fills(view: View, rows: list[FillRow]) -> str:
    """`userEvents` (channel `user`): fills."""
    raise NotImplementedError


def event_funding(view: View, row: FundingRow) -> str:
    """`userEvents`: a payment."""
    raise NotImplementedError


def event_liquidation(view: View, event: Liquidated) -> str:
    """`userEvents`: the user is liquidated."""
    raise NotImplementedError


def event_cancels(view: View, orders: list[Order]) -> str:
    """`userEvents`: orders that ended without the user's doing (`nonUserCancel`)."""
    raise NotImplementedError


def event_twap(view: View, twaps: list[Twap]) -> str:
    """`userEvents`: TWAPs that took a new status (`twapHistory`)."""
    raise NotImplementedError


def event_twap_fills(view: View, rows: list[FillRow]) -> str:
    """`userEvents`: fills of TWAP slices (`twapSliceFills`)."""
    raise NotImplementedError


def notification(text: str) -> str:
    """A message of the venue to the user."""
    raise NotImplementedError


def web_data3(view: View, user: str) -> str:
    """The user's agent, mode and dexs."""
    raise NotImplementedError


def web_data2(view: View, user: str) -> str:
    """The user's whole page of the older kind."""
    raise NotImplementedError


def clearinghouse_state(view: View, user: str, dex: str = "") -> str:
    """Margin and positions."""
    raise NotImplementedError


def all_dexs_clearinghouse_state(view: View, user: str) -> str:
    """Margin and positions on every dex."""
    raise NotImplementedError


def open_orders(view: View, user: str, dex: str = "") -> str:
    """Open orders."""
    raise NotImplementedError


def spot_state(view: View, user: str) -> str:
    """Spot balances."""
    raise NotImplementedError


def active_asset_data(view: View, user: str, coin: str) -> str:
    """Leverage and what may be traded."""
    raise NotImplementedError


def twap_states(view: View, user: str, dex: str = "") -> str:
    """Running TWAPs."""
    raise NotImplementedError


def twap_slice_fills_snapshot(view: View, user: str) -> str:
    """`userTwapSliceFills`: the newest ones, as the first message."""
    raise NotImplementedError


def twap_slice_fills(view: View, user: str, rows: list[FillRow]) -> str:
    """`userTwapSliceFills`: new ones."""
    raise NotImplementedError


def historical_orders(view: View, user: str, orders: list[Order] | None = None) -> str:
    """`userHistoricalOrders`: the newest ones when `orders` is None, else new ones."""
    raise NotImplementedError


def twap_history_snapshot(view: View, user: str) -> str:
    """`userTwapHistory`: the newest ones, as the first message."""
    raise NotImplementedError


def twap_history(view: View, user: str, twaps: list[Twap]) -> str:
    """`userTwapHistory`: new ones."""
    raise NotImplementedError
