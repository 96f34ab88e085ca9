"""Progress lines and tables."""

from __future__ import annotations

import pytest

from cli.output import Progress, progress_line, table_text


def test_a_progress_line_has_bar_count_rate_and_rest() -> None:
    line = progress_line("sweep", 500, 2_000, "best 1.2", elapsed_s=10.0)

    assert line == "sweep [######..................] 500/2,000 50.0/s ETA 0:30 best 1.2"


@pytest.mark.parametrize(
    ("done", "total", "elapsed_s", "expected"),
    [
        (0, 0, 0.0, "load 0 0.0/s"),
        (7, 0, 2.0, "load 7 3.5/s"),
        (0, 10, 1.0, "load [........................] 0/10 0.0/s"),
        (10, 10, 1.0, "load [########################] 10/10 10.0/s"),
        (1, 7_201, 1.0, "load [........................] 1/7,201 1.0/s ETA 2:00:00"),
    ],
)
def test_a_progress_line_says_only_what_is_known(
    done: int, total: int, elapsed_s: float, expected: str
) -> None:
    assert progress_line("load", done, total, "", elapsed_s=elapsed_s) == expected


def test_short_work_says_nothing_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress(3, "load") as progress:
        for done in range(4):
            progress(done, 3)

    assert capsys.readouterr().err == ""


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    text = table_text(("name", "pnl usd"), (("BTC", "1,234.50"), ("kPEPE", "-7.10")))

    assert text.splitlines() == [
        "name    pnl usd",
        "-----  --------",
        "BTC    1,234.50",
        "kPEPE     -7.10",
    ]


def test_a_table_without_rows_or_header_is_empty() -> None:
    assert table_text((), ()) == ""
