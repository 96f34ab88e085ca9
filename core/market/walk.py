"""A made-up market minute by minute, for a venue that lives in it.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from core.market.bars import Bools, Floats
from core.market.process import MINUTES, MarketState, advance, first_state
from core.market.traits import Traits


@dataclass(frozen=True)
class Minute:
    """One minute of all symbols, arrays over symbols in the order of the traits.

    Prices are USD before rounding.  `is_trading` is False before a listing and from a delisting
    on.  `rate_1h` is the funding that falls due at the end of this minute: there in the last minute
    of an hour, None in the others.
    """

    ts_open_ms: int
    open_px: Floats
    high_px: Floats
    low_px: Floats
    close_px: Floats
    oracle_px: Floats
    premium_frac: Floats
    volume_lots: Floats
    is_trading: Bools
    rate_1h: Floats | None


class MarketWalk:
    """A market that is walked a minute at a time; whoever keeps `state` can walk on from there."""

    def __init__(self, traits: Traits, state: MarketState | None = None) -> None:
        self._traits = traits
        self.state = first_state(traits) if state is None else state
        self._hour, self._after = advance(traits, self.state)

    def step(self) -> Minute:
        """The minute that the state lies in; the state is the next one's then."""
        state, hour, traits = self.state, self._hour, self._traits
        at = state.minute
        is_last = at == MINUTES - 1
        minute = Minute(
            ts_open_ms=int(hour.ts_open_ms[0, at]),
            open_px=hour.open_px[0, at],
            high_px=hour.high_px[0, at],
            low_px=hour.low_px[0, at],
            close_px=hour.close_px[0, at],
            oracle_px=hour.oracle_px[0, at],
            premium_frac=hour.premium_frac[0, at],
            volume_lots=hour.volume_lots[0, at],
            is_trading=(traits.listed_hour <= state.hour) & (state.hour < traits.delisted_hour),
            rate_1h=hour.rate_1h[0] if is_last else None,
        )
        if is_last:
            self.state = self._after
            self._hour, self._after = advance(traits, self.state)
        else:
            self.state = replace(state, minute=at + 1)
        return minute


def state_to_plain(state: MarketState) -> dict[str, Any]:
    """The state as plain JSON, which gives back every bit."""
    values = {each.name: getattr(state, each.name) for each in fields(state)}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


def state_from_plain(plain: dict[str, Any]) -> MarketState:
    """The state that `plain` was made of."""
    return MarketState(
        hour=int(plain["hour"]),
        minute=int(plain["minute"]),
        px=np.array(plain["px"], np.float64),
        wildness=np.array(plain["wildness"], np.float64),
        trend_sign=np.array(plain["trend_sign"], np.float64),
        trend_left_hours=np.array(plain["trend_left_hours"], np.int64),
        premium=np.array(plain["premium"], np.float64),
    )
