"""Recorded exchanges of the venue, whatever file they come from, as request, status and reply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASSETTES = ("hl_python_sdk_cassettes.json", "go_hyperliquid_cassettes.json")
SAMPLE_REQUESTS: dict[str, dict[str, Any]] = {
    "Futures/Account/GetAccountInfo": {"type": "clearinghouseState"},
    "Futures/Account/GetFundingHistory": {"type": "userFunding"},
    "Futures/ExchangeData/GetExchangeInfo": {"type": "meta"},
    "Futures/ExchangeData/GetExchangeInfoAndTickers": {"type": "metaAndAssetCtxs"},
    "Futures/ExchangeData/GetFundingRateHistory": {"type": "fundingHistory"},
    "Futures/ExchangeData/GetSymbolsAtMaxOpenInterest": {"type": "perpsAtOpenInterestCap"},
    "Spot/Account/GetAccountLedger": {"type": "userNonFundingLedgerUpdates"},
    "Spot/Account/GetApprovedBuilderFee": {"type": "maxBuilderFee"},
    "Spot/Account/GetBalances": {"type": "spotClearinghouseState"},
    "Spot/Account/GetExtraAgents": {"type": "extraAgents"},
    "Spot/Account/GetRateLimits": {"type": "userRateLimit"},
    "Spot/Account/GetSubAccounts": {"type": "subAccounts"},
    "Spot/Account/GetSubAccounts2": {"type": "subAccounts2"},
    "Spot/ExchangeData/GetAssetInfo": {"type": "tokenDetails"},
    "Spot/ExchangeData/GetExchangeInfo": {"type": "spotMeta"},
    "Spot/ExchangeData/GetExchangeInfoAndTickers": {"type": "spotMetaAndAssetCtxs"},
    "Spot/ExchangeData/GetKlines": {"type": "candleSnapshot"},
    "Spot/ExchangeData/GetOrderBook": {"type": "l2Book"},
    "Spot/ExchangeData/GetPrices": {"type": "allMids"},
    "Spot/Trading/GetOpenOrders": {"type": "openOrders"},
    "Spot/Trading/GetOpenOrdersExtended": {"type": "frontendOpenOrders"},
    "Spot/Trading/GetUserTrades": {"type": "userFills"},
}
"""Which request a sample answers, since it does not say."""
SMALL_REQUESTS = {
    "candle_snapshot_hash": {"type": "candleSnapshot"},
    "user_rate_limit": {"type": "userRateLimit"},
    "candles_eth_1m": {"type": "candleSnapshot"},
    "funding_history_eth": {"type": "fundingHistory"},
}
MCP_REQUESTS = {
    "clearinghouse_small": {"type": "clearinghouseState"},
    "clearinghouse_whale": {"type": "clearinghouseState"},
    "l2book_btc_nsf3": {"type": "l2Book", "nSigFigs": 3},
    "l2book_btc_nsf4": {"type": "l2Book", "nSigFigs": 4},
    "l2book_btc_nsf5": {"type": "l2Book", "nSigFigs": 5},
    "l2book_btc_nsf5_m5": {"type": "l2Book", "nSigFigs": 5, "mantissa": 5},
    "perpdexs": {"type": "perpDexs"},
}

TEST_REQUESTS = {
    "all_perp_metas_non_usdc_collateral": {"type": "allPerpMetas"},
    "clearinghouse_state_negative_total_raw_usd": {"type": "clearinghouseState"},
    "funding_history": {"type": "fundingHistory"},
    "l2_book_btc": {"type": "l2Book"},
    "l2_book_snapshot": {"type": "l2Book"},
    "meta_perp_sample": {"type": "meta"},
    "recent_trades_btc": {"type": "recentTrades"},
    "spot_clearinghouse_state": {"type": "spotClearinghouseState"},
    "spot_meta_non_usdc_collateral": {"type": "spotMeta"},
    "user_fills_dust_conversion": {"type": "userFills"},
}


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange; fields of the request that the file does not tell are absent."""

    name: str
    request: dict[str, Any]
    status: int
    reply: Any

    @property
    def kind(self) -> str:
        """The type of the request."""
        return str(self.request.get("type", ""))


def info_exchanges(shared: Path) -> list[Exchange]:
    """Every recorded reply of `/info` with status 200."""
    folder = shared / "data/api/rest"
    found = [*_cassettes(folder), *_samples(folder), *_small(folder), *_mcp(folder)]
    found += _tests(shared / "data/api/nautilus/hyperliquid")
    return [one for one in found if one.status == 200]


def _cassettes(folder: Path) -> Iterator[Exchange]:
    for name in CASSETTES:
        whole = json.loads((folder / name).read_text())["interactions"]
        first: dict[tuple[str, str], Any] = {}
        for number, one in enumerate(whole):
            if "type" not in one["request"]:
                continue
            kind = one["request"]["type"]
            reply = one.get("response")
            if "response_same_as" in one:
                reply = first[one["response_same_as"], kind]
            if isinstance(reply, str) and (reply, kind) in first:
                reply = first[reply, kind]
            first.setdefault((one["test"], kind), reply)
            yield Exchange(f"{name[:4]} {number} {kind}", one["request"], one["status"], reply)


def _samples(folder: Path) -> Iterator[Exchange]:
    for one in json.loads((folder / "jkorf_samples.json").read_text())["files"]:
        path = one["path"].partition("Endpoints/")[2].removesuffix(".txt")
        if path in SAMPLE_REQUESTS:
            body = one["text"].split("\n", 3)[3]
            yield Exchange(f"sample {path}", SAMPLE_REQUESTS[path], 200, json.loads(body))


def _small(folder: Path) -> Iterator[Exchange]:
    for one in json.loads((folder / "hl_errors_and_small.json").read_text())["items"]:
        for name, request in SMALL_REQUESTS.items():
            if name in one["source"]:
                content = one["content"]
                is_error = isinstance(content, dict) and "status" in content
                status = content["status"] if is_error else 200
                yield Exchange(f"small {name}", request, status, content)


def _mcp(folder: Path) -> Iterator[Exchange]:
    for name, request in MCP_REQUESTS.items():
        reply = json.loads((folder / "hlmcp" / f"{name}.json").read_text())
        yield Exchange(f"mcp {name}", request, 200, reply)


def _tests(folder: Path) -> Iterator[Exchange]:
    """Replies that another project keeps for its tests, shortened and edited."""
    for name, request in TEST_REQUESTS.items():
        reply = json.loads((folder / f"http_{name}.json").read_text())
        yield Exchange(f"test {name}", request, 200, reply)


def recorded_errors(shared: Path) -> dict[str, dict[str, Any]]:
    """Requests that the venue refused, with status, content type and body."""
    whole = json.loads((shared / "data/api/rest/hl_errors_and_small.json").read_text())["items"]
    return next(dict(one["content"]) for one in whole if "errors.json" in one["source"])


def captured_frames(shared: Path) -> dict[str, Any]:
    """Stream messages captured on 2026-09-03, by name."""
    path = shared / "data/api/ws/captured_20260903_frames.json"
    return dict(json.loads(path.read_text())["frames"])


def session_frames(shared: Path) -> list[Any]:
    """Messages of a recorded session: books and trades of BTC."""
    path = shared / "data/api/ws/hftbacktest_btc_20250126.jsonl"
    return [json.loads(line.partition(" ")[2]) for line in path.read_text().splitlines() if line]


def sample_streams(shared: Path) -> list[tuple[Any, Any, Any]]:
    """(what a client sent, the acknowledgement, a message) of hand-shortened samples."""
    found = []
    path = shared / "data/api/rest/jkorf_samples.json"
    for one in json.loads(path.read_text())["files"]:
        if "Subscriptions/" not in one["path"] or "Concurrent" in one["path"]:
            continue
        sent, _, rest = one["text"].removeprefix("> ").partition("\n< ")
        told, _, frame = rest.partition("\n= ")
        found.append((json.loads(sent), json.loads(told), json.loads(frame)))
    return found


def other_frames(shared: Path) -> list[Any]:
    """Messages from the samples of another project: all dexs, a liquidation."""
    folder = shared / "data/api/nautilus/hyperliquid"
    names = ("ws_all_dexs_asset_ctxs.json", "ws_allmids.json", "ws_user_fill_liquidation.json")
    return [json.loads((folder / name).read_text()) for name in names]
