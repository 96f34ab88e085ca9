"""Requests whose answer comes later: when something is new, or when their time is up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

WAITS_MAX: Final = 32
"""Most such requests of one client at once."""


class Wait:
    """One of them; `answer(is_due)` sends the reply, once."""

    def __init__(
        self,
        client: Any,
        answer: Callable[[bool], None],
        *,
        symbols: frozenset[str] = frozenset(),
        user: str = "",
    ) -> None:
        self.client = client
        self.symbols = symbols
        self.user = user
        self._answer = answer
        self._is_done = False

    def end(self, *, is_due: bool) -> None:
        """Answer now, unless it was answered."""
        if not self._is_done:
            self._is_done = True
            self._answer(is_due)

    def drop(self) -> None:
        """Nobody is there to hear an answer."""
        self._is_done = True


class Waits:
    """All of them."""

    def __init__(self) -> None:
        self._waits: dict[int, Wait] = {}
        self._number = 0

    @property
    def is_idle(self) -> bool:
        """Does nobody wait?"""
        return not self._waits

    def count_of(self, client: Any) -> int:
        """How many requests of a client wait."""
        return sum(wait.client is client for wait in self._waits.values())

    def add(self, wait: Wait) -> Callable[[], None]:
        """Keep it; the returned call ends it for want of news."""
        self._number += 1
        number = self._number
        self._waits[number] = wait

        def time_is_up() -> None:
            if self._waits.pop(number, None) is not None:
                wait.end(is_due=False)

        return time_is_up

    def changed(self, symbols: set[str]) -> None:
        """These symbols have news."""
        self._end(
            lambda wait: (
                not wait.user and (not wait.symbols or not wait.symbols.isdisjoint(symbols))
            )
        )

    def user_events(self, user: str, cursor: int) -> None:  # noqa: ARG002  any new cursor is news
        """A user has new events."""
        self._end(lambda wait: wait.user == user)

    def leave(self, client: Any) -> None:
        """The client is gone."""
        for number, wait in list(self._waits.items()):
            if wait.client is client:
                wait.drop()
                del self._waits[number]

    def _end(self, is_met: Callable[[Wait], bool]) -> None:
        for number, wait in list(self._waits.items()):
            if is_met(wait):
                del self._waits[number]
                wait.end(is_due=True)
