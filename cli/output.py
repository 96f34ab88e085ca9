"""The only place that prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import typer

from core.clock import monotonic_s
from core.errors import PerpkitError

ENVELOPE_VERSION = 1
REDRAW_S = 0.1
LINE_EVERY_S = 5.0
BAR_WIDTH = 24

# Name of the command at work, set by the root callback; part of the JSON object's schema name.
COMMAND: ContextVar[str] = ContextVar("command", default="")


def echo_result(
    paths: Sequence[Path],
    data: Mapping[str, Any],
    warnings: Sequence[str] = (),
    *,
    as_json: bool,
    refusal: PerpkitError | None = None,
) -> None:
    """Print what a command made: its paths, one per line, or one JSON object.

    With `refusal` the results are printed all the same, the reason goes to stderr in three lines,
    and the command exits with the refusal's code.
    """
    if as_json:
        listed = {"paths": [str(path) for path in paths], **data}
        _echo_envelope(listed, warnings, refusal)
    else:
        for warning in warnings:
            echo_warning(warning)
        for path in paths:
            typer.echo(str(path))
    if refusal is not None:
        _echo_lines(refusal)
        raise typer.Exit(refusal.exit_code)


def echo_error(error: PerpkitError, *, as_json: bool) -> None:
    """Print an error: three lines on stderr, and the JSON object on stdout if one was asked for."""
    if as_json:
        _echo_envelope({}, (), error)
    _echo_lines(error)


def echo_text(text: str) -> None:
    """Print text that is itself the result, such as a table or a YAML file."""
    typer.echo(text, nl=not text.endswith("\n"))


def echo_note(text: str) -> None:
    """Say something on stderr that is no result: a first compile, a count, a place."""
    typer.echo(text, err=True)


def echo_warning(text: str) -> None:
    """Say on stderr what the user should know but need not act on."""
    typer.echo(f"warning: {text}", err=True)


class Progress:
    """Progress of long work on stderr: a bar on a terminal, otherwise a line every few seconds.

    Call it with the count done, the total (0 when unknown) and a note.  Use it as a context
    manager, so that the bar's line is ended however the work ends.
    """

    def __init__(self, total: int, label: str) -> None:
        self.total = total
        self.label = label
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._started_s = monotonic_s()
        self._shown_s = self._started_s
        self._is_drawn = False

    def __enter__(self) -> Self:
        self._started_s = self._shown_s = monotonic_s()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_drawn:
            typer.echo("", err=True)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show the state if the last one shown is old enough, or the work is done."""
        now_s = monotonic_s()
        self.total = total
        wait_s = REDRAW_S if self._is_terminal else LINE_EVERY_S
        is_last = self._is_drawn and 0 < total <= done
        if now_s - self._shown_s < wait_s and not is_last:
            return
        self._shown_s = now_s
        line = progress_line(self.label, done, total, note, elapsed_s=now_s - self._started_s)
        if self._is_terminal:
            self._is_drawn = True
            width = shutil.get_terminal_size().columns - 1
            typer.echo(f"\r{line[:width]:<{width}}", err=True, nl=False)
        else:
            typer.echo(line, err=True)


def progress_line(label: str, done: int, total: int, note: str, *, elapsed_s: float) -> str:
    """`sweep [####....] 450/2,000 90.0/s ETA 0:17 note`; without a total no bar and no ETA."""
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    parts = [label]
    if total > 0:
        filled = min(BAR_WIDTH, BAR_WIDTH * done // total)
        parts += [f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]", f"{done:,}/{total:,}"]
    else:
        parts.append(f"{done:,}")
    parts.append(f"{rate:,.1f}/s")
    if total > done and rate > 0:
        parts.append(f"ETA {_minutes((total - done) / rate)}")
    return " ".join([*parts, note] if note else parts)


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns; numbers to the right, the rest to the left."""
    from pipelines.sections import is_number

    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    to_right = [
        bool(header) and all(is_number(row[column]) for row in rows)
        for column in range(len(widths))
    ]
    if header:
        lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        for line in lines
    )


def _echo_envelope(
    data: Mapping[str, Any], warnings: Sequence[str], error: PerpkitError | None
) -> None:
    problem = None
    if error is not None:
        problem = {
            "what": error.what,
            "at": error.at,
            "next": error.hint,
            "code": error.exit_code,
        }
    envelope = {
        "schema": ".".join(filter(None, ("perpkit", COMMAND.get()))),
        "version": ENVELOPE_VERSION,
        "ok": error is None,
        "data": dict(data),
        "warnings": list(warnings),
        "error": problem,
    }
    typer.echo(json.dumps(envelope, ensure_ascii=False, allow_nan=False, default=str))


def _echo_lines(error: PerpkitError) -> None:
    for line in error.lines():
        typer.echo(line, err=True)


def _minutes(duration_s: float) -> str:
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
