"""One HTML file that needs nothing else: no network, no other file, no script but our own.

Text from outside (symbols, paths, names) enters escaped; the policy in the page's head lets only
scripts run whose hash it names, and no request leave.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from core.errors import PerpkitError
from pipelines.sections import Section, is_number
from schemas.artifact import Envelope

HERE = Path(__file__).resolve().parent


def plain_page(title: str, sections: Sequence[Section]) -> str:
    """The page of any artifact or run: its sections as tables."""
    tables = "\n".join(section_html(section) for section in sections)
    return page(title, f"<header><h1>{escape(title)}</h1></header>\n<main>{tables}</main>", ())


def page(title: str, content: str, scripts: Sequence[str]) -> str:
    """A whole HTML page; `scripts` run in order, nothing else runs."""
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    inline = "\n".join(f"<script>{script}</script>" for script in scripts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style()}</style>
</head>
<body>
{content}
{inline}
</body>
</html>
"""


def page_header(title: str, lines: Sequence[str], *, synthetic: bool) -> str:
    """The page's title, and what it is about."""
    badge = ' <span class="badge">synthetic market</span>' if synthetic else ""
    said = "".join(f'<p class="quiet">{escape(line)}</p>' for line in lines)
    return f"<header><h1>{escape(title)}{badge}</h1>{said}</header>"


def figure_cards(figures: Sequence[tuple[str, str, str, str, str]]) -> str:
    """Figures at a glance: name, value, unit, what belongs to it, and `gain`, `loss` or nothing."""
    cells = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="value {tone}">{escape(value)} '
        f'<small>{escape(unit)}</small></dd><dd class="quiet">{escape(more)}</dd></div>'
        for name, value, unit, more, tone in figures
    )
    return f'<dl class="figures">{cells}</dl>'


def titled(title: str, note: str, content: str) -> str:
    """A part of the page with its title and what should be known of it."""
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{said}{content}</section>"


def chart_box(name: str) -> str:
    """The place that the script draws a chart into."""
    return f'<div class="chart" id="chart-{name}"></div>'


def page_footer(envelope: Envelope) -> str:
    """Where the figures of the page come from."""
    facts = (
        ("run", envelope.run_id),
        ("made at", envelope.made_at),
        ("perpkit", envelope.perpkit),
        ("decision rules", envelope.kernel_id[:16]),
        ("content hash", envelope.content_hash),
        *(("source", f"{each.path}  {each.sha256}") for each in envelope.sources),
    )
    lines = "".join(
        f'<p class="quiet">{escape(name)} <code>{escape(value)}</code></p>' for name, value in facts
    )
    return f"<footer>{lines}</footer>"


def data_block(name: str, data: Mapping[str, Any]) -> str:
    """JSON that a script reads by its id; no character in it can end the block."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def section_html(section: Section) -> str:
    """A titled table; columns of numbers stand to the right."""
    columns = len(section.rows[0]) if section.rows else len(section.header)
    right = [
        bool(section.header) and all(is_number(row[column]) for row in section.rows)
        for column in range(columns)
    ]
    head = ""
    if section.header:
        cells = zip(section.header, right, strict=True)
        head = f"<thead><tr>{''.join(_cell('th', *cell) for cell in cells)}</tr></thead>"
    rows = "".join(
        f"<tr>{''.join(_cell('td', *cell) for cell in zip(row, right, strict=True))}</tr>"
        for row in section.rows
    )
    chart = ' class="chars"' if _is_drawn(section) else ""
    return (
        f"<section{chart}><h2>{escape(section.title)}</h2>"
        f'<div class="wide"><table>{head}<tbody>{rows}</tbody></table></div></section>'
    )


def breakable(text: str) -> str:
    """The text escaped; a long name of a parameter may be broken after its underscores."""
    return escape(text).replace("_", "_<wbr>")


def _cell(tag: str, text: str, right: bool) -> str:  # noqa: FBT001  a cell is always built by place
    side = ' class="n"' if right else ""
    return f"<{tag}{side}>{breakable(text) if tag == 'th' else escape(text)}</{tag}>"


def _is_drawn(section: Section) -> bool:
    """A chart of characters, which needs letters of one width."""
    return not section.header and any(cell.startswith("|") for row in section.rows for cell in row)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@cache
def style() -> str:
    """The style of every page."""
    return (HERE / "sheet.css").read_text("utf-8")


@cache
def own_script(name: str) -> str:
    """A script of ours, which lies beside this file."""
    return (HERE / name).read_text("utf-8")


@cache
def plotly_script() -> str:
    """plotly's own bundle, read beside the installed package: importing it would take as long."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise PerpkitError(
            "plotly, which draws the tear sheet, is not installed",
            hint="install perpkit with its locked packages: make setup",
        )
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_text("utf-8")
