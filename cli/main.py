"""The command line: which commands there are, and how errors and signals become exit codes.

Commands import what they need inside their functions: `perpkit --help` must not load numba,
polars or pydantic.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn, TextIO

import typer

from cli.compare import compare
from cli.config import config
from cli.deploy import deploy
from cli.emulator import emulator
from cli.fetch import fetch
from cli.output import COMMAND, echo_error, echo_warning
from cli.replay import replay
from cli.show import show
from cli.sidecar import sidecar
from cli.sweep import sweep
from cli.validate import validate
from core.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    InputError,
    PerpkitError,
    Terminated,
    UsageError,
)

EXIT_BROKEN_PIPE = 141

# typer turns every interrupt into exit code 130, so the handler notes that it was SIGTERM.
TERMINATIONS: list[int] = []

# In the order of the main job; help lists them so.
COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("fetch", fetch),
    ("replay", replay),
    ("sweep", sweep),
    ("validate", validate),
    ("deploy", deploy),
    ("show", show),
    ("compare", compare),
    ("emulator", emulator),
)
GROUPS: tuple[tuple[str, typer.Typer], ...] = (("sidecar", sidecar), ("config", config))

app = typer.Typer(
    name="perpkit",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"perpkit {version('perpkit')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """From raw Hyperliquid candles to a strategy that trades, every step proven.

    Each command prints the files it made on stdout, so that the next one can start from them.
    Exit codes: 0 done, 1 refused, 2 usage, 3 bad input, 4 venue, 5 halted, 6 outcome unknown,
    70 a bug of ours.
    """
    COMMAND.set(context.invoked_subcommand or "")
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(UsageError.exit_code)


for _name, _function in COMMANDS:
    app.command(_name)(_function)
for _name, _group in GROUPS:
    app.add_typer(_group, name=_name)


def main() -> NoReturn:
    """Entry point of `perpkit`: run the command line of this process, exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _show_warning
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Exit code of one command line; every error is printed, none is raised."""
    as_json = "--json" in arguments
    COMMAND.set("")
    TERMINATIONS.clear()
    try:
        return _invoke(list(arguments))
    except PerpkitError as error:
        echo_error(error, as_json=as_json)
        return error.exit_code
    except typer.TyperException as error:
        return _usage(error, as_json=as_json)
    except KeyboardInterrupt as error:
        return _stopped(is_termination=isinstance(error, Terminated))
    except typer.Abort:
        return _stopped(is_termination=False)
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:
        return _failed_write(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001  the one place where a bug becomes an exit code
        return _bug(error, as_json=as_json)


def _invoke(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="perpkit", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):
            raise BrokenPipeError from error
        raise
    if code == EXIT_INTERRUPTED:
        return _stopped(is_termination=bool(TERMINATIONS))
    return code if isinstance(code, int) else EXIT_DONE


def _usage(error: typer.TyperException, *, as_json: bool) -> int:
    """Exit code of a command line that typer cannot read, in our three lines."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return UsageError.exit_code
    command = context.command_path if context is not None else "perpkit"
    what = error.format_message().rstrip(".")
    problem = UsageError(
        what[:1].lower() + what[1:], at=command, hint=f"`{command} --help` lists what it takes"
    )
    echo_error(problem, as_json=as_json)
    return problem.exit_code


def _bug(error: Exception, *, as_json: bool) -> int:
    """Exit code of an error that nobody foresaw, with its traceback."""
    traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    problem = PerpkitError(
        f"a bug in perpkit: {type(error).__name__}: {error}",
        at=at,
        hint="please report it with the traceback above and the command you ran",
    )
    echo_error(problem, as_json=as_json)
    return problem.exit_code


def _failed_write(error: OSError, *, as_json: bool) -> int:
    """Exit code of a full disk or a lacking right met where none of our writers stood.

    So it is with our own stdout, with the compiled kernel's cache, and with temporary files.
    """
    from core.artifacts.writing import HINTS

    if error.errno not in HINTS:
        return _bug(error, as_json=as_json)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    place = error.filename or "standard output, the kernel cache or a temporary file"
    problem = InputError(
        f"a file cannot be read or written: {error.strerror}",
        at=str(place),
        hint=HINTS[error.errno],
    )
    echo_error(problem, as_json=as_json)
    return problem.exit_code


def _stopped(*, is_termination: bool) -> int:
    typer.echo("stopped by SIGTERM" if is_termination else "stopped by Ctrl-C", err=True)
    return EXIT_TERMINATED if is_termination else EXIT_INTERRUPTED


def _reader_left() -> int:
    """Exit code when whoever read our stdout, such as `head`, has closed it."""
    _drop_stdout()
    return EXIT_BROKEN_PIPE


def _drop_stdout() -> None:
    """Let what is still to be written go nowhere, so that the exit itself does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001  the signature is Python's
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Say a library's warning as we say ours, without the place in its source."""
    echo_warning(str(message))


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    TERMINATIONS.append(number)
    raise Terminated
