"""Any text gives a strategy or one clear error, in bounded time; and both checkers agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.config import LoadedStrategy, load_strategy, strategy_of, strategy_yaml
from core.errors import InputError, UsageError
from core.yaml_file import YamlFile, read_yaml_bytes
from schemas.faults import Fault, FaultsFound
from schemas.parameters import Parameter, by_path, parameters
from schemas.reference import read_reference
from schemas.reference_keys import KEYS
from schemas.render_schema import strategy_schema
from schemas.strategy import Strategy, order_faults, strategy_from
from schemas.strategy_file import SECTIONS, read_strategy_file, value_fault
from schemas.yaml_text import YamlText

VALIDATOR = jsonschema.Draft7Validator(strategy_schema())
PATHS = sorted(by_path())
LEAVES = sorted({word for path in PATHS for word in path.split(".")})

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-10, 300)
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
    | st.sampled_from(["low", "high", "1h", "accel", "keep", "yes", "", "x"])
)
words = st.sampled_from([*SECTIONS, *LEAVES, "BTC", "safe", "primary"]) | st.text(max_size=6)
trees = st.recursive(
    scalars,
    lambda inner: st.dictionaries(words, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=20,
)
pieces = st.sampled_from(
    [
        "kind: strategy\n", "version: 1\n", "global:\n", "  trade:\n", "    stop_loss_atr: ",
        "modes:\n", "symbols:\n", "  BTC:\n", "live:\n", "- ", "? ", ": ", "[", "]", "{", "}",
        "&a ", "*a", "!!str ", "|\n", ">-\n", "'", '"', "\\", "\t", "\n", "---\n", "...\n",
        "%YAML 1.2\n",
        "1", "1e999", ".nan", "true", "#", "\r", "\u2028", "\x00", "\ud7ff", "<<: ",
        "0x", "\\UFFFFFFFF",
    ]
)  # fmt: skip


def loaded(tmp_path: Path, data: bytes) -> LoadedStrategy | InputError:
    path = tmp_path / "any.yaml"
    path.write_bytes(data)
    try:
        return load_strategy(path)
    except InputError as error:
        return error


def is_right(result: LoadedStrategy | InputError) -> bool:
    if isinstance(result, LoadedStrategy):
        return True
    lines = result.lines()
    return len(lines) >= 2 and all(
        line.isprintable() for text in lines for line in text.split("\n")
    )


def faults_of(read: Callable[[YamlText], object], tree: object) -> list[Fault]:
    try:
        read(YamlText(tree, {}, {}))
    except FaultsFound as found:
        return found.faults
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@given(text=st.lists(pieces | st.text(max_size=8), max_size=30).map("".join))
def test_any_text_gives_a_strategy_or_one_clear_error(folder: Path, text: str) -> None:
    data = text.encode(errors="surrogatepass")

    assert is_right(loaded(folder, data))
    assert is_right(loaded(folder, b"kind: strategy\nversion: 1\n" + data))


@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_strategy_or_one_clear_error(folder: Path, data: bytes) -> None:
    assert is_right(loaded(folder, data))


@given(tree=st.dictionaries(words, trees, max_size=6))
def test_any_tree_is_judged_without_a_slip(tree: dict[str, Any]) -> None:
    data = {"kind": "strategy", "version": 1, **tree}

    for read in (read_strategy_file, read_reference):
        for whole in (data, tree):
            assert all(each.what.isprintable() and each.hint for each in faults_of(read, whole))


@given(
    text=st.text(max_size=30) | st.sampled_from(PATHS).map(lambda path: f"{path}="),
    end=st.text(max_size=8),
)
def test_any_set_gives_a_strategy_or_a_usage_error(text: str, end: str) -> None:
    path = Path("any.yaml")
    source = YamlFile(path, read_yaml_bytes(b"kind: strategy\nversion: 1\n", path), "")
    lines: list[str] = []

    try:
        strategy_of(source, sets=[text + end])
    except UsageError as error:
        lines = error.lines()

    assert all(line.isprintable() for line in lines)


@given(path=st.sampled_from(PATHS), value=scalars, section=st.sampled_from(["global", "live"]))
def test_the_json_schema_agrees_with_the_checker(path: str, value: object, section: str) -> None:
    tree: Any = value
    for word in reversed([section, *path.split(".")]):
        tree = {word: tree}
    data = {"kind": "strategy", "version": 1, **tree}
    # JSON has one number type: for it 2.0 is a whole number.
    is_whole_fraction = isinstance(value, float) and value.is_integer()

    is_valid = VALIDATOR.is_valid(data)

    if not (is_whole_fraction and by_path()[path].type == "int"):
        assert is_valid == (value_fault(by_path()[path], value) is None)


def allowed(parameter: Parameter) -> st.SearchStrategy[Any]:
    if parameter.type == "bool":
        return st.booleans()
    if parameter.type == "enum":
        return st.sampled_from(parameter.choices)
    limits = dict(parameter.bounds)
    low, high = limits.get(">=", limits.get(">")), limits.get("<=", limits.get("<"))
    if parameter.type == "int":
        assert low is not None
        assert high is not None
        return st.integers(math.ceil(low), math.floor(high))
    return st.floats(low, high, exclude_min=">" in limits, exclude_max="<" in limits)


@settings(max_examples=40)  # each draws every parameter
@given(st.fixed_dictionaries({each.path: allowed(each) for each in parameters()}))
def test_a_written_strategy_reads_back_the_same(folder: Path, values: dict[str, Any]) -> None:
    defaults = {each.path: each.default for each in parameters()}
    while faults := order_faults(values.__getitem__):  # a mended pair may break the next of a chain
        for lower, upper, _ in faults:
            values |= {lower: defaults[lower], upper: defaults[upper]}
    strategy = strategy_from(values)
    text = strategy_yaml(strategy)

    back = loaded(folder, text.encode())

    assert isinstance(back, LoadedStrategy)
    assert back.strategy == strategy
    assert VALIDATOR.is_valid(YAML(typ="safe", pure=True).load(text))


@given(theirs=st.sampled_from(sorted(KEYS)), value=scalars)
def test_every_key_of_the_reference_is_taken_or_refused(theirs: str, value: object) -> None:
    tree: Any = value
    for word in reversed(["global", *theirs.split(".")]):
        tree = {word: tree}

    faults = faults_of(read_reference, tree)

    assert all(theirs in fault.what or theirs in fault.key for fault in faults)
    if not faults:
        ours = by_path()[KEYS[theirs].ours]
        imported = read_reference(YamlText(tree, {}, {}))
        assert value_fault(ours, imported.file.common[ours.path].value) is None


def test_the_defaults_are_in_order() -> None:
    assert order_faults(lambda path: by_path()[path].default) == []
    assert strategy_from({each.path: each.default for each in parameters()}) == Strategy()
