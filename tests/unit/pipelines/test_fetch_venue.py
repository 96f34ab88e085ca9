"""Fetching bars from a venue on this machine, and what happens when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import VenueError
from core.market.bars import DAY_MS, HOUR_MS
from core.store import candles
from tests.venue_desk import BARS, LAST_CLOSED_MS, Desk, candle_requests, open_desk, report
from tests.venue_server import NOW_MS, TOO_MANY, Coin, Reply, Request, as_json


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as desk:
        yield desk


def test_the_newest_bars_are_stored_without_the_one_that_forms(desk: Desk) -> None:
    result = desk(since="")

    ts_ms, values = desk.bars()
    assert result.refusal is None
    assert (len(ts_ms), ts_ms[-1]) == (4_999, LAST_CLOSED_MS)
    assert set(np.diff(ts_ms)) == {HOUR_MS}
    assert values[-1, 4] >= 1.0
    assert desk.world.count("candleSnapshot") == 1
    assert report(result).ingest.inserted == 4_999


def test_a_second_fetch_changes_nothing_and_asks_for_nothing(desk: Desk) -> None:
    first = desk(kind="candles,funding")
    before = {path.name: path.read_bytes() for path in desk.store.glob("*.sqlite")}
    asked = len(desk.world.requests)

    again = desk(kind="candles,funding", run_id="latest")

    assert {path.name: path.read_bytes() for path in desk.store.glob("*.sqlite")} == before
    assert [one["type"] for one in desk.world.requests[asked:]] == [
        "exchangeStatus",
        "metaAndAssetCtxs",
    ]
    assert again.paths == first.paths


def test_an_hour_later_only_the_new_bar_is_asked_for_and_two_are_compared(desk: Desk) -> None:
    desk()
    desk.advance(HOUR_MS)

    result = desk()

    request = candle_requests(desk.world)[-1]
    assert request["startTime"] == LAST_CLOSED_MS - HOUR_MS
    assert report(result).ingest.model_dump() == {"inserted": 1, "unchanged": 2, "revised": 0}


def test_pages_are_followed_to_the_end(desk: Desk) -> None:
    desk.world.candle_page = 70

    desk(symbols="BTC,ETH")

    ts_ms, _ = desk.bars("ETH")
    assert len(ts_ms) == BARS
    assert desk.world.count("candleSnapshot") == 2 * 7


def test_a_fetch_that_is_cut_off_goes_on_where_it_stopped(desk: Desk) -> None:
    desk.world.candle_page = 100

    def cut(request: Request) -> Reply | None:
        return (0, b"") if len(candle_requests(desk.world)) > 3 else None

    desk.world.fault = cut
    stopped = desk(patience_s=5)
    assert isinstance(stopped.refusal, VenueError)
    assert "run the same command again" in stopped.refusal.hint
    assert len(desk.bars()[0]) == 300
    assert report(stopped).ingest.inserted == 300

    desk.world.fault = None
    asked = len(candle_requests(desk.world))
    assert desk().refusal is None

    assert len(desk.bars()[0]) == BARS
    assert len(candle_requests(desk.world)) - asked == 2


def test_stopped_and_taken_up_again_equals_one_piece(desk: Desk, tmp_path: Path) -> None:
    desk.world.candle_page = 90
    desk.world.fault = lambda _: (0, b"") if len(candle_requests(desk.world)) == 3 else None
    desk(patience_s=0)
    desk.world.fault = None
    desk()
    pieces = candles.load(desk.store, "1h").sha256

    desk(store=tmp_path / "whole")

    assert candles.load(tmp_path / "whole", "1h").sha256 == pieces


def test_429_for_a_minute_is_waited_out(desk: Desk) -> None:
    def busy(_: Request) -> Reply | None:
        return TOO_MANY if desk.clock.now_ms() < NOW_MS + 60_000 else None

    desk.world.fault = busy

    result = desk()

    assert result.refusal is None
    assert len(desk.bars()[0]) == BARS
    assert desk.clock.now_ms() >= NOW_MS + 60_000
    assert any("429, too many requests; asking again in" in note for note in desk.notes)
    assert len(desk.world.requests) < 20


def test_429_for_ever_ends_with_exit_4(desk: Desk) -> None:
    desk()
    desk.advance(DAY_MS)
    desk.world.fault = lambda _: TOO_MANY

    with pytest.raises(VenueError, match="no answer to exchangeStatus after") as caught:
        desk()

    assert caught.value.exit_code == 4
    assert "429" in caught.value.what
    assert len(desk.bars()[0]) == BARS


@pytest.mark.parametrize("broken", [(502, b"<html>"), (503, b""), (0, b""), (200, b'[{"t": 1')])
def test_what_may_pass_is_asked_again(desk: Desk, broken: Reply) -> None:
    left = [broken, broken]
    desk.world.fault = lambda _: left.pop() if left else None

    assert desk().refusal is None
    assert len(desk.bars()[0]) == BARS


def test_the_pace_keeps_to_the_weight_of_a_minute(desk: Desk) -> None:
    desk.world.coins = [Coin(f"C{number:02}", seed=number) for number in range(9)]

    desk(symbols="all", weight_per_minute=250, since="")

    # Nine pages of weight 20 + 84, two a minute.
    assert desk.clock.now_ms() - NOW_MS >= 4 * 60_000
    assert any("rate limit" in note for note in desk.notes)


def edited(desk: Desk, change: Any, coin: str = "BTC") -> None:
    """Let every candle reply of a coin pass through `change`, a function of its rows."""

    def fault(request: Request) -> Reply | None:
        if request["type"] != "candleSnapshot" or request["req"]["coin"] != coin:
            return None
        rows = desk.world.candles(
            next(one for one in desk.world.coins if one.name == coin), request["req"]
        )
        return as_json(change(rows))

    desk.world.fault = fault


def with_field(name: str, value: object) -> Any:
    return lambda rows: [row | {name: value} if at == 7 else row for at, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (with_field("t", "1767322800000"), "t was '1767322800000', wanted int"),
        (with_field("o", 101.5), "o was 101.5, wanted str"),
        (with_field("c", "1e5x"), "c was '1e5x', wanted a decimal number"),
        (with_field("c", "1_000"), "c was '1_000', wanted a decimal number"),
        (with_field("v", None), "v was missing, wanted str"),
        (with_field("s", "ETH"), "s was 'ETH', wanted 'BTC'"),
        (with_field("i", "1m"), "i was '1m', wanted '1h'"),
        (with_field("T", 17), "T was 17, wanted"),
        (with_field("t", -5), "t was -5, wanted milliseconds since 1970"),
        (with_field("n", "many"), "n was 'many', wanted int"),
        (lambda rows: {"rows": rows}, "the reply was {'rows'"),
        (lambda rows: [*rows, 4], "a row was 4, wanted an object"),
        (lambda rows: [*rows, rows[3] | {"v": "2.5"}], "two different rows for one time"),
        (with_field("h", "NaN"), "a value is missing, NaN or infinite"),
        (with_field("l", "0.0"), "a price at or below zero"),
        (with_field("h", "50.0"), "crossed OHLC"),
    ],
)
def test_a_reply_that_makes_no_sense_ends_its_symbol_and_no_other(
    desk: Desk, change: Any, says: str
) -> None:
    edited(desk, change)

    result = desk(symbols="BTC,ETH")

    assert result.refusal is not None
    assert result.refusal.exit_code == 4
    assert says in result.refusal.what
    assert len(result.refusal.lines()) == 3
    assert candles.load(desk.store, "1h").symbols == ("ETH",)
    assert [one.symbol for one in report(result).failures] == ["BTC"]

    desk.world.fault = None
    assert desk(symbols="BTC,ETH").refusal is None
    assert len(desk.bars("BTC")[0]) == BARS


def test_bad_rows_are_left_out_when_they_are_to_be_skipped(desk: Desk) -> None:
    edited(desk, with_field("h", "NaN"))

    result = desk(skip_bad=True)

    assert result.refusal is None
    assert len(desk.bars()[0]) == BARS - 1
    assert (report(result).bad_rows, report(result).gaps) == (1, 1)


def test_unsorted_pages_and_repeats_are_put_in_order(desk: Desk, tmp_path: Path) -> None:
    edited(desk, lambda rows: [*rows[::-1], *rows[40:60]])

    result = desk()

    assert result.refusal is None
    assert report(result).source_rows.duplicates == 20
    desk.world.fault = None
    desk(store=tmp_path / "plain")
    plain = candles.load(tmp_path / "plain", "1h")
    assert candles.load(desk.store, "1h").sha256 == plain.sha256


def test_an_empty_page_in_the_middle_is_passed_and_asked_for_again_later(desk: Desk) -> None:
    desk.world.candle_page = 1_500

    def hole(request: Request) -> Reply | None:
        return as_json([]) if len(candle_requests(desk.world)) in (2, 3) else None

    desk.world.fault = hole
    result = desk(since="")
    assert result.refusal is None
    assert (len(desk.bars()[0]), report(result).missing_bars) == (3_999, 1_000)

    desk.world.fault = None
    assert desk(since="").refusal is None
    assert len(desk.bars()[0]) == 4_999


def test_a_venue_that_answers_nothing_is_left_after_a_few_questions(desk: Desk) -> None:
    edited(desk, lambda _: [])

    assert desk(since="").paths == []
    assert desk.world.count("candleSnapshot") <= 6


@pytest.mark.parametrize(("skew_ms", "bars_fewer"), [(-2 * HOUR_MS, 2), (2 * HOUR_MS, 0)])
def test_clocks_that_differ_are_told_and_the_earlier_decides(
    desk: Desk, skew_ms: int, bars_fewer: int
) -> None:
    desk.world.now_ms += skew_ms

    result = desk()

    word = "ahead" if skew_ms > 0 else "behind"
    assert any(f"7,200 s {word}" in text for text in result.warnings)
    assert desk.bars()[0][-1] == LAST_CLOSED_MS - bars_fewer * HOUR_MS


def test_values_that_changed_are_revised_on_record(desk: Desk) -> None:
    desk()
    edited(desk, lambda rows: [row | {"c": row["o"]} if row is rows[-2] else row for row in rows])
    desk.advance(HOUR_MS)

    result = desk()

    found = report(result)
    (row,) = found.revised_rows
    assert (found.ingest.revised, found.ingest.unchanged) == (1, 1)
    assert (row.symbol, row.at_utc) == ("BTC", "2026-01-02T02:00:00Z")
    assert row.old[0] == row.new[0] == row.new[3] != row.old[3]
    assert desk.bars()[1][-2].tolist() == list(row.new)
    assert any("1 stored rows were revised, the first BTC" in text for text in result.warnings)
