"""The error tree: what a command says when it cannot do what was asked, and how it exits.

    PerpkitError              70  our bug, or a fault nobody named yet
    |- RefusedError            1  a gate or a lock said no: an answer, not a failure
    |- UsageError              2  the command line asks for something impossible
    |- InputError              3  bad input, no data, or a place that cannot be written
    |- VenueError              4  the venue or the network failed
    |- HaltError               5  a safety rule stopped us
    `- OutcomeUnknownError     6  an order left and nobody knows what became of it

SIGINT exits 130 and SIGTERM 143; `Terminated` is how the second arrives in Python code.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_DONE = 0
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class PerpkitError(Exception):
    """An error in three lines: what happened, where, and what helps.

    `what` names the value and the limit, `at` is `file:line:column` or an artifact, `hint` is a
    command or a change that helps.
    """

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(self, what: str, *, at: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.hint = hint

    def lines(self) -> list[str]:
        """The text for stderr, one entry per line; places and hints that are empty are left out."""
        found = [f"error: {self.what}"]
        if self.at:
            found.append(f"  at:   {self.at}")
        if self.hint:
            found.append(f"  next: {self.hint}")
        return found


class RefusedError(PerpkitError):
    """A gate, a limit or a lock said no."""

    exit_code = 1


class UsageError(PerpkitError):
    """The command line contradicts itself or asks for something that is not there."""

    exit_code = 2


class InputError(PerpkitError):
    """A file, a store or a value is missing, broken, or cannot be written."""

    exit_code = 3


class VenueError(PerpkitError):
    """The venue or the network between us and it failed; a later attempt may succeed."""

    exit_code = 4


class HaltError(PerpkitError):
    """A safety rule stopped the program; a person has to look."""

    exit_code = 5


class OutcomeUnknownError(PerpkitError):
    """An action was sent and its outcome could not be established."""

    exit_code = 6


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised in the main thread.

    It derives from KeyboardInterrupt so that code which saves partial results on Ctrl-C does the
    same when a supervisor stops it.
    """
