"""What the user of a replay should know: bars, funding rates and margin tables that are missing."""

from __future__ import annotations

from collections.abc import Mapping

from core.clock import parse_utc_ms, utc_iso
from core.market.bars import BarBlock
from core.simulate import State
from schemas.replay import ReplayReport

NAMED_MAX = 3


def replay_warnings(report: ReplayReport, state: State | None, block: BarBlock) -> list[str]:
    """What the user should know of the bars: those missing inside, and those before the first."""
    warnings = [*gap_warnings(report), *funding_warnings(report), *margin_warnings(report, block)]
    first_ms = parse_utc_ms(report.span.first_open_utc)
    if state is not None and first_ms > state.ts_ms:
        count = (first_ms - state.ts_ms) // block.interval_ms
        warnings.append(
            f"{count} bars are missing between the state, which stands at {utc_iso(state.ts_ms)},"
            f" and the first bar at {report.span.first_open_utc}"
        )
    return warnings


def gap_warnings(report: ReplayReport) -> list[str]:
    """One warning if bars are missing inside the window."""
    missing = report.span.missing_bars
    if not missing:
        return []
    total = sum(missing.values())
    return [f"{total} bars are missing inside the window and were not filled ({_worst(missing)})"]


def funding_warnings(report: ReplayReport) -> list[str]:
    """One warning if rates were missing for hours at which positions were held."""
    missing = report.funding_missing_hours
    if not missing:
        return []
    total = sum(missing.values())
    if report.funding_coverage_frac == 0.0:
        return [
            f"funding is on, but no rate is stored for any of the {total:,} hours at which it fell"
            " due on positions; none was charged (`perpkit fetch --kind funding`)"
        ]
    named = _worst(missing)
    return [
        f"funding rates are missing for {total:,} hours at which positions were held, and were not"
        f" charged ({named})"
    ]


def margin_warnings(report: ReplayReport, block: BarBlock) -> list[str]:
    """One warning if liquidation was tested on symbols whose margin table is not stored."""
    known = {each.symbol for each in block.metadata if each is not None and each.tiers}
    traded = [part.name for part in report.by_symbol if part.position_count]
    unknown = [symbol for symbol in traded if symbol not in known]
    configuration = report.configuration or {}
    if not unknown or not configuration.get("trade.enable_liquidation", False):
        return []
    share = configuration["trade.unknown_maintenance_frac"]
    named = ", ".join(unknown[:NAMED_MAX]) + (" ..." if len(unknown) > NAMED_MAX else "")
    return [
        f"no margin table is stored for {len(unknown)} of {len(traded)} symbols traded ({named}):"
        f" their maintenance margin is taken as {100.0 * float(share):g} % of the notional,"
        " trade.unknown_maintenance_frac (`perpkit fetch --venue mainnet --kind universe`)"
    ]


def _worst(counts: Mapping[str, int]) -> str:
    worst = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))[:NAMED_MAX]
    return ", ".join(f"{symbol} {counts[symbol]}" for symbol in worst)
