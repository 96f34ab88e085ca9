"""The error tree: texts and exit codes."""

from __future__ import annotations

import pytest

from core import errors


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.PerpkitError, 70),
        (errors.RefusedError, 1),
        (errors.UsageError, 2),
        (errors.InputError, 3),
        (errors.VenueError, 4),
        (errors.HaltError, 5),
        (errors.OutcomeUnknownError, 6),
    ],
)
def test_each_error_has_its_exit_code(kind: type[errors.PerpkitError], exit_code: int) -> None:
    assert kind("what").exit_code == exit_code


def test_an_error_has_three_lines_and_leaves_out_the_empty_ones() -> None:
    assert errors.InputError("w", at="a", hint="h").lines() == [
        "error: w",
        "  at:   a",
        "  next: h",
    ]
    assert errors.InputError("w", hint="h").lines() == ["error: w", "  next: h"]


def test_code_that_saves_on_ctrl_c_saves_on_sigterm() -> None:
    assert issubclass(errors.Terminated, KeyboardInterrupt)
