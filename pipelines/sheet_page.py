"""One HTML file that needs nothing else: no network, no other file, no script but our own two.

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


def _cell(tag: str, text: str, right: bool) -> str:  # noqa: FBT001  a cell is always built by place
    side = ' class="n"' if right else ""
    return f"<{tag}{side}>{escape(text)}</{tag}>"


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
def drawing_script() -> str:
    """The script that draws a tear sheet from its data."""
    return (HERE / "sheet.js").read_text("utf-8")


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
