"""What counts as a subscription, and when two of them are the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.gateway.subscriptions import NEEDED, Topic, topic_of, written

USER = "0x" + "aB" * 20
WHOLE: dict[str, Any] = {"coin": "BTC", "user": USER, "interval": "1m"}


def whole(kind: str) -> dict[str, Any]:
    return {"type": kind, **{name: WHOLE[name] for name in NEEDED[kind]}}


@pytest.mark.parametrize("kind", NEEDED)
def test_every_type_is_read_with_its_fields_and_no_fewer(kind: str) -> None:
    asked = whole(kind)

    assert topic_of(asked) is not None
    for name in NEEDED[kind]:
        assert topic_of({key: value for key, value in asked.items() if key != name}) is None
        assert topic_of({**asked, name: None}) is None
        assert topic_of({**asked, name: 7}) is None


@pytest.mark.parametrize("kind", NEEDED)
def test_null_is_as_good_as_absent(kind: str) -> None:
    optional = ("dex", "nSigFigs", "mantissa", "fast", "aggregateByTime")

    assert topic_of({**whole(kind), **dict.fromkeys(optional)}) == topic_of(whole(kind))


@pytest.mark.parametrize("kind", NEEDED)
def test_what_is_written_back_is_read_as_the_same(kind: str) -> None:
    topic = topic_of(whole(kind))
    assert topic is not None

    assert topic_of(written(topic)) == topic


def test_addresses_are_the_same_in_any_case() -> None:
    topics = {topic_of({"type": "userFills", "user": spelt}) for spelt in (USER, USER.lower())}

    assert topics == {Topic("userFills", user=USER.lower())}


@pytest.mark.parametrize(
    "user", ["", "0x", USER[:-1], USER + "0", "0X" + "ab" * 20, "0x" + "zz" * 20, "x" * 42]
)
def test_what_is_no_address_is_no_subscription(user: str) -> None:
    found = topic_of({"type": "userFills", "user": user})

    # An upper-case prefix is still hexadecimal; the others are not addresses.
    assert (found is not None) == (user[:2] == "0X")


def test_books_of_both_speeds_are_streams_of_their_own() -> None:
    slow = topic_of({"type": "l2Book", "coin": "BTC", "fast": False})
    fast = topic_of({"type": "l2Book", "coin": "BTC", "fast": True})

    assert slow is not None
    assert fast is not None
    assert slow.stream == "l2Book"
    assert fast.stream != slow.stream


@pytest.mark.parametrize("interval", ["1M", "1m", "12h"])
def test_intervals_keep_their_case(interval: str) -> None:
    found = topic_of({"type": "candle", "coin": "BTC", "interval": interval})

    assert found is not None
    assert found.interval == interval


@pytest.mark.parametrize("interval", ["", "2m", "1H", "60"])
def test_other_intervals_are_no_subscription(interval: str) -> None:
    assert topic_of({"type": "candle", "coin": "BTC", "interval": interval}) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
fields = st.sampled_from(["type", "coin", "user", "dex", "interval", "nSigFigs", "fast", "x"])


@given(st.dictionaries(fields, json_values | st.sampled_from([*NEEDED])))
def test_any_object_is_a_topic_or_none(subscription: dict[str, Any]) -> None:
    topic = topic_of(subscription)

    assert topic is None or topic.kind in NEEDED
