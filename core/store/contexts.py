"""The store of asset contexts: marks, oracle prices, open interest as seen; `contexts.sqlite`.

The venue gives no history of these; what is here was there to see when somebody looked.
"""

from __future__ import annotations

from pathlib import Path

from core.clock import Clock
from core.errors import InputError
from core.market.bars import Rows
from core.store.folder import contexts_path, refuse_mixing, require_folder
from core.store.layout import CONTEXTS
from core.store.series import IngestCounts, Origin, SeriesStore, StoredRows

# A context belongs to an instant, not to a bar; files of this kind all carry this word.
KEY_INTERVAL = "instant"


def ingest(store_dir: Path, rows: Rows, origin: Origin, clock: Clock) -> IngestCounts:
    """Add contexts, keyed by the venue's time, in one transaction.

    Columns are those of `core.store.layout.CONTEXTS`; mid and premium are NaN where the venue gives
    none.  Raises InputError, with the store unchanged, for other values of a stored instant.
    """
    refuse_mixing(store_dir, origin)
    with SeriesStore.open_writer(contexts_path(store_dir), CONTEXTS) as series:
        return series.ingest(rows, KEY_INTERVAL, origin, clock)


def load(store_dir: Path) -> StoredRows:
    """All stored contexts, sorted by symbol and time.

    Raises InputError when the folder, the file or the rows are missing, or the file is broken.
    """
    require_folder(store_dir)
    path = contexts_path(store_dir)
    if not path.is_file():
        raise InputError(
            "the store has no asset contexts",
            at=str(path),
            hint=f"`perpkit fetch --venue mainnet --kind contexts --store {store_dir}`",
        )
    with SeriesStore.open_reader(path, CONTEXTS) as series:
        return series.read(KEY_INTERVAL)
