"""What was done in a run, and what does an artifact say?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Json, Root


def show(
    what: Annotated[
        str,
        typer.Argument(metavar="RUN|ARTIFACT", help="Run id, `latest`, a run's folder or a file."),
    ],
    html: Annotated[
        bool, typer.Option("--html", help="Write a page for a browser and print its path.")
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="DIR", help="With --html: the store that was replayed, if it moved."
        ),
    ] = None,
    root: Root = Path(),
    as_json: Json = False,
) -> None:
    """Show a run's commands and artifacts, or one artifact, as tables.

    perpkit show latest
    perpkit show "$(perpkit replay strategy.yaml --store stores)"

    A replay report becomes a tear sheet with --html, with its trades on candles where the bars
    that were replayed are at hand. A sweep report, or a run that holds one, becomes the sweep's
    page: the best, which parameters decide, all axes at once, and what chance alone would give.
    """
    from cli.output import echo_note, echo_result, echo_text, table_text
    from core.clock import SystemClock
    from pipelines.show import describe, write_html

    if html:
        path = write_html(root, what, store, SystemClock(), echo_note)
        echo_result([path], {}, as_json=as_json)
        return
    page = describe(root, what)
    if as_json:
        echo_result([page.path], page.data, as_json=True)
        return
    shown = [f"{each.title}\n{table_text(each.header, each.rows)}\n" for each in page.sections]
    echo_text("\n".join(shown))
