"""All of a store that decisions read: bars of one or more intervals, funding, venue rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.market.bars import BarBlock, block_sha256
from core.market.funding import with_funding
from core.market.instants import with_finer
from core.market.universe import with_universe
from core.store import candles, contexts, funding, metadata
from core.store.folder import contexts_path, funding_path
from schemas.strategy import Strategy, finer_interval


def load(store_dir: Path, strategy: Strategy) -> BarBlock:
    """All bars stored at the strategy's intervals, aligned, with all else that the store holds.

    That is venue rules, funding rates with the oracle prices that were seen, and the members of
    the universe that the strategy asks for.  Raises InputError when the folder, an interval or the
    bars are missing, or a file is broken or of a newer schema version.
    """
    engine = strategy.engine
    block = candles.load(store_dir, engine.interval)
    exits = finer_interval(strategy, "engine.exit_interval")
    entries = finer_interval(strategy, "engine.entry_interval")
    if exits or entries:
        finer = {each: candles.load(store_dir, each) for each in {exits, entries} - {None} if each}
        block = with_finer(
            block, finer[exits] if exits else None, finer[entries] if entries else None
        )
    found = metadata.load(store_dir)
    if any(symbol in found for symbol in block.symbols):
        block = replace(block, metadata=tuple(found.get(symbol) for symbol in block.symbols))
    path = funding_path(store_dir)
    if path.is_file():
        seen = contexts.load(store_dir).rows if contexts_path(store_dir).is_file() else None
        block = with_funding(block, funding.load(store_dir).rows, seen)
        block = replace(block, path=f"{block.path} and {path.name}")
    block = replace(block, sha256=block_sha256(block))
    return with_universe(block, engine.universe_top_count, engine.universe_keep_count)
