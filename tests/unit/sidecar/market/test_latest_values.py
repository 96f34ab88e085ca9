"""The board, the watch and the breaker, rule by rule."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sidecar.market import decode
from sidecar.market.board import Board
from sidecar.market.breaker import Breaker
from sidecar.market.facts import (
    Acked,
    Bbo,
    Candle,
    Context,
    Mids,
    Odd,
    Pong,
    Trade,
    UserEvent,
)
from sidecar.market.topics import Topic
from sidecar.market.watch import Watch

T_MS = 1_788_490_000_000
QUOTES = Topic("bbo", "BTC")


def quote(time_ms: int, px: float) -> Bbo:
    return Bbo("BTC", time_ms, (px - 1.0, 1.0), (px + 1.0, 1.0))


def context(mark_px: float, volume_usd: float = 1.0) -> Context:
    return Context("BTC", mark_px, 100.0, None, 0.0, 1.0, volume_usd, None)


def mid_px(board: Board) -> float:
    found = board.mid("BTC")
    assert found is not None
    return found.px


def test_older_and_doubled_quotes_change_nothing() -> None:
    board = Board()
    board.apply(quote(T_MS, 100.0), T_MS)

    assert board.apply(quote(T_MS - 1, 101.0), T_MS + 1) == []
    assert board.apply(quote(T_MS, 100.0), T_MS + 2) == []
    assert mid_px(board) == 100.0
    assert board.counts == {"older": 1, "duplicate": 1}


def test_times_that_were_wrong_do_not_silence_a_symbol_for_ever() -> None:
    board = Board()
    board.apply(quote(T_MS + 86_400_000, 100.0), T_MS)

    for second in range(1, 8):
        board.apply(quote(T_MS + second * 1_000, 101.0), T_MS + second * 1_000)

    assert mid_px(board) == 101.0


def test_one_source_that_is_far_from_the_others_is_put_aside() -> None:
    board = Board()
    board.apply(context(100.0), T_MS)
    board.apply(quote(T_MS, 100.0), T_MS)

    for second in range(1, 30):
        now_ms = T_MS + second * 1_000
        board.apply(context(100.0, float(second)), now_ms)
        assert board.apply(quote(now_ms, 1_000.0), now_ms) == []
        assert board.apply(Mids({"BTC": 10.0}), now_ms) == []

    assert mid_px(board) == 100.0
    assert board.ages_ms("BTC", T_MS + 29_000)["bbo"] == 29_000


def test_a_crash_that_all_sources_see_is_believed() -> None:
    board = Board()
    board.apply(quote(T_MS, 100.0), T_MS)

    for second in range(1, 12):
        board.apply(quote(T_MS + second * 1_000, 50.0), T_MS + second * 1_000)

    assert mid_px(board) == 50.0


def test_mids_speak_where_quotes_are_old() -> None:
    board = Board()
    board.apply(quote(T_MS, 100.0), T_MS)
    board.apply(Mids({"BTC": 102.0}), T_MS + 4_000)
    young = mid_px(board)
    changes = board.apply(Mids({"BTC": 102.0}), T_MS + 6_000)

    assert young == 100.0
    assert mid_px(board) == 102.0
    assert [(change.kind, change.seq) for change in changes] == [("mid", board.seq)]


def test_trades_are_told_once_and_a_reader_knows_what_it_missed() -> None:
    board = Board()
    for tid in [*range(600), *range(550, 600)]:
        board.apply(Trade("BTC", T_MS + tid, True, 100.0, 1.0, tid), T_MS)

    kept = board.trades("BTC")

    assert board.counts == {"duplicate": 50}
    assert [trade.tid for _, trade in kept] == list(range(88, 600))
    assert board.trades_from_seq("BTC") == kept[0][0] - 1
    assert [trade.tid for _, trade in board.trades("BTC", kept[-2][0])] == [599]


def test_a_clock_that_was_set_changes_no_age() -> None:
    board = Board()
    board.apply(quote(T_MS, 100.0), T_MS)

    board.shift(-3_600_000)

    assert board.ages_ms("BTC", T_MS - 3_600_000 + 500) == {"mid": 500, "bbo": 500}


def watched() -> Watch:
    watch = Watch()
    watch.opened(1, T_MS)
    for topic in (Topic("allMids"), QUOTES):
        watch.subscribing(1, topic, T_MS)
        watch.heard(1, Acked(topic.text, is_on=True), T_MS)
    return watch


def run(watch: Watch, seconds: range, *, moves: bool, quotes: bool) -> list[tuple[str, str]]:
    found = []
    for second in seconds:
        now_ms = T_MS + second * 1_000
        if second % 5 == 0:
            watch.heard(1, Mids({"BTC": 100.0 + (second if moves else 0)}), now_ms)
        if quotes:
            watch.heard(1, quote(now_ms, 100.0), now_ms)
        found += [(verdict.action, verdict.reason) for verdict in watch.due(now_ms)]
    return [item for item in found if item[0] != "ping"]


def test_a_stream_is_mute_only_when_others_move() -> None:
    assert run(watched(), range(1, 120), moves=False, quotes=False) == []
    assert run(watched(), range(1, 120), moves=True, quotes=True) == []
    watch = watched()
    found = run(watch, range(1, 40), moves=True, quotes=False)
    assert found == [("resubscribe", "mute")]
    assert watch.stale() == [QUOTES]


def test_a_silent_socket_is_pinged_then_given_up() -> None:
    watch = watched()
    actions = [
        (second, verdict.action)
        for second in range(1, 42)
        for verdict in watch.due(T_MS + second * 1_000)
        if verdict.topic is None
    ]

    assert (15, "ping") in actions
    assert (40, "reconnect") in actions
    assert all(action == "ping" for second, action in actions if second < 40)


def test_a_pong_is_a_sign_of_life_and_a_jump_of_the_clock_is_no_silence() -> None:
    watch = watched()
    watch.due(T_MS + 1_000)

    verdicts = watch.due(T_MS + 3_601_000)
    watch.heard(1, Pong(), T_MS + 3_602_000)

    assert [verdict for verdict in verdicts if verdict.action != "ping"] == []
    assert watch.jumped_ms == 3_600_000
    assert watch.silent_ms(1, T_MS + 3_603_000) == 1_000


def test_a_subscription_without_its_word_is_asked_for_again() -> None:
    watch = Watch()
    watch.opened(1, T_MS)
    watch.subscribing(1, QUOTES, T_MS)
    found = []
    for second in range(1, 60):
        watch.heard(1, Pong(), T_MS + second * 1_000)
        found += [
            (second, verdict.action)
            for verdict in watch.due(T_MS + second * 1_000)
            if verdict.action != "ping"
        ]

    assert found[:4] == [(10, "resubscribe"), (20, "resubscribe"), (30, "resubscribe"),
                         (40, "reconnect")]  # fmt: skip
    assert watch.stale() == [QUOTES]


def test_the_breaker_opens_tries_and_closes() -> None:
    breaker = Breaker()
    for second in (0, 100, 200):
        assert breaker.mode(T_MS + second * 1_000) == "stream"
        breaker.on_reset(T_MS + second * 1_000)
    opened_ms = T_MS + 200_000

    assert breaker.mode(opened_ms + 599_999) == "polling"
    assert breaker.mode(opened_ms + 600_000) == "trial"
    breaker.on_reset(opened_ms + 700_000)
    assert breaker.polling_ms(opened_ms + 700_000) == 1_200_000
    assert breaker.mode(opened_ms + 1_900_000) == "trial"
    assert breaker.mode(opened_ms + 2_200_000) == "stream"
    assert breaker.trip_count == 2


def test_resets_far_apart_do_not_open_the_breaker() -> None:
    breaker = Breaker()
    for number in range(20):
        breaker.on_reset(T_MS + number * 200_000)

    assert breaker.mode(T_MS + 20 * 200_000) == "stream"


def test_recorded_frames_become_facts(shared_dir: Path) -> None:
    recorded = msgspec.json.decode(
        (shared_dir / "data/api/ws/captured_20260903_frames.json").read_bytes()
    )["frames"]
    facts = {
        name: decode.facts(msgspec.json.encode(frame), T_MS) for name, frame in recorded.items()
    }

    assert facts["BBO"] == [
        Bbo("BTC", 1788490065008, (80639.0, 0.00186), (80640.0, 13.74589))
    ]  # fmt: skip
    assert facts["BBO_EMPTY_SIDE"] == [Bbo("MATIC", 1788490065008, None, None)]
    assert isinstance(facts["ACTIVE_ASSET_CTX_NULLS"][0], Context)
    assert isinstance(facts["CANDLE"][0], Candle)
    assert facts["ACK_BBO"] == [Acked("bbo:BTC", is_on=True)]
    fill = facts["USER_FILLS_SNAPSHOT"][0]
    assert isinstance(fill, UserEvent)
    assert (fill.key, fill.is_snapshot) == ("691079299625582:535618784464", True)
    assert facts["L2BOOK_EMPTY"] == [Odd("unknown_channel", "l2Book")]
