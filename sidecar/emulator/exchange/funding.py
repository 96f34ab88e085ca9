"""Premium samples and the hourly payment on the oracle price.

Every 5 s the premium is what the impact prices lie beyond the oracle, as a share of it.  Of the
hour's mean P the rate of eight hours is P + clamp(0.01 % - P, 0.05 %), an eighth of which is paid
each hour on size x oracle, at most 4 %.  Longs pay shorts when it is above 0.

A coin of another dex takes its premium from the mid, clamps at 0.03 %, and multiplies the rate as
its deployer says.

Source: Hyperliquid, "Funding"; recorded rows agree to the tenth decimal, to which the venue rounds.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from sidecar.emulator.exchange import book, margin
from sidecar.emulator.exchange.events import FundingPaid, HourClosed
from sidecar.emulator.exchange.positions import sweep
from sidecar.emulator.exchange.state import Account, Coin, FundingRow, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD, share_micros

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event

INTEREST_8H: Final = 0.0001
CLAMP_8H: Final = 0.0005
DEX_CLAMP_8H: Final = 0.0003
CAP_1H: Final = 0.04
HOURS: Final = 8
RATE_DECIMALS: Final = 10
E10: Final = 10**RATE_DECIMALS
STAMP_MS_MAX: Final = 118
"""Rows are stamped up to this long after the hour."""
ROWS_MAX: Final = 10_000
EQUITY_MAX: Final = 24 * 366
DEEP: Final = ("BTC", "ETH")


def impact_notional_micros(coin: Coin) -> int:
    """Notional at which impact prices are taken: 20,000 USD for BTC and ETH, 6,000 else."""
    return (20_000 if coin.name in DEEP else 6_000) * MICROS_PER_USD


def rate_of(premium: float, clamp: float = CLAMP_8H, hundredths: int = 100) -> float:
    """The hourly rate of a mean premium, times so many hundredths."""
    clamped = min(max(INTEREST_8H - premium, -clamp), clamp)
    hourly = (premium + clamped) / HOURS * (hundredths / 100)
    return round(min(max(hourly, -CAP_1H), CAP_1H), RATE_DECIMALS)


def coin_rate(coin: Coin, premium: float) -> float:
    """The hourly rate of a mean premium under the coin's own rules."""
    if not coin.dex:
        return rate_of(premium)
    return rate_of(premium, DEX_CLAMP_8H, coin.funding_multiplier_hundredths)


def _mid_premium(state: VenueState, coin: Coin) -> float:
    """What the mid lies beyond the oracle, as a share of it; 0 without both sides."""
    bid, ask = book.best(state, coin)
    if bid is None or ask is None:
        return 0.0
    return ((bid + ask) / 2 - coin.oracle_ticks) / coin.oracle_ticks


def _impact_premium(coin: Coin, impact: tuple[int | None, int | None]) -> float:
    """What the impact prices lie beyond the oracle, as a share of it."""
    bid, ask = impact
    oracle = coin.oracle_ticks
    above = max(bid - oracle, 0) if bid is not None else 0
    below = max(oracle - ask, 0) if ask is not None else 0
    return (above - below) / oracle


def sample(
    state: VenueState, now_ms: int, coin: Coin, impact: tuple[int | None, int | None]
) -> None:
    """Add a sample of the premium from the impact (bid, ask) in ticks; a side without liquidity
    adds nothing.  The running estimate follows.  A sample needs no time of its own: all weigh the
    same."""
    del now_ms
    coin.premium_last = _mid_premium(state, coin) if coin.dex else _impact_premium(coin, impact)
    coin.premium_sum += coin.premium_last
    coin.premium_count += 1
    coin.funding_rate_1h = coin_rate(coin, coin.premium_sum / coin.premium_count)


def stamp_ms(state: VenueState, hour_ms: int) -> int:
    """When the rows of an hour are stamped: 1 to 118 ms after it, the same for all coins."""
    digest = blake2b(f"{state.seed}:hour:{hour_ms}".encode(), digest_size=8).digest()
    return hour_ms + 1 + int.from_bytes(digest, "big") % STAMP_MS_MAX


def premium_behind(rate_1h: float, measured: float) -> float:
    """The premium nearest the measured one of which a known rate follows by the formula."""
    eight = rate_1h * HOURS
    if abs(eight - INTEREST_8H) <= 10.0**-RATE_DECIMALS * HOURS:
        found = min(max(measured, INTEREST_8H - CLAMP_8H), INTEREST_8H + CLAMP_8H)
    else:
        found = eight + CLAMP_8H if eight > INTEREST_8H else eight - CLAMP_8H
    return round(found, RATE_DECIMALS)


def _rate_of_hour(coin: Coin) -> tuple[float, float]:
    """(rate, premium) of the hour that ends, and a new hour of samples begins."""
    mean = coin.premium_sum / coin.premium_count if coin.premium_count else 0.0
    premium = round(mean, RATE_DECIMALS)
    rate = coin_rate(coin, premium)
    if coin.known_rate_1h is not None:
        rate = round(min(max(coin.known_rate_1h, -CAP_1H), CAP_1H), RATE_DECIMALS)
        premium = premium_behind(rate, premium)
    coin.premium_sum, coin.premium_count, coin.known_rate_1h = 0.0, 0, None
    return rate, premium


def _pay(account: Account, coin: Coin, row: FundingRow) -> None:
    """Books a payment on the money that holds the position."""
    position = account.positions[coin.name]
    if margin.is_cross(account, coin):
        account.cash_micros += row.micros
    else:
        position.isolated_micros += row.micros
    position.funding_open_micros -= row.micros
    position.funding_change_micros -= row.micros
    paid = account.funding_micros
    paid[coin.name] = paid.get(coin.name, 0) - row.micros


def _settle_coin(state: VenueState, coin: Coin, stamp: int, events: list[Event]) -> None:
    """Pays an hour of one coin; what rounding leaves goes to the insurance."""
    rate, premium = _rate_of_hour(coin)
    rate_e10 = round(rate * E10)
    coin.funding.append((stamp, rate, premium))
    if len(coin.funding) > ROWS_MAX:
        del coin.funding[:-ROWS_MAX]
    for account in state.accounts.values():
        position = account.positions.get(coin.name)
        if position is None:
            continue
        micros = -share_micros(position.lots * coin.oracle_ticks, rate_e10, E10)
        row = FundingRow(stamp, coin.name, micros, position.lots, rate)
        _pay(account, coin, row)
        state.insurance_micros -= micros
        if margin.is_venue(account.address):
            continue
        sweep(state, account)
        account.funding.append(row)
        if len(account.funding) > ROWS_MAX:
            del account.funding[:-ROWS_MAX]
        events.append(FundingPaid(account.address, row))
    events.append(HourClosed(coin.name, stamp, rate, premium))


def _note_equity(state: VenueState, stamp: int) -> None:
    """Samples what every account is worth and has gained."""
    for account in state.accounts.values():
        if margin.is_venue(account.address):
            continue
        value = margin.account_value_micros(state, account) + account.spot_micros
        account.equity.append((stamp, value, value - account.deposited_micros))
        if len(account.equity) > EQUITY_MAX:
            del account.equity[:-EQUITY_MAX]


def settle_hour(state: VenueState, hour_ms: int, events: list[Event]) -> None:
    """Pay the hour that ends at `hour_ms` on every position."""
    stamp = stamp_ms(state, hour_ms)
    for coin in state.coins.values():
        if coin.is_listed and not coin.is_delisted:
            _settle_coin(state, coin, stamp, events)
    _note_equity(state, stamp)
