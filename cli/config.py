"""Which values does a strategy have, where do they come from, and is the file right?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Json, Sets
from cli.output import echo_note, echo_result, echo_text, table_text

config = typer.Typer(
    name="config",
    help="Write, show, explain and check strategies and other files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="Strategy YAML.")]
Replace = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


@config.command()
def init(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")] = Path(
        "strategy.yaml"
    ),
    *,
    force: Replace = False,
    as_json: Json = False,
) -> None:
    """Write an example with every parameter explained.

    perpkit config init --out trend.yaml && perpkit config check trend.yaml
    """
    from pipelines.config_files import init_file

    init_file(out, force=force)
    echo_result([out], {}, as_json=as_json)


@config.command()
def show(
    file: File,
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="NAME", help="primary, fallback, conservative or flat."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="NAME", help="As it holds for one symbol.")
    ] = None,
    sets: Sets = None,
    *,
    live: Annotated[bool, typer.Option("--live", help="With the live section.")] = False,
    origin: Annotated[
        bool, typer.Option("--origin", help="One line per key: value, and what gave it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the values in effect and where they come from.

    perpkit config show trend.yaml --mode safe --set trade.stop_loss_atr=1.5 --origin
    """
    from pipelines.config_files import load, show_data, show_rows, show_yaml

    loaded = load(file, mode=mode, live=live, sets=sets or [])
    if as_json:
        echo_result([], show_data(loaded, symbol), as_json=True)
        return
    if origin:
        echo_text(table_text(("key", "value", "from"), show_rows(loaded, symbol)))
    else:
        echo_text(show_yaml(loaded, symbol))
    echo_note(f"config_id {loaded.config_id}")


@config.command()
def explain(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="trade.stop_loss_atr, stop_loss_atr, or a group.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Explain one parameter, or list those of a group.

    perpkit config explain trade.stop_loss_atr
    """
    from pipelines.config_files import explain as facts_of

    facts = facts_of(key)
    if as_json:
        echo_result([], {"facts": [list(fact) for fact in facts]}, as_json=True)
    else:
        echo_text(table_text((), facts))


@config.command()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Strategy, sweep spec, gates or artifact.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Check a file; list every problem with its line.

    perpkit config check trend.yaml && perpkit replay trend.yaml --store stores
    """
    from pipelines.config_files import check as check_one

    checked = check_one(file)
    data = {"kind": checked.kind, "version": checked.version, **checked.notes}
    if not as_json:
        said = "".join(f", {label} {text}" for label, text in checked.notes.items())
        echo_note(f"valid: {checked.kind} version {checked.version}{said}")
    echo_result([file], data, as_json=as_json)


@config.command()
def schema(
    kind: Annotated[str, typer.Option("--kind", metavar="NAME", help="Kind of file.")] = "strategy",
) -> None:
    """Print the JSON Schema of a kind of file.

    perpkit config schema --kind replay-report > replay-report.schema.json
    """
    from pipelines.config_files import json_schema
    from schemas.render_schema import schema_text

    echo_text(schema_text(json_schema(kind)))


@config.command("import-reference")
def import_reference(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Configuration in the reference's keys.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="OURS.yaml", help="File to write.")],
    *,
    force: Replace = False,
    as_json: Json = False,
) -> None:
    """Turn a file in the reference's keys into ours.

    Values that act there are carried over; each key that had no effect there gets one warning.

    perpkit config import-reference theirs.yaml --out ours.yaml && perpkit replay ours.yaml
    """
    from pipelines.import_reference import write_imported

    result = write_imported(file, out, force=force)
    echo_result([out], {}, result.warnings, as_json=as_json)
