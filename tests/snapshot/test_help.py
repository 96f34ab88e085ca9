"""The help of every command, as a person reads it in a plain terminal."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from cli import main

PAGES = [
    "",
    *(name for name, _ in (*main.COMMANDS, *main.GROUPS)),
    *(
        f"{group} {command.name or command.callback.__name__}"
        for group, members in main.GROUPS
        for command in members.registered_commands
        if command.callback is not None
    ),
]


@pytest.mark.parametrize("page", PAGES, ids=[page.replace(" ", "_") or "perpkit" for page in PAGES])
def test_help(
    page: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
) -> None:
    for name, value in (("COLUMNS", "100"), ("TERM", "dumb"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PERPKIT_ROOT", raising=False)

    code = main.run([*page.split(), "--help"])

    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert printed.out == snapshot


def test_the_version_is_that_of_the_installed_distribution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from importlib.metadata import version

    assert main.run(["--version"]) == 0

    assert capsys.readouterr().out == f"perpkit {version('perpkit')}\n"
