"""Every request of `/info`: from its body to the reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.emulator.wire import (
    replies_account as account,
)
from sidecar.emulator.wire import (
    replies_market as market,
)
from sidecar.emulator.wire import (
    replies_meta as meta,
)
from sidecar.emulator.wire import (
    replies_orders as orders,
)
from sidecar.emulator.wire import (
    replies_user as user,
)
from sidecar.emulator.wire import (
    replies_venue as venue,
)
from sidecar.emulator.wire import (
    requests_info as shapes,
)
from sidecar.emulator.wire.errors import BadJson, BadShape, BodyError
from sidecar.emulator.wire.universe import UnknownNameError
from sidecar.emulator.wire.view import View

JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
DONE: Final = 200
FAILED: Final = 500
NULL: Final = b"null"

Answer = Callable[[View, Any], Any]

TABLE: Final[dict[str, tuple[type[Struct], Answer]]] = {
    "meta": (shapes.OfDex, meta.meta_of_dex),
    "metaAndAssetCtxs": (shapes.OfDex, market.meta_and_contexts),
    "allPerpMetas": (shapes.Nothing, meta.all_perp_metas),
    "perpDexs": (shapes.Nothing, meta.perp_dexs),
    "perpDexLimits": (shapes.OfDex, meta.perp_dex_limits),
    "perpDexStatus": (shapes.OfDex, meta.perp_dex_status),
    "perpsAtOpenInterestCap": (shapes.OfDex, meta.perps_at_cap),
    "perpDeployAuctionStatus": (shapes.Nothing, meta.auction),
    "spotPairDeployAuctionStatus": (shapes.Nothing, meta.auction),
    "marginTable": (shapes.OfMarginTable, meta.margin_table),
    "maxMarketOrderNtls": (shapes.Nothing, meta.max_market_order_ntls),
    "exchangeStatus": (shapes.Nothing, meta.exchange_status),
    "spotMeta": (shapes.Nothing, meta.spot_meta),
    "spotMetaAndAssetCtxs": (shapes.Nothing, meta.spot_meta_and_contexts),
    "outcomeMeta": (shapes.Nothing, meta.outcome_meta),
    "tokenDetails": (shapes.OfToken, meta.token_details),
    "alignedQuoteTokenInfo": (shapes.OfTokenIndex, meta.aligned_quote_token),
    "allMids": (shapes.OfDex, market.all_mids),
    "l2Book": (shapes.OfBook, market.l2_book),
    "candleSnapshot": (shapes.OfCandles, market.candle_snapshot),
    "fundingHistory": (shapes.OfCoinSpan, market.funding_history),
    "predictedFundings": (shapes.Nothing, market.predicted_fundings),
    "recentTrades": (shapes.OfCoin, market.recent_trades),
    "clearinghouseState": (shapes.OfUserDex, account.clearinghouse_state),
    "spotClearinghouseState": (shapes.OfUserDex, account.spot_clearinghouse_state),
    "activeAssetData": (shapes.OfUserCoin, account.active_asset_data),
    "userFunding": (shapes.OfUserSpan, account.user_funding),
    "userNonFundingLedgerUpdates": (shapes.OfUserSpan, account.ledger_updates),
    "subAccounts": (shapes.OfUser, account.sub_accounts),
    "subAccounts2": (shapes.OfUser, account.sub_accounts_by_dex),
    "portfolio": (shapes.OfUser, account.portfolio),
    "openOrders": (shapes.OfUserDex, orders.open_orders),
    "frontendOpenOrders": (shapes.OfUserDex, orders.frontend_open_orders),
    "orderStatus": (shapes.OfOrder, orders.order_status),
    "historicalOrders": (shapes.OfUser, orders.historical_orders),
    "userFills": (shapes.OfFills, orders.user_fills),
    "userFillsByTime": (shapes.OfFillSpan, orders.user_fills_by_time),
    "userTwapSliceFills": (shapes.OfUser, orders.user_twap_fills),
    "userTwapSliceFillsByTime": (shapes.OfFillSpan, orders.twap_fills_by_time),
    "twapHistory": (shapes.OfUser, orders.twap_history),
    "userRole": (shapes.OfUser, user.user_role),
    "userRateLimit": (shapes.OfUser, user.user_rate_limit),
    "userFees": (shapes.OfUser, user.user_fees),
    "userAbstraction": (shapes.OfUser, user.user_abstraction),
    "userDexAbstraction": (shapes.OfUser, user.user_dex_abstraction),
    "extraAgents": (shapes.OfUser, user.extra_agents),
    "maxBuilderFee": (shapes.OfBuilder, user.max_builder_fee),
    "approvedBuilders": (shapes.OfUser, user.approved_builders),
    "referral": (shapes.OfUser, user.referral),
    "preTransferCheck": (shapes.OfTransfer, user.pre_transfer_check),
    "webData2": (shapes.OfUser, venue.web_data2),
    "spotDeployState": (shapes.OfUser, venue.spot_deploy_state),
    "allBorrowLendReserveStates": (shapes.Nothing, venue.none),
    "borrowLendReserveState": (shapes.OfTokenIndex, venue.borrow_reserve),
    "borrowLendUserState": (shapes.OfUser, venue.borrow_user),
    "userBorrowLendInterest": (shapes.OfUserSince, venue.none),
    "legalCheck": (shapes.OfUser, venue.legal_check),
    "delegatorSummary": (shapes.OfUser, venue.delegator_summary),
    "delegations": (shapes.OfUser, venue.none),
    "delegatorHistory": (shapes.OfUser, venue.none),
    "delegatorRewards": (shapes.OfUser, venue.none),
    "vaultDetails": (shapes.OfVault, venue.null),
    "vaultSummaries": (shapes.Nothing, venue.none),
    "leadingVaults": (shapes.OfUser, venue.none),
    "userVaultEquities": (shapes.OfUser, venue.none),
    "userToMultiSigSigners": (shapes.OfUser, venue.null),
    "isVip": (shapes.OfUser, venue.no),
    "liquidatable": (shapes.Nothing, venue.none),
    "validatorSummaries": (shapes.Nothing, venue.none),
    "validatorL1Votes": (shapes.Nothing, venue.none),
    "gossipRootIps": (shapes.Nothing, venue.none),
    "perpCategories": (shapes.Nothing, venue.none),
    "perpConciseAnnotations": (shapes.Nothing, venue.none),
    "perpAnnotation": (shapes.OfCoin, venue.null),
}
"""The shape of each type of request, and who answers it."""

_HEAD = msgspec.json.Decoder(shapes.Head)
_BODIES: dict[str, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(shape) for kind, (shape, _) in TABLE.items()
}
_ENCODER = msgspec.json.Encoder()


class InfoReply(Struct, frozen=True):
    """The reply, and what its request weighs by: its type and the items that it returned.

    `request_type` is empty when the body named none that is known.
    """

    status: int
    content_type: str
    body: bytes
    request_type: str
    item_count: int


def answer(view: View, body: bytes) -> InfoReply:
    """The reply to a request body; refusals of the venue are replies too."""
    kind = ""
    try:
        kind, asked = decode(body)
        found = TABLE[kind][1](view, asked)
    except BodyError as refusal:
        return InfoReply(refusal.status, TEXT_TYPE, refusal.text.encode(), kind, 0)
    except UnknownNameError:
        return InfoReply(FAILED, JSON_TYPE, NULL, kind, 0)
    count = len(found) if isinstance(found, list) else 0
    return InfoReply(DONE, JSON_TYPE, _ENCODER.encode(found), kind, count)


def decode(body: bytes) -> tuple[str, Struct]:
    """The type of a request and its fields.  Raises BadJson and BadShape."""
    try:
        kind = _HEAD.decode(body).type
        decoder = _BODIES.get(kind)
        if decoder is None:
            raise BadShape
        asked: Struct = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadShape from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJson from error
    return kind, asked
