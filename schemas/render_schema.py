"""JSON Schema of a strategy file: what editors complete and check the YAML with."""

from __future__ import annotations

import json
from typing import Any

from schemas.parameters import Parameter, by_path, group_types
from schemas.strategy import Strategy
from schemas.strategy_file import (
    KIND,
    MODE_ALIASES,
    MODES,
    NAME_PATTERN,
    NOT_PER_SYMBOL,
    SYMBOL_PATTERN,
    VERSION,
)

DRAFT = "http://json-schema.org/draft-07/schema#"
JSON_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "enum": "string"}
BOUNDS = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}
SECTION_MEANINGS = {
    "global": "Values for all symbols and modes.",
    "symbols": "Values for one symbol, over the global ones.",
    "modes": "Values of a mode, chosen with --mode, over those of the symbol.",
    "live": "Values that hold only while trading live, over all others in the file.",
}


def strategy_schema() -> dict[str, Any]:
    """The schema (draft 7); every section is a partial overlay, so no parameter is required."""
    definitions = {path: _group(path, group.__doc__ or "") for path, group in group_types()}
    definitions["overlay"] = _object(
        "Any of the parameters.", {name: _ref(name) for name in Strategy.model_fields}
    )
    definitions["symbol-overlay"] = _symbol_overlay(definitions)
    return {
        "$schema": DRAFT,
        "title": "perpkit strategy",
        "description": "A strategy file. Keys that are left out keep their defaults.",
        "type": "object",
        "required": ["kind", "version"],
        "additionalProperties": False,
        "properties": {
            "kind": {"const": KIND, "description": "What this file is."},
            "version": {"const": VERSION, "description": "Version of this schema."},
            "name": {
                "type": "string",
                "pattern": NAME_PATTERN,
                "description": "A name for people; it changes nothing.",
            },
            "global": _section("global", {"$ref": "#/definitions/overlay"}),
            "symbols": {
                "description": SECTION_MEANINGS["symbols"],
                "type": ["object", "null"],
                "propertyNames": {"pattern": SYMBOL_PATTERN},
                "additionalProperties": {"$ref": "#/definitions/symbol-overlay"},
            },
            "modes": {
                "description": SECTION_MEANINGS["modes"],
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {
                    mode: {"$ref": "#/definitions/overlay"} for mode in (*MODES, *MODE_ALIASES)
                },
            },
            "live": _section("live", {"$ref": "#/definitions/overlay"}),
        },
        "definitions": definitions,
    }


def strategy_schema_text() -> str:
    """The schema as it lies in schemas/json/."""
    return schema_text(strategy_schema())


def schema_text(schema: dict[str, Any]) -> str:
    """A JSON Schema as text, in the order of its declarations, ending in a newline."""
    return json.dumps(schema, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _group(path: str, doc: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for inner, group in group_types():
        if inner.rpartition(".")[0] == path:
            properties[inner.rpartition(".")[2]] = _ref(inner, group.__doc__ or "")
    for parameter in by_path().values():
        if parameter.path.rpartition(".")[0] == path:
            properties[parameter.leaf] = _property(parameter)
    return _object(doc, properties)


def _symbol_overlay(definitions: dict[str, Any]) -> dict[str, Any]:
    """The overlay without the parameters that an account has only once."""
    properties = {name: _ref(name) for name in Strategy.model_fields}
    for group in dict.fromkeys(path.rpartition(".")[0] for path in NOT_PER_SYMBOL):
        allowed = {
            leaf: value
            for leaf, value in definitions[group]["properties"].items()
            if f"{group}.{leaf}" not in NOT_PER_SYMBOL
        }
        properties[group] = _object(definitions[group]["description"], allowed)
        if not allowed:
            del properties[group]
    return _object("Any of the parameters that can differ between symbols.", properties)


def _property(parameter: Parameter) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "description": parameter.meaning,
        "type": JSON_TYPES[parameter.type],
        "default": parameter.default,
    }
    if parameter.choices:
        facts["enum"] = list(parameter.choices)
    for sign, limit in parameter.bounds:
        facts[BOUNDS[sign]] = int(limit) if limit.is_integer() else limit
    facts["x-unit"] = parameter.unit
    if parameter.axis:
        facts["x-axis"] = list(parameter.axis)
    if parameter.when is not None:
        facts["x-when"] = {"path": parameter.when[0], "equals": parameter.when[1]}
    return facts


def _object(doc: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": doc.split("\n")[0],
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
    }


def _ref(path: str, doc: str = "") -> dict[str, Any]:
    ref = {"$ref": f"#/definitions/{path}"}
    return {"description": doc.split("\n")[0], "allOf": [ref]} if doc else ref


def _section(name: str, ref: dict[str, Any]) -> dict[str, Any]:
    return {"description": SECTION_MEANINGS[name], "allOf": [ref]}
