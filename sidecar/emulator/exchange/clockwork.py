"""What falls due by itself: scheduled cancels, TWAP slices, premium samples, funding."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange import book, endings, funding, twap
from sidecar.emulator.exchange.events import Answered, Event, Rejected
from sidecar.emulator.exchange.requests import ScheduleCancel
from sidecar.emulator.exchange.state import Account, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD, usd_text

SAMPLE_MS: Final = 5_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
FIRES_KEPT: Final = 8
"""Days of which the fires are remembered."""

TOO_EARLY: Final = "Scheduled cancel time too early, must be at least {} seconds from now."
TOO_OFTEN: Final = "Too many scheduled cancels triggered for the day. Limit is {}."


def due(state: VenueState, now_ms: int, events: list[Event]) -> None:
    """Does all that fell due up to now, in the order of its times.

    At one instant: scheduled cancels, slices, the sample, the hour's funding.
    """
    if state.next_sample_ms == 0:
        state.next_sample_ms = _after(state.now_ms, SAMPLE_MS)
    if state.next_hour_ms == 0:
        state.next_hour_ms = _after(state.now_ms, HOUR_MS)
    while (at_ms := next_ms(state)) <= now_ms:
        state.now_ms = max(state.now_ms, at_ms)
        state.block += 1
        _run(state, at_ms, events)


def next_ms(state: VenueState) -> int:
    """When the next thing falls due."""
    at_ms = min(state.next_sample_ms, state.next_hour_ms)
    if state.armed:
        at_ms = min(at_ms, *state.armed.values())
    if state.running_twaps:
        at_ms = min(at_ms, *(state.twaps[twap_id].next_ms for twap_id in state.running_twaps))
    return at_ms


def _after(now_ms: int, step_ms: int) -> int:
    """The next whole multiple of a step."""
    return now_ms - now_ms % step_ms + step_ms


def _run(state: VenueState, at_ms: int, events: list[Event]) -> None:
    """Everything of one instant."""
    for address in [user for user, ms in state.armed.items() if ms <= at_ms]:
        _fire(state, at_ms, state.accounts[address], events)
    for twap_id in [one for one in state.running_twaps if state.twaps[one].next_ms <= at_ms]:
        twap.slice_out(state, at_ms, twap_id, events)
    if state.next_sample_ms <= at_ms:
        state.next_sample_ms = _after(at_ms, SAMPLE_MS)
        _sample(state, at_ms)
    if state.next_hour_ms <= at_ms:
        state.next_hour_ms = _after(at_ms, HOUR_MS)
        funding.settle_hour(state, at_ms, events)


def _sample(state: VenueState, at_ms: int) -> None:
    """The premium of every coin that trades."""
    for coin in state.coins.values():
        if coin.is_listed and not coin.is_delisted:
            impact = book.impact_ticks(state, coin, funding.impact_notional_micros(coin))
            funding.sample(state, at_ms, coin, impact)


def _fire(state: VenueState, at_ms: int, account: Account, events: list[Event]) -> None:
    """The scheduled cancel: every order goes, stops and targets too; positions stay."""
    del state.armed[account.address]
    account.dms_ms = None
    day = at_ms - at_ms % DAY_MS
    account.dms_fired[day] = account.dms_fired.get(day, 0) + 1
    while len(account.dms_fired) > FIRES_KEPT:
        del account.dms_fired[min(account.dms_fired)]
    endings.cancel_all(state, at_ms, account, "scheduledCancel", events)


def schedule_cancel(
    state: VenueState, now_ms: int, request: ScheduleCancel, events: list[Event]
) -> None:
    """Arms, moves or takes back the cancel of everything; only firing counts against the day."""
    account = state.accounts[request.user]
    text = _refusal(state, now_ms, account, request.at_ms)
    if text is not None:
        events.append(Rejected(text))
        return
    account.dms_ms = request.at_ms
    if request.at_ms is None:
        state.armed.pop(account.address, None)
    else:
        state.armed[account.address] = request.at_ms
    events.append(Answered("default"))


def _refusal(state: VenueState, now_ms: int, account: Account, at_ms: int | None) -> str | None:
    """Why the cancel cannot be scheduled; the volume is asked for taking it back too."""
    rules = state.rules
    if account.volume_micros < rules.dms_volume_micros:
        traded = usd_text(account.volume_micros).removesuffix(".0")
        need = rules.dms_volume_micros // MICROS_PER_USD
        return (
            "Cannot set scheduled cancel time until enough volume traded. "
            f"Required: ${need}. Traded: ${traded}."
        )
    if at_ms is None:
        return None
    if at_ms < now_ms + rules.dms_ahead_ms:
        return TOO_EARLY.format(rules.dms_ahead_ms // 1_000)
    if account.dms_fired.get(at_ms - at_ms % DAY_MS, 0) >= rules.dms_fires_per_day:
        return TOO_OFTEN.format(rules.dms_fires_per_day)
    return None
