"""What a stream says of the present, and what it says first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sidecar.emulator.gateway.subscriptions import Topic
from sidecar.emulator.wire import frames, frames_user
from sidecar.emulator.wire.view import View

Make = Callable[[View, Topic], str | None]


def _book(view: View, topic: Topic) -> str:
    return frames.l2_book(
        view,
        topic.coin,
        n_sig_figs=topic.n_sig_figs,
        mantissa=topic.mantissa,
        fast=topic.fast,
    )


def _old_trades(view: View, topic: Topic) -> str | None:
    rows = frames.recent_trades(view, topic.coin)
    return frames.trades(view, rows) if rows else None


def _fills(view: View, topic: Topic) -> str:
    return frames_user.user_fills_snapshot(
        view, topic.user, aggregate_by_time=topic.aggregate_by_time
    )


# The whole of what a stream is about, as it stands: these are sent again and again.
PRESENT: Final[dict[str, Make]] = {
    "l2Book": _book,
    "bbo": lambda view, topic: frames.bbo(view, topic.coin),
    "candle": lambda view, topic: frames.candle(view, topic.coin, topic.interval),
    "activeAssetCtx": lambda view, topic: frames.active_asset_ctx(view, topic.coin),
    "allMids": lambda view, topic: frames.all_mids(view, topic.dex),
    "assetCtxs": lambda view, topic: frames.asset_ctxs(view, topic.dex),
    "spotAssetCtxs": lambda view, _: frames.spot_asset_ctxs(view),
    "allDexsAssetCtxs": lambda view, _: frames.all_dexs_asset_ctxs(view),
    "webData2": lambda view, topic: frames_user.web_data2(view, topic.user),
    "webData3": lambda view, topic: frames_user.web_data3(view, topic.user),
    "clearinghouseState": lambda view, topic: frames_user.clearinghouse_state(
        view, topic.user, topic.dex
    ),
    "allDexsClearinghouseState": lambda view, topic: frames_user.all_dexs_clearinghouse_state(
        view, topic.user
    ),
    "openOrders": lambda view, topic: frames_user.open_orders(view, topic.user, topic.dex),
    "spotState": lambda view, topic: frames_user.spot_state(view, topic.user),
    "activeAssetData": lambda view, topic: frames_user.active_asset_data(
        view, topic.user, topic.coin
    ),
    "twapStates": lambda view, topic: frames_user.twap_states(view, topic.user, topic.dex),
}
# Streams of events that begin with what was before; `orderUpdates`, `userEvents` and
# `notification` begin with nothing.
PAST: Final[dict[str, Make]] = {
    "trades": _old_trades,
    "userFills": _fills,
    "userFundings": lambda view, topic: frames_user.user_fundings_snapshot(view, topic.user),
    "userNonFundingLedgerUpdates": lambda view, topic: frames_user.ledger_updates_snapshot(
        view, topic.user
    ),
    "userHistoricalOrders": lambda view, topic: frames_user.historical_orders(view, topic.user),
    "userTwapSliceFills": lambda view, topic: frames_user.twap_slice_fills_snapshot(
        view, topic.user
    ),
    "userTwapHistory": lambda view, topic: frames_user.twap_history_snapshot(view, topic.user),
}


def present(view: View, topic: Topic) -> str | None:
    """The stream's whole subject as it stands; None when there is nothing to say."""
    return PRESENT[topic.kind](view, topic)


def first(view: View, topic: Topic) -> str | None:
    """The first text of a stream after its acknowledgement; None when it has none."""
    make = PRESENT.get(topic.kind) or PAST.get(topic.kind)
    return make(view, topic) if make else None
