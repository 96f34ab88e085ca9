"""Stretches of time: their union, and what is left when some are taken away.  Pure.

A stretch is a pair (from, to) in ms, without its end.  Lists are sorted and do not touch.
"""

from __future__ import annotations

from collections.abc import Iterable

Stretch = tuple[int, int]


def union(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same instants in as few stretches as possible; empty ones are dropped."""
    out: list[Stretch] = []
    for begin, end in sorted(stretches):
        if begin >= end:
            continue
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def without(whole: Stretch, taken: Iterable[Stretch]) -> list[Stretch]:
    """What of `whole` lies in none of `taken`."""
    out: list[Stretch] = []
    at, end = whole
    for begin, stop in union(taken):
        if stop <= at:
            continue
        if begin >= end:
            break
        if begin > at:
            out.append((at, begin))
        at = max(at, stop)
    if at < end:
        out.append((at, end))
    return out
