"""Who runs the shards of a sweep, as the command line asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from core.crew import Crew, Ground, LocalCrew, chosen_kind, thread_count
from core.simulate import rows_of
from pipelines.sweep_results import Search

if TYPE_CHECKING:
    from pipelines.sweep import SweepRequest


def crew_of(request: SweepRequest, search: Search, note: Callable[[str], None]) -> Crew:
    """Who runs the shards, as asked."""
    ground = Ground(
        block=search.block,
        expansion=replace(search.expansion, levels=search.expansion.levels[:0]),
        own_values=search.own_values,
        initial_equity_usd=request.initial_equity_usd,
        at=search.loaded.place("axes"),
    )
    if request.cluster is not None:
        from core.cluster import ClusterCrew

        # What lies after the search window is not traded, and need not travel.
        seen = search.block.rows(0, rows_of(search.block, search.window)[1])
        return ClusterCrew(
            replace(ground, block=seen),
            request.cluster,
            kind=request.engine,
            memory_bytes=request.memory_bytes,
            note=note,
        )
    return LocalCrew(
        ground,
        kind=chosen_kind(request.engine),
        threads=thread_count(request.threads),
        memory_bytes=request.memory_bytes,
    )
