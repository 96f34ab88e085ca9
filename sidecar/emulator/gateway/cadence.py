"""Streams that speak at their own pace rather than with each event.

Paces were measured on mainnet in September 2026.  Every stream beats on the multiples of its period
since 1970, so that all books carry one time, and what is due follows from the clock alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sidecar.emulator.exchange import book
from sidecar.emulator.gateway.snapshots import present
from sidecar.emulator.gateway.streams import NEVER_MS, Streams
from sidecar.emulator.gateway.subscriptions import FAST_BOOK, Topic
from sidecar.emulator.wire import frames
from sidecar.emulator.wire.replies_market import sides
from sidecar.emulator.wire.view import View

BLOCK_MS: Final = 70
"""The best bid and ask are told once a block."""
BOOK_MS: Final = 5_000
FAST_MS: Final = 500
SECOND_MS: Final = 1_000
MIDS_MS: Final = 5_000
CONTEXTS_MS: Final = 5_000
"""Not measured: as mid prices."""
ALL_CONTEXTS_MS: Final = 13_600
ACCOUNT_MS: Final = 1_000
"""What changed of an account is told so often."""
ACCOUNT_WHOLE_MS: Final = 5_000
"""What did not change is told so often."""
ACCOUNT_KINDS: Final = (
    "webData2",
    "webData3",
    "clearinghouseState",
    "allDexsClearinghouseState",
    "openOrders",
    "spotState",
    "activeAssetData",
    "twapStates",
)
ALWAYS: Final = {
    "l2Book": BOOK_MS,
    FAST_BOOK: FAST_MS,
    "allMids": MIDS_MS,
    "assetCtxs": CONTEXTS_MS,
    "spotAssetCtxs": CONTEXTS_MS,
    "allDexsAssetCtxs": ALL_CONTEXTS_MS,
}
WHEN_CHANGED: Final = {"candle": SECOND_MS, "activeAssetCtx": SECOND_MS}
CHANGES_ONLY: Final = ("bbo", "fastAssetCtxs", *WHEN_CHANGED)
"""Streams that say nothing while nothing changes."""
Best = tuple[list[book.Level], list[book.Level]]


class Cadence:
    """What is due when, and what was said last."""

    def __init__(self, view: View, streams: Streams) -> None:
        self._view = view
        self._streams = streams
        self._said: dict[Topic, str] = {}
        self._best: dict[str, Best] = {}
        self._prices: dict[str, dict[str, str]] = {}
        self._coins: dict[str, None] = {}
        self._users: dict[str, None] = {}

    def touch_coins(self, coins: Iterable[str]) -> None:
        """The books of these coins may have changed."""
        if self._streams.sessions.hears("bbo"):
            self._coins.update(dict.fromkeys(coins))

    def touch_user(self, user: str) -> None:
        """Something of the account changed."""
        self._users[user] = None

    def begun(self, topic: Topic, *, is_alone: bool) -> str | None:
        """The first text of a stream that tells changes only, for one more who hears it.

        Where the others were told something else last, the next beat tells all anew: what goes
        back to what it was in between would be no change to them, but is one to the newcomer.
        """
        if topic.kind == "bbo":
            best = self._best_of(topic.coin)
            if is_alone or self._best.get(topic.coin) == best:
                self._best[topic.coin] = best
            else:
                self._best.pop(topic.coin, None)
                self._coins[topic.coin] = None
            return present(self._view, topic)
        if topic.kind == "fastAssetCtxs":
            text, prices = frames.fast_asset_ctxs(self._view, {})
            known = self._prices.items()
            self._prices = (
                prices
                if is_alone
                else {coin: told for coin, told in known if prices.get(coin) == told}
            )
            return text
        text = present(self._view, topic)
        if is_alone or self._said.get(topic) == text:
            self._said[topic] = text or ""
        else:
            self._said[topic] = ""
        return text

    def next_ms(self, now_ms: int) -> int:
        """When the next stream that someone hears is due, later than now."""
        if not self._streams.sessions.are_heard:
            return NEVER_MS
        hears = self._streams.sessions.hears
        due = NEVER_MS
        for periods in (ALWAYS, WHEN_CHANGED):
            for stream, period_ms in periods.items():
                if hears(stream):
                    due = min(due, _after(now_ms, period_ms))
        if hears("fastAssetCtxs"):
            due = min(due, _after(now_ms, SECOND_MS))
        if self._coins:
            due = min(due, _after(now_ms, BLOCK_MS))
        if any(hears(kind) for kind in ACCOUNT_KINDS):
            period_ms = ACCOUNT_MS if self._users else ACCOUNT_WHOLE_MS
            due = min(due, _after(now_ms, period_ms))
        return due

    def beat(self, now_ms: int) -> None:
        """Say what is due at this instant."""
        for stream, period_ms in ALWAYS.items():
            if now_ms % period_ms == 0:
                self._say_all(now_ms, stream)
        for stream, period_ms in WHEN_CHANGED.items():
            if now_ms % period_ms == 0:
                self._say_changed(now_ms, stream)
        if now_ms % SECOND_MS == 0:
            self._say_prices(now_ms)
        if now_ms % BLOCK_MS == 0:
            self._say_best(now_ms)
        if now_ms % ACCOUNT_MS == 0:
            self._say_accounts(now_ms)

    def _say_all(self, now_ms: int, stream: str) -> None:
        for topic, listeners in self._streams.sessions.all_topics(stream):
            text = present(self._view, topic)
            if text is not None:
                self._streams.spread(now_ms, topic, listeners, text)

    def _say_changed(self, now_ms: int, stream: str) -> None:
        topics = self._streams.sessions.all_topics(stream)
        said = {topic: text for topic, text in self._said.items() if topic.kind != stream}
        for topic, listeners in topics:
            text = present(self._view, topic)
            if text is None:
                continue
            said[topic] = text
            if text != self._said.get(topic):
                self._streams.spread(now_ms, topic, listeners, text)
        self._said = said

    def _say_prices(self, now_ms: int) -> None:
        topics = self._streams.sessions.all_topics("fastAssetCtxs")
        if not topics:
            self._prices = {}
            return
        text, self._prices = frames.fast_asset_ctxs(self._view, self._prices)
        for topic, listeners in topics:
            if text is not None:
                self._streams.spread(now_ms, topic, listeners, text)

    def _say_best(self, now_ms: int) -> None:
        coins, self._coins = self._coins, {}
        sessions = self._streams.sessions
        for coin in coins:
            topics = sessions.topics("bbo", coin)
            if not topics:
                self._best.pop(coin, None)
                continue
            best = self._best_of(coin)
            if self._best.get(coin) == best:
                continue
            self._best[coin] = best
            text = frames.bbo(self._view, coin)
            for topic, listeners in topics.items():
                self._streams.spread(now_ms, topic, listeners, text)

    def _best_of(self, coin: str) -> Best:
        state = self._view.state
        found = state.coins.get(coin)
        # Pairs of the spot side have a name and no book.
        return ([], []) if found is None else sides(state, found, 1)

    def _say_accounts(self, now_ms: int) -> None:
        users, self._users = self._users, {}
        is_whole = now_ms % ACCOUNT_WHOLE_MS == 0
        for kind in ACCOUNT_KINDS:
            for topic, listeners in self._streams.sessions.all_topics(kind):
                if not is_whole and topic.user not in users:
                    continue
                text = present(self._view, topic)
                if text is not None:
                    self._streams.spread(now_ms, topic, listeners, text)


def _after(now_ms: int, period_ms: int) -> int:
    return (now_ms // period_ms + 1) * period_ms
