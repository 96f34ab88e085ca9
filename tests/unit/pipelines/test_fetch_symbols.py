"""Symbols, funding and contexts from a venue on this machine; what it lacks, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.artifacts.tree import read_artifact
from core.clock import utc_iso
from core.errors import InputError, PerpkitError, UsageError
from core.market.bars import DAY_MS, HOUR_MS
from core.market.metadata import MarginTier
from core.store import candles, contexts, funding, metadata
from core.store.series import Origin
from pipelines.fetch_plan import plan_venue
from pipelines.show import describe
from schemas.fetch import UniverseReport
from tests.candle_rows import record, rows_of
from tests.venue_desk import BTC, ETH, Desk, open_desk, report
from tests.venue_server import NOW_MS, UNKNOWN, Coin, as_json, rate_of

TODAY_MS = NOW_MS // DAY_MS * DAY_MS
YOUNG = Coin("YOUNG", listed_ms=TODAY_MS - 10 * DAY_MS, seed=3)
GONE = Coin("GONE", delisted_ms=TODAY_MS - 5 * DAY_MS, margin_table_id=7, seed=4)
TSLA = Coin("xyz:TSLA", margin_table_id=25, seed=5, day_notional_usd=5e5)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path, BTC, ETH, YOUNG, GONE) as desk:
        desk.world.other_dexs = {"xyz": [TSLA]}
        yield desk


def test_funding_pages_of_500_rows_are_joined(desk: Desk) -> None:
    result = desk(kind="funding", since="60d")

    rows = funding.load(desk.store).rows
    assert (len(rows), report(result).gaps) == (60 * 24, 0)
    assert desk.world.count("fundingHistory") == 3
    assert rows.ts_ms[-1] == NOW_MS // HOUR_MS * HOUR_MS
    assert rows.values[-1].tolist() == pytest.approx([rate_of(BTC, int(rows.ts_ms[-1])), 1e-4])


def test_a_hole_in_funding_is_told_and_kept(desk: Desk) -> None:
    lost_ms = TODAY_MS - 3 * DAY_MS

    def without_some(request: dict[str, object]) -> tuple[int, bytes] | None:
        if request["type"] != "fundingHistory":
            return None
        rows = desk.world.funding(desk.world.coins[0], request)
        return as_json([row for row in rows if not 0 <= row["time"] - lost_ms < 5 * HOUR_MS])

    desk.world.fault = without_some

    result = desk(kind="funding")

    assert (report(result).gaps, report(result).missing_bars) == (1, 5)
    assert any("gaps: 1, with 5 missing rows" in text for text in result.warnings)


def test_the_payment_of_this_hour_comes_with_the_next_fetch_if_it_is_late(desk: Desk) -> None:
    hour_ms = NOW_MS // HOUR_MS * HOUR_MS

    def late(request: dict[str, object]) -> tuple[int, bytes] | None:
        if request["type"] != "fundingHistory":
            return None
        rows = desk.world.funding(desk.world.coins[0], request)
        return as_json([row for row in rows if row["time"] < hour_ms])

    desk.world.fault = late
    desk(kind="funding")
    assert funding.load(desk.store).rows.ts_ms[-1] == hour_ms - HOUR_MS

    desk.world.fault = None
    desk(kind="funding")
    assert funding.load(desk.store).rows.ts_ms[-1] == hour_ms


def test_the_universe_is_stored_with_tiers_and_lives(desk: Desk) -> None:
    result = desk(kind="universe", symbols="all")

    known = metadata.load(desk.store)
    assert set(known) == {"BTC", "ETH", "YOUNG", "GONE"}
    assert known["BTC"].tiers == (MarginTier(0.0, 10.0), MarginTier(3e6, 5.0))
    assert known["GONE"].tiers == (MarginTier(0.0, 7.0),)
    assert known["YOUNG"].listed_ms == YOUNG.listed_ms
    assert (known["GONE"].delisted_ms, known["BTC"].delisted_ms) == (GONE.delisted_ms, None)
    about = read_artifact(result.paths[0], UniverseReport)[1]
    assert (about.symbol_count, about.delisted_count, about.dated_count) == (4, 1, 4)


def test_the_universe_twice_adds_nothing_and_asks_for_no_listing_again(desk: Desk) -> None:
    first = desk(kind="universe", symbols="all")
    before = (desk.store / "metadata.sqlite").read_bytes()
    asked = desk.world.count("candleSnapshot")

    again = desk(kind="universe", symbols="all", run_id="latest")

    assert (desk.store / "metadata.sqlite").read_bytes() == before
    assert desk.world.count("candleSnapshot") == asked
    assert again.paths == first.paths


def test_a_delisting_and_a_symbol_that_leaves_are_seen_when_they_happen(desk: Desk) -> None:
    desk(kind="universe", symbols="all")
    desk.advance(2 * DAY_MS)
    desk.world.coins = [coin for coin in desk.world.coins if coin.name != "YOUNG"]
    desk.world.coins[0].delisted_ms = TODAY_MS + DAY_MS

    desk(kind="universe", symbols="all")

    known = metadata.load(desk.store)
    assert known["BTC"].delisted_ms == TODAY_MS + DAY_MS
    assert known["YOUNG"].delisted_ms == desk.clock.now_ms()
    assert known["YOUNG"].listed_ms == YOUNG.listed_ms


def test_a_missing_margin_table_is_an_error_and_never_a_default(desk: Desk) -> None:
    desk.world.coins[1].margin_table_id = 57

    result = desk(kind="universe", symbols="all")

    assert result.refusal is not None
    assert result.refusal.exit_code == 4
    assert "margin table of ETH is missing: there is no table 57" in result.refusal.what
    assert len(result.refusal.lines()) == 3
    assert "ETH" not in metadata.load(desk.store)
    about = read_artifact(result.paths[0], UniverseReport)[1]
    assert [failure.symbol for failure in about.failures] == ["ETH"]

    desk.world.coins[1].margin_table_id = 51
    assert desk(kind="universe", symbols="all").refusal is None
    assert metadata.load(desk.store)["ETH"].listed_ms is not None


def test_bars_that_the_venue_back_fills_before_a_listing_are_not_stored(desk: Desk) -> None:
    desk.world.backfill_ms = 5 * DAY_MS

    desk(kind="universe,candles", symbols="YOUNG")

    ts_ms, values = desk.bars("YOUNG")
    assert ts_ms[0] == YOUNG.listed_ms
    assert values[:, 4].min() > 0.0


def test_a_delisted_symbol_ends_where_its_bars_end(desk: Desk) -> None:
    desk(kind="candles", symbols="GONE")

    assert desk.bars("GONE")[0][-1] == GONE.delisted_ms - HOUR_MS  # type: ignore[operator]
    asked = desk.world.count("candleSnapshot")
    desk(kind="candles", symbols="GONE")
    assert desk.world.count("candleSnapshot") == asked


def test_contexts_are_joined_by_position_and_kept_at_the_venues_time(desk: Desk) -> None:
    desk(kind="contexts", symbols="all,xyz:all")
    desk.advance(HOUR_MS)
    result = desk(kind="contexts", symbols="all,xyz:all")

    rows = contexts.load(desk.store).rows
    assert rows.symbols == ("BTC", "ETH", "YOUNG", "xyz:TSLA")
    assert rows.ts_ms[:2].tolist() == [NOW_MS, NOW_MS + HOUR_MS]
    assert rows.values[0].tolist() == [100.1, 100.0, 100.05, 0.0000125, 12.5, 3e9, 1e-4]
    assert (report(result).holds, report(result).bars) == ("contexts", 8)


def test_contexts_without_mid_and_premium_are_kept(desk: Desk) -> None:
    def bare(request: dict[str, object]) -> tuple[int, bytes] | None:
        if request["type"] != "metaAndAssetCtxs":
            return None
        coins = desk.world.coins
        bare = [desk.world.context(coin) | {"midPx": None, "premium": None} for coin in coins]
        return as_json([desk.world.meta(""), bare])

    desk.world.fault = bare

    desk(kind="contexts")

    values = contexts.load(desk.store).rows.values
    assert np.isnan(values[0, [2, 6]]).all()


@pytest.mark.parametrize(
    ("symbols", "wanted"),
    [
        ("top:2", ("BTC", "ETH")),
        ("YOUNG,top:1", ("BTC", "YOUNG")),
        ("all", ("BTC", "ETH", "GONE", "YOUNG")),
        ("xyz:TSLA,ETH", ("ETH", "xyz:TSLA")),
        ("xyz:top:3", ("xyz:TSLA",)),
    ],
)
def test_symbols_are_chosen(desk: Desk, symbols: str, wanted: tuple[str, ...]) -> None:
    desk(symbols=symbols, since="2d", kind="funding,contexts")

    assert tuple(desk(symbols=symbols, kind="contexts").data["symbols"]) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"symbols": "btc"}, InputError, "did you mean BTC?"),
        ({"symbols": "xyz:tsla"}, InputError, "did you mean xyz:TSLA?"),
        ({"symbols": "QQQQQQ"}, InputError, "names are the venue's own"),
        ({"symbols": "xyzz:TSLA"}, InputError, "did you mean xyz?"),
        ({"symbols": ","}, UsageError, "--symbols names nothing"),
        ({"symbols": "top:0"}, UsageError, "names no symbol"),
        ({"interval": "7h"}, InputError, "is not one of the venue's intervals"),
        ({"interval": "1h,1M"}, InputError, "a month has no fixed length"),
        ({"kind": "candels"}, UsageError, "did you mean candles?"),
        ({"venue": "https://example.org"}, UsageError, "neither a network of the venue"),
        ({"since": "2030-01-01"}, UsageError, "lies in the future"),
        ({"since": "yesterday"}, InputError, "is not a time"),
        ({"venue": "mainnet", "weight_per_minute": 1_100}, UsageError, "is above 1000"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_nothing_is_stored(
    desk: Desk, asked: dict[str, object], error: type[PerpkitError], says: str
) -> None:
    with pytest.raises(error) as caught:
        desk(**asked)

    assert says in " ".join(caught.value.lines())
    assert not desk.store.exists()


def test_what_is_older_than_the_venue_keeps_is_told(desk: Desk) -> None:
    since = utc_iso(TODAY_MS - 300 * DAY_MS)[:10]

    result = desk(kind="universe,candles", symbols="BTC,YOUNG", since=since)

    found = report(result)
    (lack,) = found.lacks
    kept_ms = NOW_MS // HOUR_MS * HOUR_MS - 4_999 * HOUR_MS
    assert found.kept_from_utc == utc_iso(kept_ms)
    assert (lack.symbol, lack.from_utc) == ("BTC", f"{since}T00:00:00Z")
    assert lack.to_utc == utc_iso(kept_ms)
    assert lack.bars == (kept_ms - (TODAY_MS - 300 * DAY_MS)) // HOUR_MS
    (warning,) = (text for text in result.warnings if "keeps the newest 5,000" in text)
    assert "--from-file" in warning
    assert "at least every 208 days" in warning


def test_what_files_filled_is_not_lacking(desk: Desk) -> None:
    first_ms = NOW_MS // HOUR_MS * HOUR_MS - 5_010 * HOUR_MS
    filled = [("BTC", first_ms + hour * HOUR_MS, 1.0, 2.0, 0.5, 1.5, 10.0) for hour in range(8)]
    candles.ingest(desk.store, "1h", rows_of(filled), Origin("a file", "0" * 64), desk.clock)

    result = desk(since=utc_iso(first_ms))

    (lack,) = report(result).lacks
    assert lack.bars == 3
    assert report(result).ingest.revised == 0


def test_networks_and_made_up_bars_are_never_mixed(desk: Desk) -> None:
    bars = rows_of([record("BTC", 0)])
    for name, origin, says in (
        ("testnet", Origin("hyperliquid testnet", "0" * 64), "rows of hyperliquid testnet"),
        ("made", Origin("synthetic", "0" * 64, synthetic=True), "never mixed"),
    ):
        store = desk.folder / name
        candles.ingest(store, "1h", bars, origin, desk.clock)
        with pytest.raises(InputError, match=says):
            desk(store=store)
    assert desk.world.requests == []


def test_a_symbol_that_the_venue_lists_and_does_not_know_fails_alone(desk: Desk) -> None:
    def shy(request: dict[str, object]) -> tuple[int, bytes] | None:
        return UNKNOWN if "ETH" in str(request.get("req")) else None

    desk.world.fault = shy

    result = desk(symbols="BTC,ETH,YOUNG")

    assert result.refusal is not None
    assert "does not know the symbol 'ETH'" in result.refusal.what
    assert candles.load(desk.store, "1h").symbols == ("BTC", "YOUNG")
    assert desk.world.count("candleSnapshot") == 3


def test_a_plan_counts_what_is_missing_and_touches_nothing(desk: Desk) -> None:
    request = desk.request(kind="candles,funding", symbols="BTC,ETH", since="30d")

    plan = plan_venue(request, desk.clock, desk.notes.append)

    by_name = {line.what: line for line in plan.lines}
    assert desk.world.requests == []
    assert not desk.store.exists()
    assert by_name["candles 1h"].requests == 2
    assert by_name["candles 1h"].weight == 2 * (20 + 12)
    assert by_name["funding 1h"].requests == 4
    assert plan.weight == sum(line.weight for line in plan.lines)

    desk(kind="candles,funding", symbols="BTC,ETH", since="30d")
    after = {line.what: line for line in plan_venue(request, desk.clock, str).lines}
    assert (after["candles 1h"].requests, after["funding 1h"].requests) == (0, 0)


def test_a_plan_for_all_asks_the_venue_how_many_that_is(desk: Desk) -> None:
    plan = plan_venue(desk.request(symbols="all", kind="universe"), desk.clock, desk.notes.append)

    assert {line.what: line.requests for line in plan.lines}["listings"] == 4
    assert desk.world.count("metaAndAssetCtxs") == 1
    assert not (desk.folder / "root").exists()


def test_every_report_has_a_page(desk: Desk) -> None:
    desk.world.coins[1].margin_table_id = 57
    since = utc_iso(TODAY_MS - 300 * DAY_MS)[:10]

    result = desk(kind="universe,contexts,funding,candles", symbols="all", since=since)

    assert len(result.paths) == 4
    for path in result.paths:
        assert describe(desk.folder / "root", str(path)).sections
