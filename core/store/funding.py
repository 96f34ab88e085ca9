"""The funding store: one rate per symbol and hour at which it fell due, in `funding.sqlite`.

The venue stamps a payment some milliseconds to minutes after the hour it belongs to.  Rows are
keyed by that hour, so that one payment seen through two sources is one row.
"""

from __future__ import annotations

from pathlib import Path

from core.clock import Clock
from core.errors import InputError
from core.market.bars import Rows
from core.store.folder import funding_path, refuse_mixing, require_folder
from core.store.layout import FUNDING
from core.store.series import IngestCounts, Origin, SeriesStore, StoredRows

# Rates are keyed by whole hours whatever period a venue pays at.
KEY_INTERVAL = "1h"


def ingest(store_dir: Path, rows: Rows, origin: Origin, clock: Clock) -> IngestCounts:
    """Add checked rates to the store in one transaction; folder and file are made when missing.

    Raises InputError, with the store unchanged, when a stored rate has another value and the
    origin gives no reason to revise it, or when synthetic rates would meet recorded ones.
    """
    refuse_mixing(store_dir, origin)
    with SeriesStore.open_writer(funding_path(store_dir), FUNDING) as series:
        return series.ingest(rows, KEY_INTERVAL, origin, clock)


def load(store_dir: Path) -> StoredRows:
    """All stored rates: values are the rate per hour and the premium (NaN when unknown).

    Raises InputError when the folder, the file or the rates are missing, or the file is broken.
    """
    require_folder(store_dir)
    path = funding_path(store_dir)
    if not path.is_file():
        raise InputError(
            "the store has no funding rates",
            at=str(path),
            hint=f"`perpkit fetch --from-file FILE --kind funding --store {store_dir}`",
        )
    with SeriesStore.open_reader(path, FUNDING) as series:
        return series.read(KEY_INTERVAL)
