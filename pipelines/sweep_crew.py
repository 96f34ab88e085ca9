"""Who runs the shards of a sweep, as the command line asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.crew import Crew, Ground, LocalCrew, chosen_kind, thread_count
from pipelines.sweep_results import Search

if TYPE_CHECKING:
    from pipelines.sweep import SweepRequest


def crew_of(request: SweepRequest, search: Search) -> Crew:
    """Who runs the shards, as asked."""
    ground = Ground(
        block=search.block,
        expansion=replace(search.expansion, levels=search.expansion.levels[:0]),
        own_values=search.own_values,
        initial_equity_usd=request.initial_equity_usd,
        at=search.loaded.place("axes"),
    )
    return LocalCrew(
        ground,
        kind=chosen_kind(request.engine),
        threads=thread_count(request.threads),
        memory_bytes=request.memory_bytes,
    )
