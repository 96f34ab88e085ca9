"""What a fetch from the venue is asked for: kinds, intervals, symbols, a beginning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.clock import parse_utc_ms
from core.errors import InputError, UsageError
from core.market.bars import DAY_MS, HOUR_MS, MINUTE_MS, interval_to_ms, nearest
from core.venue.address import VenueAddress
from core.venue.port import Snapshot
from core.venue.weights import RESERVE, WEIGHT_PER_MINUTE

Kind = Literal["universe", "contexts", "funding", "candles"]
# Universe first: listing times cut what the venue back-fills before a listing.
KINDS: tuple[Kind, ...] = ("universe", "contexts", "funding", "candles")
AGO = re.compile(r"(\d{1,5})([mhd])")
AGO_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
TOP = re.compile(r"(?:(?P<dex>[^:,]+):)?top:(?P<count>\d{1,4})")
ALL = re.compile(r"(?:(?P<dex>[^:,]+):)?all")
ORDINARY_PER_MINUTE = WEIGHT_PER_MINUTE - RESERVE


@dataclass(frozen=True)
class VenueRequest:
    """What the command line asked of the venue."""

    store: Path
    root: Path
    venue: str
    symbols: str = "top:50"
    interval: str = "1h"
    kind: str = "candles"
    since: str = ""
    revise_reason: str = ""
    skip_bad: bool = False
    refetch: bool = False
    require: tuple[str, ...] = ()
    weight_per_minute: int = ORDINARY_PER_MINUTE
    patience_s: float = 180.0
    run_id: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Wanted:
    """Which symbols: by name, the most traded of a dex, or all of a dex."""

    dex: str
    name: str = ""
    top_count: int = 0


def kinds_of(text: str) -> tuple[Kind, ...]:
    """The kinds named, in the order in which they are fetched."""
    names = _parts(text, "--kind")
    for name in names:
        if name not in KINDS:
            near = nearest(name, KINDS, 1)
            raise UsageError(
                f"--kind {name!r} is not known",
                hint=f"did you mean {near[0]}?" if near else f"take some of {', '.join(KINDS)}",
            )
    return tuple(kind for kind in KINDS if kind in names)


def intervals_of(text: str) -> tuple[str, ...]:
    """The intervals named, longest first; an unknown one and `1M` are an InputError."""
    names = dict.fromkeys(_parts(text, "--interval"))
    return tuple(sorted(names, key=interval_to_ms, reverse=True))


def wanted_of(text: str) -> tuple[Wanted, ...]:
    """What `--symbols` names: `BTC,xyz:TSLA`, `all`, `top:50`, `xyz:all`, `xyz:top:10`."""
    out = []
    for part in dict.fromkeys(_parts(text, "--symbols")):
        if found := TOP.fullmatch(part):
            count = int(found["count"])
            if count == 0:
                raise UsageError(f"--symbols {part} names no symbol", hint="for example top:50")
            out.append(Wanted(found["dex"] or "", top_count=count))
        elif found := ALL.fullmatch(part):
            out.append(Wanted(found["dex"] or ""))
        else:
            dex = part.split(":", maxsplit=1)[0] if ":" in part else ""
            out.append(Wanted(dex, name=part))
    return tuple(out)


def chosen_symbols(
    wanted: tuple[Wanted, ...], markets: dict[str, Snapshot], address: VenueAddress
) -> tuple[str, ...]:
    """The symbols that are wanted, each once, sorted; `markets` has the dexs that are named.

    The most traded are those of the last 24 hours by notional, without delisted ones; `all` has
    these too, since a history without them would know only what survived.  Raises InputError for a
    name that is not in its universe.
    """
    out: dict[str, None] = {}
    for one in wanted:
        market = markets[one.dex]
        assets = market.universe.assets
        if one.name:
            names = {asset.symbol for asset in assets}
            if one.name not in names:
                raise _unknown(one, sorted(names), address)
            out[one.name] = None
        elif one.top_count:
            live = [
                (-context.day_notional_usd, context.symbol)
                for asset, context in zip(assets, market.contexts, strict=True)
                if not asset.is_delisted
            ]
            out |= dict.fromkeys(symbol for _, symbol in sorted(live)[: one.top_count])
        else:
            out |= dict.fromkeys(asset.symbol for asset in assets)
    return tuple(sorted(out))


def since_ms_of(text: str, now_ms: int) -> int | None:
    """The instant that `--since` names: a date, a time, or how long ago (`30d`, `12h`)."""
    if not text:
        return None
    if ago := AGO.fullmatch(text):
        return now_ms - int(ago[1]) * AGO_MS[ago[2]]
    since_ms = parse_utc_ms(text)
    if since_ms >= now_ms:
        raise UsageError(
            f"--since {text} lies in the future", hint="give an earlier date, or 30d for a month"
        )
    return since_ms


def _parts(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UsageError(
            f"{option} names nothing", hint=f"`perpkit fetch --help` explains {option}"
        )
    return parts


def _unknown(one: Wanted, names: list[str], address: VenueAddress) -> InputError:
    near = nearest(one.name, names)
    return InputError(
        f"symbol {one.name!r} is not in the venue's universe",
        at=f"{address.source}: {len(names)} symbols"
        + (f" of the dex {one.dex}" if one.dex else ""),
        hint=f"did you mean {' or '.join(near)}?"
        if near
        else "names are the venue's own, case and all: BTC, kPEPE, xyz:TSLA",
    )
