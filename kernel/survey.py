"""What every symbol signals at each indicator bar: it hangs on the bars, not on what is held.

So a sweep takes one survey for all rows that differ in nothing that a signal reads, and the loop
over instants looks only at what is held or signals.  Replay and live trading do the same.
"""

from __future__ import annotations

from typing import Final

from kernel import codes, gates, signals, strategies
from kernel.bits import WORD_BITS
from kernel.context import market_before
from kernel.jit import device, loop, part
from kernel.params import Params
from kernel.records import Columns, Ints, Market, Records, Snapshot, Survey
from kernel.view import see_instant, take_own_series, take_snapshot

CONFIDENCE_COUNT: Final = 3
NEVER: Final = 1 << 62
"""A row after every other."""

TRADE_FIELDS: Final = (
    "entry_min_confidence",
    "reverse_entry_signal",
    "enable_ssf_filter",
    "enable_reef_filter",
    "reef_adx_threshold",
    "reef_long_rsi_block_above",
    "reef_short_rsi_block_below",
    "reef_long_rsi_extreme_above",
    "reef_short_rsi_extreme_below",
)
"""Parameters of the section `trade` that a survey reads; it may read any of the other sections."""


@device
def count_gates(counters: Ints, failures: int) -> None:
    """Count each failed gate on its own; BTC counts if either side is refused."""
    counters[codes.COUNT_CHECKS] += 1
    if failures & codes.GATE_RANGING:
        counters[codes.COUNT_RANGING] += 1
    if failures & codes.GATE_ANOMALY:
        counters[codes.COUNT_ANOMALY] += 1
    if failures & codes.GATE_EXTENSION:
        counters[codes.COUNT_EXTENSION] += 1
    if failures & codes.GATE_VOLUME:
        counters[codes.COUNT_VOLUME] += 1
    if failures & codes.GATE_ADX_NOT_RISING:
        counters[codes.COUNT_ADX_NOT_RISING] += 1
    if failures & codes.GATE_ADX_LOW:
        counters[codes.COUNT_ADX_LOW] += 1
    if failures & (codes.GATE_BTC_LONG | codes.GATE_BTC_SHORT):
        counters[codes.COUNT_BTC] += 1


@loop
def find_signal(snap: Snapshot, counters: Ints, params: Params) -> signals.Signal:
    """The signal of a view after reversal and regime, side FLAT if there is none.

    What gates and regime did is counted, unless `counters` is empty.
    """
    floor = gates.adx_floor(snap, params)
    failures = gates.gate_failures(snap, floor, params)
    counts = counters.shape[0] > 0
    if counts:
        count_gates(counters, failures)
    found = strategies.raw_signal(snap, failures, floor, params)
    if found[0] == codes.FLAT:
        return found
    side, blocked = signals.transformed_side(found[0], snap, params)
    if counts:
        counters[codes.COUNT_SIGNALS] += 1
        if blocked:
            counters[codes.COUNT_REGIME] += 1
    return side, found[1], found[2], found[3]


@device
def call_of(found: signals.Signal) -> int:
    """A signal without its threshold as one small number: the side is its sign, 0 is none."""
    return found[0] * (1 + found[1] + CONFIDENCE_COUNT * found[2])


@device
def signal_of(call: int, floor: float) -> signals.Signal:
    """The signal that `call_of` wrote; it has a side."""
    side = codes.LONG if call > 0 else codes.SHORT
    rest = abs(call) - 1
    return side, rest % CONFIDENCE_COUNT, rest // CONFIDENCE_COUNT, floor


@device
def looks_for(found: signals.Signal, snap: Snapshot, counts: bool, params: Params) -> bool:
    """True if a flat symbol must be looked at; if refusals are counted, at every signal."""
    side, confidence, _, _ = found
    if counts or side == codes.FLAT:
        return side != codes.FLAT
    if confidence < params.entry_min_confidence:
        return False
    return signals.ssf_allows(side, snap, params) and signals.reef_allows(side, snap, params)


@part
def begin_survey(rows: Records, own: Ints, marks: Records, seen: Survey) -> None:
    """Note which symbols have already had the bars that an entry asks for."""
    for s in range(marks.shape[0]):
        waited = marks[s].bar_count >= rows[own[s]].lookback_bars
        seen.waited_row[s] = -1 if waited else NEVER


@device
def has_waited(marks: Records, s: int, t: int, seen: Survey, params: Params) -> bool:
    """True if a symbol has had the bars that an entry asks for, the one of row `t` among them."""
    waited = marks[s].bar_count >= params.lookback_bars
    if waited and seen.waited_row[s] > t:
        seen.waited_row[s] = t
    return waited


@part
def survey_market(
    market: Market, columns: Columns, params: Params, marks: Records, seen: Survey, t: int
) -> None:
    """Note the market as it was before row `t`, and that no symbol of the row is seen yet."""
    u = t - seen.first_row
    trend, share, shut = market_before(market, columns, params, marks, t)
    seen.btc_state[u] = trend
    seen.breadth[u] = share
    seen.shut[u] = shut
    for w in range(seen.looks.shape[1]):
        seen.looks[u, w] = 0


@part
def survey_symbol(
    market: Market,
    columns: Columns,
    rows: Records,
    marks: Records,
    seen: Survey,
    counters: Ints,
    where: tuple[int, int, int],
) -> bool:
    """Note what a symbol signals at its bar; True if a flat book must look at it.

    `where` is (instant, symbol, which of `seen.snaps` is free).
    """
    k, s, place = where
    t = market.row_of[k]
    u = t - seen.first_row
    seen.calls[u, s] = 0
    if not market.present[t, s]:
        return False
    params = rows[market.own[s]]
    views = market.entry_at.shape[0] > 0
    marks[s].bar_count += 1
    waited = has_waited(marks, s, t, seen, params)
    if not waited or not market.tradable[t, s] or market.last_bar_index[s] == t:
        return views
    snap = seen.snaps[place]
    bar = (market.volume[t, s], market.funding_rate_1h[t, s], market.flags[s])
    take_snapshot(snap, bar, columns, t, s)
    if params.entry_strategy != codes.STRATEGY_TREND:
        take_own_series(snap, columns, t, s)
    see_instant(snap, market, (seen.btc_state[u], seen.breadth[u]), (k, s))
    found = find_signal(snap, counters, params)
    seen.calls[u, s] = call_of(found)
    seen.floors[u, s] = found[3]
    return views or looks_for(found, snap, counters.shape[0] > 0, params)


@loop
def survey(
    market: Market,
    columns: Columns,
    rows: Records,
    marks: Records,
    seen: Survey,
    counters: Ints,
    span: tuple[int, int],
) -> None:
    """Fill `seen` for the indicator bars that close at instants `span[0]` up to `span[1]`.

    `rows` and `market.own` as in `kernel.scan.scan`; `marks[S]` have the bars before the span and
    then those in it.  Gates are counted in `counters`, unless it is empty.
    """
    begin_survey(rows, market.own, marks, seen)
    for k in range(span[0], span[1]):
        if not market.is_row[k]:
            continue
        survey_market(market, columns, rows[0], marks, seen, market.row_of[k])
        u = market.row_of[k] - seen.first_row
        for s in range(marks.shape[0]):
            if survey_symbol(market, columns, rows, marks, seen, counters, (k, s, 0)):
                seen.looks[u, s // WORD_BITS] |= 1 << s % WORD_BITS
