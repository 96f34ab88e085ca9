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
    root: Root = Path(),
    as_json: Json = False,
) -> None:
    """Show a run's commands and artifacts, or one artifact, as tables.

    perpkit show latest
    perpkit show "$(perpkit replay strategy.yaml --store stores)"
    """
    from cli.output import echo_result, echo_text, table_text
    from pipelines.show import describe

    page = describe(root, what)
    if as_json:
        echo_result([page.path], page.data, as_json=True)
        return
    shown = [f"{each.title}\n{table_text(each.header, each.rows)}\n" for each in page.sections]
    echo_text("\n".join(shown))
