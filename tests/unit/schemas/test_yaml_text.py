"""Text to data: what is read, what is refused, and where it says so."""

from __future__ import annotations

import time

import pytest

from schemas.yaml_text import DEPTH_MAX, NODES_MAX, Mark, YamlFault, read_scalar, read_yaml_text


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("a: 1\nb: [1, 2.5, x]\nc: {d: true}\n", {"a": 1, "b": [1, 2.5, "x"], "c": {"d": True}}),
        ("a:\nb: ~\n", {"a": None, "b": None}),
        ("1: one\ntrue: two\n", {"1": "one", "true": "two"}),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
    ],
)
def test_plain_yaml_is_read(text: str, data: object) -> None:
    assert read_yaml_text(text).data == data


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("True", True),
        ("FALSE", False),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+3", 3),
        ("1:30", "1:30"),
        (".inf", float("inf")),
        ("2024-01-01", "2024-01-01"),
        ("null", None),
    ],
)
def test_words_mean_what_yaml_1_2_says(word: str, value: object) -> None:
    read = read_scalar(word)

    assert (read, type(read)) == (value, type(value))


def test_quoted_words_stay_text() -> None:
    assert read_yaml_text("a: '1'\nb: \"true\"\n").data == {"a": "1", "b": "true"}


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate key `a`, first given in line 1", Mark(3, 1)),
        ("a: {b: 1, b: 2}", "duplicate key `b`", Mark(1, 11)),
        ("a: !!int 3", "tags are not read, was `!!int`", Mark(1, 4)),
        ("a: !x 3", "tags are not read, was `!x`", Mark(1, 4)),
        ("a: &x 3", "anchors are not read, was `&x`", Mark(1, 4)),
        ("a: *x", "aliases are not read, was `*x`", Mark(1, 4)),
        ("a: 1\n---\nb: 2", "a second document", Mark(2, 1)),
        ("%YAML 1.1\n---\na: 1", "directives", Mark(2, 1)),
        ("? [a]: b", "a key must be a word", Mark(1, 3)),
        ("a: [1", "not valid YAML", Mark(1, 6)),
        ("a:\n\tb: 1", "not valid YAML", Mark(2, 1)),
        ("a: 1\nb: \x07", "U+0007", Mark(2, 4)),
        (f"a: {'9' * 65}", "65 characters", Mark(1, 4)),
        ('a: "\\ud800"', "half a character", Mark(1, 4)),
        ("[" * 1000, "nested deeper", Mark(1, DEPTH_MAX + 1)),
        ("- x\n" * (NODES_MAX + 1), "more than", Mark(NODES_MAX, 3)),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_place(
    text: str, what: str, place: Mark
) -> None:
    with pytest.raises(YamlFault) as caught:
        read_yaml_text(text)

    assert what in caught.value.what
    assert caught.value.mark == place
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["[" * 250_000, "{" * 250_000, "a: " * 80_000, "? " * 120_000, "x: [" + "1," * 120_000 + "]"],
)
def test_hostile_text_is_refused_in_a_few_seconds(text: str) -> None:
    started_s = time.process_time()

    with pytest.raises(YamlFault):
        read_yaml_text(text)

    assert time.process_time() - started_s < 10.0


def test_marks_lead_to_keys_and_values() -> None:
    text = read_yaml_text("a:\n  b: 1\n  c:\n    - x\n    - {y: 2}\n")

    assert text.key_mark(("a", "b")) == Mark(2, 3)
    assert text.value_mark(("a", "b")) == Mark(2, 6)
    assert text.value_mark(("a", "c", 1, "y")) == Mark(5, 11)
    assert text.key_mark(("a", "c", 1, "nothing")) == text.key_mark(("a", "c", 1))
    assert text.key_mark(()) == Mark(1, 1)
