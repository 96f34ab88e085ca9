"""Latest values with their ages.  Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from sidecar.market.facts import Bbo, Context, Fact, Trade

Kind = Literal["mid", "bbo", "context", "trade"]
MidSource = Literal["bbo", "all_mids"]


class BoardPolicy(Struct, frozen=True):
    """How old a quote may be before `allMids` speaks for its symbol; what a glitch is."""

    bbo_fallback_ms: int = 5_000
    trades_kept: int = 512
    glitch_times: float = 1.5


class Change(NamedTuple):
    """Something new of a symbol; `seq` is the board's count of changes, 1 the first."""

    kind: Kind
    symbol: str
    seq: int


class Mid(NamedTuple):
    """A mid price, when it came, and from what."""

    px: float
    seen_ms: int
    source: MidSource
    seq: int


class Board:
    """What was said last of every symbol."""

    def __init__(self, policy: BoardPolicy | None = None) -> None:
        self.seq = 0
        self.counts: dict[str, int] = {}
        """Facts that were not taken, by reason."""

    def apply(self, fact: Fact, seen_ms: int) -> list[Change]:
        """What changed; the new trades of a message are one change."""
        raise NotImplementedError

    def mid(self, symbol: str) -> Mid | None:
        """The mid price; its age is for the caller to judge."""
        raise NotImplementedError

    def mids(self) -> dict[str, Mid]:
        """All of them."""
        raise NotImplementedError

    def bbo(self, symbol: str) -> tuple[Bbo, int, int] | None:
        """(quote, when it came, seq)."""
        raise NotImplementedError

    def context(self, symbol: str) -> tuple[Context, int, int] | None:
        """(context, when it came, seq)."""
        raise NotImplementedError

    def trades(self, symbol: str, after_seq: int = 0) -> list[tuple[int, Trade]]:
        """(seq, trade) of the newest trades after that one, oldest first."""
        raise NotImplementedError

    def trades_from_seq(self, symbol: str) -> int:
        """The first seq whose trades are all still here; who was last at an earlier one missed some."""
        raise NotImplementedError

    def symbol_seq(self, symbol: str) -> int:
        """The seq of the newest change of the symbol; 0 for none."""
        raise NotImplementedError

    def ages_ms(self, symbol: str, now_ms: int) -> dict[str, int]:
        """Age by kind of what is known of the symbol."""
        raise NotImplementedError

    def forget(self, symbols: list[str]) -> None:
        """Nobody wants these any more."""
        raise NotImplementedError
