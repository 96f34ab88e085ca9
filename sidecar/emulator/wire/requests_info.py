"""Shapes of the requests of `/info`.  What a shape does not name is ignored, as the venue does."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Address = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{40}$")]
Count = Annotated[int, Meta(ge=0)]
Cloid = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{32}$")]
TokenId = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{32}$")]


class Head(Struct, frozen=True):
    """Every request says what it asks for."""

    type: str


class Nothing(Struct, frozen=True):
    """Only the type."""


class OfDex(Struct, frozen=True):
    """Of a dex; of the venue's own when absent, null or empty."""

    dex: str | None = None


class OfCoin(Struct, frozen=True):
    """Of a coin."""

    coin: str


class OfBook(Struct, frozen=True, rename={"n_sig_figs": "nSigFigs"}):
    """Of a book, at full precision or gathered to so many significant digits."""

    coin: str
    n_sig_figs: int | None = None
    mantissa: int | None = None


class CandleSpan(Struct, frozen=True, rename="camel"):
    """Bars of a coin that overlap a span."""

    coin: str
    interval: str
    start_time: Count
    end_time: Count | None = None


class OfCandles(Struct, frozen=True):
    """A span of bars, nested as the venue wants it."""

    req: CandleSpan


class OfCoinSpan(Struct, frozen=True, rename="camel"):
    """Of a coin over a span, both ends counted in."""

    coin: str
    start_time: Count
    end_time: Count | None = None


class OfUser(Struct, frozen=True):
    """Of a user."""

    user: Address


class OfUserDex(Struct, frozen=True):
    """Of a user on a dex."""

    user: Address
    dex: str | None = None


class OfUserCoin(Struct, frozen=True):
    """Of a user and a coin."""

    user: Address
    coin: str


class OfOrder(Struct, frozen=True):
    """An order by its id or its client order id."""

    user: Address
    oid: Count | Cloid


class OfFills(Struct, frozen=True, rename="camel"):
    """The newest fills of a user."""

    user: Address
    aggregate_by_time: bool | None = None


class OfFillSpan(Struct, frozen=True, rename="camel"):
    """Fills of a user over a span."""

    user: Address
    start_time: Count
    end_time: Count | None = None
    aggregate_by_time: bool | None = None
    reversed: bool | None = None


class OfUserSpan(Struct, frozen=True, rename="camel"):
    """Rows of a user over a span."""

    user: Address
    start_time: Count | None = None
    end_time: Count | None = None


class OfUserSince(Struct, frozen=True, rename="camel"):
    """Rows of a user from a time on."""

    user: Address
    start_time: Count
    end_time: Count | None = None


class OfBuilder(Struct, frozen=True):
    """A user and a builder."""

    user: Address
    builder: Address


class OfVault(Struct, frozen=True, rename="camel"):
    """A vault."""

    vault_address: Address
    user: Address | None = None


class OfMarginTable(Struct, frozen=True):
    """A margin table."""

    id: Count


class OfToken(Struct, frozen=True, rename="camel"):
    """A token by its id."""

    token_id: TokenId


class OfTokenIndex(Struct, frozen=True):
    """A token by its index."""

    token: Count


class OfTransfer(Struct, frozen=True):
    """A transfer that somebody thinks of."""

    user: Address
    source: Address
