"""The candle store: closed bars, one SQLite file per interval in a store folder.

`load` is the read path of replay and sweep: it returns the whole universe as one aligned block.
"""

from __future__ import annotations

from pathlib import Path

from core.clock import Clock
from core.errors import InputError
from core.market.bars import BarBlock, Rows, block_from_rows, interval_to_ms
from core.store.folder import candles_path, refuse_mixing, require_folder, stored_intervals
from core.store.layout import CANDLES
from core.store.series import IngestCounts, Origin, SeriesStore, StoredRows


def ingest(
    store_dir: Path, interval: str, rows: Rows, origin: Origin, clock: Clock
) -> IngestCounts:
    """Add checked bars to the store in one transaction; folder and file are made when missing.

    Raises InputError, with the store unchanged, when a stored bar has other values and the origin
    gives no reason to revise it, or when synthetic bars would meet recorded ones.
    """
    interval_to_ms(interval)
    refuse_mixing(store_dir, origin)
    with SeriesStore.open_writer(candles_path(store_dir, interval), CANDLES) as series:
        return series.ingest(rows, interval, origin, clock)


def load(store_dir: Path, interval: str) -> BarBlock:
    """All bars stored at `interval`, aligned.

    Raises InputError when the folder, the interval or the bars are missing, or the file is broken
    or of a newer schema version.
    """
    stored = load_rows(store_dir, interval)
    path = candles_path(store_dir, interval).as_posix()
    return block_from_rows(stored.rows, interval, synthetic=stored.synthetic, path=path)


def load_rows(store_dir: Path, interval: str) -> StoredRows:
    """All bars stored at `interval`, one row each; the errors are those of `load`."""
    interval_to_ms(interval)
    require_folder(store_dir)
    path = candles_path(store_dir, interval)
    if not path.is_file():
        stored = stored_intervals(store_dir)
        raise InputError(
            f"the store has no bars of interval {interval}",
            at=f"{store_dir}: it holds {', '.join(stored) or 'no interval at all'}",
            hint=f"take --interval {stored[0]}, or fetch {interval} bars"
            if stored
            else f"fill it with `perpkit fetch --from-file FILE --store {store_dir}`",
        )
    with SeriesStore.open_reader(path, CANDLES) as series:
        return series.read(interval)
