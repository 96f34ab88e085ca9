"""The venue's money by another road: what an account must hold, from its own history alone.

It shares no code with the exchange.  It reads the rows that the venue gives to a user (fills,
funding, ledger) and adds up: a buy takes price x size from the cash and a sell brings it, fees go,
funding comes or goes.  It is meant to be read in one sitting.
"""

from __future__ import annotations

from fractions import Fraction

from sidecar.emulator.exchange.state import Account, VenueState

LEDGER_SIGNS = {"deposit": 1, "withdraw": -1}


def expected_cash(account: Account) -> int:
    """Micros that the cross account must hold."""
    cash = Fraction(0)
    for row in account.ledger:
        sign = LEDGER_SIGNS[str(row.delta["type"])]
        cash += sign * Fraction(str(row.delta["usdc"])) * 1_000_000
    for fill in account.fills:
        notional = fill.ticks * fill.lots
        cash += (-notional if fill.is_buy else notional) - fill.fee_micros
    cash += sum(row.micros for row in account.funding)
    return int(cash)


def expected_lots(account: Account) -> dict[str, int]:
    """Signed lots of each coin, from the fills."""
    lots: dict[str, int] = {}
    for fill in account.fills:
        lots[fill.coin] = lots.get(fill.coin, 0) + (fill.lots if fill.is_buy else -fill.lots)
    return {coin: count for coin, count in lots.items() if count}


def held_lots(account: Account) -> dict[str, int]:
    """Signed lots of each coin, as the venue has them."""
    return {coin: each.lots for coin, each in account.positions.items() if each.lots}


def account_faults(state: VenueState, user: str) -> list[str]:
    """What the venue's books say of a user that its history does not."""
    account = state.accounts[user]
    found = []
    if account.cash_micros != expected_cash(account):
        found.append(
            f"money: {user} has {account.cash_micros} micros, its history says"
            f" {expected_cash(account)}"
        )
    if held_lots(account) != expected_lots(account):
        found.append(
            f"I-2: {user} holds {held_lots(account)}, its fills say {expected_lots(account)}"
        )
    return found


def venue_faults(state: VenueState) -> list[str]:
    """What does not add up over all accounts."""
    found = []
    accounts = state.accounts.values()
    lots: dict[str, int] = {}
    for account in accounts:
        for coin, count in held_lots(account).items():
            lots[coin] = lots.get(coin, 0) + count
    open_coins = [coin for coin, count in lots.items() if count]
    if open_coins:
        found.append(f"money: positions do not cancel out in {open_coins}")
    # With all positions cancelling out, prices drop out of the sum of all wealth.
    held = sum(each.cash_micros + each.spot_micros for each in accounts)
    held += sum(each.isolated_micros for account in accounts for each in account.positions.values())
    if held + state.fees_micros + state.insurance_micros != state.deposits_micros:
        found.append(
            f"money: {held} held + {state.fees_micros} fees + {state.insurance_micros} insurance"
            f" are not the {state.deposits_micros} deposited"
        )
    return found
