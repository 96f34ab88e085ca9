"""Strategy files as text: every parameter with its meaning, unit and bounds beside it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping

from schemas.base import Value
from schemas.parameters import Parameter, by_path, group_types, parameters
from schemas.strategy import Strategy, value_at
from schemas.strategy_file import KIND, VERSION
from schemas.yaml_text import read_scalar

SCHEMA_PATH = "../schemas/json/strategy.schema.json"
WIDTH = 100
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./ @-]*[A-Za-z0-9_]|[A-Za-z0-9_]")

EXAMPLE_HEAD = """\
A strategy, with every parameter at its default. Delete what you do not change: a key that is
left out keeps its default. `perpkit config check FILE` finds mistakes, `perpkit config show FILE
--origin` tells which line gave each value, `perpkit config explain KEY` what a key means.

Later sections win: global, symbols, modes, live, then --set on the command line."""

EXAMPLE_TAIL = """
# For one symbol, over the global values:
# symbols:
#   BTC:
#     trade:
#       stop_loss_atr: 1.5

# Chosen with --mode: primary, fallback, conservative or flat.
# modes:
#   conservative:
#     trade:
#       allocation_frac: 0.02

# Only while trading live:
# live:
#   trade:
#     open_positions_max_count: 5
"""


def strategy_text(strategy: Strategy, *, comment: str = "", name: str = "") -> str:
    """A complete strategy file: each parameter with a comment that explains it."""
    values = {parameter.path: value_at(strategy, parameter.path) for parameter in parameters()}
    head = f"{head_text(comment=comment, name=name)}\nglobal:\n"
    return head + "".join(_explained(values, depth=1))


def example_text(schema: str = SCHEMA_PATH) -> str:
    """The commented example: all defaults, and the other sections as comments.

    `schema` is where an editor finds the JSON Schema, relative to the file or a whole address.
    """
    return (
        f"# yaml-language-server: $schema={schema}\n"
        + strategy_text(Strategy(), comment=EXAMPLE_HEAD)
        + EXAMPLE_TAIL
    )


def head_text(*, comment: str = "", name: str = "") -> str:
    """The lines before the sections: comment, kind, version and name."""
    lines = [part for line in comment.splitlines() for part in _comment(line)]
    lines += [f"kind: {KIND}", f"version: {VERSION}"]
    if name:
        lines.append(f"name: {word(name)}")
    return "\n".join(lines) + "\n"


def _comment(line: str) -> list[str]:
    """A line of text as comment lines of at most WIDTH, later ones indented as the first."""
    margin = "# " + " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        line.strip(),
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_on_hyphens=False,
    )
    return wrapped or ["#"]


def overlay_text(values: Mapping[str, Value], *, depth: int) -> str:
    """The given parameters as nested YAML, without comments, indented `depth` levels."""
    lines: list[str] = []
    shown: list[str] = []
    for path in by_path():
        if path in values:
            lines += (f"{line.partition(':')[0]}:\n" for line in _headers(path, shown, depth))
            lines.append(f"{_indent(path, depth)}{path.rpartition('.')[2]}: {word(values[path])}\n")
    return "".join(lines)


def word(value: Value) -> str:
    """A value as YAML 1.2 reads it back, quoted where it would be read as something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    is_plain = PLAIN.fullmatch(value) and read_scalar(value[:32]) == value[:32]
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def explanation(parameter: Parameter) -> str:
    """Meaning, unit, bounds and gate of a parameter in one line."""
    facts = [] if parameter.type in ("bool", "enum") else [parameter.unit]
    if parameter.type in ("enum", "int"):
        facts.append(parameter.type_text)
    if parameter.bounds:
        facts.append(parameter.bounds_text)
    noted = f" [{'; '.join(facts)}]" if facts else ""
    return f"{parameter.meaning}{noted}{gate_text(parameter)}"


def gate_text(parameter: Parameter) -> str:
    """What has to hold before the parameter can do anything, as a sentence; or nothing."""
    if parameter.when is None:
        return ""
    path, value = parameter.when
    return f" Only with {path}." if value is True else f" Only with {path}: {word(value)}."


def _explained(values: Mapping[str, Value], depth: int) -> Iterator[str]:
    shown: list[str] = []
    for parameter in parameters():
        path = parameter.path
        headers = _headers(path, shown, depth)
        if headers and path != parameters()[0].path:
            yield "\n"
        yield from headers
        margin = f"{_indent(path, depth)}# "
        yield textwrap.fill(
            explanation(parameter),
            WIDTH,
            initial_indent=margin,
            subsequent_indent=f"{margin}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield f"\n{_indent(path, depth)}{parameter.leaf}: {word(values[path])}\n"


def _headers(path: str, shown: list[str], depth: int) -> list[str]:
    """Lines that open the groups of a path which are not open yet; notes them in `shown`."""
    docs = {name: (group.__doc__ or "").split("\n")[0] for name, group in group_types()}
    groups = path.split(".")[:-1]
    lines = []
    for level in range(1, len(groups) + 1):
        group = ".".join(groups[:level])
        if group not in shown:
            shown.append(group)
            margin = "  " * (depth + level - 1)
            lines.append(f"{margin}{groups[level - 1]}:  # {docs[group]}\n")
    return lines


def _indent(path: str, depth: int) -> str:
    return "  " * (depth + path.count("."))
