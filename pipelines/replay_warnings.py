"""What the user of a replay should know: bars and funding rates that are missing."""

from __future__ import annotations

from collections.abc import Mapping

from core.clock import parse_utc_ms, utc_iso
from core.market.bars import BarBlock
from core.simulate import State
from schemas.replay import ReplayReport


def replay_warnings(report: ReplayReport, state: State | None, block: BarBlock) -> list[str]:
    """What the user should know of the bars: those missing inside, and those before the first."""
    warnings = [*gap_warnings(report), *funding_warnings(report)]
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


def _worst(counts: Mapping[str, int]) -> str:
    worst = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))[:3]
    return ", ".join(f"{symbol} {counts[symbol]}" for symbol in worst)
