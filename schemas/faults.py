"""What is wrong with a file, with the place and the nearest thing that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.yaml_text import Mark, Path, shown

CLOSE = 0.6


@dataclass(frozen=True)
class Fault:
    """One problem of a file: what it is, where, under which key, and what helps."""

    what: str
    mark: Mark
    key: str
    hint: str


class FaultsFound(Exception):  # noqa: N818  a finding; the caller makes the error of it
    """A file cannot be used; `faults` are in the order of their lines, never empty."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        ordered = sorted(faults, key=lambda fault: (fault.mark.line, fault.mark.column))
        super().__init__(ordered[0].what)
        self.faults = ordered


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like this one; empty when none does."""
    lowered = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(word.lower()[:100], lowered, n=1, cutoff=CLOSE)
    return lowered[found[0]] if found else ""


def unknown_key(word: str, known: Sequence[str]) -> tuple[str, str]:
    """(what, hint) for a key that is not among the known ones of its place."""
    match = nearest(word, known)
    listed = ", ".join(known) if len(known) <= 12 else ""
    if match:
        return f"unknown key {shown(word)}, the nearest is `{match}`", f"write `{match}`"
    if listed:
        return f"unknown key {shown(word)}", f"known here: {listed}"
    return f"unknown key {shown(word)}", "remove it"


def dotted(at: Path) -> str:
    """A path in a file as one printable line, long keys cut."""
    return ".".join(shown(step).strip("`") if isinstance(step, str) else str(step) for step in at)
