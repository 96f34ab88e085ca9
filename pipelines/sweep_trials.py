"""The trials of a sweep as they are counted in the ledger, while it runs and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.clock import Clock, monotonic_s, utc_iso
from core.store.ledger import TrialLedger, TrialLine, venue_of
from kernel.records import Records
from pipelines.sweep_results import Found, Search

LINE_EVERY_S = 30.0


@dataclass
class Trials:
    """Counts what one search tried, in the ledger at its end and now and then before.

    A line is added when twice as much is done as at the one before, and no sooner than after half
    a minute: so a search that is killed and never gone on with is counted, at worst by half.
    """

    root: Path
    run_id: str
    spec_sha256: str
    search: Search
    clock: Clock
    sharpes: list[float] = field(default_factory=list)
    counted: int = 0
    told_s: float = field(default_factory=monotonic_s)

    def add(self, stats: Records) -> None:
        """Note rows that were evaluated for the first time in this process."""
        self.sharpes.extend(stats["sharpe_daily"].tolist())
        waited = monotonic_s() - self.told_s >= LINE_EVERY_S
        if waited and len(self.sharpes) >= 2 * self.counted:
            self.told_s = monotonic_s()
            self._append(np.array(self.sharpes))

    def close(self, found: Found) -> None:
        """Count all rows that are done, stopped or not."""
        self._append(found.stats["sharpe_daily"][found.done])

    def _append(self, sharpes: Records) -> None:
        if len(sharpes) == 0:
            return
        self.counted = len(sharpes)
        windows = self.search.windows
        line = TrialLine(
            run_id=self.run_id,
            made_at=utc_iso(self.clock.now_ms()),
            purpose="search",
            venue=venue_of(synthetic=self.search.block.synthetic),
            interval=self.search.block.interval,
            symbols=self.search.block.symbols,
            start_ms=windows.search_start_ms,
            end_ms=windows.search_end_ms,
            spec_sha256=self.spec_sha256,
            row_count=len(sharpes),
            sharpe_mean=float(sharpes.mean()),
            sharpe_variance=float(sharpes.var()),
        )
        with TrialLedger.open(self.root) as ledger:
            ledger.append(line)
