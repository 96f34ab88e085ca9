"""All of a store that decisions read: bars, and funding rates where it has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.market.bars import BarBlock
from core.market.funding import with_funding
from core.store import candles, funding
from core.store.folder import funding_path


def load(store_dir: Path, interval: str) -> BarBlock:
    """All bars stored at `interval`, aligned, with the funding rates that the store holds.

    Raises InputError when the folder, the interval or the bars are missing, or a file is broken or
    of a newer schema version.
    """
    block = candles.load(store_dir, interval)
    path = funding_path(store_dir)
    if not path.is_file():
        return block
    rated = with_funding(block, funding.load(store_dir).rows)
    return replace(rated, path=f"{block.path} and {path.name}")
