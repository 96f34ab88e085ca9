"""YAML text to plain data with the line and column of everything in it.

The subset that settings need, read by the rules of YAML 1.2: mappings, lists and scalars. Tags,
anchors, aliases, several documents and keys that are not plain words are refused, so that a file
says what it seems to say and cannot grow when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

DEPTH_MAX = 16
"""Deepest nesting that is read; a strategy needs five levels."""
NODES_MAX = 40_000
"""Most keys and values that are read; it bounds the time that a dense text can take."""
NUMBER_LENGTH_MAX = 64
"""Longest number that is read; a longer one is a slip, and slow to convert."""
SHOWN_MAX = 40

INTEGER = re.compile(r"[-+]?[0-9]+")
OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
# What the parser is known to raise on hostile text besides its own errors: escapes that name no
# character, and look-ahead past the end.
PARSER_SLIPS = (ValueError, OverflowError, IndexError, AttributeError, AssertionError, TypeError)

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mark:
    """A place in a text; both numbers start at 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class YamlFault(Exception):  # noqa: N818  a fault of the text; the caller makes the error of it
    """The text cannot be read: what is wrong, where, and what helps."""

    def __init__(self, what: str, mark: Mark, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.mark = mark
        self.hint = hint


@dataclass(frozen=True)
class YamlText:
    """Plain data (dict, list, str, bool, int, float, None) and where each part of it stands."""

    data: Any
    key_marks: dict[Path, Mark]
    value_marks: dict[Path, Mark]

    def key_mark(self, path: Sequence[str | int]) -> Mark:
        """Place of the key at a path, or of the nearest thing around it that is there."""
        return _nearest(self.key_marks, path)

    def value_mark(self, path: Sequence[str | int]) -> Mark:
        """Place of the value at a path, or of the nearest thing around it that is there."""
        return _nearest(self.value_marks, path)


def read_yaml_text(text: str) -> YamlText:
    """Data and marks of one YAML document; raises YamlFault.

    An empty document gives None. Time and memory grow with the length of the text alone; limit it.
    """
    reader = _Reader()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            reader.take(event)
    except MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place else reader.last
        what = f"not valid YAML: {error.problem or error.context or 'cannot be read'}"
        raise YamlFault(shown_line(what), mark, "mend the text at that place") from error
    except ReaderError as error:
        raise _bad_character(error, text) from error
    except (YAMLError, *PARSER_SLIPS) as error:
        what = "not valid YAML: the parser cannot read it from here on"
        raise YamlFault(what, reader.last, "mend the text at that place") from error
    return YamlText(reader.result, reader.key_marks, reader.value_marks)


def read_scalar(text: str) -> bool | int | float | str | None:
    """Value of an unquoted word by the YAML 1.2 core rules; ValueError for an overlong number."""
    if text in SPECIAL:
        return SPECIAL[text]
    is_number = INTEGER.fullmatch(text) or OCTAL_OR_HEX.fullmatch(text) or FLOAT.fullmatch(text)
    if not is_number:
        return text
    if len(text) > NUMBER_LENGTH_MAX:
        what = f"the number has {len(text)} characters, at most {NUMBER_LENGTH_MAX} are read"
        raise ValueError(what)
    if INTEGER.fullmatch(text):
        return int(text)
    return int(text, 0) if OCTAL_OR_HEX.fullmatch(text) else float(text)


def shown(value: object) -> str:
    """A value as error text: one line, printable, cut when long."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else str(value)
    cut = text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
    return f"`{cut}`" if isinstance(value, str) else cut


def shown_line(text: str) -> str:
    """Text of a library made fit for one line of an error."""
    line = " ".join(text.split())
    safe = line if line.isprintable() else ascii(line)[1:-1]
    return safe if len(safe) <= 4 * SHOWN_MAX else f"{safe[: 4 * SHOWN_MAX]}..."


@dataclass
class _Open:
    """A mapping or list that is being read."""

    data: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None


@dataclass
class _Reader:
    """Turns parser events into data; a stack of its own keeps deep text off Python's."""

    result: Any = None
    key_marks: dict[Path, Mark] = field(default_factory=dict)
    value_marks: dict[Path, Mark] = field(default_factory=dict)
    last: Mark = Mark(1, 1)
    stack: list[_Open] = field(default_factory=list)
    document_count: int = 0
    node_count: int = 0

    def take(self, event: Event) -> None:
        """Use the next event; raises YamlFault for what is outside the subset."""
        start = event.start_mark
        if start is not None:
            self.last = Mark(start.line + 1, start.column + 1)
        match event:
            case DocumentStartEvent():
                self._document(event)
            case NodeEvent():
                self._refuse_extras(event)
                self._node(event)
            case MappingEndEvent() | SequenceEndEvent():
                self.stack.pop()

    def _document(self, event: DocumentStartEvent) -> None:
        self.document_count += 1
        if self.document_count > 1:
            raise self._fault("a second document begins here", "keep one document in the file")
        if event.tags or (event.version is not None and tuple(event.version) != (1, 2)):
            raise self._fault("directives other than `%YAML 1.2` are not read", "remove the line")

    def _refuse_extras(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            what = f"aliases are not read, was {shown(f'*{event.anchor}')}"
            raise self._fault(what, "write the value out")
        if event.anchor is not None:
            what = f"anchors are not read, was {shown(f'&{event.anchor}')}"
            raise self._fault(what, "remove the anchor")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._fault(
                f"tags are not read, was {shown(_tag_text(str(tag)))}", "remove the tag"
            )

    def _node(self, event: NodeEvent) -> None:
        self.node_count += 1
        if self.node_count > NODES_MAX:
            raise self._fault(f"more than {NODES_MAX} keys and values", "split the file")
        container = self.stack[-1] if self.stack else None
        if container and isinstance(container.data, dict) and container.key is None:
            self._key(event, container)
            return
        path = self._next_path()
        is_blank = isinstance(event, ScalarEvent) and not event.value and not event.style
        if not (is_blank and path in self.key_marks):  # else the parser is at the next line already
            self.value_marks[path] = self.last
        match event:
            case ScalarEvent():
                self._place(self._scalar(event))
            case MappingStartEvent():
                self._begin({}, path)
            case SequenceStartEvent():
                self._begin([], path)

    def _key(self, event: NodeEvent, container: _Open) -> None:
        if not isinstance(event, ScalarEvent):
            raise self._fault("a key must be a word", "write `key: value`")
        key = self._text(event)
        path = (*container.path, key)
        if path in self.key_marks:
            first = self.key_marks[path].line
            what = f"duplicate key {shown(key)}, first given in line {first}"
            raise self._fault(what, "keep one of the two")
        container.key = key
        self.key_marks[path] = self.last
        self.value_marks[path] = self.last

    def _next_path(self) -> Path:
        if not self.stack:
            return ()
        container = self.stack[-1]
        if isinstance(container.data, dict):
            assert container.key is not None
            return (*container.path, container.key)
        return (*container.path, len(container.data))

    def _begin(self, data: dict[str, Any] | list[Any], path: Path) -> None:
        if len(self.stack) >= DEPTH_MAX:
            what = f"nested deeper than {DEPTH_MAX} levels"
            raise self._fault(what, "a strategy needs five levels")
        self._place(data)
        self.stack.append(_Open(data, path))

    def _place(self, value: object) -> None:
        if not self.stack:
            self.result = value
            return
        container = self.stack[-1]
        if isinstance(container.data, dict):
            assert container.key is not None
            container.data[container.key] = value
            container.key = None
        else:
            container.data.append(value)

    def _scalar(self, event: ScalarEvent) -> bool | int | float | str | None:
        text = self._text(event)
        if event.style is not None and event.style != "":
            return text
        try:
            return read_scalar(text)
        except ValueError as error:
            raise self._fault(str(error), "write a shorter number") from error

    def _text(self, event: ScalarEvent) -> str:
        text = str(event.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self._fault("an escape names half a character", "write the character itself")
        return text

    def _fault(self, what: str, hint: str) -> YamlFault:
        return YamlFault(what, self.last, hint)


def _nearest(marks: dict[Path, Mark], path: Sequence[str | int]) -> Mark:
    for length in range(len(path), -1, -1):
        mark = marks.get(tuple(path[:length]))
        if mark is not None:
            return mark
    return Mark(1, 1)


def _tag_text(tag: str) -> str:
    """A tag as it is written in a file."""
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _bad_character(error: ReaderError, text: str) -> YamlFault:
    """The fault for a character that YAML does not allow, such as a control character."""
    before = text[: error.position]
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    what = f"a character that YAML does not allow: {_code_of(error.character)}"
    return YamlFault(what, Mark(line, column), "remove the character")


def _code_of(character: object) -> str:
    number = ord(character) if isinstance(character, str) and len(character) == 1 else character
    return f"U+{number:04X}" if isinstance(number, int) else shown(str(character))
