"""A page as a browser would read it, and that it needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "input", "wbr"}


class Page(HTMLParser):
    """What a browser would find in a page: tags in balance, what is loaded, what runs."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.titles: list[str] = []
        self.scripts: list[str] = []
        self.blocks: dict[str, str] = {}
        self.policy = ""
        self._script: dict[str, str] | None = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [found[name] for name in ("src", "href", "action", "data") if name in found]
        self.handlers += [name for name in found if name.startswith("on")]
        self.ids += [found["id"]] if "id" in found else []
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]
        if tag == "script":
            self._script = found

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._script = None

    def handle_data(self, text: str) -> None:
        if self._script is not None and "type" in self._script:
            self.blocks[self._script["id"]] = text
        elif self._script is not None:
            self.scripts.append(text)
        elif self.open and self.open[-1] == "h2":
            self.titles.append(text)


def assert_alone(page: Page, text: str) -> None:
    """Nothing is loaded, no request may leave, and only the scripts in the page run."""
    assert page.loads == ["data:,"]
    assert page.handlers == []
    assert "default-src 'none'" in page.policy
    assert "connect-src" not in page.policy
    digests = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in page.scripts
    }
    assert set(re.findall(r"'sha256-([^']+)'", page.policy)) == digests
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|http", style[0])
