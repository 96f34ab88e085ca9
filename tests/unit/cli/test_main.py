"""Errors and signals become text and exit codes."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer

from cli import main
from cli.options import Json, Root, Sets
from cli.output import echo_result
from core.errors import HaltError, InputError, OutcomeUnknownError, RefusedError, VenueError

SLEEPER = """
import sys, typer
from cli import main
from core.clock import sleep_s

@main.app.command("sleep")
def sleep() -> None:
    try:
        print("asleep", flush=True)
        sleep_s(60)
    except KeyboardInterrupt:
        print("saved", flush=True)
        raise

sys.argv = ["perpkit", "sleep"]
main.main()
"""
PRINTER = """
import sys, typer
from cli import main

@main.app.command("count")
def count() -> None:
    for number in range(1_000_000):
        typer.echo(number)

sys.argv = ["perpkit", "count"]
main.main()
"""


def with_command(monkeypatch: pytest.MonkeyPatch, function: Callable[..., None]) -> None:
    """Give the program one more command, `probe`, for the time of a test."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(main.root)
    app.command("probe")(function)
    app.command("other")(lambda: None)
    monkeypatch.setattr(main, "app", app)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (RefusedError("no", at="here", hint="try"), 1),
        (InputError("no", at="here", hint="try"), 3),
        (VenueError("no", at="here", hint="try"), 4),
        (HaltError("no", at="here", hint="try"), 5),
        (OutcomeUnknownError("no", at="here", hint="try"), 6),
    ],
)
def test_an_error_is_printed_in_three_lines_and_as_one_object(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: InputError,
    exit_code: int,
) -> None:
    def probe(as_json: Json = False) -> None:
        raise error

    with_command(monkeypatch, probe)

    assert main.run(["probe"]) == exit_code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["error: no", "  at:   here", "  next: try"]

    assert main.run(["probe", "--json"]) == exit_code
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "schema": "perpkit.probe",
        "version": 1,
        "ok": False,
        "data": {},
        "warnings": [],
        "error": {"what": "no", "at": "here", "next": "try", "code": exit_code},
    }
    assert said.err.splitlines() == ["error: no", "  at:   here", "  next: try"]


def test_a_bug_says_so_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def probe() -> None:
        raise ZeroDivisionError("by zero")

    with_command(monkeypatch, probe)

    assert main.run(["probe"]) == 70
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" in said.err
    assert said.err.splitlines()[-3] == "error: a bug in perpkit: ZeroDivisionError: by zero"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["probe", "--bla"], "no such option: --bla"),
        (["probe", "--count", "many"], "invalid value for '--count'"),
        (["prob"], "no such command 'prob'. Did you mean 'probe'?"),
        (["probe", "extra"], "unexpected extra argument"),
    ],
)
def test_a_command_line_that_cannot_be_read_exits_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    what: str,
) -> None:
    def probe(count: Annotated[int, typer.Option("--count")] = 1) -> None: ...

    with_command(monkeypatch, probe)

    assert main.run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert what in said.err
    assert said.err.splitlines()[-1].startswith("  next: `perpkit")


def test_no_command_prints_the_help_on_stderr_and_exits_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run([]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert "Commands:" in said.err


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0

    assert capsys.readouterr().out == f"perpkit {importlib.metadata.version('perpkit')}\n"


def test_results_are_paths_or_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def probe(as_json: Json = False) -> None:
        echo_result([Path("a"), Path("b")], {"count": 2}, ["old data"], as_json=as_json)

    with_command(monkeypatch, probe)

    assert main.run(["probe"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("a\nb\n", "warning: old data\n")

    assert main.run(["probe", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert told["data"] == {"paths": ["a", "b"], "count": 2}
    assert told["warnings"] == ["old data"]


def test_a_refusal_prints_its_results_once_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def probe(as_json: Json = False) -> None:
        refusal = RefusedError("all were refused")
        echo_result([Path("a")], {"refused": 3}, as_json=as_json, refusal=refusal)

    with_command(monkeypatch, probe)

    assert main.run(["probe", "--json"]) == 1
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["ok"], told["data"]["refused"], told["error"]["code"]) == (False, 3, 1)
    assert said.err == "error: all were refused\n"


def test_the_root_comes_from_the_option_then_the_environment_then_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def probe(root: Root = Path(), sets: Sets = None) -> None:
        typer.echo(f"{root} {sets}")

    with_command(monkeypatch, probe)
    monkeypatch.delenv("PERPKIT_ROOT", raising=False)
    assert main.run(["probe", "--set", "a=1", "--set", "b=2"]) == 0
    assert main.run(["probe", "--root", "r"]) == 0
    monkeypatch.setenv("PERPKIT_ROOT", "/there")
    assert main.run(["probe"]) == 0
    assert main.run(["probe", "--root", "."]) == 0

    assert capsys.readouterr().out.splitlines() == [
        ". ['a=1', 'b=2']",
        "r None",
        "/there None",
        ". None",
    ]


@pytest.mark.parametrize(
    ("number", "exit_code", "note"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_signal_stops_a_command_after_it_saved(
    number: signal.Signals, exit_code: int, note: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as sleeper:
        assert sleeper.stdout is not None
        assert sleeper.stdout.readline() == "asleep\n"
        sleeper.send_signal(number)
        out, err = sleeper.communicate(timeout=30)

    assert (sleeper.returncode, out) == (exit_code, "saved\n")
    assert err == f"stopped by {note}\n"


def test_a_reader_that_leaves_ends_the_command_without_a_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PRINTER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as printer:
        assert printer.stdout is not None
        assert printer.stderr is not None
        printer.stdout.readline()
        printer.stdout.close()
        err = printer.stderr.read()

    assert (printer.returncode, err) == (141, "")


def test_a_full_disk_under_stdout_is_bad_input_and_no_bug() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli", "config", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 3
    assert done.stderr.splitlines()[0].startswith("error: a file cannot be read or written")
    assert "Traceback" not in done.stderr


def test_a_kernel_cache_that_cannot_be_written_is_one_line_of_warning(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    (tmp_path / "s.yaml").write_text("kind: strategy\nversion: 1\n")

    done = subprocess.run(
        [sys.executable, "-m", "cli", "replay", "s.yaml", "--store", "nowhere"],
        cwd=tmp_path,
        env={**os.environ, "PERPKIT_CACHE_DIR": str(tmp_path / "taken")},
        capture_output=True,
        text=True,
        check=False,
    )

    warning, error, *_ = done.stderr.splitlines()
    assert done.returncode == 3
    assert warning.startswith(f"warning: kernel cache {tmp_path}/taken/kernel/")
    assert error == "error: the store folder does not exist"
